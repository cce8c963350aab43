//! Stack that a helper is given, or that is read at a variable offset.

use super::slots::byte_of;
use super::stack::Span;
use crate::access::Access;
use crate::call::meta::CallMeta;
use crate::state::reg::Reg;
use crate::state::stack::{SlotType, spi_of};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Stack that is read has to be initialised; what a write may reach is not known any more
    /// (`check_stack_range_initialized`).
    pub(crate) fn check_stack_range_initialized(
        &mut self,
        regno: usize,
        off: i32,
        access_size: i32,
        zero_size_allowed: bool,
        access: Access,
        meta: Option<&mut CallMeta>,
    ) -> Check {
        if access_size == 0 && !zero_size_allowed {
            return refuse!(self, EACCES, "invalid zero-sized read\n");
        }
        self.check_stack_access_within_bounds(regno, off, access_size, access)?;
        let span = self.span_of(regno, off, access_size);
        let var_off = self.reg(regno).scalar.var_off;
        if !var_off.is_const() && !self.bypass_spec_v1 {
            return refuse!(
                self,
                EACCES,
                "R{regno} variable offset stack access prohibited for !root, var_off={var_off}\n"
            );
        }
        // At a variable offset not all of the memory would be filled: it has to be initialised before.
        if let Some(meta) = meta.filter(|it| it.raw_mode && var_off.is_const()) {
            self.refuse_raw_dynptr(span)?;
            meta.access_size = access_size;
            meta.regno = regno;
            return Ok(());
        }
        for off in span.bytes() {
            if !self.touch_byte(span, off, access)? {
                return self.refuse_uninit(regno, span, off);
            }
        }
        Ok(())
    }

    /// Memory that a helper fills, byte by byte, must not hold a dynptr.
    fn refuse_raw_dynptr(&mut self, span: Span) -> Check {
        let stack = &self.cur.frames[span.frame].stack;
        let is_dynptr = |off: &i32| {
            stack.get(spi_of(*off) as usize).is_some_and(|slot| slot.types[byte_of(*off)] == SlotType::Dynptr)
        };
        match span.bytes().find(is_dynptr) {
            Some(off) => refuse!(self, EACCES, "potential write to dynptr at off={off} disallowed\n"),
            None => Ok(()),
        }
    }

    /// A byte is read, and perhaps written; false: it is not there to be read.
    fn touch_byte(&mut self, span: Span, off: i32, access: Access) -> Check<bool> {
        let (spi, byte) = (spi_of(off) as usize, byte_of(off));
        let clobber = access == Access::Write;
        let (leaks_ok, uninit_ok, precise) =
            (self.allow_ptr_leaks, self.allow_uninit_stack, !self.bpf_capable);
        let Some(slot) = self.cur.frames[span.frame].stack.get_mut(spi) else {
            return refuse!(self, EFAULT, "allocated_stack too small\n");
        };
        match slot.types[byte] {
            SlotType::Misc => {}
            SlotType::Zero | SlotType::Invalid if slot.types[byte] == SlotType::Zero || uninit_ok => {
                if clobber {
                    slot.types[byte] = SlotType::Misc;
                }
            }
            _ if slot.is_spill() && (slot.reg.is_scalar() || leaks_ok) => {
                if clobber {
                    slot.reg = Reg { subreg_def: slot.reg.subreg_def, ..Reg::unknown(precise) };
                    slot.types.iter_mut().for_each(SlotType::scrub);
                }
            }
            _ => return Ok(false),
        }
        self.mark_stack_read(span.frame, self.insn_idx, 1 << spi);
        Ok(true)
    }

    fn refuse_uninit(&mut self, regno: usize, span: Span, off: i32) -> Check {
        let (at, size) = (off - span.min_off, span.size);
        let var_off = self.reg(regno).scalar.var_off;
        if var_off.is_const() {
            let min_off = span.min_off;
            return refuse!(
                self,
                EACCES,
                "invalid read from stack R{regno} off {min_off}+{at} size {size}\n"
            );
        }
        refuse!(self, EACCES, "invalid read from stack R{regno} var_off {var_off}+{at} size {size}\n")
    }
}
