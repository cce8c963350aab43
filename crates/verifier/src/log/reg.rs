//! Registers and stacks as the log shows them (`print_reg_state` and around it in `kernel/bpf/log.c`).

use std::fmt;
use std::sync::Arc;

use skep_btf::Btf;

use super::names::{self, type_name};
use crate::input::MapInfo;
use crate::scalar::Scalar;
use crate::state::State;
use crate::state::reg::{ADD_CONST, BtfNr, Extra, MapNr, Reg};
use crate::state::stack::{REG_SIZE, Slot, SlotType};
use crate::state::types::{Base, Flags};

/// Where names come from.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    /// [`Verifier::maps`](crate::Verifier).
    pub maps: &'a [MapInfo],
    /// [`Verifier::btfs`](crate::Verifier).
    pub btfs: &'a [Arc<Btf>],
}

impl Names<'_> {
    fn map(&self, nr: MapNr) -> Option<&MapInfo> {
        self.maps.get(usize::from(nr.0))
    }

    fn type_name(&self, btf: BtfNr, id: skep_btf::TypeId) -> &str {
        self.btfs.get(usize::from(btf.0)).map_or("", |btf| btf.name(id))
    }
}

/// What is printed of a frame: everything, or what changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All registers and slots.
    All,
    /// Those of these masks.
    Scratched(u16, u64),
}

/// A frame of a state: ` R0=1 R10=fp0 fp-8=mmmmmmmm refs=2`.
pub(super) struct FrameText<'a> {
    /// Where names come from.
    pub names: Names<'a>,
    /// The state.
    pub state: &'a State,
    /// Which of its frames.
    pub frameno: usize,
    /// What of it.
    pub which: Which,
}

impl fmt::Display for FrameText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frame = &self.state.frames[self.frameno];
        let (regs, slots) = match self.which {
            Which::All => (u16::MAX, u64::MAX),
            Which::Scratched(regs, slots) => (regs, slots),
        };
        if frame.frameno != 0 {
            write!(f, " frame{}:", frame.frameno)?;
        }
        for (i, reg) in frame.regs.iter().enumerate() {
            if reg.ty.base != Base::NotInit && regs & (1 << i) != 0 {
                write!(f, " R{i}={}", RegText { names: self.names, frameno: frame.frameno, reg })?;
            }
        }
        let mut i = 0;
        while i < frame.stack.len() {
            if slots & (1 << i) != 0 {
                i += self.slot(f, &frame.stack, i)?;
            }
            i += 1;
        }
        self.refs(f)?;
        if frame.in_callback_fn {
            f.write_str(" cb")?;
        }
        if frame.in_async_callback_fn {
            f.write_str(" async_cb")?;
        }
        Ok(())
    }
}

impl FrameText<'_> {
    fn refs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.state.refs.first().is_none_or(|first| first.id == 0) {
            return Ok(());
        }
        for (i, it) in self.state.refs.iter().filter(|it| it.id != 0).enumerate() {
            write!(f, "{}{}", if i == 0 { " refs=" } else { "," }, it.id)?;
        }
        Ok(())
    }

    /// One slot; how many more it showed.
    fn slot(&self, f: &mut fmt::Formatter<'_>, stack: &[Slot], i: usize) -> Result<usize, fmt::Error> {
        let slot = &stack[i];
        if slot.types.iter().all(|it| *it == SlotType::Invalid) {
            return Ok(0);
        }
        let off = -((i as i32 + 1) * REG_SIZE as i32);
        match slot.types[REG_SIZE - 1] {
            SlotType::Spill => {
                let above = slot.types.iter().take_while(|it| **it != SlotType::Spill);
                let above: String = above.map(|it| slot_char(*it)).collect();
                let frameno = self.state.frames[self.frameno].frameno;
                write!(f, " fp{off}={above}{}", RegText { names: self.names, frameno, reg: &slot.reg })?;
            }
            SlotType::Dynptr => {
                let first = stack.get(i + 1).unwrap_or(slot);
                write!(f, " fp{}=", off - REG_SIZE as i32)?;
                dynptr(f, &first.reg)?;
                return Ok(1);
            }
            // The first slot alone has the reference.
            SlotType::Iter if slot.reg.ref_obj_id == 0 => {}
            SlotType::Iter => {
                write!(f, " fp{off}=")?;
                self.iter(f, &slot.reg)?;
            }
            _ => {
                let types: String = slot.types.iter().map(|it| slot_char(*it)).collect();
                write!(f, " fp{off}={types}")?;
            }
        }
        Ok(0)
    }

    fn iter(&self, f: &mut fmt::Formatter<'_>, reg: &Reg) -> fmt::Result {
        let Extra::Iter { btf, id, state, depth } = reg.extra else { return Ok(()) };
        let name = names::iter_name(self.names.type_name(btf, id));
        let state = names::iter_state_name(state);
        write!(f, "iter_{name}(ref_id={},state={state},depth={})", reg.ref_obj_id, depth as u32)
    }
}

