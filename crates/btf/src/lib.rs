//! BTF, the BPF Type Format: types, C lines and function info, C declarations, and values by type.
//!
//! Bytes in, data out: this crate knows neither ELF nor files nor kernels, and believes nothing that it is given.
//!
//! - [`Btf`] has the types of a `.BTF` section, checked as they were parsed: by id, by name and kind, with sizes,
//!   alignments, members and variables. [`BtfExt`] has the records of a `.BTF.ext` section: what function and C line
//!   an instruction is from, and the CO-RE relocations.
//! - [`Value`] is what bytes hold, seen as a type: [`Btf::decode`] reads one, [`Btf::encode`] and [`Btf::set`] write
//!   it back, [`Btf::field`] finds the place of `a.b[2].c`.
//! - [`Btf::declare`], [`Btf::describe`], [`Btf::format_value`] and [`Btf::format_map`] write text as bpftool does;
//!   a [`Value`] displays as one line.
//! - [`core`] finds out what CO-RE relocations come to against a kernel's types, and patches instructions.
//! - [`Btf::dedup`] leaves one of each type that is there several times, as when objects were put together.
//! - [`BtfBuilder`] makes types, [`Btf::to_bytes`] and [`BtfExt::to_bytes`] write sections.
//!
//! ```
//! use skep_btf::{Btf, Kind, Value};
//! # let section = {
//! #     use skep_btf::{Array, BtfBuilder, Def, IntEncoding};
//! #     let mut b = BtfBuilder::new();
//! #     let int = b.int("int", 4, IntEncoding::Signed);
//! #     let char = b.int("char", 1, IntEncoding::Signed);
//! #     let comm = b.add("", Def::Array(Array { element: char, index: int, len: 8 }));
//! #     let state = b.enumeration("state", &[("IDLE", 0), ("RUNNING", 1)]);
//! #     b.structure("event", 16, &[("pid", int, 0), ("comm", comm, 32), ("state", state, 96)]);
//! #     b.build()?.to_bytes()
//! # };
//! let btf = Btf::parse(&section)?;
//! let event = btf.find(Kind::Struct, "event").unwrap();
//! assert_eq!(
//!     btf.declare(event)?,
//!     "struct event {\n\tint pid;\n\tchar comm[8];\n\tenum state state;\n};"
//! );
//!
//! let bytes = b"\x07\0\0\0bash\0\0\0\0\x01\0\0\0";
//! let value = btf.decode(event, bytes)?;
//! assert_eq!(value.to_string(), r#"{pid = 7, comm = "bash", state = RUNNING}"#);
//! assert_eq!(value.get("pid").and_then(Value::as_u64), Some(7));
//!
//! let mut bytes = *bytes;
//! btf.set(event, &mut bytes, "comm[0]", &Value::from(b'c'))?;
//! assert_eq!(btf.get(event, &bytes, "comm")?.as_str(), Some("cash"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//! Little-endian only. Time and memory stay within a small multiple of what is read: names are at most 4096 bytes
//! long, types may contain each other at most 64 deep (the kernel's limit is 32), and a value may hold at most 16
//! times as many parts as it has bytes (and 4096 more).

mod bits;
mod btf;
mod check;
pub mod core;
mod dedup;
mod dump;
mod error;
mod ext;
mod header;
mod index;
mod kind;
mod layout;
mod members;
mod parse;
mod reader;
mod same;
mod strings;
mod type_error;
mod types;
mod value;
mod write;

pub use btf::Btf;
pub use dedup::{DedupError, Deduped};
pub use error::{Error, Reason};
pub use ext::{BtfExt, CoreRelo, ExtSection, FuncInfo, LineInfo};
pub use kind::Kind;
pub use members::{MemberInfo, VarInfo};
pub use strings::StrOff;
pub use type_error::TypeError;
pub use types::{
    Array, Composite, DataSec, DeclTag, Def, Enum, EnumValue, Func, FuncProto, FwdKind, Int, IntEncoding,
    Linkage, Member, Param, SecVar, Type, TypeId, TypeTag, Var,
};
pub use value::{Decoder, FieldRef, Value, ValueError};
pub use write::{BtfBuilder, Unresizable};
