//! Pointers to kernel objects that are kept in map values and in objects of the program.

use skep_btf::TypeId;
use skep_isa::Insn;

use crate::log::type_name;
use crate::record::{FieldKind, FieldNr, SpecialField};
use crate::state::reg::{BtfNr, Extra, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

/// Structs of the kernel that are freed after an RCU grace period (`rcu_protected_types`).
const RCU_PROTECTED: &[&str] =
    &["prog_test_ref_kfunc", "cgroup", "bpf_cpumask", "task_struct", "bpf_crypto_ctx"];

impl Verifier<'_> {
    /// A load or store of a kptr in a map value (`check_map_kptr_access`).
    pub(crate) fn check_map_kptr_access(
        &mut self,
        _regno: usize,
        value_regno: Option<usize>,
        insn_idx: usize,
        field: FieldNr,
    ) -> Check {
        let insn = self.insns[insn_idx];
        let nr = field;
        let field = self.records.field(nr);
        if insn.code & 0xe0 != 0x60 {
            return refuse!(
                self,
                EACCES,
                "kptr in map can only be accessed using BPF_MEM instruction mode\n"
            );
        }
        let is_load = class(insn) == LDX;
        if !is_load && matches!(field.kind, FieldKind::KptrRef | FieldKind::KptrPercpu) {
            return refuse!(self, EACCES, "store to referenced kptr disallowed\n");
        }
        if !is_load && field.kind == FieldKind::Uptr {
            return refuse!(self, EACCES, "store to uptr disallowed\n");
        }
        match (class(insn), value_regno) {
            (LDX, Some(regno)) => {
                self.load_kptr(regno, field);
                Ok(())
            }
            (STX, Some(regno)) => {
                let reg = *self.reg(regno);
                if !reg.is_null() && self.map_kptr_match_type(nr, &reg, regno).is_err() {
                    return Err(crate::stop::Stop::new(skep_abi::Errno::EACCES));
                }
                Ok(())
            }
            (ST, _) if insn.imm != 0 => {
                refuse!(self, EACCES, "BPF_ST imm must be 0 when storing to kptr at off={}\n", field.offset)
            }
            (ST, _) => Ok(()),
            _ => refuse!(self, EACCES, "kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST\n"),
        }
    }

    fn load_kptr(&mut self, regno: usize, field: SpecialField) {
        let Some((btf, id)) = field.target else { return self.mark_reg_unknown(regno) };
        if field.kind == FieldKind::Uptr {
            return self.load_uptr(regno, btf, id);
        }
        let flags = self.loaded_kptr_flags(field, btf, id);
        self.mark_btf_ld_reg(regno, flags, btf, id);
    }

    /// Memory of user space that is pinned (`mark_uptr_ld_reg`).
    fn load_uptr(&mut self, regno: usize, btf: BtfNr, id: TypeId) {
        let size = self.btf(btf).size_of(id).unwrap_or(0) as u32;
        let ty = RegType::with(Base::PtrToMem, Flags::MAYBE_NULL);
        let new_id = self.new_id();
        let reg = self.reg_mut(regno);
        let new = Reg::pointer(ty, Extra::Mem { size, dynptr_id: 0 });
        *reg = Reg { id: new_id, subreg_def: reg.subreg_def, ..new };
    }

    /// `btf_ld_kptr_type`.
    fn loaded_kptr_flags(&mut self, field: SpecialField, btf: BtfNr, id: TypeId) -> Flags {
        let kernel = self.is_kernel_btf(btf);
        let protected = !kernel || RCU_PROTECTED.contains(&self.btf(btf).name(id));
        let percpu = field.kind == FieldKind::KptrPercpu;
        let safe = percpu || field.kind == FieldKind::KptrRef && protected;
        if !safe || !self.in_rcu_cs() {
            return Flags::MAYBE_NULL | Flags::UNTRUSTED;
        }
        let mut flags = Flags::MAYBE_NULL | Flags::RCU;
        if percpu {
            flags |= Flags::PERCPU;
        } else if !kernel {
            flags |= Flags::ALLOC;
        }
        let record = if kernel { None } else { self.struct_record(btf, id) };
        if record.is_some_and(|nr| self.records.get(nr).fields.iter().any(|it| it.kind.is_graph_node())) {
            flags |= Flags::NON_OWN_REF;
        }
        flags
    }

    /// Whether a register fits a kptr that it is to be stored in (`map_kptr_match_type`).
    pub(crate) fn map_kptr_match_type(&mut self, field: FieldNr, reg: &Reg, regno: usize) -> Check {
        let field = self.records.field(field);
        let Some((btf, id)) = field.target else {
            return refuse!(self, EFAULT, "verifier bug: kptr without a type\n");
        };
        let unref = field.kind == FieldKind::KptrUnref;
        if let (Base::PtrToBtfId, Some((reg_btf, reg_id))) = (reg.ty.base, reg.btf()) {
            let may = self.flags_for_kptr(field.kind, reg_btf);
            if !may.contains(reg.ty.flags) {
                return self.bad_kptr(field, reg, regno, None, (btf, id));
            }
            if self.check_ptr_off_reg(regno, true).is_err() {
                return Err(crate::stop::Stop::new(skep_abi::Errno::EACCES));
            }
            if self.btf_struct_ids_match((reg_btf, reg_id), reg.off, (btf, id), !unref) {
                return Ok(());
            }
            return self.bad_kptr(field, reg, regno, Some((reg_btf, reg_id)), (btf, id));
        }
        self.bad_kptr(field, reg, regno, None, (btf, id))
    }

    fn flags_for_kptr(&self, kind: FieldKind, reg_btf: BtfNr) -> Flags {
        if self.is_kernel_btf(reg_btf) {
            let flags = Flags::MAYBE_NULL | Flags::TRUSTED | Flags::RCU;
            if kind == FieldKind::KptrUnref { flags | Flags::UNTRUSTED } else { flags }
        } else {
            let flags = Flags::MAYBE_NULL | Flags::ALLOC;
            if kind == FieldKind::KptrPercpu { flags | Flags::PERCPU } else { flags }
        }
    }

    fn bad_kptr(
        &mut self,
        field: SpecialField,
        reg: &Reg,
        regno: usize,
        have: Option<(BtfNr, TypeId)>,
        need: (BtfNr, TypeId),
    ) -> Check {
        let have = have.map_or(String::new(), |(btf, id)| self.btf_name_of(btf, id).to_owned());
        let need = self.btf_name_of(need.0, need.1).to_owned();
        verbose!(self, "invalid kptr access, R{regno} type={}{have} expected=ptr_{need}", type_name(reg.ty));
        if field.kind == FieldKind::KptrUnref {
            verbose!(self, " or untrusted_ptr_{need}");
        }
        refuse!(self, EINVAL, "\n")
    }
}

const LDX: u8 = 1;
const ST: u8 = 2;
const STX: u8 = 3;

fn class(insn: Insn) -> u8 {
    insn.code & 7
}
