//! What a run has to say beside its result: loads that only the exception table lets pass.

use crate::prog::{LineInfo, Prog, ProgInfo};
use crate::state::Core;
use skep_abi::ProgType;
use skep_abi::helpers::{RetKind, helper};
use skep_isa::{Callee, Imm64, Insn, Op, decode};
use skep_maps::{MapSpec, ObjRef, SpecialKind};
use skep_memory::{Arena, Cause, Fault, ObjectKind, Site};
use skep_vm::Call;
use std::fmt;

/// Something that did not stop a program and that its author should know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// One sentence, about the first time.
    pub message: String,
    /// How often it happened.
    pub count: u64,
    /// The program that it first happened in.
    pub program: String,
    /// The first instruction, as a slot of that program.
    pub slot: usize,
    /// That instruction in the kernel's syntax.
    pub insn: String,
    /// The line of C that it was made from, if the program came with lines.
    pub line: Option<LineInfo>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "note: {}", self.message)?;
        if self.count > 1 {
            write!(f, " (the first of {})", self.count)?;
        }
        write!(f, "\n  in {}, instruction {}: {}", self.program, self.slot, self.insn)?;
        match &self.line {
            Some(line) => write!(f, "\n  at {line}"),
            None => Ok(()),
        }
    }
}

/// Loads through bad kernel addresses that gave 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BadLoads {
    count: u64,
    /// Where the first was.
    site: Site,
    /// What memory said about it.
    first: String,
}

impl Core {
    /// What a refused load gives. In a program that has pointers to kernel structs, the JIT makes an exception table
    /// entry for loads through them, so that a bad address gives 0 (`BPF_PROBE_MEM`, `ex_handler_bpf` in
    /// `arch/x86/net/bpf_jit_comp.c`). Which registers hold such pointers is the verifier's knowledge; without it, every
    /// load of such a program counts that is nowhere near anything but kernel objects.
    pub(crate) fn forgive(&mut self, call: &Call<'_>, fault: &Fault) -> Option<u64> {
        let site = Core::site(call);
        let prog = self.objects.prog(ObjRef(site.prog))?;
        let forgives = prog.info.typed_pointers && is_kernel_business(fault);
        if !forgives && !self.is_arena(prog, fault.addr) {
            return None;
        }
        let first = || BadLoads { count: 0, site, first: fault.to_string() };
        self.now.bad_loads.get_or_insert_with(first).count += 1;
        Some(0)
    }

    /// Whether an address is one of a page of the program's arena that may not be there (`BPF_PROBE_MEM32`).
    fn is_arena(&self, prog: &Prog, addr: u64) -> bool {
        let arena = prog.arena.and_then(|id| self.objects.map(id)).and_then(|it| it.map.arena());
        arena.is_some_and(|it| it.holds(addr))
    }

    /// What there is to say about the run so far.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let Some(bad) = &self.now.bad_loads else { return Vec::new() };
        let (prog, slot) = (self.objects.prog(ObjRef(bad.site.prog)), bad.site.insn as usize);
        let info = prog.map(|it| &*it.info);
        let insn = prog.and_then(|it| it.program.op(slot)).map(ToString::to_string);
        vec![Note {
            message: format!("a bad kernel address gave 0, as in the kernel: {}", bad.first),
            count: bad.count,
            program: info.map_or_else(String::new, |it| it.name.clone()),
            slot,
            insn: insn.unwrap_or_default(),
            line: info.and_then(|it: &ProgInfo| it.line_at(slot)).cloned(),
        }]
    }
}

/// Whether a bad load has nothing to do with the program's own memory: its stack, maps and packets.
fn is_kernel_business(fault: &Fault) -> bool {
    match &fault.object {
        Some(object) => object.kind == ObjectKind::KernelObject && fault.cause != Cause::NoRead,
        None => match fault.cause {
            Cause::Null | Cause::ErrorPointer(_) | Cause::NotAnAddress | Cause::Handle | Cause::Text => true,
            Cause::Unmapped => {
                let own = [Arena::Packet, Arena::Values, Arena::Pages, Arena::Stack];
                !own.iter().any(|it| it.contains(fault.addr))
            }
            _ => false,
        },
    }
}

/// Whether a program can hold a pointer to a kernel struct (`PTR_TO_BTF_ID`), so that some of its loads may be through
/// one: its arguments are such, something it calls gives one, it names a kernel variable, or a map holds some.
pub(crate) fn has_typed_pointers<'a>(
    prog_type: ProgType,
    insns: &[Insn],
    maps: impl IntoIterator<Item = &'a MapSpec>,
) -> bool {
    use ProgType::*;
    let holds_kptr = |spec: &MapSpec| {
        let kptrs = [SpecialKind::KptrRef, SpecialKind::KptrUnref, SpecialKind::KptrPercpu];
        spec.special.iter().any(|it| kptrs.contains(&it.kind))
    };
    matches!(prog_type, Tracing | Lsm | StructOps | Ext | Netfilter)
        || maps.into_iter().any(holds_kptr)
        || makes_typed_pointers(insns)
}

fn makes_typed_pointers(insns: &[Insn]) -> bool {
    let mut slot = 0;
    while let Some(op) = (slot < insns.len()).then(|| decode(insns, slot).ok()).flatten() {
        let gives = match op {
            Op::Call(Callee::Helper(id)) => helper(id)
                .is_some_and(|it| matches!(it.proto.ret.kind, RetKind::BtfId(_) | RetKind::MemOrBtfId)),
            Op::Call(Callee::Kfunc { .. }) | Op::LoadImm64 { value: Imm64::BtfId { .. }, .. } => true,
            _ => false,
        };
        if gives {
            return true;
        }
        slot += op.slots();
    }
    false
}
