//! What a program may return (`check_return_code`).

use skep_abi::{AttachType, ProgType};

use crate::access::RegUse;
use crate::state::frame::RetvalRange;
use crate::state::reg::Reg;
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

/// What is asked of the value.
enum Rule {
    /// Nothing.
    Any,
    /// It lies in the range.
    Range(RetvalRange),
    /// Its low half does.
    Range32(RetvalRange),
    /// The program type has no such attach type.
    Unknown,
}

const fn range(min: i32, max: i32) -> Rule {
    Rule::Range(RetvalRange { min, max })
}

impl Verifier<'_> {
    /// Whether the register may be leaked (`is_pointer_value`).
    pub(crate) fn is_pointer_value(&self, regno: usize) -> bool {
        !self.allow_ptr_leaks && !self.reg(regno).is_scalar()
    }

    /// Checks what the program, or a function that is verified by itself, returns.
    pub(crate) fn check_return_code(&mut self, regno: usize, reg_name: &str) -> Check {
        let frame = &self.cur.frames[0];
        let is_subprog = frame.subprogno != 0;
        let (is_exception_cb, is_async) = (frame.in_exception_callback_fn, frame.in_async_callback_fn);
        let async_range = frame.callback_ret;
        let acts_as_main = !is_subprog || is_exception_cb;
        if acts_as_main {
            match self.prog_type {
                ProgType::Lsm
                    if self.prog.attach_type != Some(AttachType::LsmCgroup) && self.attach_returns_void() =>
                {
                    return Ok(());
                }
                ProgType::StructOps => {
                    if let Some(done) = self.check_struct_ops_return(regno)? {
                        return Ok(done);
                    }
                }
                _ => {}
            }
        }
        self.check_reg_arg(regno, RegUse::Src)?;
        if self.is_pointer_value(regno) {
            return refuse!(self, EACCES, "R{regno} leaks addr as return value\n");
        }
        if is_async {
            return self.enforce_retval(
                regno,
                reg_name,
                Rule::Range(async_range),
                "At async callback return",
                is_subprog,
            );
        }
        if is_subprog && !is_exception_cb {
            let reg = *self.reg(regno);
            if !reg.is_scalar() {
                let text = crate::log::names::type_name(reg.ty);
                return refuse!(
                    self,
                    EINVAL,
                    "At subprogram exit the register R{regno} is not a scalar value ({text})\n"
                );
            }
            return Ok(());
        }
        let rule = self.return_rule();
        self.enforce_retval(regno, reg_name, rule, "At program exit", is_subprog)
    }

    /// The values that the program type allows.
    fn return_rule(&self) -> Rule {
        use AttachType::*;
        let attach = self.prog.attach_type;
        match self.prog_type {
            ProgType::CgroupSockAddr => match attach {
                Some(
                    CgroupUdp4Recvmsg
                    | CgroupUdp6Recvmsg
                    | CgroupUnixRecvmsg
                    | CgroupInet4Getpeername
                    | CgroupInet6Getpeername
                    | CgroupUnixGetpeername
                    | CgroupInet4Getsockname
                    | CgroupInet6Getsockname
                    | CgroupUnixGetsockname,
                ) => range(1, 1),
                Some(CgroupInet4Bind | CgroupInet6Bind) => range(0, 3),
                _ => range(0, 1),
            },
            ProgType::CgroupSkb if attach == Some(CgroupInetEgress) => range(0, 3),
            ProgType::CgroupSkb
            | ProgType::CgroupSock
            | ProgType::SockOps
            | ProgType::CgroupDevice
            | ProgType::CgroupSysctl
            | ProgType::CgroupSockopt
            | ProgType::SkLookup
            | ProgType::Netfilter => range(0, 1),
            ProgType::RawTracepoint if self.prog.attach.is_some() => range(0, 0),
            ProgType::Tracing => match attach {
                Some(TraceFentry | TraceFexit) => range(0, 0),
                Some(TraceRawTp | ModifyReturn) => Rule::Any,
                Some(TraceIter) => range(0, 1),
                _ => Rule::Unknown,
            },
            ProgType::Kprobe if matches!(attach, Some(TraceKprobeSession | TraceUprobeSession)) => {
                range(0, 1)
            }
            ProgType::Lsm if attach == Some(LsmCgroup) => {
                if self.attach_returns_void() {
                    range(1, 1)
                } else {
                    range(0, 1)
                }
            }
            ProgType::Lsm => match self.lsm_retval_range() {
                Some(it) if it.min != i32::MIN || it.max != i32::MAX => Rule::Range32(it),
                _ => Rule::Any,
            },
            _ => Rule::Any,
        }
    }

    fn enforce_retval(
        &mut self,
        regno: usize,
        reg_name: &str,
        rule: Rule,
        exit_ctx: &str,
        is_subprog: bool,
    ) -> Check {
        let (range, narrow) = match rule {
            Rule::Any => return Ok(()),
            Rule::Unknown => return Err(crate::stop::Stop::new(skep_abi::Errno::ENOTSUPP)),
            Rule::Range(range) => (range, false),
            Rule::Range32(range) => (range, true),
        };
        let reg = *self.reg(regno);
        if !reg.is_scalar() {
            let text = crate::log::names::type_name(reg.ty);
            return refuse!(self, EINVAL, "{exit_ctx} the register R{regno} is not a known value ({text})\n");
        }
        self.mark_chain_precision(regno)?;
        if !retval_range_within(range, &reg, narrow) {
            self.verbose_invalid_scalar(&reg, range, exit_ctx, reg_name);
            if !is_subprog
                && self.prog_type == ProgType::Lsm
                && self.prog.attach_type == Some(AttachType::LsmCgroup)
                && self.attach_returns_void()
            {
                verbose!(
                    self,
                    "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n"
                );
            }
            return Err(crate::stop::Stop::new(skep_abi::Errno::EINVAL));
        }
        Ok(())
    }

    /// Says of a number that it is out of range (`verbose_invalid_scalar`).
    pub(crate) fn verbose_invalid_scalar(
        &mut self,
        reg: &Reg,
        range: RetvalRange,
        ctx: &str,
        reg_name: &str,
    ) {
        verbose!(self, "{ctx} the register {reg_name} has");
        let (smin, smax) = (reg.scalar.smin, reg.scalar.smax);
        if smin > i64::MIN {
            verbose!(self, " smin={smin}");
        }
        if smax < i64::MAX {
            verbose!(self, " smax={smax}");
        }
        if smin == i64::MIN && smax == i64::MAX {
            verbose!(self, " unknown scalar value");
        }
        verbose!(self, " should have been in [{}, {}]\n", range.min, range.max);
    }
}

/// Whether a number lies in a range (`retval_range_within`).
pub(crate) fn retval_range_within(range: RetvalRange, reg: &Reg, narrow: bool) -> bool {
    if narrow {
        range.min <= reg.scalar.s32_min && reg.scalar.s32_max <= range.max
    } else {
        i64::from(range.min) <= reg.scalar.smin && reg.scalar.smax <= i64::from(range.max)
    }
}
