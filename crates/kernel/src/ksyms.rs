//! Symbols of the kernel that programs name: variables and functions by BTF id, and addresses by name.

use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::report::LoadError;
use skep_abi::Errno;
use skep_btf::{Def, Kind};
use skep_isa::Insn;
use std::collections::BTreeMap;

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
        if let Ok(Some(addr)) = self.variable(name) {
            return Some(addr);
        }
        let btf = &self.core.btf.as_ref()?.vmlinux;
        if !LINKER.contains(&name) {
            btf.find(Kind::Func, name)?;
        }
        Some(self.core.symbols.address(name)).filter(|addr| *addr != 0)
    }

    /// Opens the types of one of the kernel's modules (`BPF_BTF_GET_FD_BY_ID`): for [`ProgLoad::fd_array`], which calls
    /// of its functions have places in, and for the second slots of wide loads.
    ///
    /// [`ProgLoad::fd_array`]: crate::ProgLoad::fd_array
    ///
    /// # Errors
    /// `ENOENT`: the kernel's types have no such module. `ENFILE`: there are too many objects.
    pub fn module_fd(&mut self, module: &str) -> Result<Fd, Errno> {
        let modules = self.core.btf.iter().flat_map(|it| &it.modules);
        let index = modules.enumerate().find(|(_, it)| &*it.0 == module).ok_or(Errno::ENOENT)?.0;
        self.core.objects.room()?;
        let id = self.core.objects.insert(Object::Btf(index));
        Ok(self.core.files.open(id))
    }

    /// The addresses of what wide loads name by BTF id, by slot (`check_pseudo_btf_id`, `kernel/bpf/verifier.c`).
    pub(crate) fn named_by_id(&mut self, insns: &[Insn]) -> Result<BTreeMap<usize, u64>, LoadError> {
        let mut found = BTreeMap::new();
        let mut slot = 0;
        while let Some(insn) = insns.get(slot) {
            if insn.code == LD_IMM64 && insn.src == PSEUDO_BTF_ID {
                found.insert(slot, self.address_of(slot, insn.imm)?);
            }
            slot += if insn.code == LD_IMM64 { 2 } else { 1 };
        }
        Ok(found)
    }

    fn address_of(&mut self, slot: usize, id: i32) -> Result<u64, LoadError> {
        let refused = |errno, text: String| LoadError::rejected(errno, Some(slot), text);
        let Some(target) = &self.core.btf else {
            let text = "kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in Kconfig.";
            return Err(refused(Errno::EINVAL, text.to_owned()));
        };
        let ty = target.vmlinux.type_by_id(id as u32).filter(|_| id > 0);
        let ty =
            ty.ok_or_else(|| refused(Errno::ENOENT, format!("ldimm64 insn specifies invalid btf_id {id}.")))?;
        if !matches!(ty.def, Def::Var(_) | Def::Func(_)) {
            let text = format!("pseudo btf_id {id} in ldimm64 isn't KIND_VAR or KIND_FUNC.");
            return Err(refused(Errno::EINVAL, text));
        }
        let name = target.vmlinux.str(ty.name).to_owned();
        self.ksym(&name).ok_or_else(|| {
            let text = format!("ldimm64 failed to find the address for kernel symbol '{name}'.");
            refused(Errno::ENOENT, text)
        })
    }
}