fn dynptr(f: &mut fmt::Formatter<'_>, reg: &Reg) -> fmt::Result {
    let Extra::Dynptr { kind, first_slot } = reg.extra else { return Ok(()) };
    write!(f, "dynptr_{}(", names::dynptr_name(kind))?;
    let mut list = List::new(f);
    list.item_if(reg.id != 0, format_args!("id={}", reg.id))?;
    list.item_if(reg.ref_obj_id != 0, format_args!("ref_id={}", reg.ref_obj_id))?;
    // That it is the first slot lies, in the kernel, where it looks for the id of a slice's dynptr.
    list.item_if(first_slot, format_args!("dynptr_id=1"))?;
    f.write_str(")")
}

fn slot_char(slot: SlotType) -> char {
    match slot {
        SlotType::Invalid => '?',
        SlotType::Spill => 'r',
        SlotType::Misc => 'm',
        SlotType::Zero => '0',
        SlotType::Dynptr => 'd',
        SlotType::Iter => 'i',
        SlotType::IrqFlag => 'f',
    }
}

/// What a register holds: `scalar(id=1,umin=1)`, `map_value(map=m,ks=4,vs=8)`.
pub(super) struct RegText<'a> {
    /// Where names come from.
    pub names: Names<'a>,
    /// The number of the frame that it is in.
    pub frameno: u32,
    /// The register.
    pub reg: &'a Reg,
}

impl fmt::Display for RegText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reg = self.reg;
        let constant = (reg.scalar.var_off.mask == 0).then_some(reg.scalar.var_off.value);
        let is_number = reg.ty.is(Base::Scalar);
        if is_number && reg.precise {
            f.write_str("P")?;
        }
        if let (true, Some(value)) = (is_number, constant) {
            return write!(f, "{}", Signed(value as i64));
        }
        f.write_str(&type_name(reg.ty))?;
        if reg.ty.is(Base::PtrToArena) {
            return Ok(());
        }
        if reg.ty.is(Base::PtrToStack) {
            if self.frameno != reg.frameno {
                write!(f, "[{}]", reg.frameno)?;
            }
            if let Some(value) = constant {
                return write!(f, "{}", Signed((value as i64).wrapping_add(reg.off.into())));
            }
        }
        if let (Base::PtrToBtfId, Some((btf, id))) = (reg.ty.base, reg.btf()) {
            f.write_str(self.names.type_name(btf, id))?;
        }
        f.write_str("(")?;
        self.attributes(f, is_number, constant)?;
        f.write_str(")")
    }
}

impl RegText<'_> {
    fn attributes(&self, f: &mut fmt::Formatter<'_>, is_number: bool, constant: Option<u64>) -> fmt::Result {
        let reg = self.reg;
        let mut list = List::new(f);
        list.item_if(reg.id != 0, format_args!("id={}", reg.id & !ADD_CONST))?;
        if reg.id & ADD_CONST != 0 {
            write!(list.f, "{:+}", reg.off)?;
        }
        list.item_if(reg.ref_obj_id != 0, format_args!("ref_obj_id={}", reg.ref_obj_id))?;
        list.item_if(is_non_owning(reg), format_args!("non_own_ref"))?;
        // A NULL that was a value of a map still knows which map; it is a number all the same.
        let of_map = matches!(reg.ty.base, Base::ConstPtrToMap | Base::PtrToMapKey | Base::PtrToMapValue);
        if let Some(map) = reg.map().filter(|_| of_map).and_then(|map| self.names.map(map)) {
            list.item_if(!map.name.is_empty(), format_args!("map={}", kernel_name(&map.name)))?;
            list.item(format_args!("ks={},vs={}", map.key_size, map.value_size))?;
        }
        list.item_if(!is_number && reg.off != 0, format_args!("off={}", Signed(reg.off.into())))?;
        if matches!(reg.ty.base, Base::PtrToPacket | Base::PtrToPacketMeta) {
            list.item(format_args!("r={}", Unsigned(i64::from(reg.range()) as u64)))?;
        }
        if reg.ty.base == Base::PtrToMem {
            list.item(format_args!("sz={}", Unsigned(reg.mem_size().into())))?;
        }
        if let (true, Extra::Dynptr { kind, .. }) = (reg.ty.is(Base::ConstPtrToDynptr), reg.extra) {
            list.item(format_args!("type={}", names::dynptr_name(kind)))?;
        }
        if let Some(value) = constant {
            return list.item_if(value != 0, format_args!("imm={}", Signed(value as i64)));
        }
        ranges(&mut list, &reg.scalar)?;
        let tnum = reg.scalar.var_off;
        let unknown = tnum.value == 0 && tnum.mask == u64::MAX;
        list.item_if(!unknown, format_args!("var_off=({:#x}; {:#x})", tnum.value, tnum.mask))
    }
}

