//! What an object needs of a kernel, and the oldest kernel that has it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use skep::abi::{AttachType, Feature, KernelVersion, flags, helpers};
use skep::isa::{AtomicOp, Callee, Imm64, Insn, IsaVersion, Op, decode};
use skep::loader::{OpenObject, ProgramPlan, sec};
use skep::object::{ExternKind, Linkage, MapDef, Object, Target};

use super::guards::Answered;
use super::reach::Reach;

/// Instructions of a program that every kernel takes.
const SMALL_PROGRAM: usize = 4096;

/// The kernel that had the first of it all.
const FIRST: KernelVersion = KernelVersion::new(3, 18);

/// Something that a kernel must have, and the first that does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Need {
    /// The first kernel that has it.
    pub since: String,
    /// What it is: `bpf_ringbuf_output`, `map type hash`, `bpf-to-bpf calls`.
    pub what: String,
}

/// What an object needs at least.
pub(crate) struct Minimum {
    pub(crate) version: KernelVersion,
    /// What asks for that version.
    pub(crate) because: Vec<String>,
    /// All that it needs, what is youngest first.
    pub(crate) needs: Vec<Need>,
    /// What it uses only where it finds that the kernel has it.
    pub(crate) guarded: Vec<Need>,
}

/// The oldest kernel on which an object would load, as far as the tables tell: code that it does not reach there, since
/// it asks first whether the kernel has what it needs (`bpf_core_enum_value_exists` and its like), does not count.
pub(crate) fn minimum(object: &Object, open: &OpenObject) -> Minimum {
    let all = needs(object, open, None);
    let versions: BTreeSet<KernelVersion> = all.0.values().copied().chain([FIRST]).collect();
    // What is not in the tables may be there or not, whatever the version.
    let worlds = versions.iter().flat_map(|version| [(*version, false), (*version, true)]);
    let found = worlds.into_iter().find_map(|(version, otherwise)| {
        let code = Answered::of(object, version, otherwise);
        let needs = needs(object, open, Some(&code));
        (needs.version() <= version).then_some(needs)
    });
    let found = found.unwrap_or_else(|| all.clone());
    let version = found.version().max(FIRST);
    let youngest = found.0.iter().filter(|(_, since)| **since == version).map(|(what, _)| what.clone());
    let guarded = Needs(all.0.iter().filter(|(what, _)| !found.0.contains_key(*what)).map(own).collect());
    Minimum { version, because: youngest.collect(), needs: found.list(), guarded: guarded.list() }
}

fn own((what, since): (&String, &KernelVersion)) -> (String, KernelVersion) {
    (what.clone(), *since)
}

/// What is needed, and since when there is such a thing.
#[derive(Clone, Default)]
struct Needs(BTreeMap<String, KernelVersion>);

impl Needs {
    fn add(&mut self, since: KernelVersion, what: impl Into<String>) {
        self.0.insert(what.into(), since);
    }

    fn feature(&mut self, feature: Feature) {
        self.add(feature.since(), feature.name());
    }

    fn version(&self) -> KernelVersion {
        self.0.values().copied().max().unwrap_or(FIRST)
    }

    fn list(&self) -> Vec<Need> {
        let mut list: Vec<(&String, &KernelVersion)> = self.0.iter().collect();
        list.sort_by_key(|(_, since)| std::cmp::Reverse(**since));
        let need =
            |(what, since): (&String, &KernelVersion)| Need { since: since.to_string(), what: what.clone() };
        list.into_iter().map(need).collect()
    }
}

/// What is needed with this code; `None`: with all the object's code, reached or not.
fn needs(object: &Object, open: &OpenObject, code: Option<&Answered>) -> Needs {
    let mut needs = Needs::default();
    for kind in object.maps.iter().filter_map(MapDef::map_type) {
        needs.add(kind.since(), format!("map type {}", kind.name()));
    }
    if object.maps.iter().any(|it| it.map_flags & flags::BPF_F_MMAPABLE != 0) {
        needs.feature(Feature::MmapableArrays);
    }
    for plan in open.programs().iter().filter(|it| it.autoload || code.is_none()) {
        program(object, plan, code, &mut needs);
    }
    needs
}

fn program(object: &Object, plan: &ProgramPlan, code: Option<&Answered>, needs: &mut Needs) {
    if let Some(kind) = plan.prog_type() {
        needs.add(kind.since(), format!("program type {}", kind.name()));
    }
    if let Some(kind) = attach_type(plan) {
        needs.add(kind.since(), format!("attach type {}", kind.name()));
    }
    if plan.load_flags() & flags::BPF_F_SLEEPABLE != 0 {
        needs.feature(Feature::Sleepable);
    }
    if plan.load_flags() & flags::BPF_F_XDP_HAS_FRAGS != 0 {
        needs.feature(Feature::XdpFragments);
    }
    let of = |function: usize| match code {
        Some(code) => code.code(object, function),
        None => object.programs.get(function).map_or(&[][..], |it| &it.insns),
    };
    let reach = Reach::of(object, [plan.index], of);
    let mut seen = Seen::default();
    for function in reach.functions() {
        let insns = of(function);
        seen.slots += insns.len();
        let is_used = |slot: usize| code.is_none() || reach.has(function, slot);
        seen.function(object, function, insns, is_used, needs);
    }
    if seen.slots > SMALL_PROGRAM {
        needs.feature(Feature::LargePrograms);
    }
    if seen.calls && seen.tail_calls {
        needs.feature(Feature::TailCallsWithCalls);
    }
}

