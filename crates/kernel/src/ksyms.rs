//! Symbols of the kernel that programs name: variables and functions by BTF id, and addresses by name.

use crate::files::{Fd, READ_ONLY};
use crate::kernel::Kernel;
use crate::object::Noun;
use crate::report::LoadError;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_btf::{Btf, Def, Kind};
use skep_isa::Insn;
use skep_maps::ObjRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `BPF_LD | BPF_IMM | BPF_DW`.
const LD_IMM64: u8 = 0x18;
/// `BPF_PSEUDO_BTF_ID`.
const PSEUDO_BTF_ID: u8 = 3;
/// Symbols of the linker's that BTF does not tell of.
const LINKER: &[&str] =
    &["_text", "_stext", "_etext", "_sdata", "_edata", "__bss_start", "__bss_stop", "_end"];

impl Kernel {
    /// The address that `/proc/kallsyms` would have for a name: of a variable of the kernel's, or of a function that its
    /// types tell of.
    pub fn ksym(&mut self, name: &str) -> Option<u64> {
        self.sys().ksym(name)
    }

    /// Opens the types of one of the kernel's modules (`BPF_BTF_GET_FD_BY_ID`): for [`ProgLoad::fd_array`], which calls
    /// of its functions have places in, and for the second slots of wide loads.
    ///
    /// [`ProgLoad::fd_array`]: crate::ProgLoad::fd_array
    ///
    /// # Errors
    /// `ENOENT`: the kernel's types have no such module. `EMFILE`: the process has as many descriptors as it may.
    pub fn module_fd(&mut self, module: &str) -> Result<Fd, Errno> {
        let modules = self.core.btf.iter().flat_map(|it| &it.modules);
        let index = modules.enumerate().find(|(_, it)| &*it.0 == module).ok_or(Errno::ENOENT)?.0;
        self.core.files.room()?;
        let of_module = |id: &ObjRef| self.core.objects.btf(*id).and_then(|it| it.module) == Some(index);
        let id = self.core.objects.of(Noun::Btf).find(of_module).ok_or(Errno::ENOENT)?;
        self.core.objects.retain(id);
        Ok(self.core.files.open_with(id, READ_ONLY))
    }
}

impl Sys<'_> {
    /// See [`Kernel::ksym`].
    pub(crate) fn ksym(&mut self, name: &str) -> Option<u64> {
        let variable = self.core.scene(self.memory).ok().and_then(|mut it| it.variable(name).ok().flatten());
        if variable.is_some() {
            return variable;
        }
        let btf = self.core.all_types()?;
        if !LINKER.contains(&name) {
            btf.find(Kind::Func, name)?;
        }
        Some(self.core.symbols.address(name)).filter(|addr| *addr != 0)
    }

    /// The addresses of what wide loads name by BTF id, by slot (`check_pseudo_btf_id`, `kernel/bpf/verifier.c`).
    pub(crate) fn named_by_id(&mut self, insns: &[Insn]) -> Result<BTreeMap<usize, u64>, LoadError> {
        let mut found = BTreeMap::new();
        let mut slot = 0;
        while let Some(insn) = insns.get(slot) {
            if insn.code == LD_IMM64 && insn.src == PSEUDO_BTF_ID {
                let fd = insns.get(slot + 1).map_or(0, |it| it.imm);
                found.insert(slot, self.address_of(slot, insn.imm, fd)?);
            }
            slot += if insn.code == LD_IMM64 { 2 } else { 1 };
        }
        Ok(found)
    }

    fn address_of(&mut self, slot: usize, id: i32, fd: i32) -> Result<u64, LoadError> {
        let refused = |errno, text: String| LoadError::rejected(errno, Some(slot), text);
        let Some(target) = &self.core.btf else {
            let text = "kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in Kconfig.";
            return Err(refused(Errno::EINVAL, text.to_owned()));
        };
        let types = match fd {
            0 => &target.vmlinux,
            fd => {
                let module = self.core.module_of(fd).and_then(|it| target.modules.get(it));
                &module
                    .ok_or_else(|| refused(Errno::EINVAL, "invalid module BTF object FD specified.".into()))?
                    .1
            }
        };
        let ty = types.type_by_id(id as u32).filter(|_| id > 0);
        let ty =
            ty.ok_or_else(|| refused(Errno::ENOENT, format!("ldimm64 insn specifies invalid btf_id {id}.")))?;
        if !matches!(ty.def, Def::Var(_) | Def::Func(_)) {
            let text = format!("pseudo btf_id {id} in ldimm64 isn't KIND_VAR or KIND_FUNC.");
            return Err(refused(Errno::EINVAL, text));
        }
        let name = types.str(ty.name).to_owned();
        self.ksym(&name).ok_or_else(|| {
            let text = format!("ldimm64 failed to find the address for kernel symbol '{name}'.");
            refused(Errno::ENOENT, text)
        })
    }
}

impl Core {
    /// The module whose types an fd is of, by its number among the kernel's.
    pub(crate) fn module_of(&self, fd: i32) -> Option<usize> {
        self.objects.btf(self.files.get(Fd(fd)).ok()?)?.module
    }

    /// All types, those of modules too: ids of the kernel's own are those of its BTF.
    pub(crate) fn all_types(&self) -> Option<&Btf> {
        self.merged().map(|it| &**it)
    }

    /// The same, to be kept.
    pub(crate) fn types(&self) -> Option<Arc<Btf>> {
        self.merged().map(Arc::clone)
    }

    fn merged(&self) -> Option<&Arc<Btf>> {
        let target = self.btf.as_ref()?;
        if target.modules.is_empty() {
            return Some(&target.vmlinux);
        }
        // Modules that do not go together are left out; the loader still sees each by itself.
        let merge = || Btf::merged(&target.vmlinux, &target.modules);
        Some(self.all_types.get_or_init(|| merge().map_or_else(|_| Arc::clone(&target.vmlinux), Arc::new)))
    }
}
