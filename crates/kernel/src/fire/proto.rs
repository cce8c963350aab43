//! Parameters of functions, hooks and tracepoints, out of the kernel's types.

use super::Firing;
use skep_btf::{Btf, FuncProto, Kind, TypeId};
use std::sync::Arc;

/// What there is to be given: names and types, in the order of the calling convention.
#[derive(Clone, Debug)]
pub(super) struct Proto {
    pub(super) btf: Arc<Btf>,
    pub(super) params: Vec<Param>,
    pub(super) ret: TypeId,
    /// The types have no names for the parameters, as is so behind pointers to functions.
    pub(super) anonymous: bool,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(super) struct Param {
    /// Its name; `arg0`... where the types have none.
    pub(super) name: String,
    pub(super) type_id: TypeId,
}

impl Proto {
    pub(super) fn new(btf: &Arc<Btf>, proto: &FuncProto, skip: usize) -> Proto {
        let param = |(index, it): (usize, &skep_btf::Param)| Param {
            name: match btf.str(it.name) {
                "" => format!("arg{index}"),
                name => name.to_owned(),
            },
            type_id: it.type_id,
        };
        // `...` is no parameter.
        let named = proto.params.iter().filter(|it| it.type_id != TypeId::VOID || !it.name.is_empty());
        let params: Vec<Param> = named.skip(skip).enumerate().map(param).collect();
        let anonymous = proto.params.iter().all(|it| it.name.is_empty());
        Proto { btf: btf.clone(), params, ret: proto.ret, anonymous }
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.params.iter().map(|it| it.name.as_str()).collect()
    }
}

impl Firing<'_, '_> {
    /// The prototype of a function.
    pub(super) fn function(&self, name: &str) -> Option<Proto> {
        find_function(self.btf.as_ref()?, name, 0)
    }

    /// The prototype of a member of a struct of functions.
    pub(super) fn member(&self, id: u32, index: u32) -> Option<Proto> {
        let btf = self.btf.as_ref()?;
        let member = btf.member(id, index as usize)?;
        btf.func_proto(member.type_id).map(|it| Proto::new(btf, it, 0))
    }

    /// The prototype of a tracepoint, without the data that comes first. The typedef has types without names; the
    /// functions around a tracepoint (`include/trace/bpf_probe.h`, `DECLARE_TRACE`) have both.
    pub(super) fn event(&self, name: &str) -> Option<Proto> {
        let btf = self.btf.as_ref()?;
        let around = ["__traceiter_", "__bpf_trace_", "trace_event_raw_event_"];
        let named = around.iter().find_map(|it| find_function(btf, &format!("{it}{name}"), 1));
        named.or_else(|| {
            let typedef = btf.find(Kind::Typedef, &format!("btf_trace_{name}"))?;
            btf.func_proto(typedef).map(|it| Proto::new(btf, it, 1))
        })
    }
}

fn find_function(btf: &Arc<Btf>, name: &str, skip: usize) -> Option<Proto> {
    let id = btf.find(Kind::Func, name)?;
    btf.func_proto(id).map(|it| Proto::new(btf, it, skip))
}