/// The attach type that the kernel must know. One that libbpf leaves out where the kernel does not know it is none.
pub(crate) fn attach_type(plan: &ProgramPlan) -> Option<AttachType> {
    const MAY_BE_LEFT_OUT: u8 = sec::flags::ATTACHABLE_OPT & !sec::flags::ATTACHABLE;
    plan.attach_type.filter(|_| plan.sec().is_none_or(|def| def.flags & MAY_BE_LEFT_OUT == 0))
}

/// What has been seen of one program.
#[derive(Default)]
struct Seen {
    slots: usize,
    calls: bool,
    tail_calls: bool,
}

impl Seen {
    fn function(
        &mut self,
        object: &Object,
        function: usize,
        insns: &[Insn],
        is_used: impl Fn(usize) -> bool,
        needs: &mut Needs,
    ) {
        let mut slot = 0;
        while slot < insns.len() {
            let Ok(op) = decode(insns, slot) else {
                slot += 1;
                continue;
            };
            let here = slot;
            slot += op.slots();
            if !is_used(here) {
                continue;
            }
            let target = object.programs[function].reloc_at(here).map(|it| it.target);
            if let Some(target) = target {
                self.outside(object, target, needs);
            } else if let Op::Call(Callee::Helper(id)) = op {
                self.helper(id, needs);
            }
            if jumps_back(&op) {
                needs.feature(Feature::BoundedLoops);
            }
            if let Some(feature) = feature_of(&op) {
                needs.feature(feature);
            }
        }
    }

    fn outside(&mut self, object: &Object, target: Target, needs: &mut Needs) {
        match target {
            Target::Subprog { pointer: true, .. } => needs.feature(Feature::Callbacks),
            Target::Subprog { program, .. } => {
                self.calls = true;
                needs.feature(Feature::BpfToBpf);
                let callee = object.programs.get(program);
                if callee.is_some_and(|it| it.linkage != Linkage::Static && !it.hidden) {
                    needs.feature(Feature::GlobalFunctions);
                }
            }
            Target::Data { .. } => needs.feature(Feature::GlobalData),
            Target::Extern(index) => match object.externs.get(index) {
                // A weak one may be missing.
                Some(it) if it.weak => {}
                Some(it) => match it.kind {
                    ExternKind::KsymFunc { .. } => needs.feature(Feature::Kfuncs),
                    ExternKind::KsymVar { type_id: Some(_) } => needs.feature(Feature::TypedKsyms),
                    ExternKind::Kconfig { .. } => needs.feature(Feature::GlobalData),
                    _ => {}
                },
                None => {}
            },
            Target::Map(_) => {}
        }
    }

    fn helper(&mut self, id: u32, needs: &mut Needs) {
        let Some(helper) = helpers::helper(id) else { return };
        self.tail_calls |= id == helpers::func::tail_call;
        needs.add(helper.since, format!("bpf_{}", helper.name));
    }
}

/// Whether control may go back from here.
fn jumps_back(op: &Op) -> bool {
    match *op {
        Op::Jump { off } => off < 0,
        Op::Branch { off, .. } => off < 0,
        _ => false,
    }
}

/// The youngest feature that an instruction is.
pub(crate) fn feature_of(op: &Op) -> Option<Feature> {
    match op {
        Op::MayGoto { .. } => Some(Feature::MayGoto),
        Op::AddrSpaceCast { .. } => Some(Feature::AddrSpaceCast),
        Op::Atomic { op: AtomicOp::LoadAcquire | AtomicOp::StoreRelease, .. } => {
            Some(Feature::AcquireRelease)
        }
        Op::Atomic { op: AtomicOp::Add, .. } => None,
        Op::Atomic { .. } => Some(Feature::Atomics),
        Op::Call(Callee::Kfunc { .. }) => Some(Feature::Kfuncs),
        Op::LoadImm64 { value: Imm64::Func(_), .. } => Some(Feature::Callbacks),
        op => match op.isa_version() {
            IsaVersion::V4 => Some(Feature::IsaV4),
            // 32-bit arithmetic is as old as eBPF; it is branches that came with -mcpu=v3.
            IsaVersion::V3 if matches!(op, Op::Branch { .. }) => Some(Feature::Jmp32),
            IsaVersion::V2 => Some(Feature::LessThan),
            _ => None,
        },
    }
}
