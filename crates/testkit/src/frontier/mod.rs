//! Programs near the frontier of what the verifier accepts, and what is done with them.
//!
//! [`sample`] makes one out of bytes: pieces of a small grammar that are mostly right, some of them wrong by one, then
//! a few mutations. [`check`] verifies one and, if it is accepted, runs it against what the verifier claimed;
//! [`recorded`] is the form in which the kernel's verdicts are kept.

mod grammar;
mod mutate;
mod numbers;
pub mod recorded;
mod sound;
mod verdict;

use std::fmt;

use skep_abi::{MapType, ProgType};
use skep_isa::Insn;

pub use numbers::bytes;
pub use sound::{Bench, Found, check};
pub use verdict::{MOST_INSNS, QUICK, Said, types, verify, verify_with_claims};

use crate::fuzz::Input;

/// A map that samples use; the file descriptor in a program is its place in [`MAPS`].
#[derive(Clone, Copy, Debug)]
pub struct MapShape {
    /// The map type.
    pub kind: MapType,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many elements fit.
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub flags: u32,
    /// Of a map of maps: the place of a map like those in it.
    pub inner: Option<usize>,
}

const fn map(kind: MapType, key_size: u32, value_size: u32, max_entries: u32, flags: u32) -> MapShape {
    MapShape { kind, key_size, value_size, max_entries, flags, inner: None }
}

/// The maps that there are.
pub const MAPS: [MapShape; 10] = [
    map(MapType::Hash, 4, 16, 8, 0),
    map(MapType::Array, 4, 48, 1, 0),
    map(MapType::Array, 4, 64, 4, 0),
    map(MapType::PercpuArray, 4, 8, 2, 0),
    map(MapType::Hash, 8, 13, 4, 0),
    map(MapType::Array, 4, 256, 1, skep_abi::flags::BPF_F_RDONLY_PROG),
    map(MapType::LruHash, 4, 24, 4, 0),
    map(MapType::ProgArray, 4, 4, 2, 0),
    map(MapType::Ringbuf, 0, 0, 4096, 0),
    MapShape { inner: Some(1), ..map(MapType::ArrayOfMaps, 4, 4, 2, 0) },
];

/// How many of [`MAPS`] have values that a lookup answers.
const LOOKED_UP: usize = 7;
/// The place of the program array in [`MAPS`].
pub const PROGS: usize = 7;
/// The place of the ring buffer in [`MAPS`].
pub const RING: usize = 8;
/// The place of the map of maps in [`MAPS`].
pub const MAPS_OF_MAPS: usize = 9;

/// A program to be verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Its type.
    pub prog_type: ProgType,
    /// `BPF_F_*`.
    pub flags: u32,
    /// Its instructions, with places in [`MAPS`] for file descriptors.
    pub insns: Vec<Insn>,
    /// Its functions, if it comes with types (callbacks need them); empty if not.
    pub funcs: Vec<Function>,
}

/// A function of a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function {
    /// Where it begins.
    pub slot: u32,
    /// It takes two numbers and is verified by itself.
    pub global: bool,
}

impl Sample {
    /// The same with other numbers for the places of maps.
    #[must_use]
    pub fn with_maps(mut self, fd: impl Fn(usize) -> i32) -> Sample {
        let mut second = false;
        for insn in &mut self.insns {
            let wide = insn.code == 0x18 && !second;
            if wide && matches!(insn.src, 1 | 2) {
                insn.imm = usize::try_from(insn.imm).map_or(-1, &fd);
            }
            second = wide;
        }
        self
    }

    /// Its instructions as text, one a line, with their slots.
    pub fn text(&self) -> String {
        let lines = skep_isa::disassemble(&self.insns).map(|line| format!("{line}\n"));
        let funcs: Vec<String> = self.funcs.iter().map(Function::to_string).collect();
        format!(
            "{:?}, flags {}, functions at {funcs:?}\n{}",
            self.prog_type,
            self.flags,
            lines.collect::<String>()
        )
    }
}

/// The slot, with `g` behind it if it is global.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.slot, if self.global { "g" } else { "" })
    }
}

/// Bytes that decide all of most samples.
pub const SAMPLE_BYTES: usize = 1500;

/// The program that these decisions make.
pub fn sample(input: &mut Input<'_>) -> Sample {
    let mut sample = grammar::program(input);
    for _ in 0..[0, 0, 0, 1, 1, 2][input.below(6)] {
        mutate::mutate(input, &mut sample);
    }
    // One way to name no map is enough.
    sample.with_maps(|at| if at < MAPS.len() { at as i32 } else { -1 })
}
