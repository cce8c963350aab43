//! Second opinions: the real kernel's bpf(2) and rbpf, recorded for tests that need neither.
//!
//! What is learnt here is written under `fixtures/` beside the kernel's version, and ordinary tests replay it. Programs
//! are loaded and test-run, never attached.
//!
//! ```
//! use skep_isa::{Insn, Op, Operand, AluOp, Reg, Width};
//! use skep_oracle::sys::{ProgLoad, TestRun};
//!
//! let seven = Op::Alu { op: AluOp::Mov, width: Width::W64, dst: Reg::R0, src: Operand::Imm(7) };
//! let insns = [seven.encode().0, Op::Exit.encode().0];
//! let load = ProgLoad { prog_type: 1, insns: &insns, license: "GPL", ..ProgLoad::default() };
//! match load.load() {
//!     Ok(prog) => {
//!         let run = TestRun { data_in: &[0; 64], repeat: 1, ..TestRun::default() };
//!         assert_eq!(prog.test_run(&run).unwrap().retval, 7);
//!     }
//!     Err(rejected) => println!("skipped, the kernel does not let us: {rejected}"),
//! }
//! ```

pub mod bpf;
pub mod calls;
pub mod cases;
pub mod contexts;
pub mod core;
pub mod corpus;
pub mod externs;
pub mod frontier;
pub mod handlers;
mod libbpf;
pub mod link;
pub mod llvm;
pub mod logs;
pub mod maps;
pub mod meaning;
pub mod numbers;
pub mod ranges;
pub mod raw;
pub mod strictness;
pub mod sys;
pub mod traces;
