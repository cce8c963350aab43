//! The verdict on a sample.

use std::sync::{Arc, LazyLock};

use skep_abi::{Errno, KernelVersion};
use skep_btf::{Btf, BtfBuilder, IntEncoding, Linkage, TypeId};
use skep_verifier::claims::Claims;
use skep_verifier::{Caps, Env, Func, MapInfo, Options, Outcome, Program};

use super::{Function, MAPS, MapShape, Sample};

/// Types of a program's functions: the first is [`MAIN`], others [`OTHER`].
static TYPES: LazyLock<Arc<Btf>> = LazyLock::new(|| {
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, IntEncoding::Signed);
    builder.func("main", Linkage::Global, int, &[]);
    builder.func("other", Linkage::Static, int, &[]);
    let long = builder.int("long", 8, IntEncoding::Signed);
    builder.func("global", Linkage::Global, int, &[("a", long), ("b", long)]);
    Arc::new(builder.build().expect("they are well-formed"))
});
/// The `FUNC` of the main function.
const MAIN: u32 = 3;
/// The `FUNC` of others.
const OTHER: u32 = 5;
/// That of global ones.
const GLOBAL: u32 = 8;

/// The types that samples with functions come with.
pub fn types() -> &'static Arc<Btf> {
    &TYPES
}

/// What was said of a program, by us or by the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Positive; 0: accepted.
    pub errno: i32,
    /// How many instructions were processed; 0: verification proper did not begin.
    pub processed: u32,
    /// The last line before the statistics; empty if it is accepted.
    pub message: String,
}

impl Said {
    /// What our verifier said.
    pub fn of(outcome: &Outcome) -> Said {
        let errno = outcome.errno.map_or(0, |it| it.code());
        Said { errno, processed: outcome.stats.insns, message: outcome.message.clone() }
    }

    /// Whether it is the same, as far as it depends on nothing but the sample: where the kernel gives up while it
    /// rewrites the program is told by a number that depends on what it rewrote.
    pub fn agrees(&self, other: &Said) -> bool {
        const WHERE: &str = "verifier bug: No program to jit at insn ";
        let gives_up = |it: &Said| it.errno == Errno::EFAULT.code() && it.message.starts_with(WHERE);
        self == other || self.processed == other.processed && gives_up(self) && gives_up(other)
    }

    /// Whether it depends on the kernel's types, which samples are verified without.
    pub fn wants_types(&self) -> bool {
        ["CONFIG_DEBUG_INFO_BTF", "pseudo btf_id"].iter().any(|text| self.message.contains(text))
    }
}

impl Sample {
    /// `(slot, FUNC)` of its functions.
    pub fn func_info(&self) -> Vec<(u32, u32)> {
        let id = |at: usize, it: &Function| match at {
            0 => MAIN,
            _ if it.global => GLOBAL,
            _ => OTHER,
        };
        self.funcs.iter().enumerate().map(|(at, it)| (it.slot, id(at, it))).collect()
    }
}

/// Processed instructions with which a sample is still worth following.
pub const MOST_INSNS: u32 = 40_000;

/// The maps.
struct Maps(Vec<MapInfo>);

static MAP_INFOS: LazyLock<Maps> =
    LazyLock::new(|| Maps(MAPS.iter().enumerate().map(|(at, shape)| info(shape, at as u64 + 1)).collect()));

fn info(shape: &MapShape, handle: u64) -> MapInfo {
    MapInfo {
        kind: shape.kind,
        key_size: shape.key_size,
        value_size: shape.value_size,
        max_entries: shape.max_entries,
        flags: shape.flags,
        name: String::new(),
        frozen: false,
        btf: None,
        key_type: TypeId(0),
        value_type: TypeId(0),
        inner: shape.inner.map(|it| Box::new(info(&MAPS[it], 0))),
        handle,
        arena: (0, 0),
    }
}

impl Env for Maps {
    fn version(&self) -> KernelVersion {
        KernelVersion::new(6, 18)
    }

    fn map_by_fd(&self, fd: i32) -> Result<MapInfo, Errno> {
        usize::try_from(fd).ok().and_then(|at| self.0.get(at)).cloned().ok_or(Errno::EBADF)
    }
}

fn with<T>(sample: &Sample, act: impl FnOnce(&Program<'_>) -> T) -> T {
    let funcs: Vec<Func> =
        sample.func_info().into_iter().map(|(slot, id)| Func { slot, type_id: TypeId(id) }).collect();
    act(&Program {
        name: "sample",
        prog_type: sample.prog_type,
        attach_type: None,
        flags: sample.flags,
        gpl: true,
        insns: &sample.insns,
        btf: (!funcs.is_empty()).then(types),
        funcs: &funcs,
        lines: &[],
        attach: None,
    })
}

/// As root, up to [`MOST_INSNS`], without a log.
pub const QUICK: Options = Options { log_level: 0, caps: Caps::ALL, max_insns: MOST_INSNS };

/// Verifies it.
pub fn verify(sample: &Sample, options: Options) -> Outcome {
    with(sample, |program| skep_verifier::verify(program, &*MAP_INFOS, options))
}

/// The same, and keeps what is claimed of registers.
pub fn verify_with_claims(sample: &Sample, options: Options) -> (Outcome, Claims) {
    with(sample, |program| skep_verifier::claims::verify_with_claims(program, &*MAP_INFOS, options))
}
