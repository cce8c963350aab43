//! One instruction at a time: the plain reading of every instruction, and the only one of calls and returns.

use std::sync::Arc;

use skep_isa::{AtomicOp, Callee, Imm64, Op, Operand, PacketMode, Reg, Size};
use skep_memory::{Fault, Memory};

use crate::atomic;
use crate::callers::Awaits;
use crate::exit::TrapKind;
use crate::host::{Call, Host, Outcome};
use crate::machine::{Machine, Phase};

/// What r0 holds after a tail call that failed: -ENOENT.
///
/// No program that the kernel accepts can tell: Linux 6.18 answers `R0 !read_ok` (and `R1 !read_ok`...) to one that
/// looks at r0 to r5 after `bpf_tail_call`. Its x86-64 JIT leaves a kernel address or the old r0 in r0
/// (emit_bpf_tail_call_indirect, arch/x86/net/bpf_jit_comp.c); the helper's documentation promises a negative error.
pub const TAIL_CALL_FAILED: u64 = -2i64 as u64;

/// Why it could not be done, if so.
pub(crate) type Step = Result<(), Box<TrapKind>>;

impl Machine {
    /// Executes the instruction at `pc`. On an error the machine is as before, but for what a host did.
    pub(crate) fn execute(&mut self, memory: &Memory, host: &mut dyn Host) -> Step {
        match self.op() {
            Op::Alu { op, width, dst, src } => {
                self.set(dst, op.eval(width, self.reg(dst), self.operand(src)))
            }
            Op::End { kind, bits, dst } => self.set(dst, kind.eval(bits, self.reg(dst))),
            Op::LoadImm64 { dst, value } => self.set(dst, resolved(value)),
            Op::LoadPacket { mode, size, imm } => return self.load_packet(memory, host, mode, size, imm),
            Op::Load { size, signed, dst, base, off } => {
                let value = match memory.load(self.address(base, off), size.bytes()) {
                    Ok(value) => value,
                    Err(fault) => self.bad_load(memory, host, fault)?,
                };
                self.set(dst, if signed { size.sign_extend(value) } else { value });
            }
            Op::Store { size, base, off, value } => {
                let (addr, value) = (self.address(base, off), self.operand(value));
                memory.store(addr, size.bytes(), value).map_err(TrapKind::Memory)?;
            }
            Op::Atomic { op, size, base, off, reg } => {
                self.atomic(memory, op, size, self.address(base, off), reg)?
            }
            Op::Jump { .. } | Op::JumpLong { .. } => return self.jump_if(true),
            Op::Branch { op, width, dst, src, .. } => {
                return self.jump_if(op.test(width, self.reg(dst), self.operand(src)));
            }
            Op::MayGoto { .. } => {
                let loops = self.cpu.loops;
                self.cpu.loops = loops.saturating_sub(1);
                return self.jump_if(loops == 0);
            }
            Op::Call(Callee::Local(_)) => {
                let target = self.active.program.target(self.active.pc);
                return self.push_frame(memory, target, Awaits::Call);
            }
            Op::Call(callee) => return self.call(memory, host, callee),
            Op::Exit => return self.leave(memory, host),
            Op::AddrSpaceCast { dst, src, to, from } => {
                let mut call = Call::new(memory, self);
                let value = host.cast_address(&mut call, self.reg(src), to, from);
                let charged = call.charged();
                self.add_charge(charged);
                self.set(dst, value.ok_or(TrapKind::NoArena)?);
            }
        }
        self.active.pc += 1;
        Ok(())
    }

    /// The next instruction.
    #[inline(always)]
    pub(crate) fn op(&self) -> Op {
        self.active.program.ops()[self.active.pc as usize]
    }

    /// Calls a helper or a kfunc.
    #[inline(always)]
    pub(crate) fn call(&mut self, memory: &Memory, host: &mut dyn Host, callee: Callee) -> Step {
        self.ask(memory, host, |host, call| host.call(call, callee))
    }

    fn set(&mut self, reg: Reg, value: u64) {
        self.cpu.regs[reg.index()] = value;
    }

    /// 64-bit operations take an immediate sign-extended (RFC 9669 section 4.1); the others look at its low bits.
    fn operand(&self, operand: Operand) -> u64 {
        match operand {
            Operand::Reg(reg) => self.reg(reg),
            Operand::Imm(imm) => i64::from(imm) as u64,
        }
    }

    fn address(&self, base: Reg, off: i16) -> u64 {
        self.reg(base).wrapping_add(i64::from(off) as u64)
    }

