//! What is kept of each instruction (`struct bpf_insn_aux_data`).

use skep_btf::TypeId;

use crate::state::reg::{BtfNr, MapNr};
use crate::state::types::RegType;

/// The map that a call was made with (`struct bpf_map_ptr_state`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MapPtrState {
    /// The map; `None`: no call was seen.
    pub map: Option<MapNr>,
    /// Different ones on different paths.
    pub poison: bool,
    /// A path without `CAP_BPF` was among them.
    pub unpriv: bool,
}

/// What a wide load of a kernel variable gives (`btf_var`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VarType {
    /// A struct.
    Btf(RegType, BtfNr, TypeId),
    /// Memory of that many bytes.
    Mem(RegType, u32),
}

/// Whether a call of `bpf_loop` becomes a loop (`struct bpf_loop_inline_state`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoopInline {
    /// On all paths so far its flags are 0 and its callback is this one.
    pub fits: bool,
    /// The callback's number.
    pub callback: u32,
}

/// What is kept of one instruction.
#[derive(Clone, Debug, Default)]
pub struct Aux {
    /// The kind of pointer that a load or store goes through.
    pub ptr_type: Option<RegType>,
    /// The map of a call.
    pub map_ptr: MapPtrState,
    /// The constant key of a call (`map_key_state`).
    pub map_key: u64,
    /// The map of a wide load, and the offset into its value.
    pub map: Option<(MapNr, u32)>,
    /// The kernel variable of a wide load.
    pub var: Option<VarType>,
    /// The BTF that a kernel function or variable is in.
    pub kfunc_btf: Option<BtfNr>,
    /// Size of the type of `bpf_obj_new`, or offset of the node that is inserted.
    pub obj_new_size: u64,
    /// See `obj_new_size`.
    pub insert_off: u64,
    /// The struct whose special fields the call is about.
    pub kptr_struct: Option<(BtfNr, TypeId)>,
    /// Bytes of the context's field that a load reads.
    pub ctx_field_size: u32,
    /// The instruction was processed.
    pub seen: bool,
    /// A spill that needs a barrier against speculative stores.
    pub nospec_result: bool,
    /// A barrier in front.
    pub nospec: bool,
    /// It writes the low half alone.
    pub zext_dst: bool,
    /// `bpf_*_storage_get` where memory may only be taken without sleeping.
    pub storage_get_atomic: bool,
    /// A call of an iterator's `next`.
    pub is_iter_next: bool,
    /// A per-CPU object of the program is handed over.
    pub percpu_alloc: bool,
    /// A call of `bpf_loop` that was seen.
    pub loop_inline: Option<LoopInline>,
    /// How pointer arithmetic is masked (`alu_state`, `alu_limit`).
    pub alu_state: u8,
    /// See `alu_state`.
    pub alu_limit: u32,
    /// Part of a spill and fill around a fast call.
    pub fastcall_pattern: bool,
    /// How many spills are around the call.
    pub fastcall_spills: u8,
    /// A step that backtracking has to know of.
    pub jmp_point: bool,
    /// States are compared here.
    pub prune_point: bool,
    /// A state is kept here, always.
    pub force_checkpoint: bool,
    /// A call that calls back.
    pub calls_callback: bool,
    /// Something jumps here.
    pub jump_target: bool,
    /// Registers that are read later.
    pub live_regs_before: u16,
    /// The strongly connected component of the graph, 0: none.
    pub scc: u32,
    /// The argument of a kernel function that takes the program, from 1; 0: none.
    pub arg_prog: u8,
    /// Ways that paths went from a conditional jump. Bit 0: fell through, bit 1: jumped.
    pub taken: u8,
    /// The most bytes that a call accesses behind R1 to R5.
    pub memory: [u32; 5],
}
