//! Words that checks of memory share.

/// What an access does (`enum bpf_access_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// It reads.
    Read,
    /// It writes.
    Write,
}

/// Who accesses memory (`enum bpf_access_src`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AccessSrc {
    /// The program's instruction.
    Direct,
    /// A helper that was given a pointer.
    Helper,
}

/// How a register is used (`enum reg_arg_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RegUse {
    /// It is read.
    Src,
    /// It is written with something unknown.
    Dst,
    /// It is written; what with, is said later.
    DstNoMark,
}
