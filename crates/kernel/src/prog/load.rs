//! `BPF_PROG_LOAD`.

use super::view::Front;
use super::{Prog, ProgInfo, ProgLoad, Verdict, check, resolve};
use crate::files::Fd;
use crate::helpers;
use crate::kernel::Kernel;
use crate::kfuncs;
use crate::maps::owner_of;
use crate::notes::has_typed_pointers;
use crate::object::Object;
use crate::report::LoadError;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::flags::{BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS};
use skep_abi::{Errno, MapType, ProgType};
use skep_isa::facts::Facts;
use skep_isa::{Callee, Op};
use skep_vm::Program;
use std::sync::Arc;

impl Kernel {
    /// Loads a program: checks what the kernel checks before its verifier, puts the addresses of maps in place, asks
    /// the verifier, and makes it ready to run.
    ///
    /// A call to a helper or kfunc that is not emulated is no error: it may never be executed. It is among the warnings
    /// of [`Kernel::prog_info`], and executing it is a fault of class
    /// [`NotEmulated`](crate::Class::NotEmulated).
    ///
    /// # Errors
    /// What the kernel refuses, with its errno and, where it logs one, its sentence; see [`LoadError`].
    pub fn prog_load(&mut self, load: ProgLoad) -> Result<Fd, LoadError> {
        self.sys().prog_load(load)
    }
}

impl Sys<'_> {
    pub(crate) fn prog_load(&mut self, mut load: ProgLoad) -> Result<Fd, LoadError> {
        self.load(&mut load).map_err(|mut error| {
            let slot = error.slot;
            error.line = slot.and_then(|slot| super::lines::at(&load.lines, slot, |it| it.slot)).cloned();
            error
        })
    }

    /// Loads a program, whose name, lines and functions are taken out of `load`.
    fn load(&mut self, load: &mut ProgLoad) -> Result<Fd, LoadError> {
        let attach = check::front(load)?;
        let attached = super::attach::check(load, self.core.btf.as_ref())?;
        let target = match (load.attach_prog, &load.attach_func) {
            (Some(fd), Some(func)) => Some(super::extend::check_target(self.core, load.prog_type, fd, func)?),
            _ => None,
        };
        let named = self.named_by_id(&load.insns)?;
        let core = &*self.core;
        let mut resolved = resolve::resolve(load, &named, &core.files, &core.objects, &core.cx(self.memory))?;
        let front = Front { load, attach_type: attach, attached: &attached, target, resolved: &resolved };
        let verdict = self.verify(&front)?;
        if let Verdict::Accepted { facts, .. } = &verdict {
            close_dead_code(&mut resolved.insns, facts);
        }
        self.core.objects.room().map_err(|errno| LoadError::rejected(errno, None, "too many objects"))?;
        let text_base = self.core.text.take(resolved.insns.len()).ok_or_else(|| {
            LoadError::rejected(Errno::ENOMEM, None, "no room for function pointers of more programs")
        })?;
        let program = Program::new(&resolved.insns, text_base).map_err(|error| {
            self.core.text.free(text_base);
            // The kernel has words for what is no instruction; where a program goes astray, the machine has better ones.
            let known = skep_isa::decode(&resolved.insns, error.slot).err().map(|it| it.kernel_message());
            LoadError::rejected(Errno::EINVAL, Some(error.slot), known.unwrap_or(error.message))
        })?;
        let specs = resolved.maps.iter().filter_map(|it| self.core.objects.map(it.0)).map(|it| it.map.spec());
        let typed_pointers = has_typed_pointers(load.prog_type, &load.insns, specs);
        let ext = load.prog_type == ProgType::Ext;
        // The tag is how traps and helpers know the program again.
        let tag = u64::from(self.core.objects.next_id().0);
        self.adopt(Prog {
            info: Arc::new(ProgInfo {
                typed_pointers,
                attach_name: attached.name,
                attach_void: attached.void,
                ..info(self.core, load, attach, verdict, &resolved.insns)
            }),
            program: Arc::new(program.with_tag(tag)),
            maps: resolved.maps.iter().map(|it| it.0).collect(),
            arena: resolved.arena,
            text_base,
            extended: false,
            memberships: 0,
            replaces: target.filter(|_| ext),
            original: None,
        })
    }

    fn verify(&self, front: &Front<'_>) -> Result<Verdict, LoadError> {
        if !front.load.verify {
            return Ok(Verdict::NotVerified);
        }
        match front.show(self.core, self.memory, |view| self.core.verifier.verify(view)) {
            Verdict::Rejected(no) => {
                let error = LoadError::rejected(no.errno, no.slot, no.message);
                Err(LoadError { log: no.log, ..error })
            }
            verdict => Ok(verdict),
        }
    }

    /// Gives a program its references and its fd, unless it does not go with a PROG_ARRAY that it uses
    /// (`bpf_check_tail_call`, `kernel/bpf/core.c`).
    fn adopt(&mut self, prog: Prog) -> Result<Fd, LoadError> {
        let owner = owner_of(&prog);
        for &id in &prog.maps {
            let Some(object) = self.core.objects.map(id) else { continue };
            if object.map.spec().kind != MapType::ProgArray {
                continue;
            }
            let name = object.map.spec().name.clone();
            if let Err(errno) = self.core.claim(id, owner) {
                self.core.text.free(prog.text_base);
                let text = format!("PROG_ARRAY {name:?} belongs to programs of another type or attach type");
                return Err(LoadError::rejected(errno, None, text));
            }
        }
        for &id in &prog.maps {
            self.core.objects.retain(id);
        }
        if let Some((target, _)) = prog.replaces {
            self.core.objects.retain(target);
        }
        let id = self.core.objects.insert(Object::Prog(prog));
        Ok(self.core.files.open(id))
    }
}

