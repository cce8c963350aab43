//! The types of the kernel that a machine simulates: from where they can be taken.
//!
//! CO-RE relocations, attach targets, kernel symbols and kernel objects are looked up in them. Without a word from the
//! test it is [`bundled`], which is the same everywhere.
//!
//! ```
//! # fn main() -> skep::Result<()> {
//! # let object = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/xdp_firewall.bpf.o");
//! let sk = skep::open(object)?.btf(skep::target::bundled()).load()?;
//! // Debian's kernel, unpacked from its package: `skep::target::file("boot/vmlinuz-6.12.107+deb12-amd64")?`
//! # let _ = sk;
//! # Ok(())
//! # }
//! ```

use std::path::Path;

use skep_kernel::TargetBtf;

use crate::error::Result;

pub use skep_loader::types::bundled;

/// The types of the kernel that this process runs on (`/sys/kernel/btf`), with those of its modules.
///
/// # Errors
/// It does not show them, or may not.
pub fn host() -> Result<TargetBtf> {
    Ok(skep_loader::types::host()?)
}

/// The types in a file: BTF, an ELF file with a `.BTF` section (`vmlinux`), either of them compressed (gzip, xz, zstd) or
/// in a tar archive (as BTFHub has them), or a kernel to boot (`vmlinuz`).
///
/// # Errors
/// The file cannot be read, is none of these, or its BTF is not well-formed.
pub fn file(path: impl AsRef<Path>) -> Result<TargetBtf> {
    Ok(skep_loader::types::file(path.as_ref())?)
}

/// The types in the bytes of such a file; `origin` is what the output calls it.
///
/// # Errors
/// As [`file()`].
pub fn parse(bytes: &[u8], origin: &str) -> Result<TargetBtf> {
    Ok(skep_loader::types::parse(bytes, origin)?)
}

/// `bundled`, `host`, or the name of a file.
///
/// # Errors
/// As [`host`] and [`file()`].
pub fn named(text: &str) -> Result<TargetBtf> {
    Ok(skep_loader::types::named(text)?)
}
