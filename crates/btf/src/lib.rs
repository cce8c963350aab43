//! BTF and BTF.ext: types, line and function info, C declarations, values printed by type.
//!
//! Bytes in, data out: this crate knows neither ELF nor files, and believes nothing that it is given.

mod bits;
mod btf;
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
pub use write::BtfBuilder;