/// The kernel has room for this much of a map's name (`BPF_OBJ_NAME_LEN`).
fn kernel_name(name: &str) -> &str {
    &name[..name.floor_char_boundary(15)]
}

/// `type_is_non_owning_ref`.
fn is_non_owning(reg: &Reg) -> bool {
    reg.ty.base == Base::PtrToBtfId && reg.ty.has(Flags::ALLOC) && reg.ty.has(Flags::NON_OWN_REF)
}

/// Bounds that say something; those of one value together (`print_scalar_ranges`).
fn ranges(list: &mut List<'_, '_>, it: &Scalar) -> fmt::Result {
    let narrow =
        |value: i32| if is_small(value.into()) { i64::from(value) as u64 } else { u64::from(value as u32) };
    let all = [
        ("smin", it.smin as u64, it.smin == i64::MIN),
        ("smax", it.smax as u64, it.smax == i64::MAX),
        ("umin", it.umin, it.umin == 0),
        ("umax", it.umax, it.umax == u64::MAX),
        ("smin32", narrow(it.s32_min), it.s32_min == i32::MIN),
        ("smax32", narrow(it.s32_max), it.s32_max == i32::MAX),
        ("umin32", it.u32_min.into(), it.u32_min == 0),
        ("umax32", it.u32_max.into(), it.u32_max == u32::MAX),
    ];
    let mut omitted = all.map(|(_, _, omit)| omit);
    let negative = |(name, value, _): (&str, u64, bool)| name.starts_with('s') && (value as i64) < 0;
    for i in 0..all.len() {
        if omitted[i] {
            continue;
        }
        let (name, value, _) = all[i];
        list.item(format_args!("{name}="))?;
        for j in (i + 2..all.len()).step_by(2) {
            if !omitted[j] && all[j].1 == value && negative(all[j]) == negative(all[i]) {
                omitted[j] = true;
                write!(list.f, "{}=", all[j].0)?;
            }
        }
        match name.starts_with('s') {
            true => write!(list.f, "{}", Signed(value as i64))?,
            false => write!(list.f, "{}", Unsigned(value))?,
        }
    }
    Ok(())
}

/// Items with commas between them.
struct List<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    sep: &'static str,
}

impl<'a, 'b> List<'a, 'b> {
    fn new(f: &'a mut fmt::Formatter<'b>) -> List<'a, 'b> {
        List { f, sep: "" }
    }

    fn item(&mut self, args: fmt::Arguments<'_>) -> fmt::Result {
        self.f.write_str(self.sep)?;
        self.sep = ",";
        self.f.write_fmt(args)
    }

    fn item_if(&mut self, wanted: bool, args: fmt::Arguments<'_>) -> fmt::Result {
        if wanted { self.item(args) } else { Ok(()) }
    }
}

fn is_small(value: i64) -> bool {
    i16::try_from(value).is_ok()
}

/// A number, in hexadecimal if it is large (`verbose_snum`).
struct Signed(i64);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_small(self.0) { write!(f, "{}", self.0) } else { write!(f, "{:#x}", self.0) }
    }
}

/// As [`Signed`], without a sign (`verbose_unum`).
struct Unsigned(u64);

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 <= u64::from(u16::MAX) { write!(f, "{}", self.0) } else { write!(f, "{:#x}", self.0) }
    }
}
