//! Running a program.

use crate::context::{
    Area, Context, ETH_HLEN, Frame, FrameError, PacketCtx, PacketKind, StructCtx, data_fields,
};
use crate::effects::Effects;
use crate::files::Fd;
use crate::fire::Setup;
use crate::hooks::trampoline::Way;
use crate::invocation::{Invocation, Probed, Redirect};
use crate::kernel::Kernel;
use crate::net::NetEffects;
use crate::notes::Note;
use crate::prog::ProgInfo;
use crate::report::{RunError, over_limit};
use skep_abi::{AttachType, ProgType, ctx, structs};
use skep_isa::Op;
use skep_maps::ObjRef;
use skep_memory::{NoMemory, Rights};
use skep_vm::{Exit, Hook, Machine, Program, Stack};
use std::sync::Arc;

/// How to run a program.
#[derive(Default)]
pub struct Run<'a> {
    /// What r1 points to.
    pub ctx: Context,
    /// The CPU to run on.
    pub cpu: u32,
    /// How often; 0 is 1. Maps and clocks go on from run to run.
    pub repeat: u32,
    /// Every run but the first continues with the context and packet of the one before, as `repeat` of
    /// `BPF_PROG_TEST_RUN` has it; otherwise each starts from the same.
    pub carry_over: bool,
    /// The budget of each run; the kernel's own if there is none.
    pub budget: Option<u64>,
    /// What `bpf_get_attach_cookie` answers.
    pub cookie: u64,
    /// Looks at every instruction.
    pub hook: Option<&'a mut dyn Hook>,
}

impl Run<'_> {
    /// One run on CPU 0 with a context.
    pub fn new(ctx: Context) -> Self {
        Run { ctx, ..Run::default() }
    }

    /// The same, on another CPU.
    #[must_use]
    pub fn on(mut self, cpu: u32) -> Self {
        self.cpu = cpu;
        self
    }
}

/// What a program came to. Of several runs, the last one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// r0.
    pub r0: u64,
    /// The program's type, which says what r0 means.
    pub prog_type: ProgType,
    /// Where the program is to be attached, which may say so too.
    pub expected_attach_type: u32,
    /// Instructions executed, those of tail-called programs included.
    pub insns: u64,
    /// What helpers charged for long work, in units of one instruction.
    pub charges: u64,
    /// The packet, if the context had one; or the data that it pointed to: a message, a socket option's value, the keys
    /// of a flow dissector.
    pub packet_out: Option<Vec<u8>>,
    /// How many bytes at its end are in fragments.
    pub frags: usize,
    /// The metadata in front of it.
    pub meta_out: Vec<u8>,
    /// The context in its UAPI form. Of a packet's, the fields that say where the packet is are addresses.
    pub ctx_out: Vec<u8>,
    /// Where `bpf_redirect` said that the packet is to go.
    pub redirect: Option<Redirect>,
    /// What an iterator wrote into its file.
    pub output: Option<Vec<u8>>,
    /// What it did to the machine around it: signals, a return value overridden; of several runs, all of it.
    pub effects: Effects,
    /// What it did to the network.
    pub net: NetEffects,
    /// What did not stop the program and its author should know; of several runs, all of it.
    pub notes: Vec<Note>,
}

impl Ran {
    /// r0 as the kernel hands it on: 32 bits.
    pub fn retval(&self) -> u32 {
        self.r0 as u32
    }

    /// The name of the verdict that r0 is, for types that return verdicts: `"XDP_PASS"`, `"TC_ACT_OK"`, `"SK_DROP"`;
    /// `"allow"` or `"deny"` of cgroup programs; `"allow"` or the error number (`"EPERM"`) of LSM programs.
    pub fn verdict(&self) -> Option<&'static str> {
        let attach = AttachType::from_u32(self.expected_attach_type);
        crate::verdict::name(self.prog_type, attach, self.r0)
    }
}

impl Ran {
    /// A field of the context after the run, by its name in `linux/bpf.h`: where a program left a number for the kernel
    /// (`user_ip4`, `mark`). `None`: the type's context has no such field of up to eight bytes.
    pub fn ctx(&self, field: &str) -> Option<u64> {
        let context =
            skep_abi::ctx::context(self.prog_type, AttachType::from_u32(self.expected_attach_type))?;
        let bytes = self.ctx_out.get(context.layout.field(field)?.range()).filter(|it| it.len() <= 8)?;
        Some(bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    }

    /// What an iterator wrote, as text; empty for other programs. Bytes that are not UTF-8 show as replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.output.as_deref().unwrap_or_default()).into_owned()
    }
}

