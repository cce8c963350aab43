//! The BPF instruction set (RFC 9669 and what Linux added) as tables: decode, encode, and meaning as pure functions.
//!
//! ```
//! use skep_isa::{decode, AluOp, Insn, Op, Operand, Reg, Width};
//!
//! let insn = Insn::from_bytes([0x3f, 0x21, 0x01, 0, 0, 0, 0, 0]);
//! let op = decode(&[insn], 0)?;
//! assert_eq!(
//!     op,
//!     Op::Alu { op: AluOp::SDiv, width: Width::W64, dst: Reg::R1, src: Operand::Reg(Reg::R2) }
//! );
//! assert_eq!(op.encode(), (insn, None));
//! assert_eq!(AluOp::SDiv.eval(Width::W64, i64::MIN as u64, -1i64 as u64), i64::MIN as u64);
//! # Ok::<(), skep_isa::Error>(())
//! ```

mod alu;
pub mod asm;
mod atomic;
mod construct;
mod decode;
mod disasm;
mod encode;
mod end;
mod error;
mod fmt;
mod form;
mod insn;
mod jmp;
mod op;
mod words;

pub use alu::{AluForm, AluOp};
pub use atomic::AtomicOp;
pub use decode::decode;
pub use disasm::{Line, disassemble};
pub use end::End;
pub use error::{Error, ErrorKind, Field};
pub use insn::{Insn, SLOT_BYTES};
pub use jmp::JmpOp;
pub use op::{Callee, Imm64, Op, PacketMode};
pub use words::{IsaVersion, Operand, Reg, Size, Width};
