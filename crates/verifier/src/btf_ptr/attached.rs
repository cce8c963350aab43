//! What the program attaches to, as the rest of verification needs it.

use skep_abi::AttachType;
use skep_btf::TypeId;

use crate::state::reg::BtfNr;
use crate::state::types::RegType;

/// An argument of the context whose type is known better than BTF has it (`struct bpf_ctx_arg_aux`).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CtxArg {
    /// Bytes from the start of the context.
    pub offset: u32,
    /// What a load of it gives.
    pub ty: RegType,
    /// BTF of the struct that it points to.
    pub btf: BtfNr,
    /// That struct; void: it is a buffer.
    pub id: TypeId,
    /// The program owns a reference to it.
    pub refcounted: bool,
    /// That reference, while it is held.
    pub ref_obj_id: u32,
}

/// What the program attaches to.
#[derive(Clone, Debug, Default)]
pub struct Attached {
    /// Name of the function, tracepoint or member (`attach_func_name`).
    pub name: String,
    /// The BTF that it is in; `None`: the program attaches to nothing that BTF describes.
    pub btf: Option<BtfNr>,
    /// Its id there (`attach_btf_id`).
    pub id: TypeId,
    /// Its prototype; void: not known, five words are passed (`attach_func_proto`).
    pub proto: TypeId,
    /// The first parameter of the prototype is not passed (`attach_btf_trace`).
    pub is_trace: bool,
    /// Arguments that are known better.
    pub ctx_args: Vec<CtxArg>,
    /// The struct of operations, of a struct_ops program.
    pub struct_ops: String,
    /// The attach type that counts: of an extension, that of what it extends.
    pub attach_type: Option<AttachType>,
}
