//! Types as objects: the kernel's own, its modules', and those of user space.

use crate::files::Fd;
use crate::kernel::Kernel;
use skep_abi::Errno;
use skep_btf::Btf;
use std::sync::Arc;

/// Types that the kernel has: its own, a module's, or what `BPF_BTF_LOAD` was given (`struct btf`).
#[derive(Clone, Debug)]
pub struct BtfInfo {
    /// The types.
    pub btf: Arc<Btf>,
    /// The bytes they were made from, where they are known.
    pub raw: Option<Arc<[u8]>>,
    /// `vmlinux`, or the module's name; empty for what user space loaded.
    pub name: Arc<str>,
    /// They are the kernel's (`kernel_btf`).
    pub kernel: bool,
    /// The module's number among [`TargetBtf::modules`](crate::TargetBtf::modules).
    pub module: Option<usize>,
}

impl Kernel {
    /// The types that an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EINVAL`: it stands for something else.
    pub fn btf_info(&self, fd: Fd) -> Result<&BtfInfo, Errno> {
        let id = self.core.files.get(fd)?;
        self.core.objects.btf(id).ok_or(Errno::EINVAL)
    }
}
