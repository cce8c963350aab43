//! Memory shown by its type, as `bpf_snprintf_btf` and `bpf_seq_printf_btf` do (`btf_type_show`, `kernel/bpf/btf.c`).
//!
//! The kernel's text is not bpftool's ([`skep_btf::Btf::format_value`]): names of types, zeroes left out, and some
//! habits that programs see and that are kept here: elements of arrays of pointers and of arrays of arrays all show the
//! first one, and enumerations are read as four bytes whatever their size.

mod chunk;
mod name;
mod number;
mod walk;

use crate::bprintf::{Out, Source};
use crate::probe::{Printing, read_kernel};
use chunk::Chunk;
use skep_abi::Errno;
use skep_btf::{Btf, Kind, StrOff, TypeId};

/// `BTF_F_COMPACT`: no line breaks and indents.
pub(crate) const COMPACT: u64 = 1;
/// `BTF_F_NONAME`: no names of members and types.
pub(crate) const NONAME: u64 = 2;
/// `BTF_F_PTR_RAW`: addresses as they are.
pub(crate) const PTR_RAW: u64 = 4;
/// `BTF_F_ZERO`: members that are zero, too.
pub(crate) const ZERO: u64 = 8;
/// All flags that there are.
pub(crate) const ALL: u64 = COMPACT | NONAME | PTR_RAW | ZERO;

/// Types nested deeper than this are left out: the kernel refuses such BTF (`MAX_RESOLVE_DEPTH`).
const MAX_DEPTH: u8 = 32;

/// What showing reads and writes.
pub(crate) trait Target {
    /// Reads kernel memory.
    fn read(&self, addr: u64, out: &mut [u8]) -> Result<(), Errno>;
    /// Takes the next piece of text.
    fn piece(&mut self, text: &[u8]);
    /// Whether there is budget left for so many steps of the walk.
    fn may_go_on(&self, steps: u64) -> bool;
    /// The 32-bit number that stands for an address.
    fn hash_pointer(&self, addr: u64) -> u32;
}

/// One value being shown.
pub(super) struct Show<'a> {
    btf: &'a Btf,
    flags: u64,
    target: &'a mut dyn Target,
    depth: u8,
    /// How deep a value to be shown was found by the pass that looks for one.
    depth_to_show: u8,
    /// While that pass is under way: the depth at which it began, and one. Nothing is printed then.
    depth_check: u8,
    /// In an array, whose members have no names.
    in_array: bool,
    /// The array's elements are characters.
    chars: bool,
    /// The text in it has ended.
    terminated: bool,
    /// The type as it was named, and what it is.
    type_id: TypeId,
    kind: Option<Kind>,
    member: Option<(StrOff, TypeId)>,
    chunk: Chunk,
    steps: u64,
}

/// Shows what lies at an address; answers how many steps it took.
///
/// # Errors
/// `EFAULT`, `ERANGE`: the last part of the memory that was looked at cannot be read. `EINVAL`: a type without a size.
pub(crate) fn show(
    btf: &Btf,
    id: TypeId,
    addr: u64,
    flags: u64,
    target: &mut dyn Target,
) -> (u64, Result<(), Errno>) {
    let mut show = Show {
        btf,
        flags,
        target,
        depth: 0,
        depth_to_show: 0,
        depth_check: 0,
        in_array: false,
        chars: false,
        terminated: false,
        type_id: TypeId(0),
        kind: None,
        member: None,
        chunk: Chunk::default(),
        steps: 0,
    };
    show.value(id, id, addr, 0);
    (show.steps, show.chunk.status)
}

impl Show<'_> {
    fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    fn print(&mut self, text: &[u8]) {
        if self.depth_check == 0 {
            self.target.piece(text);
        }
    }

    fn indent(&self) -> usize {
        if self.has(COMPACT) { 0 } else { usize::from(self.depth).min(32) }
    }

    fn newline(&self) -> &'static str {
        if self.has(COMPACT) { "" } else { "\n" }
    }

    fn delimiter(&self) -> &'static str {
        match self.depth {
            0 => "",
            _ if self.has(COMPACT) && self.kind == Some(Kind::Union) => "|",
            _ => ",",
        }
    }

    /// A value with all that stands around it, unless it is zero and zeroes are left out.
    fn value_text(&mut self, is_zero: bool, value: &[u8]) {
        if is_zero && !self.has(ZERO) && self.depth > 0 {
            return;
        }
        if self.depth_check == 0 {
            let mut text = vec![b' '; self.indent()];
            text.extend_from_slice(&self.name());
            text.extend_from_slice(value);
            text.extend_from_slice(self.delimiter().as_bytes());
            text.extend_from_slice(self.newline().as_bytes());
            self.print(&text);
        }
        self.depth_to_show = self.depth_to_show.max(self.depth);
    }

    fn unsupported(&mut self, kind: Kind) {
        self.print(format!("<unsupported kind:{}>", kind as u32).as_bytes());
    }
}

/// What [`show`] needs of the machine, with text that goes into a buffer of limited size.
pub(crate) struct Buffer<'a> {
    pub(crate) printing: Printing<'a>,
    pub(crate) budget: u64,
    pub(crate) out: Out<'a>,
    /// Whether anything was printed, be it nothing: then there is a NUL.
    pub(crate) touched: bool,
}

impl Target for Buffer<'_> {
    fn read(&self, addr: u64, out: &mut [u8]) -> Result<(), Errno> {
        read_kernel(self.printing.memory, addr, out)
    }

    fn piece(&mut self, text: &[u8]) {
        self.touched = true;
        self.out.text(text);
    }

    fn may_go_on(&self, steps: u64) -> bool {
        steps < self.budget
    }

    fn hash_pointer(&self, addr: u64) -> u32 {
        self.printing.hash_pointer(addr)
    }
}
