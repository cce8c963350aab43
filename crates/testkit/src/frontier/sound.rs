//! Accepted programs must run without a fault, whatever they are given, and hold in their registers what was claimed.

use std::fmt;

use skep_abi::ProgType;
use skep_isa::{Insn, Reg};
use skep_kernel::{
    Class, Config, Context, Fd, FuncInfo, Kernel, MapSpec, PacketCtx, ProgLoad, Run, RunError,
};
use skep_memory::{Access, Memory, ObjectKind};
use skep_verifier::claims::{Claim, Claims, Held, Snapshot};
use skep_vm::{Hook, Machine};

use super::{
    MAPS, MAPS_OF_MAPS, MOST_INSNS, MapShape, PROGS, QUICK, Sample, numbers, types, verify,
    verify_with_claims,
};

/// Lengths of the packets that a program is run with.
const PACKETS: [usize; 6] = [14, 15, 34, 64, 120, 1500];
/// Taken jumps and charges of a run. What the verifier follows to the end in [`MOST_INSNS`] runs no longer, but for loops
/// that helpers and `may_goto` make.
const BUDGET: u64 = 2 * MOST_INSNS as u64;

/// What was found wrong with a program that the verifier accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// One sentence, or more.
    pub what: String,
    /// The instruction, if it is about one.
    pub slot: Option<usize>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot {
            Some(slot) => write!(f, "at instruction {slot}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A machine with [`MAPS`] to run programs on, one after the other.
#[derive(Debug)]
pub struct Bench {
    kernel: Kernel,
    maps: Vec<Fd>,
    progs: Vec<(ProgType, Fd)>,
}

impl Default for Bench {
    fn default() -> Bench {
        Bench::new(1)
    }
}

impl Bench {
    /// A machine whose random numbers come from a seed.
    ///
    /// # Panics
    /// If the host has no room for a machine.
    pub fn new(seed: u64) -> Bench {
        let config = Config { cpus: 2, seed, budget: BUDGET, ..Config::default() };
        let mut kernel = Kernel::new(config).expect("the host has room for a window");
        let maps: Vec<Fd> = MAPS.iter().map(|it| create(&mut kernel, it)).collect();
        if let Some(inner) = MAPS[MAPS_OF_MAPS].inner {
            let fd = maps[inner].0.to_le_bytes();
            kernel.map_update_elem(maps[MAPS_OF_MAPS], &[0; 4], &fd, 0).expect("a map like those in it");
        }
        Bench { kernel, maps, progs: Vec::new() }
    }

    /// Runs a program that the verifier accepts, and holds its registers against the claims.
    ///
    /// # Errors
    /// What went wrong first.
    pub fn run(&mut self, sample: &Sample, claims: Option<&Claims>) -> Result<(), Found> {
        let fd = match self.load(sample, claims) {
            // Without claims nobody knows what is never reached, and need not be an instruction.
            Err(found) if claims.is_none() && found.what.contains("reserved fields") => return Ok(()),
            loaded => loaded?,
        };
        let result = PACKETS.iter().enumerate().try_for_each(|(at, len)| {
            self.fill(at as u64);
            self.run_once(fd, sample, at as u64, *len, claims)
        });
        self.drain();
        self.kernel.close(fd).map_err(|errno| Found { what: errno.to_string(), slot: None })?;
        result
    }

    /// The instructions with file descriptors. What is never reached is replaced, as the kernel does: it need not be
    /// an instruction at all.
    fn insns(&mut self, sample: &Sample, claims: Option<&Claims>) -> Vec<Insn> {
        let progs = self.progs(sample.prog_type);
        let fd = |at: usize| if at == PROGS { progs.0 } else { self.maps.get(at).map_or(-1, |fd| fd.0) };
        let mut insns = sample.clone().with_maps(fd).insns;
        let mut wide = false;
        for (slot, insn) in insns.iter_mut().enumerate() {
            let second = wide;
            wide = insn.code == 0x18 && !second;
            if !second && claims.is_some_and(|it| it.at(slot).is_empty()) {
                *insn = Insn::new(0x95, 0, 0, 0, 0);
                wide = false;
            }
        }
        insns
    }

    /// A program array belongs to programs of one type.
    fn progs(&mut self, prog_type: ProgType) -> Fd {
        if let Some(known) = self.progs.iter().find(|it| it.0 == prog_type) {
            return known.1;
        }
        let fd = create(&mut self.kernel, &MAPS[PROGS]);
        self.progs.push((prog_type, fd));
        fd
    }

    fn load(&mut self, sample: &Sample, claims: Option<&Claims>) -> Result<Fd, Found> {
        let insns = self.insns(sample, claims);
        let mut load = ProgLoad::new("sample", sample.prog_type, insns);
        load.verify = false;
        load.flags = sample.flags;
        if !sample.funcs.is_empty() {
            load.btf = Some(types().clone());
            let funcs = sample.func_info().into_iter().enumerate();
            load.funcs = funcs
                .map(|(at, (slot, type_id))| FuncInfo {
                    slot: slot as usize,
                    name: format!("f{at}").into(),
                    type_id,
                })
                .collect();
        }
        self.kernel
            .prog_load(load)
            .map_err(|error| Found { what: format!("not loaded: {error}"), slot: error.slot })
    }

    /// Puts numbers into maps.
    fn fill(&mut self, run: u64) {
        for (at, shape) in MAPS.iter().enumerate().take(super::LOOKED_UP) {
            let per_cpu = if shape.kind == skep_abi::MapType::PercpuArray { 2 } else { 1 };
            let size = shape.value_size.next_multiple_of(if per_cpu == 2 { 8 } else { 1 }) as usize * per_cpu;
            for element in 0..shape.max_entries.min(3) {
                let mut key = u64::from(element).to_le_bytes().to_vec();
                key.resize(shape.key_size as usize, 0);
                let value = pattern(run, at as u64, size);
                // Full tables keep what they have.
                let _ = self.kernel.map_update_elem(self.maps[at], &key, &value, 0);
            }
        }
    }

    /// Empties the ring, so that there is room for the next program.
    fn drain(&mut self) {
        let ring = self.kernel.map(self.maps[super::RING]).ok().and_then(|map| map.ring());
        let Some(ring) = ring else { return };
        while let Ok(Some(_)) = ring.consume(self.kernel.memory()) {}
    }

    fn run_once(
        &mut self,
        fd: Fd,
        sample: &Sample,
        seed: u64,
        len: usize,
        claims: Option<&Claims>,
    ) -> Result<(), Found> {
        let mut packet = PacketCtx::new(pattern(seed, 99, len));
        if sample.prog_type != ProgType::Xdp {
            // cb[]: all that may be set freely.
            packet.ctx = vec![0; 68];
            packet.ctx[48..68].copy_from_slice(&pattern(seed, 98, 20));
        }
        let mut watch = Watch { claims, found: None };
        let mut run = Run::new(Context::Packet(packet)).on((seed % 2) as u32);
        run.budget = Some(BUDGET);
        if claims.is_some() {
            run.hook = Some(&mut watch);
        }
        let ran = self.kernel.run(fd, run);
        if let Some(found) = watch.found {
            return Err(found);
        }
        match ran {
            Ok(_) => Ok(()),
            Err(RunError::Fault(report)) => {
                let long = sample
                    .insns
                    .iter()
                    .any(|it| it.code == 0x85 && it.src == 0 && matches!(it.imm, 181 | 164));
                let may_goto = sample.insns.iter().any(|it| it.code == 0xe5);
                let excused = report.message.contains("budget") && (long || may_goto)
                    || report.class == Class::HostLimit
                    || report.class == Class::NotEmulated;
                if excused {
                    Ok(())
                } else {
                    Err(Found { what: report.to_string(), slot: Some(report.slot) })
                }
            }
            Err(error) => Err(Found { what: error.to_string(), slot: None }),
        }
    }
}

/// What a run has in its maps, packet and context: zeros, ones, or anything.
fn pattern(run: u64, what: u64, len: usize) -> Vec<u8> {
    match run {
        0 => vec![0; len],
        1 => vec![0xff; len],
        _ => numbers::bytes(run, what, len),
    }
}

fn create(kernel: &mut Kernel, shape: &MapShape) -> Fd {
    let MapShape { kind, key_size, value_size, max_entries, flags, inner } = *shape;
    let spec = MapSpec::new(kind, key_size, value_size, max_entries);
    let inner = inner.map(|it| {
        let like = MAPS[it];
        Box::new(MapSpec::new(like.kind, like.key_size, like.value_size, like.max_entries))
    });
    let spec = MapSpec { flags, inner, ..spec };
    kernel.map_create(&spec).expect("a plain map")
}

/// Looks at every instruction.
struct Watch<'a> {
    claims: Option<&'a Claims>,
    found: Option<Found>,
}

impl Hook for Watch<'_> {
    fn before(&mut self, machine: &Machine, memory: &Memory) {
        let Some(claims) = self.claims else { return };
        if self.found.is_some() {
            return;
        }
        let slot = machine.slot();
        let snapshots = claims.at(slot);
        if snapshots.is_empty() {
            self.found =
                Some(Found { what: "the verifier says that this is never reached".into(), slot: Some(slot) });
            return;
        }
        let live: Vec<usize> = (0..11).filter(|reg| claims.is_live(slot, *reg)).collect();
        let regs = machine.regs();
        let fits = |snapshot: &Snapshot| live.iter().all(|reg| holds(&snapshot[*reg], regs, *reg, memory));
        if !snapshots.iter().any(fits) {
            let values: String = live.iter().map(|reg| format!(" r{reg}={:#x}", regs[*reg])).collect();
            let mut what = format!("the registers hold what was not claimed:{values}");
            for snapshot in snapshots {
                for reg in live.iter().filter(|reg| !holds(&snapshot[**reg], regs, **reg, memory)) {
                    what.push_str(&format!("\n  claimed of r{reg}: {:?}", snapshot[*reg]));
                }
            }
            self.found = Some(Found { what, slot: Some(slot) });
        }
    }
}

