//! From the ELF that clang makes to programs, maps, externs and data sections.
//!
//! Bytes in, plain data out. Nothing is loaded and no relocation is applied: a loader does that with what
//! [`Object::parse`] returns. Whatever the bytes are, the answer is an [`Object`] or an [`Error`] with its place and
//! advice, never a panic, and memory and time stay in proportion to the file.
//!
//! What it believes of an object is what libbpf believes, with these differences, made so that as much as possible
//! can be tested: legacy `maps` sections are read; static functions in any code section are subprograms; references
//! to what no BTF describes are kept as [`ExternKind::Undefined`] for the loader to judge; code sections without
//! function symbols are split at their global symbols.
//!
//! ```
//! use skep_object::{Object, Target};
//!
//! let file = include_bytes!("../tests/data/counter.bpf.o");
//! let object = Object::parse(file)?;
//! assert_eq!(object.license, "GPL");
//! let program = object.program("count").ok_or("no such program")?;
//! assert_eq!(program.section, "xdp");
//! let map = object.map("packets").ok_or("no such map")?;
//! assert_eq!((map.key_size, map.value_size, map.max_entries), (4, 8, 256));
//! assert_eq!(program.relocs[0].target, Target::Map(0));
//! let line = object.source_lines(program).next().ok_or("no lines")?;
//! assert!(line.file.ends_with("counter.bpf.c"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod btf_maps;
mod btf_section;
mod budget;
mod data;
mod data_sections;
mod elf;
mod error;
mod externs;
mod functions;
mod legacy_maps;
mod map;
mod object;
mod program;
mod reloc;
mod struct_ops;
mod vars;

pub use btf_section::btf_section;
pub use budget::MAX_ZEROED;
pub use data::{DataKind, DataReloc, DataSection, Var};
pub use error::{Error, ErrorKind, MapProblem};
pub use externs::{Extern, ExternKind, KconfigType};
pub use map::{MapDef, Pinning, StructOps, ValueRef};
pub use object::Object;
pub use program::{FuncStart, Line, Linkage, Program, Reloc, SourceLine, Target};
