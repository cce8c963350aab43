//! The helper functions: ids, names, prototypes, and the kernels that had them first.
//!
//! The list is closed: the kernel adds kfuncs now, not helpers, so ids end at 211.
//!
//! ```
//! use skep_abi::helpers::{self, ArgKind, func};
//!
//! let lookup = helpers::helper(func::map_lookup_elem).ok_or("no such helper")?;
//! assert_eq!(lookup.id, 1);
//! assert_eq!(lookup.to_string(), "bpf_map_lookup_elem(map, key)");
//! assert_eq!(lookup.proto.args[0].kind, ArgKind::ConstMapPtr);
//! assert!(lookup.proto.ret.nullable);
//! assert!(helpers::helper_by_name("bpf_probe_read_kernel").is_some_and(|it| it.proto.gpl_only));
//! # Ok::<(), &str>(())
//! ```

mod allowed;
mod build;
mod proto;
mod sets;
mod table;
mod variants;

use std::fmt;

use crate::KernelVersion;

pub use allowed::Need;
pub use proto::{ArgFlags, ArgKind, ArgType, Dynptr, Proto, RetKind, RetType};
pub use table::{HELPERS, func};

/// One helper function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Helper {
    /// The number in a call instruction's immediate (`BPF_FUNC_*`).
    pub id: u32,
    /// The name without its `bpf_` prefix.
    pub name: &'static str,
    /// The first kernel that has it.
    pub since: KernelVersion,
    /// Names of the arguments, as the UAPI header documents them; as many as the kernel checks.
    pub arg_names: &'static [&'static str],
    /// What goes in and what comes out. Where program types see different prototypes, the most common one.
    pub proto: Proto,
}

impl Helper {
    /// How many arguments the kernel looks at, 0 to 5.
    pub fn arg_count(&self) -> usize {
        self.arg_names.len()
    }

    /// The UAPI name of the id, such as `"BPF_FUNC_map_lookup_elem"`.
    pub fn uapi(&self) -> String {
        format!("BPF_FUNC_{}", self.name)
    }
}

impl fmt::Display for Helper {
    /// Writes `bpf_name(arg, arg)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bpf_{}({})", self.name, self.arg_names.join(", "))
    }
}

/// The helper with this id; `None` for 0 and for numbers past the table.
pub fn helper(id: u32) -> Option<&'static Helper> {
    HELPERS.get((id as usize).checked_sub(1)?)
}

/// The helper with this name, with or without its `bpf_` or `BPF_FUNC_` prefix.
pub fn helper_by_name(name: &str) -> Option<&'static Helper> {
    let bare = name.strip_prefix("bpf_").or_else(|| name.strip_prefix("BPF_FUNC_")).unwrap_or(name);
    HELPERS.iter().find(|it| it.name == bare)
}