impl Kernel {
    /// Runs a program.
    ///
    /// # Errors
    /// The program faulted, with a report; or there is nothing to run: no such program or CPU, a context that does not
    /// go with the type, no room.
    pub fn run(&mut self, fd: Fd, mut run: Run<'_>) -> Result<Ran, RunError> {
        let ctx = std::mem::take(&mut run.ctx);
        let id = self.runnable(fd)?;
        self.run_as(id, run, Setup::from(ctx))
    }

    /// The program that an fd stands for, to be run.
    pub(crate) fn runnable(&self, fd: Fd) -> Result<ObjRef, RunError> {
        let id = self.core.prog_of(fd);
        id.map_err(|errno| RunError::BadInput(format!("fd {fd} is no program ({errno})")))
    }

    /// Runs a program with a context that was made for it.
    pub(crate) fn run_as(&mut self, id: ObjRef, run: Run<'_>, setup: Setup) -> Result<Ran, RunError> {
        let ran = self.run_prog(id, run, setup);
        self.core.sockets.end_run(&self.memory);
        self.core.sweep(&self.memory);
        ran
    }

    /// The same, perhaps in the middle of another program's run.
    pub(crate) fn run_prog(
        &mut self,
        id: ObjRef,
        mut run: Run<'_>,
        mut setup: Setup,
    ) -> Result<Ran, RunError> {
        run.ctx = std::mem::take(&mut setup.ctx);
        let Some(prog) = self.core.objects.prog(id) else {
            return Err(RunError::BadInput(format!("{id:?} is no program")));
        };
        let (program, info) = (prog.program.clone(), prog.info.clone());
        self.memory.take_refused();
        let stack = self.stack(run.cpu)?;
        let mut prepared = self.prepare(&info, &run, setup)?;
        self.core.objects.retain(id);
        let task = self.core.enter_cpu(&self.memory, run.cpu);
        let started = self.core.clock.monotonic_ns;
        let ran = match self.memory.take_refused() {
            Some(refused) => Err(RunError::HostLimit(over_limit(&refused))),
            None => self.run_all(&program, &info, stack, &mut run, &mut prepared),
        };
        let ran = ran.map(|ran| self.judged(ran, &program, &info));
        let took = self.core.clock.monotonic_ns.saturating_sub(started);
        if let Some(prog) = self.core.objects.prog_mut(id).filter(|_| self.core.stats > 0) {
            prog.told.run_cnt += u64::from(run.repeat.max(1));
            prog.told.run_time_ns += took;
        }
        self.finish(id, prepared);
        if let Some(task) = task {
            self.core.task = task;
        }
        ran
    }

    /// The stack of a CPU.
    pub(crate) fn stack(&mut self, cpu: u32) -> Result<Stack, RunError> {
        let count = self.stacks.len();
        let Some(stack) = self.stacks.get_mut(cpu as usize) else {
            return Err(RunError::BadInput(format!("there is no CPU {cpu}: the machine has {count}")));
        };
        if let Some(stack) = *stack {
            return Ok(stack);
        }
        let made = Stack::new(&self.memory).map_err(no_memory)?;
        Ok(*stack.insert(made))
    }

    fn run_all(
        &mut self,
        program: &Arc<Program>,
        info: &ProgInfo,
        stack: Stack,
        run: &mut Run<'_>,
        prepared: &mut Prepared,
    ) -> Result<Ran, RunError> {
        for turn in 1.. {
            let machine = self.run_once(program, stack, run)?;
            if turn >= run.repeat {
                return Ok(self.ran(&machine, info));
            }
            if !run.carry_over {
                self.reset(run, prepared);
            }
            self.core.now.redirect = None;
            self.core.now.net = NetEffects::of(&run.ctx);
        }
        Err(RunError::BadInput("a run of no turns".to_owned()))
    }

