//! What a machine asks of this kernel.

use crate::context::PacketKind;
use crate::helpers;
use crate::kfuncs;
use crate::report::{Class, Report};
use crate::state::Core;
use skep_isa::{Callee, Size};
use skep_maps::ObjRef;
use skep_memory::{Fault, Memory, ObjectInfo, Site};
use skep_vm::{Call, Continuation, FaultClass, Host, HostFault, Machine, Outcome, Trap, TrapKind};

/// `SKF_NET_OFF` and `SKF_LL_OFF`: offsets from here on count from the network and the Ethernet header.
const NETWORK_OFFSET: i32 = -0x10_0000;
const LINK_OFFSET: i32 = -0x20_0000;

impl Host for Core {
    fn call(&mut self, call: &mut Call<'_>, callee: Callee) -> Outcome {
        match callee {
            Callee::Helper(id) => helpers::call(self, call, id),
            Callee::Kfunc { btf_id, off } => kfuncs::call(self, call, btf_id, off),
            Callee::Local(_) => Outcome::Fault(HostFault::program("a local call is no helper")),
        }
    }

    fn resume(&mut self, call: &mut Call<'_>, cont: Continuation, r0: u64) -> Outcome {
        match kfuncs::resumes(cont) {
            true => kfuncs::resume(self, call, cont, r0),
            false => helpers::resume(self, call, cont, r0),
        }
    }

    fn bad_load(&mut self, call: &mut Call<'_>, fault: &Fault) -> Option<u64> {
        self.forgive(call, fault)
    }

    /// To 1: a pointer for user space. From 1: one to load and store through. All casts of a program are into its arena.
    fn cast_address(&mut self, call: &mut Call<'_>, value: u64, to: u16, from: u16) -> Option<u64> {
        let prog = self.objects.prog(ObjRef(call.program().tag() as u32))?;
        let arena = self.objects.map(prog.arena?)?.map.arena()?;
        match (to, from) {
            (0, 1) => Some(arena.to_memory(value)),
            (1, 0) => Some(arena.to_user(value)),
            _ => None,
        }
    }

    /// `bpf_skb_load_helper_*` (`net/core/filter.c`): non-negative offsets count from what the program calls the
    /// packet, negative ones from its headers.
    fn load_packet(&mut self, call: &mut Call<'_>, offset: i32, size: Size) -> Option<u64> {
        let frame = self.now.frame.filter(|it| matches!(it.kind, PacketKind::Skb(_)))?;
        let len = size.bytes();
        let addr = if offset >= 0 {
            frame.at(offset as u64, len as u64)?
        } else {
            let (base, from) = if offset >= NETWORK_OFFSET {
                (frame.network, NETWORK_OFFSET)
            } else if offset >= LINK_OFFSET {
                (frame.mac, LINK_OFFSET)
            } else {
                return None;
            };
            let addr = base + i64::from(offset - from) as u64;
            (addr + len as u64 <= frame.data_end).then_some(addr)?
        };
        let mut bytes = [0; 8];
        call.memory.peek(addr, &mut bytes[8 - len..]).ok()?;
        Some(u64::from_be_bytes(bytes))
    }
}

impl Core {
    /// Frees what helpers that were cut short left behind.
    pub(crate) fn free_scratch(&mut self, memory: &Memory) {
        for addr in self.now.scratch.drain(..) {
            memory.free(addr);
        }
        for piece in self.now.pieces.drain(..) {
            self.world.end(piece, memory, &mut self.user);
        }
        self.now.kern_ctx = None;
    }

    /// Where a call is, for the objects that it makes.
    pub(crate) fn site(call: &Call<'_>) -> Site {
        Site { prog: call.program().tag() as u32, insn: call.slot() as u32 }
    }

    /// An instruction in words: `instruction 8 of my_prog`.
    pub(crate) fn place(&self, site: Site) -> String {
        match self.objects.prog(ObjRef(site.prog)) {
            Some(prog) => format!("instruction {} of {}", site.insn, prog.info.name),
            None => format!("instruction {} of a program that is gone", site.insn),
        }
    }

    /// Says what stopped a machine.
    pub(crate) fn report(&self, trap: &Trap, machine: &Machine) -> Report {
        let site = Site { prog: trap.program.tag() as u32, insn: trap.slot as u32 };
        let insn = trap.program.op(trap.slot).map(ToString::to_string);
        let object = object_of(&trap.kind);
        // Memory knows programs by their numbers alone.
        let sites = object.iter().flat_map(|it| [it.allocated, it.freed]).flatten();
        let message =
            sites.fold(trap.kind.to_string(), |it, site| it.replace(&site.to_string(), &self.place(site)));
        Report {
            class: class_of(&trap.kind),
            insn: insn.unwrap_or_default(),
            depth: trap.depth,
            object,
            ..self.report_at(site, machine, &message)
        }
    }

    /// Says what is wrong with an instruction that was executed.
    pub(crate) fn report_at(&self, site: Site, machine: &Machine, message: &str) -> Report {
        let prog = self.objects.prog(ObjRef(site.prog));
        let (info, slot) = (prog.map(|it| &it.info), site.insn as usize);
        let insn = prog.and_then(|it| it.program.op(slot)).map(ToString::to_string);
        Report {
            class: Class::ProgramFault,
            program: info.map_or_else(String::new, |it| it.name.clone()),
            slot,
            insn: insn.unwrap_or_default(),
            function: info.and_then(|it| it.func_at(slot)).map(|it| it.name.to_string()),
            line: info.and_then(|it| it.line_at(slot)).cloned(),
            regs: *machine.regs(),
            depth: machine.depth(),
            message: message.to_owned(),
            object: None,
            notes: self.notes(),
        }
    }
}

fn class_of(kind: &TrapKind) -> Class {
    match kind {
        TrapKind::Host(fault) => match fault.class {
            FaultClass::Program => Class::ProgramFault,
            FaultClass::NotEmulated => Class::NotEmulated,
            FaultClass::HostLimit => Class::HostLimit,
        },
        TrapKind::NoArena => Class::NotEmulated,
        _ => Class::ProgramFault,
    }
}

fn object_of(kind: &TrapKind) -> Option<ObjectInfo> {
    let fault = match kind {
        TrapKind::Memory(fault) => Some(fault),
        TrapKind::Host(fault) => fault.access.as_deref(),
        _ => None,
    };
    fault.and_then(|it| it.object.as_deref()).cloned()
}
