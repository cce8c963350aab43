//! The BPF instruction set (RFC 9669 and what Linux added) as tables: decode, encode, assemble, disassemble, and meaning
//! as pure functions.
//!
//! An [`Insn`] is 8 raw bytes by field; an [`Op`] is an instruction. [`decode`] takes for an instruction what the verifier
//! of Linux 6.18 takes for one, and what it decodes [encodes](Op::encode) to the same bits. What an instruction computes
//! is a method of its operation ([`AluOp::eval`], [`JmpOp::test`], [`End::eval`], [`AtomicOp::eval`]), so that engines,
//! verifier and tests share it.
//!
//! ```
//! use skep_isa::{AluOp, Op, Reg, Width, asm::assemble, decode, disassemble};
//!
//! let insns = assemble("
//!     r0 = *(u32 *)(r1 + 4)
//!     r0 s/= r2
//!     exit
//! ")?;
//! let op = decode(&insns, 1)?;
//! assert_eq!(op, Op::alu64(AluOp::SDiv, Reg::R0, Reg::R2));
//! assert_eq!(op.encode().0, insns[1]);
//! assert_eq!(op.isa_version().to_string(), "v4");
//! assert_eq!(AluOp::SDiv.eval(Width::W64, -7i64 as u64, 2) as i64, -3);
//!
//! let text: Vec<String> = disassemble(&insns).map(|line| line.to_string()).collect();
//! assert_eq!(text, ["w0 = *(u32 *)(r1 + 0x4)", "r0 s/= r2", "exit"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Adding an instruction
//!
//! - An arithmetic operation, a comparison or an atomic is one row in `alu.rs`, `jmp.rs` or `atomic.rs`: name, bits,
//!   operator, version, meaning. Decoding, encoding, text both ways and the version follow.
//! - Another encoding is one row in `form.rs` (which bits, which fields), a variant of [`Op`], and an arm in each of
//!   `decode.rs`, `encode.rs`, `fmt.rs` and `asm/`.
//! - Then record it: `cargo run -p skep-oracle -- meaning` and so on ask the kernel and LLVM; the tests fail until the
//!   recordings have it.

mod alu;
pub mod asm;
mod atomic;
mod callee;
mod construct;
mod decode;
mod disasm;
mod encode;
mod end;
mod error;
pub mod facts;
mod fmt;
mod form;
mod imm64;
mod insn;
mod jmp;
mod op;
mod words;

pub use alu::{AluForm, AluOp};
pub use atomic::AtomicOp;
pub use callee::Callee;
pub use decode::decode;
pub use disasm::{Line, disassemble};
pub use end::End;
pub use error::{Error, ErrorKind, Field};
pub use imm64::Imm64;
pub use insn::{Insn, SLOT_BYTES};
pub use jmp::JmpOp;
pub use op::{Op, PacketMode};
pub use words::{IsaVersion, Operand, Reg, Size, Width};
