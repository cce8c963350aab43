//! Why a kernel object could not be made, or a field of one not be reached.

use crate::report::{Class, over_limit};
use skep_btf::ValueError;
use skep_memory::NoMemory;
use std::fmt;

/// Why a kernel object could not be made, or a field of one not be reached. `Display` is one sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectError {
    /// The type of the object; empty if it is about none.
    pub type_name: String,
    /// The path, as it was given; empty for the object itself.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a path, a type or a value. Parts are of the path, from its start.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The machine has no types.
    NoTypes,
    /// There is no such type.
    NoType {
        /// What was asked for.
        name: String,
        /// Names that are like it, the best first.
        near: Vec<String>,
    },
    /// A type without a size: it is declared and no more, or a function.
    NoLayout(String),
    /// A path is `name`, `.name`, `[index]` and `<type>` in a row; this one is not from that byte on.
    Syntax(usize),
    /// There is no such member.
    NoMember {
        /// The type in which it was looked for.
        inside: String,
        /// The path up to and with it.
        part: String,
        /// Members that are called alike, the best first.
        near: Vec<String>,
    },
    /// An index past the end of an array.
    NoElement {
        /// The path up to and with it.
        part: String,
        /// How many elements there are.
        len: u64,
    },
    /// Something that has no members or elements was looked into.
    NotInside {
        /// The path up to it.
        part: String,
        /// What it is.
        is: String,
    },
    /// Something else than was asked for.
    NotA {
        /// The path up to it.
        part: String,
        /// What it is.
        is: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A `void *` was looked into that points to no object whose type is known.
    Untyped {
        /// The path up to it.
        part: String,
    },
    /// A pointer that is NULL was read through.
    Null {
        /// The path up to it.
        part: String,
    },
    /// Memory that is not there, or is another object's.
    NoMemoryAt {
        /// The address.
        addr: u64,
        /// Bytes from there on that are needed.
        len: u64,
    },
    /// The value is of a sort that the place cannot hold.
    Takes {
        /// The path up to it.
        part: String,
        /// What it takes.
        expected: String,
    },
    /// What BTF says about the value.
    Value(ValueError),
    /// A list whose links do not come back to its head.
    BrokenList,
    /// The kernel has no such variable.
    NoVariable(String),
    /// The machine has no such CPU.
    NoCpu(u32),
    /// The host or the simulated address space has no room.
    NoRoom(String),
}

impl ObjectError {
    pub(crate) fn new(type_name: impl Into<String>, path: impl Into<String>, problem: Problem) -> Self {
        ObjectError { type_name: type_name.into(), path: path.into(), problem }
    }

    /// About no object in particular.
    pub(crate) fn bare(problem: Problem) -> ObjectError {
        ObjectError::new("", "", problem)
    }

    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self.problem {
            Problem::NoRoom(_) => Class::HostLimit,
            _ => Class::BadInput,
        }
    }

    /// Whether it is about a type or a member that this kernel does not have: older and newer ones may.
    pub fn is_missing(&self) -> bool {
        matches!(self.problem, Problem::NoType { .. } | Problem::NoMember { .. } | Problem::NoLayout(_))
    }
}

impl From<Problem> for ObjectError {
    fn from(problem: Problem) -> ObjectError {
        ObjectError::bare(problem)
    }
}

impl From<ValueError> for Problem {
    fn from(error: ValueError) -> Problem {
        Problem::Value(error)
    }
}

impl From<NoMemory> for Problem {
    fn from(error: NoMemory) -> Problem {
        Problem::NoRoom(match error {
            NoMemory::OverLimit(refused) => over_limit(&refused),
            error => error.to_string(),
        })
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.type_name.is_empty() {
            write!(f, "{}", self.type_name)?;
            if !self.path.is_empty() {
                let dot = if self.path.starts_with(['[', '<']) { "" } else { "." };
                write!(f, "{dot}{}", self.path)?;
            }
            write!(f, ": ")?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for ObjectError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoTypes => write!(
                f,
                "this machine has no types of a kernel to make objects of: give it a BTF (Config::btf)"
            ),
            Problem::NoType { name, near } => {
                write!(f, "the kernel's BTF has no type `{name}`")?;
                suggest(f, near)
            }
            Problem::NoLayout(name) => {
                write!(
                    f,
                    "`{name}` has no layout in the kernel's BTF: it is a function, or declared and no more"
                )
            }
            Problem::Syntax(at) => {
                write!(f, "a path is `name.name[index]<type>.name`; this one is not from byte {at} on")
            }
            Problem::NoMember { inside, part, near } => {
                write!(f, "there is no `{part}`: {inside} has no such member")?;
                suggest(f, near)
            }
            Problem::NoElement { part, len } => {
                write!(f, "there is no `{part}`: the array has {len} element{}", plural(*len))
            }
            Problem::NotInside { part, is } => write!(f, "`{part}` is {is}, which has nothing inside"),
            Problem::NotA { part, is, wanted } => write!(f, "`{part}` is {is}, not {wanted}"),
            Problem::Untyped { part } => write!(
                f,
                "`{part}` does not say what it points to: name the type as in `{part}<type>`, or point it to an object first"
            ),
            Problem::Null { part } => write!(f, "`{part}` is NULL"),
            Problem::NoMemoryAt { addr, len } => {
                write!(f, "there are no {len} byte{} of one object at {addr:#x}", plural(*len))
            }
            Problem::Takes { part, expected } if part.is_empty() => write!(f, "it takes {expected}"),
            Problem::Takes { part, expected } => write!(f, "`{part}` takes {expected}"),
            Problem::Value(error) => error.fmt(f),
            Problem::BrokenList => write!(f, "the links of this list do not come back to its head"),
            Problem::NoVariable(name) => write!(f, "the kernel has no variable `{name}`"),
            Problem::NoCpu(cpu) => write!(f, "the machine has no CPU {cpu}"),
            Problem::NoRoom(text) => f.write_str(text),
        }
    }
}

fn plural(number: u64) -> &'static str {
    if number == 1 { "" } else { "s" }
}

fn suggest(f: &mut fmt::Formatter<'_>, near: &[String]) -> fmt::Result {
    let Some((first, rest)) = near.split_first() else { return Ok(()) };
    write!(f, "; did you mean `{first}`")?;
    for name in rest {
        write!(f, ", `{name}`")?;
    }
    write!(f, "?")
}
