//! Where the program's functions begin, and that no jump leaves one.

use skep_abi::helpers::func;
use skep_isa::Insn;

use crate::code::{class, is_wide, mode, op, pseudo};
use crate::stop::{Check, refuse};
use crate::subprog::Subprog;
use crate::verifier::Verifier;

/// The most functions of a program (`BPF_MAX_SUBPROGS`).
const MAX_SUBPROGS: usize = 256;

/// A call of a function of the program (`bpf_pseudo_call`).
pub(crate) const fn is_pseudo_call(insn: Insn) -> bool {
    insn.code == class::JMP | op::CALL && insn.src == pseudo::CALL
}

/// A call of a kernel function (`bpf_pseudo_kfunc_call`).
pub(crate) const fn is_kfunc_call(insn: Insn) -> bool {
    insn.code == class::JMP | op::CALL && insn.src == pseudo::KFUNC_CALL
}

/// A call of a helper (`bpf_helper_call`).
pub(crate) const fn is_helper_call(insn: Insn) -> bool {
    insn.code == class::JMP | op::CALL && insn.src == 0
}

/// A load of a function's address (`bpf_pseudo_func`).
pub(crate) const fn is_pseudo_func(insn: Insn) -> bool {
    is_wide(insn) && insn.src == pseudo::FUNC
}

impl Verifier<'_> {
    /// Finds functions: the program's (`add_subprog_and_kfunc`), and the kernel's that it calls; then looks whether
    /// jumps stay in them (`check_subprogs`).
    pub(crate) fn find_subprogs(&mut self) -> Check {
        self.add_subprog(0)?;
        for i in 0..self.insns.len() {
            self.add_callee(i)?;
        }
        self.add_exception_callback()?;
        if self.log.wants_all() {
            for (i, it) in self.subprogs.iter().enumerate() {
                self.log.write(format_args!("func#{i} @{}\n", it.start));
            }
        }
        (0..self.subprogs.len()).try_for_each(|subprog| self.check_subprog(subprog))
    }

    fn add_callee(&mut self, i: usize) -> Check {
        let insn = self.insns[i];
        let is_func = is_pseudo_func(insn) || is_pseudo_call(insn);
        if !is_func && !is_kfunc_call(insn) {
            return Ok(());
        }
        if !self.bpf_capable {
            return refuse!(
                self,
                EPERM,
                "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN\n"
            );
        }
        if is_func { self.add_subprog(i as i64 + i64::from(insn.imm) + 1) } else { self.add_kfunc_call(i) }
    }

    /// A function begins there (`add_subprog`).
    pub(super) fn add_subprog(&mut self, start: i64) -> Check {
        let Some(start) = usize::try_from(start).ok().filter(|it| *it < self.insns.len()) else {
            return refuse!(self, EINVAL, "call to invalid destination\n");
        };
        let Err(place) = self.subprogs.binary_search_by_key(&start, |it| it.start) else { return Ok(()) };
        if self.subprogs.len() >= MAX_SUBPROGS {
            return refuse!(self, E2BIG, "too many subprograms\n");
        }
        self.subprogs.insert(place, Subprog { start, ..Subprog::default() });
        Ok(())
    }

    fn check_subprog(&mut self, subprog: usize) -> Check {
        let (start, end) = (self.subprogs[subprog].start, self.subprog_end(subprog));
        for i in start..end {
            let insn = self.insns[i];
            let it = &mut self.subprogs[subprog];
            if is_helper_call(insn) && insn.imm as u32 == func::tail_call {
                it.has_tail_call = true;
                it.tail_call_reachable = true;
            }
            it.has_ld_abs |= class(insn) == class::LD && matches!(mode(insn), mode::ABS | mode::IND);
            self.check_jump_stays(i, start..end)?;
        }
        // Nothing may fall from one function into the next.
        let last = self.insns[end - 1].code;
        if ![class::JMP | op::EXIT, class::JMP | op::JA, class::JMP32 | op::JA].contains(&last) {
            return refuse!(self, EINVAL, "last insn is not an exit or jmp\n");
        }
        Ok(())
    }

    fn check_jump_stays(&mut self, i: usize, within: std::ops::Range<usize>) -> Check {
        let insn = self.insns[i];
        if !matches!(class(insn), class::JMP | class::JMP32) || matches!(op(insn), op::EXIT | op::CALL) {
            return Ok(());
        }
        let target = (i as i32).wrapping_add(jump_offset(insn)).wrapping_add(1);
        if usize::try_from(target).is_ok_and(|it| within.contains(&it)) {
            return Ok(());
        }
        refuse!(self, EINVAL, "jump out of range from insn {i} to {target}\n")
    }
}

/// How far a jump goes from the next instruction (`bpf_jmp_offset`).
pub(crate) fn jump_offset(insn: Insn) -> i32 {
    if insn.code == class::JMP32 | op::JA { insn.imm } else { insn.off.into() }
}
