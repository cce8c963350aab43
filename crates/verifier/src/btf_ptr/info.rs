//! Functions and lines of the program against its BTF.

use skep_btf::{Def, Linkage};

use super::{is_enum, is_small_int};
use crate::input::Stage;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Records of functions by themselves, before functions are known (`check_btf_info_early`).
    pub(crate) fn check_btf_info_early(&mut self) -> Check {
        let Some(btf) = self.prog.btf else { return self.check_request(Stage::FuncInfo) };
        let mut prev = 0;
        for (index, func) in self.prog.funcs.iter().enumerate() {
            if index == 0 && func.slot != 0 {
                return refuse!(
                    self,
                    EINVAL,
                    "nonzero insn_off {} for the first func info record",
                    func.slot
                );
            }
            if index > 0 && func.slot <= prev {
                return refuse!(
                    self,
                    EINVAL,
                    "same or smaller insn offset ({}) than previous func info record ({prev})",
                    func.slot
                );
            }
            if !matches!(btf.type_by_id(func.type_id).map(|ty| &ty.def), Some(Def::Func(_))) {
                return refuse!(self, EINVAL, "invalid type id {} in func info", func.type_id.0);
            }
            prev = func.slot;
        }
        self.check_request(Stage::FuncInfo)
    }

    /// Functions and lines of the program against its BTF (`check_btf_info`): names and linkage of `subprogs`.
    pub(crate) fn check_btf_info(&mut self) -> Check {
        let Some(btf) = self.prog.btf else { return self.check_abnormal_return() };
        let btf = std::sync::Arc::clone(btf);
        self.check_btf_func(&btf)?;
        self.check_btf_line()?;
        self.check_request(Stage::CoreRelos)
    }

    fn check_btf_func(&mut self, btf: &skep_btf::Btf) -> Check {
        let funcs = self.prog.funcs;
        if funcs.is_empty() {
            return self.check_abnormal_return();
        }
        if funcs.len() != self.subprogs.len() {
            return refuse!(self, EINVAL, "number of funcs in func_info doesn't match number of subprogs\n");
        }
        for (index, func) in funcs.iter().enumerate() {
            if self.subprogs[index].start != func.slot as usize {
                return refuse!(
                    self,
                    EINVAL,
                    "func_info BTF section doesn't match subprog layout in BPF program\n"
                );
            }
            let ty = btf.type_by_id(func.type_id);
            let Some(Def::Func(it)) = ty.map(|ty| &ty.def) else { continue };
            let subprog = &mut self.subprogs[index];
            subprog.name = btf.name(func.type_id).to_owned();
            subprog.is_global = it.linkage == Linkage::Global;
            let (has_ld_abs, has_tail_call) = (subprog.has_ld_abs, subprog.has_tail_call);
            let ret = btf.func_proto(func.type_id).map(|proto| proto.ret).unwrap_or_default();
            if index == 0 || is_small_int(btf, ret) || is_enum(btf, ret) {
                continue;
            }
            if has_ld_abs {
                return refuse!(self, EINVAL, "LD_ABS is only allowed in functions that return 'int'.\n");
            }
            if has_tail_call {
                return refuse!(self, EINVAL, "tail_call is only allowed in functions that return 'int'.\n");
            }
        }
        Ok(())
    }

    /// What functions without BTF may not do.
    fn check_abnormal_return(&mut self) -> Check {
        let rest = self.subprogs.get(1..).unwrap_or(&[]);
        if let Some(at) = rest.iter().find(|it| it.has_ld_abs || it.has_tail_call) {
            let what = if at.has_ld_abs { "LD_ABS" } else { "tail_call" };
            return refuse!(self, EINVAL, "{what} is not allowed in subprogs without BTF\n");
        }
        Ok(())
    }

    fn check_btf_line(&mut self) -> Check {
        let lines = self.prog.lines;
        let (mut next, mut prev) = (0, 0);
        for (index, line) in lines.iter().enumerate() {
            let at = line.slot as usize;
            if index > 0 && line.slot <= prev || at >= self.insns.len() {
                return refuse!(
                    self,
                    EINVAL,
                    "Invalid line_info[{index}].insn_off:{at} (prev_offset:{prev} prog->len:{})\n",
                    self.insns.len()
                );
            }
            if self.insns[at].code == 0 {
                return refuse!(self, EINVAL, "Invalid insn code at line_info[{index}].insn_off\n");
            }
            if let Some(subprog) = self.subprogs.get_mut(next) {
                if subprog.start == at {
                    subprog.line_idx = index;
                    next += 1;
                } else if subprog.start < at {
                    return refuse!(self, EINVAL, "missing bpf_line_info for func#{next}\n");
                }
            }
            prev = line.slot;
        }
        self.check_request(Stage::LineInfo)?;
        let missing = self.subprogs.len() - next;
        if !lines.is_empty() && missing > 0 {
            return refuse!(
                self,
                EINVAL,
                "missing bpf_line_info for {missing} funcs starting from func#{next}\n"
            );
        }
        Ok(())
    }
}
