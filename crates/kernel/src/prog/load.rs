//! `BPF_PROG_LOAD`.

use super::attach::Attached;
use super::uses::Uses;
use super::view::Front;
use super::{
    Asked, Examined, Prog, ProgInfo, ProgLoad, Records, Told, Verdict, Verifier, Verify, check, resolve,
};
use crate::files::Fd;
use crate::helpers;
use crate::kernel::Kernel;
use crate::kfuncs;
use crate::maps::owner_of;
use crate::notes::has_typed_pointers;
use crate::object::{Noun, Object};
use crate::report::LoadError;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::flags::{BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS};
use skep_abi::{Errno, MapType};
use skep_isa::facts::Facts;
use skep_isa::{Callee, Op};
use skep_maps::ObjRef;
use skep_verifier::LogExtent;
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

    /// The same, and what the verifier that the machine has logs at a level (`BPF_LOG_LEVEL*`; 0: its own) is put into
    /// `log`.
    ///
    /// # Errors
    /// As for [`Kernel::prog_load`].
    pub fn prog_load_logged(
        &mut self,
        load: ProgLoad,
        log_level: u32,
        log: &mut String,
    ) -> Result<Fd, LoadError> {
        let asks = log_level != 0 && self.core.verifier.is_some();
        let asked = asks.then(|| Asked { log_level, ..Asked::default() });
        let loading = self.sys().prog_load_as(load, Records::default(), asked.as_ref());
        *log = loading.log;
        loading.result
    }
}

/// What came of loading a program.
pub(crate) struct Loading {
    pub(crate) result: Result<Fd, LoadError>,
    /// What the verifier said, if it was asked.
    pub(crate) log: String,
    pub(crate) log_extent: LogExtent,
}

impl Sys<'_> {
    pub(crate) fn prog_load(&mut self, load: ProgLoad) -> Result<Fd, LoadError> {
        self.prog_load_as(load, Records::default(), None).result
    }

    /// Loads a program as `bpf(2)` asks for it.
    pub(crate) fn prog_load_as(
        &mut self,
        mut load: ProgLoad,
        records: Records,
        asked: Option<&Asked>,
    ) -> Loading {
        let mut loading =
            Loading { result: Ok(Fd(-1)), log: String::new(), log_extent: LogExtent::default() };
        let result = self.load(&mut load, records, asked, &mut loading);
        loading.result = result.map_err(|mut error| {
            let slot = error.slot;
            error.line = slot.and_then(|slot| super::lines::at(&load.lines, slot, |it| it.slot)).cloned();
            error
        });
        loading
    }

    /// Loads a program, whose name, lines and functions are taken out of `load`.
    fn load(
        &mut self,
        load: &mut ProgLoad,
        records: Records,
        asked: Option<&Asked>,
        loading: &mut Loading,
    ) -> Result<Fd, LoadError> {
        let attach = check::front(load)?;
        super::attach::ids(load)?;
        // What a verifier says is better told, and comes first.
        let attached = super::attach::check(load, self.core.btf.as_ref());
        let target = super::extend::target(self.core, load)?;
        let bound = asked.map_or(0, |it| it.bound);
        let uses = Uses::of(load, bound, &self.core.files, &self.core.objects);
        let nothing = Attached::default();
        let front = Front {
            load,
            attach_type: attach,
            attached: attached.as_ref().unwrap_or(&nothing),
            target,
            uses: &uses,
            asked,
        };
        let examined = self.examine(&front);
        loading.log = examined.verdict.log().to_owned();
        loading.log_extent = examined.log_extent;
        if let Verdict::Rejected(no) = examined.verdict {
            let error = LoadError::rejected(no.errno, no.slot, no.message);
            return Err(LoadError { log: no.log, ..error });
        }
        let attached = attached?;
        if let Some(target) = target {
            super::extend::check_target(self.core, load, target)?;
        }
        let named = self.named_by_id(&load.insns)?;
        let core = &*self.core;
        let bound = &uses.maps[..uses.bound];
        let mut resolved =
            resolve::resolve(load, bound, &named, &core.files, &core.objects, &core.cx(self.memory))?;
        if let Verdict::Accepted { facts, .. } = &examined.verdict {
            close_dead_code(&mut resolved.insns, facts);
        }
        self.core
            .room()
            .map_err(|errno| LoadError::rejected(errno, None, "too many objects or descriptors"))?;
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
        let told = Told {
            verified_insns: examined.processed,
            max_ctx: examined.max_ctx_offset,
            maps: resolved.maps.iter().map(|it| it.0).collect(),
            map_uses: uses.by_slot.iter().map(|it| (it.0, uses.maps[it.1].0)).collect(),
            ..self.told(load, records, target.is_some())
        };
        // The tag is how traps and helpers know the program again.
        let tag = u64::from(self.core.objects.next_id().0);
        self.adopt(Prog {
            info: Arc::new(ProgInfo {
                typed_pointers,
                attach_name: attached.name,
                attach_void: attached.void,
                ..info(self.core, load, attach, examined.verdict, &resolved.insns)
            }),
            program: Arc::new(program.with_tag(tag)),
            maps: resolved.maps.iter().map(|it| it.0).collect(),
            btfs: told.btf.into_iter().collect(),
            told: Box::new(told),
            arena: resolved.arena,
            text_base,
            extended: false,
            memberships: 0,
            replaces: target.and_then(|it| Some((it.0, it.1?))),
            original: None,
        })
    }

    fn examine(&self, front: &Front<'_>) -> Examined {
        let verdict =
            |verdict| Examined { verdict, log_extent: LogExtent::default(), processed: 0, max_ctx_offset: 0 };
        if !front.load.verify {
            return verdict(Verdict::NotVerified);
        }
        let default = Verifier::default();
        let verifier: &dyn Verify = match (&self.core.verifier, front.asked) {
            (Some(verifier), _) => &**verifier,
            (None, Some(_)) => &default,
            (None, None) => return verdict(Verdict::NotVerified),
        };
        front.show(self.core, self.memory, |view| match front.asked {
            Some(_) => verifier.examine(view),
            None => verdict(verifier.verify(view)),
        })
    }

    /// What user space will be told of a program.
    fn told(&self, load: &ProgLoad, records: Records, of_prog: bool) -> Told {
        let core = &*self.core;
        let btf = load.btf_fd.and_then(|fd| core.files.get(fd).ok());
        let btf = btf.filter(|id| core.objects.btf(*id).is_some());
        let module = load.attach_module.as_deref().unwrap_or("vmlinux");
        let kernels = || core.objects.of(Noun::Btf);
        let is_named = |id: &ObjRef| core.objects.btf(*id).is_some_and(|it| it.kernel && &*it.name == module);
        let attaches = load.attach_btf_id != 0 && !of_prog;
        Told {
            insns: load.insns.clone(),
            digest: super::digest(&load.insns),
            btf,
            func_records: records.funcs,
            line_records: records.lines,
            load_time: core.clock.monotonic_ns.wrapping_add(core.clock.suspended_ns),
            uid: core.credentials().uid,
            attach_btf: attaches.then(|| kernels().find(is_named)).flatten(),
            attach_btf_id: load.attach_btf_id,
            ..Told::default()
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
        for &id in prog.maps.iter().chain(&prog.btfs) {
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
