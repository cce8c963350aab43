//! Plain programs on the real kernel: a block of memory in, R0 in full and the memory out.
//!
//! `BPF_PROG_TEST_RUN` answers with 32 bits of R0. Here the program becomes a function: its caller hands it the memory
//! (the value of an array map, not a byte more) in R1 and its length in R2, and stores R0 into another map.

use std::io;

use skep_isa::{AluOp, Callee, Imm64, Insn, Op, Operand, Reg, Size, Width};

use crate::sys::{Map, MapCreate, Prog, ProgLoad, Rejected, TestRun};

/// `BPF_PROG_TYPE_SCHED_CLS`: runs on any packet, which is read from its first byte.
const SCHED_CLS: u32 = 3;
/// `BPF_MAP_TYPE_ARRAY`.
const ARRAY: u32 = 2;
/// What R0 is taken for if the program never stored it.
const NOT_STORED: [u8; 8] = [0xa5; 8];

/// What a program did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// R0 at its exit.
    pub r0: u64,
    /// The memory afterwards.
    pub memory: Vec<u8>,
}

/// Why there is no outcome.
#[derive(Debug)]
pub enum Failure {
    /// The verifier said no.
    Rejected(Rejected),
    /// Something else did.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Failure {
        Failure::Rejected(rejected)
    }
}

/// A loaded program with its memory.
pub struct Raw {
    memory: Option<Map>,
    r0: Map,
    prog: Prog,
    packet: Vec<u8>,
}

impl Raw {
    /// Loads a program that finds `len` bytes of memory in R1 and their number in R2.
    ///
    /// # Errors
    /// The verifier's rejection, or that of the map.
    pub fn load(insns: &[Insn], len: usize) -> Result<Raw, Failure> {
        // The kernel has no address for an empty memory.
        let memory = if len == 0 { None } else { Some(array(len)?) };
        let r0 = array(8)?;
        let address = match &memory {
            None => mov(Reg::R1, 0),
            Some(map) => load_value(Reg::R1, map),
        };
        let back = store_r0(&r0);
        let back_slots: usize = back.iter().map(Op::slots).sum();
        let front = [address, mov(Reg::R2, len as i32), Op::Call(Callee::Local(back_slots as i32))];
        let mut text = Vec::new();
        front.iter().chain(&back).for_each(|op| op.encode_into(&mut text));
        text.extend_from_slice(insns);
        Ok(Raw { prog: load(&text)?, memory, r0, packet: vec![0; 64] })
    }

    /// Loads a program that finds its context in R1, to be run on a packet. It may have no functions: the kernel wants
    /// packet loads outside of them.
    ///
    /// # Errors
    /// The verifier's rejection, or that of the map.
    pub fn load_packet(insns: &[Insn], packet: &[u8]) -> Result<Raw, Failure> {
        let r0 = array(8)?;
        let exit = Op::Exit.encode().0;
        let leave = |(i, &insn): (usize, &Insn)| match insn == exit {
            true => Op::Jump { off: (insns.len() - i - 1) as i16 }.encode().0,
            false => insn,
        };
        let mut text: Vec<Insn> = insns.iter().enumerate().map(leave).collect();
        store_r0(&r0).iter().for_each(|op| op.encode_into(&mut text));
        Ok(Raw { prog: load(&text)?, memory: None, r0, packet: packet.to_vec() })
    }

    /// Runs it once on this memory, which must have the length it was loaded for.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn run(&self, memory: &[u8]) -> io::Result<Outcome> {
        let key = 0u32.to_ne_bytes();
        self.r0.update(&key, &NOT_STORED, 0)?;
        if let Some(map) = &self.memory {
            map.update(&key, memory, 0)?;
        }
        let run = TestRun { data_in: &self.packet, repeat: 1, ..TestRun::default() };
        let ran = self.prog.test_run(&run)?;
        let memory = self.memory.as_ref().map_or(Ok(Vec::new()), |map| map.lookup(&key, 0))?;
        let stored = self.r0.lookup(&key, 0)?;
        let r0 = match stored.first_chunk::<8>() {
            Some(bytes) if *bytes != NOT_STORED => u64::from_le_bytes(*bytes),
            // A failed packet load ends the program on the spot.
            _ => ran.retval.into(),
        };
        Ok(Outcome { r0, memory })
    }
}

/// Loads and runs once.
///
/// # Errors
/// The verifier's rejection or another errno.
pub fn run(insns: &[Insn], memory: &[u8]) -> Result<Outcome, Failure> {
    Ok(Raw::load(insns, memory.len())?.run(memory)?)
}

/// Loads a program and runs it once on a packet, its context in R1.
///
/// # Errors
/// The verifier's rejection or another errno.
pub fn run_packet(insns: &[Insn], packet: &[u8]) -> Result<Outcome, Failure> {
    Ok(Raw::load_packet(insns, packet)?.run(&[])?)
}

fn array(len: usize) -> io::Result<Map> {
    MapCreate { kind: ARRAY, key_size: 4, value_size: len as u32, max_entries: 1, ..MapCreate::default() }
        .create()
}

fn load(insns: &[Insn]) -> Result<Prog, Rejected> {
    ProgLoad { prog_type: SCHED_CLS, insns, license: "GPL", log_level: 1, ..ProgLoad::default() }.load()
}

/// Puts R0 where it is looked for, and leaves.
fn store_r0(map: &Map) -> [Op; 4] {
    [
        load_value(Reg::R1, map),
        Op::Store { size: Size::DW, base: Reg::R1, off: 0, value: Operand::Reg(Reg::R0) },
        mov(Reg::R0, 0),
        Op::Exit,
    ]
}

/// The address of a map's only value.
fn load_value(dst: Reg, map: &Map) -> Op {
    Op::LoadImm64 { dst, value: Imm64::MapValue { fd: map.raw_fd(), off: 0 } }
}

fn mov(dst: Reg, imm: i32) -> Op {
    Op::Alu { op: AluOp::Mov, width: Width::W64, dst, src: Operand::Imm(imm) }
}
