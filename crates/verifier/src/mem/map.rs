//! Values and keys of maps.

use skep_abi::{Errno, MapType, flags};

use super::MemAccess;
use crate::access::{Access, AccessSrc};
use crate::input::MapInfo;
use crate::record::{FieldKind, FieldNr, SpecialField};
use crate::state::reg::{MapNr, Reg};
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// The map that a register has to do with.
    fn map_of(&mut self, reg: &Reg) -> Check<MapNr> {
        match reg.map() {
            Some(map) => Ok(map),
            None => refuse!(self, EFAULT, "verifier bug: pointer to a map without a map\n"),
        }
    }

    pub(super) fn access_map_key(&mut self, it: &MemAccess) -> Check {
        if it.writes() {
            return refuse!(self, EACCES, "write to change key R{} not allowed\n", it.regno);
        }
        let map = self.map_of(&it.reg)?;
        let key_size = self.map(map).key_size;
        self.check_mem_region_access(it.regno, it.off, it.size, key_size, false)?;
        self.loaded_unknown(it);
        Ok(())
    }

    pub(super) fn access_map_value(&mut self, it: &MemAccess) -> Check {
        let map = self.map_of(&it.reg)?;
        self.refuse_leak(it, "map")?;
        self.check_map_access_type(map, it.off, it.size as i32, it.access)?;
        self.check_map_access(it.regno, it.off, it.size, false, AccessSrc::Direct)?;
        let var_off = it.reg.scalar.var_off;
        let at = var_off.is_const().then(|| it.off.wrapping_add(var_off.value as i32));
        if let Some(field) = at.and_then(|at| self.kptr_at(map, at)) {
            return self.check_map_kptr_access(it.regno, it.value_regno, it.insn_idx, field);
        }
        let Some(value) = it.loads_into() else { return Ok(()) };
        match at {
            Some(at) if is_constant(self.map(map)) => self.load_constant(it, map, at, value),
            _ => {
                self.mark_reg_unknown(value);
                Ok(())
            }
        }
    }

    /// Bytes that nobody can change any more are a known number (`bpf_map_direct_read`).
    fn load_constant(&mut self, it: &MemAccess, map: MapNr, at: i32, value: usize) -> Check {
        let info = self.map(map);
        if info.max_entries != 1 {
            return Err(Stop::new(Errno::ENOTSUPP));
        }
        let bytes = u32::try_from(at).ok().and_then(|at| self.env.map_bytes(info, at, it.size));
        let Some(bytes) = bytes else { return Err(Stop::new(Errno::EINVAL)) };
        let unused = 64 - it.size * 8;
        let number = if it.is_ldsx { (((bytes << unused) as i64) >> unused) as u64 } else { bytes };
        let reg = self.reg_mut(value);
        // Whether its exact value mattered before is not forgotten, in the kernel either.
        *reg = Reg { precise: reg.precise, subreg_def: reg.subreg_def, ..Reg::constant(number) };
        Ok(())
    }

    /// The field with a pointer to a kernel object that begins at an offset of a map's value.
    fn kptr_at(&mut self, map: MapNr, at: i32) -> Option<FieldNr> {
        let record = self.map_record(map)?;
        let fields = &self.records.all[record.0 as usize].fields;
        let holds = |it: &SpecialField| is_kptr(it.kind) && i64::from(it.offset) == i64::from(at);
        let index = fields.iter().position(holds)? as u32;
        Some(FieldNr { record, index })
    }

    /// Whether the program may read, or write, this map at all (`check_map_access_type`).
    pub(super) fn check_map_access_type(&mut self, map: MapNr, off: i32, size: i32, access: Access) -> Check {
        let MapInfo { flags: set, value_size, .. } = *self.map(map);
        let value_size = value_size as i32;
        match access {
            Access::Write if set & flags::BPF_F_RDONLY_PROG != 0 => {
                refuse!(
                    self,
                    EACCES,
                    "write into map forbidden, value_size={value_size} off={off} size={size}\n"
                )
            }
            Access::Read if set & flags::BPF_F_WRONLY_PROG != 0 && set & flags::BPF_F_RDONLY_PROG == 0 => {
                refuse!(
                    self,
                    EACCES,
                    "read from map forbidden, value_size={value_size} off={off} size={size}\n"
                )
            }
            _ => Ok(()),
        }
    }

    /// A map value (`check_map_access`): in bounds, and not in a special field.
    pub(crate) fn check_map_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        zero_size_allowed: bool,
        src: AccessSrc,
    ) -> Check {
        let reg = *self.reg(regno);
        let map = self.map_of(&reg)?;
        let value_size = self.map(map).value_size;
        self.check_mem_region_access(regno, off, size, value_size, zero_size_allowed)?;
        let Some(record) = self.map_record(map) else { return Ok(()) };
        // In bounds: neither sum wraps.
        let first = reg.scalar.smin + i64::from(off);
        let end = reg.scalar.umax as i64 + i64::from(off) + i64::from(size);
        for index in 0..self.records.all[record.0 as usize].fields.len() {
            let field = self.records.all[record.0 as usize].fields[index];
            let (start, after) = (i64::from(field.offset), i64::from(field.offset) + i64::from(field.size));
            if first < after && start < end {
                self.check_field_access(&reg, &field, off, size, src)?;
            }
        }
        Ok(())
    }

    /// An access that touches a special field.
    fn check_field_access(
        &mut self,
        reg: &Reg,
        field: &SpecialField,
        off: i32,
        size: u32,
        src: AccessSrc,
    ) -> Check {
        let name = field.kind.name();
        if !is_kptr(field.kind) {
            return refuse!(self, EACCES, "{name} cannot be accessed directly by load/store\n");
        }
        if src != AccessSrc::Direct {
            return refuse!(self, EACCES, "{name} cannot be accessed indirectly by helper\n");
        }
        let var_off = reg.scalar.var_off;
        if !var_off.is_const() {
            return refuse!(self, EACCES, "{name} access cannot have variable offset\n");
        }
        let at = var_off.value.wrapping_add(i64::from(off) as u64);
        if at != u64::from(field.offset) {
            let expected = field.offset;
            return refuse!(self, EACCES, "{name} access misaligned expected={expected} off={at}\n");
        }
        if size != 8 {
            return refuse!(self, EACCES, "{name} access size must be BPF_DW\n");
        }
        Ok(())
    }
}

/// Whether the field holds a pointer that programs load and store.
const fn is_kptr(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::KptrUnref | FieldKind::KptrRef | FieldKind::KptrPercpu | FieldKind::Uptr)
}

/// Whether nobody can change the map's values any more, and the kernel can tell where they are (`bpf_map_is_rdonly`,
/// with `map_direct_value_addr`).
fn is_constant(map: &MapInfo) -> bool {
    map.flags & flags::BPF_F_RDONLY_PROG != 0 && map.frozen && map.kind == MapType::Array
}
