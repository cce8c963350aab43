//! Where the emulated kernel is known to answer otherwise, and why. A case that agrees must not be here.

/// Subject, case, reason.
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "storages",
        "inode_storage, elements of what has none",
        "every descriptor of Linux has an inode, a map's too; here only those of inodes have",
    ),
    (
        "btf",
        "the log of types",
        "of a log that does not fit its memory, Linux has written what came before it noticed; we write the end of it",
    ),
    (
        "info",
        "of a program, context fields and helpers as the kernel has them",
        "Linux rewrites accesses of the context to those of its own structures; our programs run as they are",
    ),
];

/// Why a case is known to differ.
pub(crate) fn reason(subject: &str, case: &str) -> Option<&'static str> {
    KNOWN.iter().find(|row| row.0 == subject && row.1 == case).map(|row| row.2)
}
