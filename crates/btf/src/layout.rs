//! Sizes and alignments of all types, computed once when BTF is parsed.
//!
//! By-value containment (modifiers, elements, members) must be free of cycles and at most [`MAX_DEPTH`] deep,
//! so that everything that walks it later may recurse. The kernel has the same rule with a depth of 32
//! (`MAX_RESOLVE_DEPTH` in `kernel/bpf/btf.c`).

use crate::types::*;
use crate::{Btf, Reason};

/// How deep types may contain each other.
const MAX_DEPTH: u8 = 64;

/// How many bytes a type takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Size {
    /// Not a thing that has a size: `void`, a function, a forward declaration, a tag.
    None,
    /// An array of more than 2^64 bytes.
    TooLarge,
    Bytes(u64),
}

/// What is known of one type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    pub(crate) size: Size,
    /// Bytes; a power of two up to 8, or 0 where there is no size.
    pub(crate) align: u8,
    /// Levels of containment below it.
    depth: u8,
    /// The type behind typedefs and qualifiers; itself if it is neither.
    pub(crate) resolved: TypeId,
}

/// One [`Layout`] for every own type of a [`Btf`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Layouts(Vec<Layout>);

impl Layouts {
    pub(crate) fn get(&self, index: usize) -> Option<&Layout> {
        self.0.get(index)
    }

    /// A data section's size, once it is known.
    pub(crate) fn set_size(&mut self, index: usize, size: u32) {
        if let Some(layout) = self.0.get_mut(index) {
            layout.size = Size::Bytes(size.into());
        }
    }

    pub(crate) fn compute(btf: &Btf) -> Result<Layouts, (TypeId, Reason)> {
        let mut pass = Pass { btf, done: vec![State::Unknown; btf.own_types().len()] };
        for (id, _) in btf.own_types() {
            pass.visit(id, 0)?;
        }
        let known = |state| match state {
            State::Done(layout) => layout,
            State::Unknown | State::Active => Layout::none(TypeId::VOID),
        };
        Ok(Layouts(pass.done.into_iter().map(known).collect()))
    }
}

impl Layout {
    pub(crate) const fn none(id: TypeId) -> Layout {
        Layout { size: Size::None, align: 0, depth: 0, resolved: id }
    }

    fn bytes(id: TypeId, size: u32, align: u32) -> Layout {
        Layout { size: Size::Bytes(size.into()), align: align as u8, depth: 0, resolved: id }
    }
}

#[derive(Clone, Copy)]
enum State {
    Unknown,
    Active,
    Done(Layout),
}

struct Pass<'b> {
    btf: &'b Btf,
    done: Vec<State>,
}