/// Whether a register holds what is claimed of it.
fn holds(claim: &Claim, regs: &[u64; Reg::COUNT], reg: usize, memory: &Memory) -> bool {
    let value = regs[reg];
    if claim.nullable && value == 0 {
        return true;
    }
    let offset = claim.scalar;
    match claim.held {
        Held::Unknown | Held::Pointer => true,
        Held::Number => offset.has(value),
        Held::Stack(_) if reg == 10 => claim.has_offset(0),
        // Frames of callers lie elsewhere; what points to memory of none is caught when it is used.
        Held::Stack(_) => true,
        Held::Context => within(claim, value, memory, ObjectKind::Context, 512),
        Held::MapValue(size) => within(claim, value, memory, ObjectKind::MapValue, u64::from(size)),
        Held::Memory(size) => in_memory(claim, value, size, memory),
        Held::Packet(range) => in_packet(claim, value, range, memory),
        Held::PacketEnd => {
            memory.object_at(value).is_none() || memory.object_at(value.wrapping_sub(1)).is_some()
        }
    }
}

/// Whether the address is as far from the beginning of an object of that kind and size as is claimed. An offset that may lie
/// outside of it is let pass: a pointer there may be made, not used.
fn within(claim: &Claim, value: u64, memory: &Memory, kind: ObjectKind, size: u64) -> bool {
    let off = i64::from(claim.off);
    let object_at = |addr| memory.fault(addr, 1, Access::Load).object.filter(|it| it.kind == kind);
    if let Some(var) = claim.scalar.const_value() {
        let base = value.wrapping_sub(off as u64).wrapping_sub(var);
        return object_at(base).is_some_and(|it| it.offset == 0);
    }
    let inside = claim.scalar.smin.checked_add(off).is_some_and(|it| it >= 0)
        && claim.scalar.smax.checked_add(off).is_some_and(|it| (it as u64) < size);
    !inside || object_at(value).is_some_and(|it| claim.has_offset(it.offset as u64))
}

