//! What the verifier says of registers, kept so that a test can hold it against what a run really has in them.
//!
//! For that, paths are left only where every range lies within an earlier one: an ordinary verification leaves a path as
//! soon as the numbers that *mattered* do, and says nothing of the others.

use crate::input::{Env, Options, Program};
use crate::program::{Outcome, verify_with};
use crate::scalar::Scalar;
use crate::state::reg::{Extra, Reg};
use crate::state::types::{Base, Flags};
use crate::tnum::Tnum;
use crate::verifier::Verifier;

/// States kept of one instruction; what comes after joins the last one.
const MOST: usize = 48;

/// What a register is said to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// Anything, or nothing that is read.
    Unknown,
    /// A number.
    Number,
    /// An address in the context.
    Context,
    /// An address in a map's value of that many bytes.
    MapValue(u32),
    /// An address in the stack frame of that number, from its upper end.
    Stack(u32),
    /// An address in the packet; that many bytes from its variable offset on are there, if it is not negative.
    Packet(i32),
    /// The end of the packet.
    PacketEnd,
    /// An address in memory of that many bytes.
    Memory(u32),
    /// Another pointer.
    Pointer,
}

/// What is said of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// What it holds.
    pub held: Held,
    /// It may be 0 instead.
    pub nullable: bool,
    /// The constant part of a pointer's offset.
    pub off: i32,
    /// The number, or the variable part of a pointer's offset.
    pub scalar: Scalar,
}

impl Claim {
    /// Nothing is said.
    pub const UNKNOWN: Claim = Claim { held: Held::Unknown, nullable: true, off: 0, scalar: Scalar::UNKNOWN };

    fn of(reg: &Reg, value_size: impl Fn(&Reg) -> Option<u32>) -> Claim {
        let held = match (reg.ty.base, reg.extra) {
            (Base::NotInit, _) => return Claim::UNKNOWN,
            (Base::Scalar, _) => Held::Number,
            (Base::PtrToCtx, _) => Held::Context,
            (Base::PtrToMapValue, _) => value_size(reg).map_or(Held::Pointer, Held::MapValue),
            (Base::PtrToStack, _) => Held::Stack(reg.frameno),
            (Base::PtrToPacket, Extra::Range(range)) => Held::Packet(range),
            (Base::PtrToPacketEnd, _) => Held::PacketEnd,
            (Base::PtrToMem, Extra::Mem { size, .. }) => Held::Memory(size),
            _ => Held::Pointer,
        };
        let off = if held == Held::Number { 0 } else { reg.off };
        Claim { held, nullable: reg.ty.has(Flags::MAYBE_NULL), off, scalar: reg.scalar }
    }

    /// Whether the number, or the offset from what a pointer points into, is one that is said to be possible.
    pub fn has_offset(&self, number: u64) -> bool {
        self.scalar.has(number.wrapping_sub(i64::from(self.off) as u64))
    }

    /// Both.
    fn join(&self, other: &Claim) -> Claim {
        if self.held != other.held || self.off != other.off {
            return Claim::UNKNOWN;
        }
        let (a, b) = (&self.scalar, &other.scalar);
        let scalar = Scalar {
            var_off: Tnum::union(a.var_off, b.var_off),
            smin: a.smin.min(b.smin),
            smax: a.smax.max(b.smax),
            umin: a.umin.min(b.umin),
            umax: a.umax.max(b.umax),
            s32_min: a.s32_min.min(b.s32_min),
            s32_max: a.s32_max.max(b.s32_max),
            u32_min: a.u32_min.min(b.u32_min),
            u32_max: a.u32_max.max(b.u32_max),
        };
        Claim { nullable: self.nullable || other.nullable, scalar, ..*self }
    }
}

/// What is said of R0 to R10 of the current frame on one path or on several.
pub type Snapshot = [Claim; 11];

/// What is said at one instruction.
#[derive(Clone, Debug, Default)]
struct Place {
    snapshots: Vec<Snapshot>,
    /// Registers that are read later.
    live: u16,
}

/// What a verification said of the registers before each instruction.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    places: Vec<Place>,
}

impl Claims {
    /// What is said before an instruction: the registers are as in one of these. None: it is never reached.
    pub fn at(&self, insn: usize) -> &[Snapshot] {
        self.places.get(insn).map_or(&[], |it| &it.snapshots)
    }

    /// Whether a register is read from an instruction on. Of others nothing is said, whatever [`Claims::at`] has.
    pub fn is_live(&self, insn: usize, reg: usize) -> bool {
        self.places.get(insn).is_some_and(|it| it.live & 1 << reg != 0)
    }

    fn add(&mut self, insn: usize, live: u16, snapshot: Snapshot) {
        let Some(place) = self.places.get_mut(insn) else { return };
        place.live = live;
        if place.snapshots.contains(&snapshot) {
            return;
        }
        match place.snapshots.get_mut(MOST - 1) {
            Some(last) => last.iter_mut().zip(&snapshot).for_each(|(a, b)| *a = a.join(b)),
            None => place.snapshots.push(snapshot),
        }
    }
}

/// Verifies a program and keeps what is said of its registers.
///
/// The verdict is that of [`verify`](crate::verify), except for programs that become too large when paths are not left
/// early. Takes longer.
pub fn verify_with_claims(program: &Program<'_>, env: &dyn Env, options: Options) -> (Outcome, Claims) {
    let claims = Claims { places: vec![Place::default(); program.insns.len()] };
    let (outcome, claims) = verify_with(program, env, options, Some(Box::new(claims)));
    (outcome, claims.map(|it| *it).unwrap_or_default())
}

impl Verifier<'_> {
    /// Keeps what is known before the current instruction, on paths that are really taken.
    #[cold]
    pub(crate) fn keep_claims(&mut self) {
        let Some(mut claims) = self.claims.take() else { return };
        if !self.cur.speculative {
            // What a map of maps answers becomes a map once it is known to be there.
            let size = |reg: &Reg| {
                reg.map().map(|it| self.map(it)).filter(|it| it.inner.is_none()).map(|it| it.value_size)
            };
            let snapshot = std::array::from_fn(|i| Claim::of(self.reg(i), size));
            let live = self.aux[self.insn_idx].live_regs_before;
            claims.add(self.insn_idx, live, snapshot);
        }
        self.claims = Some(claims);
    }
}