impl Pass<'_> {
    fn visit(&mut self, id: TypeId, above: u8) -> Result<Layout, (TypeId, Reason)> {
        let btf = self.btf;
        let index = match id.0.checked_sub(btf.first_id()) {
            Some(index) => index as usize,
            None => return Ok(btf.layout(id).unwrap_or(Layout::none(id))),
        };
        let (Some(ty), Some(state)) = (btf.types.get(index), self.done.get_mut(index)) else {
            return Err((id, Reason::NoSuchType(id)));
        };
        match *state {
            State::Done(layout) => return Ok(layout),
            State::Active => return Err((id, Reason::Cycle(id))),
            State::Unknown => *state = State::Active,
        }
        if above > MAX_DEPTH {
            return Err((id, Reason::TooDeep(id)));
        }
        let layout = self.layout(id, ty, above + 1)?;
        if layout.depth > MAX_DEPTH {
            return Err((id, Reason::TooDeep(id)));
        }
        self.done[index] = State::Done(layout);
        Ok(layout)
    }

    fn layout(&mut self, id: TypeId, ty: &Type, above: u8) -> Result<Layout, (TypeId, Reason)> {
        if let Some(target) = ty.modified() {
            let target = self.visit(target, above)?;
            return Ok(Layout { depth: target.depth + 1, ..target });
        }
        match &ty.def {
            Def::Int(int) => Ok(Layout::bytes(id, int.size, natural_align(int.size))),
            Def::Float(size) => Ok(Layout::bytes(id, *size, natural_align(*size))),
            Def::Enum(e) | Def::Enum64(e) => Ok(Layout::bytes(id, e.size, natural_align(e.size))),
            Def::Ptr(_) => Ok(Layout::bytes(id, self.btf.pointer_size(), self.btf.pointer_size())),
            Def::DataSec(section) => Ok(Layout::bytes(id, section.size, 1)),
            Def::Var(var) => {
                let target = self.visit(var.type_id, above)?;
                Ok(Layout { depth: target.depth + 1, resolved: id, ..target })
            }
            Def::Array(array) => self.array(id, array, above),
            Def::Struct(c) | Def::Union(c) => self.composite(id, c, above),
            _ => Ok(Layout::none(id)),
        }
    }

    fn array(&mut self, id: TypeId, array: &Array, above: u8) -> Result<Layout, (TypeId, Reason)> {
        let element = self.visit(array.element, above)?;
        let size = match element.size {
            Size::Bytes(bytes) => bytes.checked_mul(array.len.into()).map_or(Size::TooLarge, Size::Bytes),
            other => other,
        };
        Ok(Layout { size, align: element.align, depth: element.depth + 1, resolved: id })
    }

    /// As libbpf's `btf__align_of`: where a member is not where its alignment wants it, the structure is packed.
    fn composite(&mut self, id: TypeId, c: &Composite, above: u8) -> Result<Layout, (TypeId, Reason)> {
        let (mut align, mut depth, mut packed) = (1, 0, false);
        for (index, member) in c.members.iter().enumerate() {
            let layout = self.visit(member.type_id, above)?;
            let fail = |reason| Err((id, reason));
            match self.member_bits(c.kflag, member, &layout) {
                None => return fail(Reason::BitField { id, member: index }),
                Some(bits) if u64::from(member.bit_offset).saturating_add(bits) > u64::from(c.size) * 8 => {
                    return fail(Reason::MemberOutside { id, member: index });
                }
                Some(_) => {}
            }
            depth = depth.max(layout.depth + 1);
            align = align.max(layout.align);
            let is_bitfield = c.kflag && member.bit_size != 0;
            packed |=
                !is_bitfield && layout.align != 0 && member.bit_offset % (u32::from(layout.align) * 8) != 0;
        }
        packed |= !c.size.is_multiple_of(align.into());
        let align = if packed { 1 } else { align };
        Ok(Layout { size: Size::Bytes(c.size.into()), align, depth, resolved: id })
    }

    /// How many bits a member takes; `None` if it is at or of bits that its type cannot have (the kernel's
    /// `btf_*_check_member` and `btf_*_check_kflag_member`).
    fn member_bits(&self, kflag: bool, member: &Member, layout: &Layout) -> Option<u64> {
        let whole = match layout.size {
            Size::None => 0,
            Size::Bytes(bytes) => bytes.saturating_mul(8),
            Size::TooLarge => u64::MAX,
        };
        let aligned = member.bit_offset.is_multiple_of(8);
        let bits = u64::from(member.bit_size);
        match self.btf.type_by_id(layout.resolved).map(|ty| &ty.def) {
            Some(Def::Int(int)) if kflag && bits != 0 => (bits <= int.bits.into()).then_some(bits),
            // An integer's own bits count, not its storage. In the old encoding they may start anywhere.
            Some(Def::Int(int)) => {
                member.bit_offset.checked_add(int.offset.into()).filter(|_| aligned || !kflag)?;
                Some(u64::from(int.bits) + u64::from(int.offset))
            }
            Some(Def::Enum(_) | Def::Enum64(_)) if bits != 0 => (bits <= whole).then_some(bits),
            _ => (aligned && bits == 0).then_some(whole),
        }
    }
}

/// The largest power of two that divides a type of this many bytes evenly, at most a pointer's.
fn natural_align(size: u32) -> u32 {
    if size == 0 { 1 } else { (1 << size.trailing_zeros()).min(8) }
}
