//! What the arguments of a call say together (`struct bpf_call_arg_meta`).

use skep_btf::TypeId;

use crate::record::FieldNr;
use crate::state::reg::{BtfNr, MapNr};

/// What the arguments of a helper call say together.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallMeta {
    /// The map, and which lookup of an outer map it is from.
    pub map: Option<(MapNr, u32)>,
    /// Memory of a later argument may be uninitialised: the helper fills it.
    pub raw_mode: bool,
    /// Memory arguments may be packet bytes.
    pub pkt_access: bool,
    /// The argument whose reference is given up; 0: none.
    pub release_regno: usize,
    /// The register of raw memory; 0: none.
    pub regno: usize,
    /// Bytes of raw memory.
    pub access_size: i32,
    /// Size of what is returned.
    pub mem_size: u32,
    /// The greatest size of a size argument.
    pub msize_max_value: u64,
    /// The reference that an argument holds.
    pub ref_obj_id: u32,
    /// The dynptr of an argument.
    pub dynptr_id: u32,
    /// The helper.
    pub func_id: u32,
    /// The struct that is returned.
    pub ret_btf: Option<(BtfNr, TypeId)>,
    /// The callback.
    pub subprogno: u32,
    /// The kptr that is exchanged.
    pub kptr_field: Option<FieldNr>,
    /// The constant key of a map argument; -1: not constant.
    pub const_map_key: i64,
}
