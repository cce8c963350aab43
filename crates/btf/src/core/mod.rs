//! CO-RE: numbers in instructions that depend on the target's types, by libbpf's rules.
//!
//! An object records which of its instructions hold the offset of a field, the size of a type or the number of an
//! enumerator, and as what it knows that type. A loader looks the type up in the BTF of the kernel that it loads to and
//! corrects the number: [`Relocator`] (or [`relocate`], for a single record) finds it out, [`patch`] writes it.
//!
//! ```
//! use skep_btf::core::{Patched, Target, patch, relocate};
//! use skep_btf::{BtfBuilder, CoreRelo, IntEncoding};
//! use skep_isa::Insn;
//!
//! // The object was compiled with one layout, the kernel has another.
//! let mut object = BtfBuilder::new();
//! let int = object.int("int", 4, IntEncoding::Signed);
//! let task = object.structure("task_struct___mini", 4, &[("pid", int, 0)]);
//! let relo = CoreRelo { insn_off: 0, type_id: task, access: object.string("0:0"), kind: 0 };
//! let object = object.build()?;
//!
//! let mut kernel = BtfBuilder::new();
//! let int = kernel.int("int", 4, IntEncoding::Signed);
//! kernel.structure("task_struct", 12, &[("prio", int, 0), ("flags", int, 32), ("pid", int, 64)]);
//! let kernel = kernel.build()?;
//!
//! let outcome = relocate(&object, &relo, &Target::new(&kernel))?;
//! assert_eq!(outcome.spec, "<byte_off> [2] struct task_struct___mini.pid (0:0 @ offset 0)");
//! assert_eq!(outcome.value, Some(8));
//!
//! // r0 = *(u32 *)(r1 + 0)
//! let mut insns = [Insn::new(0x61, 0, 1, 0, 0)];
//! assert_eq!(patch(&mut insns, 0, &outcome)?, Patched::Relocated);
//! assert_eq!(insns[0].off, 8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing of the records or types is trusted: access strings have at most 64 indices, types are followed as deep as
//! libbpf follows them, and an object's relocations together may look at 16 million members.

mod compat;
mod error;
mod externs;
mod kind;
mod matches;
mod name;
mod outcome;
mod patch;
mod relocate;
mod search;
mod size;
mod spec;
mod target;
mod value;
mod work;

pub use error::Error;
use error::Failure;
pub use externs::types_are_compat;
pub use kind::{ReloKind, Subject};
pub use name::essential_name;
pub use outcome::{Match, Outcome};
pub use patch::{POISON, Patched, patch};
pub use relocate::{Asked, Relocator, asked, relocate};
pub use target::Target;