    fn run_once(
        &mut self,
        program: &Arc<Program>,
        stack: Stack,
        run: &mut Run<'_>,
    ) -> Result<Machine, RunError> {
        let prog = ObjRef(program.tag() as u32);
        self.run_tracers(prog, Way::Entry, None)?;
        let r1 = self.core.now.ctx.addr;
        self.core.notice_arenas(&self.memory);
        let (args, poison) = ([r1, 0, 0, 0, 0], self.core.poison.clone());
        let mut machine = Machine::with_poison(program.clone(), stack, args, poison);
        machine.set_budget(Some(run.budget.unwrap_or(self.core.budget)));
        let exit = match run.hook.as_deref_mut() {
            Some(hook) => machine.run_with(&self.memory, &mut self.core, hook),
            None => machine.run(&self.memory, &mut self.core),
        };
        let machine = self.ended(machine, exit)?;
        self.run_tracers(prog, Way::Exit, machine.result())?;
        Ok(machine)
    }

    /// Cleans up behind a machine that stopped, and says why if it did not return.
    pub(crate) fn ended(&mut self, machine: Machine, exit: Exit) -> Result<Machine, RunError> {
        self.core.free_scratch(&self.memory);
        let held = self.core.now.held.take();
        let res_held = std::mem::take(&mut self.core.now.res_held);
        for lock in held.iter().chain(&res_held) {
            let _ = self.memory.poke_u32(lock.addr, 0);
        }
        // Helpers are stopped at once; this was a frame of the stack, and a fault in the eyes of the machine.
        if let Some(refused) = self.memory.take_refused() {
            return Err(RunError::HostLimit(over_limit(&refused)));
        }
        let object = self.core.unreleased_object(&self.memory, &machine);
        let unreleased = self.core.unreleased(&machine).or(object);
        let report = match (exit, held) {
            (Exit::Return(_), None) => match (unreleased, res_held.first()) {
                (None, None) => return Ok(machine),
                (Some(report), _) => report,
                (None, Some(held)) => self.core.report_at(
                    held.site,
                    &machine,
                    "bpf_res_spin_unlock is missing: this lock is still held when the program ends",
                ),
            },
            (Exit::Return(_), Some(held)) => self.core.report_at(
                held.site,
                &machine,
                "bpf_spin_unlock is missing: this lock is still held when the program ends",
            ),
            (Exit::Fault(trap), _) => self.core.report(&trap, &machine),
        };
        Err(RunError::Fault(Box::new(report)))
    }

    /// Says so if a program returned what the kernel's verifier does not let it return.
    fn judged(&self, mut ran: Ran, program: &Program, info: &ProgInfo) -> Ran {
        let value = i64::from(ran.r0 as i32);
        let Some(range) = crate::verdict::range(info, info.attach_void).filter(|it| !it.contains(&value))
        else {
            return ran;
        };
        let what = info.attach_name.as_deref().unwrap_or(info.prog_type.name());
        let (from, to) = (range.start(), range.end());
        let is_exit = |slot: &usize| program.op(*slot).is_some_and(|op| matches!(op, Op::Exit));
        let slot = (0..program.insns().len()).find(is_exit).unwrap_or(0);
        ran.notes.push(Note {
            message: format!(
                "{value} was returned; the kernel lets a program of {what} return {from} to {to}"
            ),
            count: 1,
            program: info.name.clone(),
            slot,
            insn: program.op(slot).map(ToString::to_string).unwrap_or_default(),
            line: info.line_at(slot).cloned(),
        });
        ran
    }

    fn ran(&self, machine: &Machine, info: &ProgInfo) -> Ran {
        let now = &self.core.now;
        let (meta_out, packet_out) = match (now.frame, now.data) {
            (_, Some(data)) => (Vec::new(), Some(data.bytes(&self.memory))),
            (Some(frame), None) => {
                let (meta, packet) = frame.bytes(&self.memory);
                (meta, Some(packet))
            }
            (None, None) => (Vec::new(), None),
        };
        Ran {
            r0: machine.result().unwrap_or(0),
            prog_type: info.prog_type,
            expected_attach_type: info.expected_attach_type,
            insns: machine.insns(),
            charges: machine.charges(),
            packet_out,
            frags: now.frame.map_or(0, |it| it.frags as usize),
            meta_out,
            ctx_out: now.ctx.bytes(&self.memory),
            redirect: now.redirect.clone(),
            output: now.seq.as_ref().map(|it| it.bytes.clone()),
            effects: now.effects.clone(),
            net: now.net.clone(),
            notes: self.core.notes(),
        }
    }
}

