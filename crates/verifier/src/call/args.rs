//! Arguments of the program's functions, by their BTF.

use skep_abi::helpers::{ArgFlags, ArgKind, ArgType};
use skep_abi::{Errno, ProgType};

use super::dynptr::{DynptrArg, dynptr_reg};
use super::reg_type::Expected;
use crate::call::meta::CallMeta;
use crate::state::reg::{DynptrKind, Extra, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, Stop, refuse, verbose};
use crate::subprog::SubprogArg;
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// What the registers hold has to be what the function takes (`btf_check_subprog_call`). Where it is not, or
    /// where nothing is known, that is an error for global functions only.
    pub(super) fn check_subprog_call(&mut self, subprog: usize) -> Check {
        let Some(func) = self.prog.funcs.get(subprog) else { return Err(Stop::new(Errno::EINVAL)) };
        if func.type_id.0 == 0 {
            return Err(Stop::new(Errno::EFAULT));
        }
        if self.subprogs[subprog].unreliable {
            return Err(Stop::new(Errno::EINVAL));
        }
        let checked = self.check_subprog_args(subprog);
        if checked.is_err() {
            self.subprogs[subprog].unreliable = true;
        }
        checked
    }

    fn check_subprog_args(&mut self, subprog: usize) -> Check {
        self.btf_prepare_func_args(subprog)?;
        for argno in 0..self.subprogs[subprog].args.len() {
            let arg = self.subprogs[subprog].args[argno];
            self.check_subprog_arg(argno, arg)?;
        }
        Ok(())
    }

    fn check_subprog_arg(&mut self, argno: usize, arg: SubprogArg) -> Check {
        let regno = argno + 1;
        let reg = *self.reg(regno);
        match arg {
            SubprogArg::Anything if !reg.ty.is(Base::Scalar) => {
                refuse!(self, EINVAL, "R{regno} is not a scalar\n")
            }
            // Read only, and by loads that fail softly.
            SubprogArg::Anything
            | SubprogArg::Mem { untrusted: true, .. }
            | SubprogArg::Btf { trusted: false, .. } => Ok(()),
            SubprogArg::Ctx => {
                self.check_func_arg_reg_off(&reg, regno, false, false)?;
                if !reg.ty.is(Base::PtrToCtx) {
                    return refuse!(self, EINVAL, "arg#{argno} expects pointer to ctx\n");
                }
                Ok(())
            }
            SubprogArg::Mem { size, nullable, .. } => self.check_mem_arg(argno, reg, size, nullable),
            SubprogArg::Arena if !reg.ty.is(Base::PtrToArena) && !reg.ty.is(Base::Scalar) => {
                refuse!(self, EINVAL, "R{regno} is not a pointer to arena or scalar.\n")
            }
            SubprogArg::Arena => Ok(()),
            SubprogArg::Dynptr => {
                self.check_func_arg_reg_off(&reg, regno, false, true)?;
                let arg = DynptrArg { uninit: false, read_only: true, kind: None };
                self.process_dynptr_func(regno, self.insn_idx, arg, 0)
            }
            SubprogArg::Btf { btf, id, nullable, .. } => {
                if reg.is_null() && nullable {
                    return Ok(());
                }
                let flags = ArgFlags { nullable, ..ArgFlags::NONE };
                let arg = ArgType { kind: ArgKind::BtfId(""), flags };
                let expected = Expected { arg, btf: Some((btf, id)) };
                self.check_reg_type(regno, expected, &CallMeta::default())?;
                self.check_func_arg_reg_off(&reg, regno, false, false)
            }
        }
    }

    fn check_mem_arg(&mut self, argno: usize, reg: Reg, size: u32, nullable: bool) -> Check {
        let regno = argno + 1;
        self.check_func_arg_reg_off(&reg, regno, false, false)?;
        if self.check_mem_reg(reg, regno, size).is_err() {
            return Err(Stop::new(Errno::EINVAL));
        }
        if !nullable && reg.ty.may_be_null() {
            return refuse!(self, EINVAL, "arg#{argno} is expected to be non-NULL\n");
        }
        Ok(())
    }

    /// Puts the arguments of a global function, or of a program's first function, into the registers of the current frame: `do_check_common`'s part.
    /// The first line of a global function (`Validating ...`) is written, too.
    pub(crate) fn set_up_args(&mut self, subprog: usize) -> Check {
        if subprog == 0 && self.prog.prog_type != ProgType::Ext {
            self.set_up_main()?;
            self.acquire_ctx_args();
            return Ok(());
        }
        if self.log.wants_path() {
            let name = &self.subprogs[subprog].name;
            verbose!(self, "Validating {name}() func#{subprog}...\n");
        }
        self.btf_prepare_func_args(subprog)?;
        let args = self.subprogs[subprog].args.clone();
        if self.subprogs[subprog].is_exception_cb {
            self.frame_mut().in_exception_callback_fn = true;
            if args.as_slice() != [SubprogArg::Anything] {
                return refuse!(self, EINVAL, "exception cb only supports single integer argument\n");
            }
        }
        for (argno, arg) in args.into_iter().enumerate() {
            let reg = self.arg_reg(arg);
            *self.reg_mut(argno + 1) = reg;
        }
        Ok(())
    }

    /// References that an operation of a struct is handed (`__ref`): they are held from the beginning.
    fn acquire_ctx_args(&mut self) {
        for at in 0..self.attached.ctx_args.len() {
            if self.attached.ctx_args[at].refcounted {
                self.attached.ctx_args[at].ref_obj_id = self.acquire_reference(0);
            }
        }
    }

    fn arg_reg(&mut self, arg: SubprogArg) -> Reg {
        let flag = |is: bool, flag: Flags| if is { flag } else { Flags::empty() };
        match arg {
            SubprogArg::Ctx => Reg::pointer(RegType::of(Base::PtrToCtx), Extra::None),
            // An arena pointer is whatever the caller has.
            SubprogArg::Anything | SubprogArg::Arena => Reg::unknown(!self.bpf_capable),
            SubprogArg::Dynptr => dynptr_reg(DynptrKind::Local, true, self.new_id()),
            SubprogArg::Mem { size, nullable, read_only, untrusted } => {
                let flags = flag(nullable, Flags::MAYBE_NULL)
                    | flag(read_only, Flags::RDONLY)
                    | flag(untrusted, Flags::UNTRUSTED);
                let ty = RegType::with(Base::PtrToMem, flags);
                let id = if nullable { self.new_id() } else { 0 };
                Reg { id, ..Reg::pointer(ty, Extra::Mem { size, dynptr_id: 0 }) }
            }
            SubprogArg::Btf { btf, id, nullable, trusted } => {
                let trust = if trusted { Flags::TRUSTED } else { Flags::UNTRUSTED };
                let ty = RegType::with(Base::PtrToBtfId, flag(nullable, Flags::MAYBE_NULL) | trust);
                Reg { id: self.new_id(), ..Reg::pointer(ty, Extra::Btf { btf, id }) }
            }
        }
    }

    /// The first function gets the context; whether its BTF says so, too, matters to programs that extend it.
    fn set_up_main(&mut self) -> Check {
        if !self.prog.funcs.is_empty() {
            let known = self.btf_prepare_func_args(0).is_ok();
            if !known || self.subprogs[0].args.as_slice() != [SubprogArg::Ctx] {
                self.subprogs[0].unreliable = true;
            }
        }
        *self.reg_mut(1) = Reg::pointer(RegType::of(Base::PtrToCtx), Extra::None);
        Ok(())
    }
}
