//! Which bytes of a context may be accessed: the tables of `skep_abi::ctx` as the kernel's `*_is_valid_access` functions
//! read them. Pure, so that recordings can be replayed against it alone.

use skep_abi::ctx::{self, Context, Field, FieldKind, Layout};
use skep_abi::{AttachType, ProgType};

use crate::access::Access;

/// An access to a context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CtxRequest {
    /// The first byte.
    pub off: i32,
    /// How many bytes: 1, 2, 4 or 8.
    pub size: u32,
    /// Reading or writing.
    pub access: Access,
    /// The load extends the sign.
    pub is_ldsx: bool,
    /// The loader of the program has `CAP_BPF`.
    pub bpf_capable: bool,
}

/// What a load from a context gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loaded {
    /// A number.
    Number,
    /// What the field holds: a pointer of some kind.
    Field(FieldKind),
    /// The buffer of a writable raw tracepoint.
    TpBuffer,
}

/// An access that is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Granted {
    /// What a load gives.
    pub loaded: Loaded,
    /// Bytes of the field, if less than all of it may be read; 0: not so.
    pub field_size: u32,
}

impl Granted {
    const NUMBER: Granted = Granted { loaded: Loaded::Number, field_size: 0 };
}

/// Whether a program may access these bytes of its context, for program types whose context BTF does not describe.
pub(crate) fn context_access(prog: ProgType, attach: Option<AttachType>, it: CtxRequest) -> Option<Granted> {
    if let Some(plain) = ctx::PLAIN_CONTEXTS.iter().find(|row| row.prog == prog) {
        let starts = u32::try_from(it.off).is_ok_and(|off| (plain.start..plain.end).contains(&off));
        let may = it.access == Access::Read || plain.writable;
        return (starts && may && is_aligned(it.off, it.size)).then_some(Granted::NUMBER);
    }
    let row = ctx::context(prog, attach)?;
    let granted = match it.access {
        Access::Read => readable_field(row.layout, row.hidden, it)?,
        Access::Write => writable_field(row, it)?,
    };
    special_cases(prog, it, granted)
}

/// What no row says.
fn special_cases(prog: ProgType, it: CtxRequest, granted: Granted) -> Option<Granted> {
    use ctx::sk_buff::{data, data_end, tstamp};
    let at = |field: &Field| field.range().contains(&(it.off as usize));
    match prog {
        // Without `CAP_BPF` packets of a cgroup are only seen through helpers.
        ProgType::CgroupSkb if !it.bpf_capable => {
            let written = it.access == Access::Write && at(&tstamp);
            (!at(&data) && !at(&data_end) && !written).then_some(granted)
        }
        ProgType::RawTracepointWritable if it.off == 0 => {
            (it.size == 8).then_some(Granted { loaded: Loaded::TpBuffer, ..granted })
        }
        _ => Some(granted),
    }
}

fn readable_field(layout: &Layout, hidden: &[Field], it: CtxRequest) -> Option<Granted> {
    let field_size = readable(layout, hidden, it.off, it.size)?;
    let kind = field_at(layout, it.off, |field| !hidden.contains(field))?.kind;
    if !kind.is_pointer() {
        return Some(Granted { loaded: Loaded::Number, field_size });
    }
    // A pointer that was sign-extended would not be one.
    (!it.is_ldsx).then_some(Granted { loaded: Loaded::Field(kind), field_size: 0 })
}

/// Whether these bytes of a struct may be read: bytes of the field, if less than all of it may be (else 0).
pub(crate) fn readable(layout: &Layout, hidden: &[Field], off: i32, size: u32) -> Option<u32> {
    let field = field_at(layout, off, |field| !hidden.contains(field))?;
    let (width, whole) = (field.width as u32, field.width as u32 == size);
    let start = off as usize == field.offset;
    if !is_aligned(off, size) {
        return None;
    }
    let narrow = |allowed: bool| allowed.then_some(width);
    match field.kind {
        FieldKind::Number => narrow(size <= width),
        FieldKind::Head => narrow(whole || size <= width && start),
        FieldKind::Halves => narrow(size <= width && size >= 2),
        FieldKind::Wide => narrow(size <= width || fits(field, off, size)),
        FieldKind::Bytes => fits(field, off, size).then_some(0),
        FieldKind::Port | FieldKind::PaddedPort if start && size == 4 => Some(4),
        FieldKind::Port | FieldKind::PaddedPort => narrow(size <= width),
        _ => whole.then_some(0),
    }
}

fn writable_field(row: &Context, it: CtxRequest) -> Option<Granted> {
    let field = field_at(row.layout, it.off, |field| row.writable.contains(field))?;
    let whole = field.width as u32 == it.size;
    let may = match field.kind {
        FieldKind::Bytes => fits(field, it.off, it.size),
        FieldKind::Wide => whole || it.size == 8 && fits(field, it.off, it.size),
        _ => whole,
    };
    (may && is_aligned(it.off, it.size)).then_some(Granted::NUMBER)
}

/// The first field that an offset lies in, of those that are wanted.
fn field_at(layout: &Layout, off: i32, wanted: impl Fn(&Field) -> bool) -> Option<&'static Field> {
    let off = usize::try_from(off).ok()?;
    let covers = |field: &Field| {
        let padding = if field.kind == FieldKind::PaddedPort { field.width } else { 0 };
        (field.offset..field.range().end + padding).contains(&off)
    };
    layout.fields.iter().find(|field| covers(field) && wanted(field))
}

/// Whether the bytes lie in the field.
const fn fits(field: &Field, off: i32, size: u32) -> bool {
    off as usize + size as usize <= field.range().end
}

const fn is_aligned(off: i32, size: u32) -> bool {
    off % size as i32 == 0
}