/// What has to be given back after a run.
#[derive(Default)]
struct Prepared {
    /// What was made for this run, with the bytes it starts with: contexts of plain bytes, and data behind contexts.
    parts: Vec<(Area, Vec<u8>)>,
    /// A context struct, which is made once for all runs, with its bytes.
    fields: Option<(Area, Vec<u8>)>,
}

/// Setting a context up, and taking it down.
impl Kernel {
    fn prepare(&mut self, info: &ProgInfo, run: &Run<'_>, setup: Setup) -> Result<Prepared, RunError> {
        let (prog_type, attach) = (info.prog_type, AttachType::from_u32(info.expected_attach_type));
        if !run.ctx.fits(prog_type) {
            return Err(misfit(&run.ctx, prog_type));
        }
        self.core.now = Invocation {
            cpu: run.cpu,
            prog_type: Some(prog_type),
            cookie: run.cookie,
            traced: setup.traced,
            seq: setup.seq,
            session_return: setup.session_return,
            net: NetEffects::of(&run.ctx),
            probed: setup.probed,
            ..Invocation::default()
        };
        let mut prepared = Prepared::default();
        match &run.ctx {
            Context::None => {}
            Context::Packet(packet) => {
                let kind = PacketKind::of(prog_type).ok_or_else(|| misfit(&run.ctx, prog_type))?;
                let area = self.area(prog_type, attach)?;
                let frame =
                    Frame::new(&self.memory, kind, packet, area, &mut self.core.room).map_err(|error| {
                        match error {
                            FrameError::BadInput(text) => RunError::BadInput(text),
                            FrameError::NoMemory(error) => no_memory(error),
                        }
                    })?;
                self.core.now.ctx = area;
                self.core.now.frame = Some(frame);
                if setup.no_wire_len {
                    frame.ctx.set(&self.memory, &ctx::sk_buff::wire_len, 0);
                }
                if prog_type == ProgType::FlowDissector {
                    let keys = flow_keys(packet, setup.flow_flags);
                    let area =
                        Area::plain(&self.memory, "bpf_flow_keys", &keys, Rights::RW).map_err(no_memory)?;
                    self.core.now.data = Some(area);
                    prepared.parts.push((area, keys));
                    self.show_flow_keys();
                }
            }
            Context::Struct(given) => self.prepare_struct(prog_type, attach, given, &mut prepared)?,
            Context::Regs(regs) => {
                let (ip, user) = (regs.rip, regs.is_user());
                self.core.now.probed = Some(Probed { ip, entry: setup.entry.unwrap_or(ip), user });
                prepared.parts.push(self.plain("pt_regs", regs.to_bytes(), Rights::RO)?);
            }
            Context::Arm64(regs) => {
                let (ip, user) = (regs.pc, regs.pstate & 0xf == 0);
                self.core.now.probed = Some(Probed { ip, entry: setup.entry.unwrap_or(ip), user });
                prepared.parts.push(self.plain("user_pt_regs", regs.to_bytes(), Rights::RO)?);
            }
            Context::Raw(args) => {
                let bytes = args.iter().flat_map(|it| it.to_le_bytes()).collect();
                prepared.parts.push(self.plain("arguments", bytes, Rights::RO)?);
            }
            Context::Record(bytes) => {
                prepared.parts.push(self.plain("tracepoint record", bytes.clone(), Rights::RO)?);
            }
            Context::Bytes(bytes) => {
                let rights = if setup.read_only { Rights::RO } else { Rights::RW };
                prepared.parts.push(self.plain("context", bytes.clone(), rights)?);
            }
        }
        Ok(prepared)
    }

    /// A context with fields, and the data that some of them point to.
    fn prepare_struct(
        &mut self,
        prog_type: ProgType,
        attach: Option<AttachType>,
        given: &StructCtx,
        prepared: &mut Prepared,
    ) -> Result<(), RunError> {
        let area = self.area(prog_type, attach)?;
        let mut full = given.clone();
        let context = ctx::context(prog_type, attach);
        if let Some((start, end)) = context.and_then(data_fields) {
            let rights = match prog_type {
                ProgType::SkMsg | ProgType::CgroupSockopt => Rights::RW,
                _ => Rights::RO,
            };
            let grows = matches!(prog_type, ProgType::SkMsg | ProgType::SockOps);
            let make = if grows { Area::roomy } else { Area::plain };
            let data = make(&self.memory, "data", &given.data, rights).map_err(no_memory)?;
            full.put(start, &data.addr.to_le_bytes());
            full.put(end, &(data.addr + given.data.len() as u64).to_le_bytes());
            self.core.now.data = Some(data);
            prepared.parts.push((data, given.data.clone()));
        }
        full.bytes.resize(area.len, 0);
        area.fill(&self.memory, &full.bytes);
        self.core.now.ctx = area;
        prepared.fields = Some((area, full.bytes));
        Ok(())
    }

