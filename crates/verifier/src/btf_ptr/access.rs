//! Loads and stores through pointers to kernel objects.

use std::sync::Arc;

use skep_abi::{MapType, ProgType};
use skep_btf::{Btf, Kind, StrOff, TypeId};

use super::trust::{Safe, without_trust};
use super::walk::{Found, Walk};
use crate::access::Access;
use crate::state::reg::{BtfNr, Extra, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// What a load gets (what `btf_struct_access` returns).
#[derive(Clone, Copy, PartialEq, Debug)]
enum Loaded {
    Scalar,
    /// A kernel object: flags, its struct, the member that it is loaded from.
    Object(Flags, TypeId, StrOff),
    /// Memory of which nothing is known.
    Mem,
}

impl Verifier<'_> {
    /// A load or store through a `PTR_TO_BTF_ID` (`check_ptr_to_btf_access`).
    pub(crate) fn check_ptr_to_btf_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        access: Access,
        value_regno: Option<usize>,
    ) -> Check {
        let reg = *self.reg(regno);
        let Some((nr, id)) = reg.btf() else {
            return refuse!(self, EFAULT, "verifier bug: R{regno} has no type\n");
        };
        let btf = Arc::clone(self.btf(nr));
        self.may_access_object(&reg, regno, off, nr, &btf, id)?;
        if access != Access::Read && reg.ty.has(Flags::UNTRUSTED) {
            return refuse!(self, EACCES, "only read is supported\n");
        }
        let off = off as u32;
        if access == Access::Write && !reg.ty.is_alloc() && self.has_struct_writes() {
            if !self.is_kernel_btf(nr) {
                return refuse!(self, EFAULT, "verifier bug: reg->btf must be kernel btf\n");
            }
            return self.check_struct_write(&btf, id, off, size);
        }
        if access != Access::Read && !reg.ty.is_alloc_obj() {
            return refuse!(self, EACCES, "only read is supported\n");
        }
        if reg.ty.is_alloc() && !reg.ty.is_non_owning() && !reg.is_rcu() && reg.ref_obj_id == 0 {
            return refuse!(self, EFAULT, "verifier bug: ref_obj_id for allocated object must be non-zero\n");
        }
        let loaded = self.struct_access(reg.ty, nr, &btf, id, off, size)?;
        let (Access::Read, Some(value_regno)) = (access, value_regno) else { return Ok(()) };
        let loaded = match loaded {
            Loaded::Object(flags, target, member) => {
                Loaded::Object(self.trust_of(&reg, &btf, id, flags, target, member), target, member)
            }
            other => other,
        };
        self.mark_loaded(value_regno, nr, loaded);
        Ok(())
    }

    /// Whether the program may access a kernel object at all.
    fn may_access_object(
        &mut self,
        reg: &Reg,
        regno: usize,
        off: i32,
        nr: BtfNr,
        btf: &Btf,
        id: TypeId,
    ) -> Check {
        let name = btf.name(id);
        if !self.allow_ptr_leaks {
            return refuse!(
                self,
                EPERM,
                "'struct {name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN\n"
            );
        }
        if !self.prog.gpl && self.is_kernel_btf(nr) {
            return refuse!(
                self,
                EINVAL,
                "Cannot access kernel 'struct {name}' from non-GPL compatible program\n"
            );
        }
        if off < 0 {
            return refuse!(self, EACCES, "R{regno} is ptr_{name} invalid negative access: off={off}\n");
        }
        let var_off = reg.scalar.var_off;
        if !var_off.is(0) {
            return refuse!(
                self,
                EACCES,
                "R{regno} is ptr_{name} invalid variable offset: off={off}, var_off={var_off}\n"
            );
        }
        if reg.ty.has(Flags::USER) {
            return refuse!(self, EACCES, "R{regno} is ptr_{name} access user memory: off={off}\n");
        }
        if reg.ty.has(Flags::PERCPU) {
            return refuse!(self, EACCES, "R{regno} is ptr_{name} access percpu memory: off={off}\n");
        }
        Ok(())
    }

    /// What lies there (`btf_struct_access`).
    fn struct_access(
        &mut self,
        ty: RegType,
        nr: BtfNr,
        btf: &Btf,
        id: TypeId,
        off: u32,
        size: u32,
    ) -> Check<Loaded> {
        if ty.is_alloc() {
            self.keep_off_special_fields(nr, id, off, size)?;
        }
        let mut walk = Walk::new(btf, id, off, size, !ty.is_alloc());
        loop {
            match walk.step() {
                // What the program wrote to its own objects is no pointer to trust.
                Ok(Found::Ptr(..)) if ty.is_alloc() => return Ok(Loaded::Scalar),
                Ok(Found::Ptr(target, member)) => return Ok(Loaded::Object(walk.flags, target, member)),
                Ok(Found::PtrUntrusted) => return Ok(Loaded::Mem),
                Ok(Found::Scalar) => return Ok(Loaded::Scalar),
                Ok(Found::Struct(inner)) => walk.descend(inner),
                Err(nothing) => {
                    self.log.write(format_args!("{}", nothing.text));
                    return Err(crate::stop::Stop::new(nothing.errno));
                }
            }
        }
    }

    fn keep_off_special_fields(&mut self, nr: BtfNr, id: TypeId, off: u32, size: u32) -> Check {
        let Some(record) = self.struct_record(nr, id) else { return Ok(()) };
        let mut fields = self.records.get(record).fields.iter();
        match fields.find(|it| off < it.offset + it.size && it.offset < off + size) {
            Some(field) => {
                let name = field.kind.name();
                refuse!(self, EACCES, "direct access to {name} is disallowed\n")
            }
            None => Ok(()),
        }
    }

    /// What is to be trusted of a pointer that was loaded from an object.
    fn trust_of(
        &self,
        reg: &Reg,
        btf: &Btf,
        of: TypeId,
        flags: Flags,
        target: TypeId,
        member: StrOff,
    ) -> Flags {
        let safe = |how: Safe| how.has(btf, of, member, target);
        if reg.ty.has(Flags::UNTRUSTED) {
            return Flags::UNTRUSTED;
        }
        if !reg.is_trusted() && !reg.is_rcu() {
            return without_trust(flags);
        }
        if safe(Safe::Trusted) {
            return flags | Flags::TRUSTED;
        }
        if safe(Safe::TrustedOrNull) {
            return flags | Flags::TRUSTED | Flags::MAYBE_NULL;
        }
        if !self.in_rcu_cs() || reg.ty.may_be_null() {
            return Flags::UNTRUSTED;
        }
        if safe(Safe::Rcu) {
            return flags | Flags::RCU;
        }
        let rcu_or_null = safe(Safe::RcuOrNull);
        if flags.contains(Flags::RCU) || rcu_or_null {
            let flags = flags | Flags::RCU | Flags::MAYBE_NULL;
            return if rcu_or_null { flags - Flags::UNTRUSTED } else { flags };
        }
        if flags.intersects(Flags::PERCPU | Flags::USER) { flags } else { without_trust(flags) }
    }

    fn mark_loaded(&mut self, regno: usize, nr: BtfNr, loaded: Loaded) {
        match loaded {
            Loaded::Scalar => self.mark_reg_unknown(regno),
            Loaded::Object(flags, id, _) => self.mark_btf_ld_reg(regno, flags, nr, id),
            Loaded::Mem => {
                let ty = RegType::with(Base::PtrToMem, Flags::RDONLY | Flags::UNTRUSTED);
                let reg = self.reg_mut(regno);
                let new = Reg::pointer(ty, Extra::Mem { size: 0, dynptr_id: 0 });
                *reg = Reg { subreg_def: reg.subreg_def, ..new };
            }
        }
    }

    /// A load through a pointer to a map itself (`check_ptr_to_map_access`).
    pub(crate) fn check_ptr_to_map_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        access: Access,
        value_regno: Option<usize>,
    ) -> Check {
        let Some(map) = self.reg(regno).map() else {
            return refuse!(self, EFAULT, "verifier bug: R{regno} is no map\n");
        };
        let kind = self.map(map).kind;
        let btf = Arc::clone(self.btf(BtfNr::KERNEL));
        if btf.own_types().len() == 0 {
            return refuse!(self, ENOTSUPP, "map_ptr access not supported without CONFIG_DEBUG_INFO_BTF\n");
        }
        let name = struct_of_map(kind);
        let Some(id) = btf.find(Kind::Struct, name) else {
            return refuse!(self, ENOTSUPP, "map_ptr access not supported for map type {}\n", kind.to_u32());
        };
        if !self.allow_ptr_leaks {
            return refuse!(
                self,
                EPERM,
                "'struct {name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN\n"
            );
        }
        if off < 0 {
            return refuse!(self, EACCES, "R{regno} is {name} invalid negative access: off={off}\n");
        }
        if access != Access::Read {
            return refuse!(self, EACCES, "only read from {name} is supported\n");
        }
        let ty = RegType::of(Base::PtrToBtfId);
        let loaded = self.struct_access(ty, BtfNr::KERNEL, &btf, id, off as u32, size)?;
        if let Some(value_regno) = value_regno {
            self.mark_loaded(value_regno, BtfNr::KERNEL, loaded);
        }
        Ok(())
    }

    /// Whether a BTF is the kernel's or a module's (`btf_is_kernel`).
    pub(crate) fn is_kernel_btf(&self, nr: BtfNr) -> bool {
        nr == BtfNr::KERNEL || self.is_module_btf(nr)
    }

    /// Whether a BTF is a module's (`btf_is_module`).
    pub(crate) fn is_module_btf(&self, nr: BtfNr) -> bool {
        nr != BtfNr::KERNEL && !self.btf_names[usize::from(nr.0)].is_empty()
    }

    /// The name of a type (`btf_type_name`).
    pub(crate) fn btf_name_of(&self, nr: BtfNr, id: TypeId) -> &str {
        self.btf(nr).name(id)
    }

    fn has_struct_writes(&self) -> bool {
        matches!(
            self.prog_type,
            ProgType::SchedCls | ProgType::SchedAct | ProgType::Xdp | ProgType::StructOps
        )
    }
}