/// Whether the memory that the pointer is said to point into, at a known offset, is there.
fn in_memory(claim: &Claim, value: u64, size: u32, memory: &Memory) -> bool {
    let Some(var) = claim.scalar.const_value() else { return true };
    let from = value.wrapping_sub(i64::from(claim.off) as u64).wrapping_sub(var);
    let last = from.wrapping_add(u64::from(size).saturating_sub(1));
    let mut byte = [0];
    size == 0 || memory.read(from, &mut byte).is_ok() && memory.read(last, &mut byte).is_ok()
}

fn in_packet(claim: &Claim, value: u64, range: i32, memory: &Memory) -> bool {
    let from = value.wrapping_sub(i64::from(claim.off) as u64);
    if range <= 0 {
        return true;
    }
    let last = from.wrapping_add(range as u64 - 1);
    let mut byte = [0];
    memory.read(from, &mut byte).is_ok() && memory.read(last, &mut byte).is_ok()
}

/// Verifies a sample and runs it if it is accepted; tells whether it was.
///
/// # Errors
/// What is wrong with the verdict.
pub fn check(bench: &mut Bench, sample: &Sample) -> Result<bool, Found> {
    let outcome = verify(sample, QUICK);
    if outcome.errno.is_some() {
        return Ok(false);
    }
    let (exact, claims) = verify_with_claims(sample, QUICK);
    // What is not left early may become too large.
    let claims = match exact.errno {
        None => Some(&claims),
        Some(skep_abi::Errno::E2BIG) => None,
        // Stack that one path never wrote may be read, and what another path put there goes with it: a dynptr, which is
        // not to be read where it is known to be one. The kernel has it so; what is read is any number.
        Some(_) if exact.message.starts_with("invalid read from stack") => None,
        Some(errno) => {
            let what = format!("accepted, but {errno} with every path followed: {}", exact.message);
            return Err(Found { what, slot: exact.insn_idx });
        }
    };
    bench.run(sample, claims)?;
    Ok(true)
}