    /// Puts the address of a flow dissector's keys into its context.
    fn show_flow_keys(&self) {
        if let (Some(keys), Some(frame)) = (self.core.now.data, self.core.now.frame) {
            frame.ctx.set(&self.memory, &ctx::sk_buff::flow_keys, keys.addr);
        }
    }

    fn plain(&mut self, name: &str, bytes: Vec<u8>, rights: Rights) -> Result<(Area, Vec<u8>), RunError> {
        let area = Area::plain(&self.memory, name, &bytes, rights).map_err(no_memory)?;
        self.core.now.ctx = area;
        Ok((area, bytes))
    }

    /// The context struct of a program type, made once.
    fn area(&mut self, prog_type: ProgType, attach: Option<AttachType>) -> Result<Area, RunError> {
        let layout = ctx::context(prog_type, attach)
            .ok_or_else(|| RunError::NotEmulated(format!("the context of {} programs", prog_type.name())))?;
        let known = self.areas.iter().find(|it| std::ptr::eq(it.0, layout));
        if let Some(&(_, area)) = known {
            return Ok(area);
        }
        let area = Area::of(&self.memory, layout).map_err(no_memory)?;
        self.areas.push((layout, area));
        Ok(area)
    }

    /// Makes context and packet what they were before the first run.
    fn reset(&mut self, run: &Run<'_>, prepared: &Prepared) {
        for (area, bytes) in prepared.parts.iter().chain(&prepared.fields) {
            area.fill(&self.memory, bytes);
            if let Some(data) = self.core.now.data.as_mut().filter(|it| it.addr == area.addr) {
                self.memory.set_extent(area.addr, area.addr, area.len);
                *data = *area;
            }
        }
        if let (Some(frame), Context::Packet(packet)) = (self.core.now.frame, &run.ctx) {
            // A packet that outgrew its place has moved, and has more room now.
            self.core.now.frame = Some(frame.reset(&self.memory, packet));
            if self.core.now.prog_type == Some(ProgType::FlowDissector) {
                self.show_flow_keys();
            }
        }
    }

    fn finish(&mut self, id: ObjRef, prepared: Prepared) {
        for (area, _) in prepared.parts {
            area.free(&self.memory);
        }
        if let (Some(_), Some(room)) = (self.core.now.frame.take(), &self.core.room) {
            room.close(&self.memory);
        }
        self.core.now = Invocation::default();
        self.core.objects.release(id);
    }
}

/// What a flow dissector's keys hold at first (`bpf_prog_test_run_flow_dissector`): where the network header is, and its
/// protocol in network byte order.
fn flow_keys(packet: &PacketCtx, flags: u32) -> Vec<u8> {
    let mut keys = vec![0; structs::bpf_flow_keys::LAYOUT.size];
    keys[structs::bpf_flow_keys::flags.range()].copy_from_slice(&flags.to_le_bytes());
    let offset = (ETH_HLEN as u16).to_le_bytes();
    keys[structs::bpf_flow_keys::nhoff.range()].copy_from_slice(&offset);
    keys[structs::bpf_flow_keys::thoff.range()].copy_from_slice(&offset);
    if let Some(proto) = packet.data.get(12..14) {
        keys[structs::bpf_flow_keys::n_proto.range()].copy_from_slice(proto);
    }
    keys
}

fn misfit(ctx: &Context, prog_type: ProgType) -> RunError {
    RunError::BadInput(format!("{} is no context for {} programs", ctx.name(), prog_type.name()))
}

pub(crate) fn no_memory(error: NoMemory) -> RunError {
    RunError::HostLimit(match error {
        NoMemory::OverLimit(refused) => over_limit(&refused),
        error => error.to_string(),
    })
}
