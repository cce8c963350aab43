//! Types as objects: the kernel's own, its modules', and those of user space.

use crate::btf_check::Checker;
use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::sys::Sys;
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
    /// Loads types (`BPF_BTF_LOAD`): the bytes of a `.BTF` section.
    ///
    /// # Errors
    /// `EINVAL` and others: what the kernel refuses. `EMFILE`: the process has as many descriptors as it may.
    pub fn btf_load(&mut self, bytes: &[u8]) -> Result<Fd, Errno> {
        self.sys().btf_load(bytes, 0, &mut String::new())
    }

    /// The types that an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EINVAL`: it stands for something else.
    pub fn btf_info(&self, fd: Fd) -> Result<&BtfInfo, Errno> {
        let id = self.core.files.get(fd)?;
        self.core.objects.btf(id).ok_or(Errno::EINVAL)
    }
}

impl Sys<'_> {
    /// Makes an object of types, and says in `log` why it does not.
    pub(crate) fn btf_load(&mut self, bytes: &[u8], level: u32, log: &mut String) -> Result<Fd, Errno> {
        let (good, text) = Checker::check(bytes, level);
        log.push_str(&text);
        good?;
        // What the kernel takes and cannot be read here would be a type of a kind that came later.
        let btf = Btf::parse(bytes).map_err(|error| {
            log.push_str(&format!("not emulated: {error}\n"));
            Errno::EOPNOTSUPP
        })?;
        self.core.room()?;
        let info = BtfInfo {
            btf: Arc::new(btf),
            raw: Some(Arc::from(bytes)),
            name: Arc::from(""),
            kernel: false,
            module: None,
        };
        let id = self.core.objects.insert(Object::Btf(info));
        Ok(self.core.files.open(id))
    }
}