/// The kernel's struct of a map of a type (`map_btf_id` of its operations).
fn struct_of_map(kind: MapType) -> &'static str {
    match kind {
        MapType::Array
        | MapType::PercpuArray
        | MapType::ProgArray
        | MapType::PerfEventArray
        | MapType::CgroupArray
        | MapType::ArrayOfMaps => "bpf_array",
        MapType::Hash
        | MapType::PercpuHash
        | MapType::LruHash
        | MapType::LruPercpuHash
        | MapType::HashOfMaps => "bpf_htab",
        MapType::StackTrace => "bpf_stack_map",
        MapType::LpmTrie => "lpm_trie",
        MapType::Devmap | MapType::DevmapHash => "bpf_dtab",
        MapType::Sockmap => "bpf_stab",
        MapType::Cpumap => "bpf_cpu_map",
        MapType::Xskmap => "xsk_map",
        MapType::Sockhash => "bpf_shtab",
        MapType::CgroupStorage | MapType::PercpuCgroupStorage => "bpf_cgroup_storage_map",
        MapType::ReuseportSockarray => "reuseport_array",
        MapType::Queue | MapType::Stack => "bpf_queue_stack",
        MapType::SkStorage | MapType::InodeStorage | MapType::TaskStorage | MapType::CgrpStorage => {
            "bpf_local_storage_map"
        }
        MapType::StructOps => "bpf_struct_ops_map",
        MapType::Ringbuf | MapType::UserRingbuf => "bpf_ringbuf_map",
        MapType::BloomFilter => "bpf_bloom_filter",
        MapType::Arena => "bpf_arena",
    }
}
