//! The stack: which of it a pointer reaches, at a fixed offset or a variable one.

use skep_abi::Errno;

use super::region::MAX_VAR_OFF;
use crate::access::Access;
use crate::state::stack::{MAX_STACK, REG_SIZE, Slot};
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

/// Bytes of a frame's stack: the first, and the last, that an access may begin at, and how many it may take.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) frame: usize,
    pub(super) min_off: i32,
    pub(super) max_off: i32,
    pub(super) size: i32,
}

impl Span {
    /// Every byte that may be accessed.
    pub(super) fn bytes(self) -> std::ops::Range<i32> {
        self.min_off..self.max_off + self.size
    }
}

impl Verifier<'_> {
    /// The frame that a pointer to the stack points to.
    pub(super) fn frame_of(&self, regno: usize) -> usize {
        self.reg(regno).frameno as usize
    }

    /// The offsets that an access may begin at.
    pub(super) fn span_of(&self, regno: usize, off: i32, size: i32) -> Span {
        let scalar = self.reg(regno).scalar;
        let at = |var: i64| (var as i32).wrapping_add(off);
        let (min_off, max_off) = match scalar.const_value() {
            Some(value) => (at(value as i64), at(value as i64)),
            None => (at(scalar.smin), at(scalar.smax)),
        };
        Span { frame: self.frame_of(regno), min_off, max_off, size }
    }

    /// A read of `size` bytes at `off` beside `ptr_regno` (`check_stack_read`); `dst_regno`: `None` for none.
    pub(crate) fn check_stack_read(
        &mut self,
        ptr_regno: usize,
        off: i32,
        size: u32,
        dst_regno: Option<usize>,
    ) -> Check {
        let var_off = self.reg(ptr_regno).scalar.var_off;
        if var_off.is_const() {
            let off = off.wrapping_add(var_off.value as i32);
            return self.check_stack_read_fixed_off(self.frame_of(ptr_regno), off, size, dst_regno);
        }
        match dst_regno {
            Some(dst) => self.check_stack_read_var_off(ptr_regno, off, size, dst),
            // What is read does not become a number: a pointer could leak.
            None => refuse!(
                self,
                EACCES,
                "variable offset stack pointer cannot be passed into helper function; var_off={var_off} off={off} \
                 size={size}\n"
            ),
        }
    }

    /// A write (`check_stack_write`).
    pub(crate) fn check_stack_write(
        &mut self,
        ptr_regno: usize,
        off: i32,
        size: u32,
        value_regno: Option<usize>,
        insn_idx: usize,
    ) -> Check {
        let span = self.span_of(ptr_regno, off, size as i32);
        if self.reg(ptr_regno).scalar.var_off.is_const() {
            self.check_stack_write_fixed_off(span.frame, span.min_off, size, value_regno, insn_idx)
        } else {
            self.check_stack_write_var_off(span, value_regno, insn_idx)
        }
    }

    /// Whether an access lies in the stack; if so, the stack grows as far (`check_stack_access_within_bounds`).
    pub(crate) fn check_stack_access_within_bounds(
        &mut self,
        regno: usize,
        off: i32,
        access_size: i32,
        access: Access,
    ) -> Check {
        let does = if access == Access::Read { " read from" } else { " write to" };
        let scalar = self.reg(regno).scalar;
        let frame = self.frame_of(regno);
        let (min_off, max_off) = match scalar.const_value() {
            Some(value) => (value as i64, value as i64),
            None if scalar.smax >= MAX_VAR_OFF || scalar.smin <= -MAX_VAR_OFF => {
                return refuse!(self, EACCES, "invalid unbounded variable-offset{does} stack R{regno}\n");
            }
            None => (scalar.smin, scalar.smax),
        };
        let min_off = min_off.wrapping_add(i64::from(off));
        let end = max_off.wrapping_add(i64::from(off)).wrapping_add(i64::from(access_size));
        let wrong = self.out_of_stack(frame, min_off, end, access_size, access);
        let Some(errno) = wrong else {
            self.grow_stack(frame, -min_off as usize);
            return Ok(());
        };
        if scalar.is_const() {
            verbose!(self, "invalid{does} stack R{regno} off={off} size={access_size}\n");
        } else {
            verbose!(
                self,
                "invalid variable-offset{does} stack R{regno} var_off={} off={off} size={access_size}\n",
                scalar.var_off
            );
        }
        Err(Stop::new(errno))
    }

    /// Why an access is outside of the stack.
    fn out_of_stack(&self, frame: usize, min_off: i64, end: i64, size: i32, access: Access) -> Option<Errno> {
        let all = access == Access::Write || self.allow_uninit_stack;
        let lowest = if all { -MAX_STACK } else { -self.cur.frames[frame].allocated_stack() };
        if min_off < i64::from(lowest) || min_off > -1 {
            Some(Errno::EACCES)
        } else if end > 0 {
            Some(Errno::EINVAL)
        } else if size < 0 {
            Some(Errno::EFAULT)
        } else {
            None
        }
    }

    /// Gives a frame at least so many bytes of stack (`grow_stack_state`).
    pub(crate) fn grow_stack(&mut self, frame: usize, bytes: usize) {
        let slots = bytes.div_ceil(REG_SIZE);
        let frame = &mut self.cur.frames[frame];
        if frame.stack.len() >= slots {
            return;
        }
        frame.stack.resize(slots, Slot::EMPTY);
        let depth = &mut self.subprogs[frame.subprogno as usize].stack_depth;
        *depth = (*depth).max((slots * REG_SIZE) as u16);
    }

    /// Something that is no spill or fill around a fast call touches the stack that these have to themselves: they are
    /// kept then (`check_fastcall_stack_contract`).
    pub(super) fn check_fastcall_stack_contract(&mut self, frame: usize, insn_idx: usize, off: i32) {
        let subprogno = self.cur.frames[frame].subprogno as usize;
        let subprog = &mut self.subprogs[subprogno];
        if i32::from(subprog.fastcall_stack_off) <= off || self.aux[insn_idx].fastcall_pattern {
            return;
        }
        subprog.fastcall_stack_off = i16::MIN;
        let start = subprog.start;
        let end = self.subprog_end(subprogno);
        for aux in &mut self.aux[start..end] {
            aux.fastcall_spills = 0;
            aux.fastcall_pattern = false;
        }
    }
}