fn info(
    core: &Core,
    load: &mut ProgLoad,
    attach: u32,
    verdict: Verdict,
    insns: &[skep_isa::Insn],
) -> ProgInfo {
    ProgInfo {
        prog_type: load.prog_type,
        expected_attach_type: attach,
        gpl_compatible: check::is_gpl_compatible(&load.license),
        typed_pointers: false,
        attach_name: None,
        attach_void: false,
        btf: load.btf.take(),
        xdp_has_frags: load.flags & BPF_F_XDP_HAS_FRAGS != 0,
        sleepable: load.flags & BPF_F_SLEEPABLE != 0,
        warnings: warnings(core, insns, &load.poisoned),
        poisoned: std::mem::take(&mut load.poisoned),
        name: std::mem::take(&mut load.name),
        lines: std::mem::take(&mut load.lines),
        funcs: std::mem::take(&mut load.funcs),
        verdict,
    }
}

/// What no path reaches may be no instruction at all: it becomes one that stays where it is (`sanitize_dead_code`,
/// `kernel/bpf/verifier.c`).
fn close_dead_code(insns: &mut [skep_isa::Insn], facts: &Facts) {
    let stay = Op::Jump { off: -1 }.encode().0;
    for (insn, fact) in insns.iter_mut().zip(facts.rows()) {
        if !fact.reached {
            *insn = stay;
        }
    }
}

/// What will not work when it is executed.
fn warnings(core: &Core, insns: &[skep_isa::Insn], poisoned: &[(usize, Arc<str>)]) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut slot = 0;
    while slot < insns.len() {
        let Ok(op) = skep_isa::decode(insns, slot) else { break };
        let missing = match op {
            // What cannot be resolved is for the loader to tell.
            Op::Call(_) if poisoned.binary_search_by_key(&slot, |it| it.0).is_ok() => None,
            Op::Call(Callee::Helper(id)) if !helpers::is_emulated(id) => Some(helpers::missing(id)),
            Op::Call(Callee::Kfunc { btf_id, off }) => kfuncs::missing(core, btf_id, off),
            _ => None,
        };
        warnings.extend(missing.map(|what| format!("instruction {slot}: {what}")));
        slot += op.slots();
    }
    warnings
}
