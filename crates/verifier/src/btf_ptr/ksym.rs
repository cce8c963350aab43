//! Wide loads of kernel variables and functions.

use std::sync::Arc;

use skep_btf::{Btf, Def, Kind, TypeId};

use super::is_struct;
use crate::aux::VarType;
use crate::state::reg::BtfNr;
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// The section of variables of which every CPU has its own.
const PERCPU: &str = ".data..percpu";

impl Verifier<'_> {
    /// A wide load of a kernel variable (`check_pseudo_btf_id`): fills `aux[insn_idx].var`.
    pub(crate) fn check_pseudo_btf_id(&mut self, insn_idx: usize) -> Check {
        let id = TypeId(self.insns[insn_idx].imm as u32);
        let fd = self.insns.get(insn_idx + 1).map_or(0, |insn| insn.imm);
        let nr = self.btf_of_fd(fd)?;
        let btf = Arc::clone(self.btf(nr));
        let Some(ty) = btf.type_by_id(id).filter(|_| id != TypeId::VOID || fd == 0) else {
            return refuse!(self, ENOENT, "ldimm64 insn specifies invalid btf_id {}.\n", id.0);
        };
        let var = match &ty.def {
            Def::Var(var) => Some(var.type_id),
            Def::Func(_) => None,
            _ => {
                return refuse!(
                    self,
                    EINVAL,
                    "pseudo btf_id {} in ldimm64 isn't KIND_VAR or KIND_FUNC\n",
                    id.0
                );
            }
        };
        let name = btf.str(ty.name);
        if !self.env.has_symbol(name) {
            return refuse!(self, ENOENT, "ldimm64 failed to find the address for kernel symbol '{name}'.\n");
        }
        let what = match var {
            None => VarType::Mem(RegType::with(Base::PtrToMem, Flags::RDONLY), 0),
            Some(var) if is_percpu(&btf, id) => {
                VarType::Btf(RegType::with(Base::PtrToBtfId, Flags::PERCPU), nr, var)
            }
            Some(var) if is_struct(&btf, var) => VarType::Btf(RegType::of(Base::PtrToBtfId), nr, var),
            Some(var) => match btf.size_of(var) {
                Ok(size) => VarType::Mem(RegType::with(Base::PtrToMem, Flags::RDONLY), size as u32),
                Err(_) => {
                    let name = btf.name(btf.resolve(var));
                    return refuse!(
                        self,
                        EINVAL,
                        "ldimm64 unable to resolve the size of type '{name}': -22\n"
                    );
                }
            },
        };
        self.aux[insn_idx].var = Some(what);
        Ok(())
    }

    fn btf_of_fd(&mut self, fd: i32) -> Check<BtfNr> {
        if fd != 0 {
            return match self.env.module_btf(fd) {
                Ok((name, btf)) => Ok(self.btf_nr(&btf, &name)),
                Err(_) => refuse!(self, EINVAL, "invalid module BTF object FD specified.\n"),
            };
        }
        if self.btf(BtfNr::KERNEL).own_types().len() == 0 {
            return refuse!(
                self,
                EINVAL,
                "kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in Kconfig.\n"
            );
        }
        Ok(BtfNr::KERNEL)
    }
}

fn is_percpu(btf: &Btf, var: TypeId) -> bool {
    let section = btf.find(Kind::DataSec, PERCPU).and_then(|id| btf.type_by_id(id));
    matches!(section.map(|ty| &ty.def), Some(Def::DataSec(it)) if it.vars.iter().any(|v| v.type_id == var))
}