    fn jump_if(&mut self, taken: bool) -> Step {
        let pc = self.active.pc;
        self.active.pc = if taken { self.active.program.target(pc) } else { pc + 1 };
        Ok(())
    }

    fn atomic(&mut self, memory: &Memory, op: AtomicOp, size: Size, addr: u64, reg: Reg) -> Step {
        let old = atomic::apply(memory, op, size, addr, self.reg(reg), self.reg(Reg::R0));
        let old = old.map_err(TrapKind::Memory)?;
        if let Some(result) = op.result(reg) {
            self.set(result, old);
        }
        Ok(())
    }

    /// `LD_ABS` and `LD_IND` as the kernel rewrites them (bpf_gen_ld_abs, net/core/filter.c): a call of a helper whose
    /// `int offset` is cut to 32 bits, then `exit` with r0 = 0 if it failed.
    fn load_packet(
        &mut self,
        memory: &Memory,
        host: &mut dyn Host,
        mode: PacketMode,
        size: Size,
        imm: i32,
    ) -> Step {
        let offset = match mode {
            PacketMode::Abs => imm,
            PacketMode::Ind(reg) => (self.reg(reg) as i32).wrapping_add(imm),
        };
        let mut call = Call::new(memory, self);
        let loaded = host.load_packet(&mut call, offset, size);
        let charged = call.charged();
        self.add_charge(charged);
        match loaded {
            Some(value) => self.return_from_call(value),
            None => {
                self.set(Reg::R0, 0);
                self.leave(memory, host)
            }
        }
    }

    /// What a refused load gives, if the host lets the program go on.
    #[cold]
    fn bad_load(&mut self, memory: &Memory, host: &mut dyn Host, fault: Fault) -> Result<u64, Box<TrapKind>> {
        let mut call = Call::new(memory, self);
        let value = host.bad_load(&mut call, &fault);
        let charged = call.charged();
        self.add_charge(charged);
        value.ok_or_else(|| Box::new(TrapKind::Memory(fault)))
    }

    /// Asks the host something at the current call, and does what it answers.
    #[inline(always)]
    fn ask(
        &mut self,
        memory: &Memory,
        host: &mut dyn Host,
        question: impl FnOnce(&mut dyn Host, &mut Call<'_>) -> Outcome,
    ) -> Step {
        let mut call = Call::new(memory, self);
        let outcome = question(host, &mut call);
        let charged = call.charged();
        self.add_charge(charged);
        match outcome {
            Outcome::Return(value) => self.return_from_call(value),
            Outcome::TailCall(program) if self.tail_calls_left() > 0 => self.replace_frame(memory, program),
            Outcome::TailCall(_) => self.return_from_call(TAIL_CALL_FAILED),
            Outcome::Callback { func, args, cont } => {
                let entry = self.function(func)?;
                self.push_frame(memory, entry, Awaits::Callback(cont))?;
                self.poison_args_and_saved();
                self.cpu.regs[1..6].copy_from_slice(&args);
                Ok(())
            }
            Outcome::Throw { cookie, catch: None } => {
                self.drop_functions(memory);
                self.set(Reg::R0, cookie);
                self.leave(memory, host)
            }
            Outcome::Throw { cookie, catch: Some(func) } => {
                let entry = self.function(func)?;
                self.drop_functions(memory);
                self.restart_frame(memory, entry, cookie)
            }
            Outcome::Fault(fault) => Err(Box::new(TrapKind::Host(fault))),
        }
    }

    /// Where a function pointer of the current program leads.
    fn function(&self, func: u64) -> Result<u32, Box<TrapKind>> {
        let program: &Arc<_> = &self.active.program;
        let entry = program.function_slot(func).and_then(|slot| program.op_index(slot));
        entry.ok_or_else(|| Box::new(TrapKind::BadCallback { func }))
    }

    fn return_from_call(&mut self, value: u64) -> Step {
        self.set(Reg::R0, value);
        self.clobber();
        self.active.pc += 1;
        Ok(())
    }

    /// Returns r0 to whoever waits for the current frame.
    fn leave(&mut self, memory: &Memory, host: &mut dyn Host) -> Step {
        let r0 = self.reg(Reg::R0);
        match self.pop_frame(memory) {
            None => self.phase = Phase::Finished(r0),
            Some(Awaits::Call) => self.active.pc += 1,
            Some(Awaits::Callback(cont)) => {
                return self.ask(memory, host, |host, call| host.resume(call, cont, r0));
            }
        }
        Ok(())
    }
}

fn resolved(value: Imm64) -> u64 {
    match value {
        Imm64::Const(value) => value,
        other => unreachable!("Program::new resolves or refuses {other:?}"),
    }
}
