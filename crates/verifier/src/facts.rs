//! What the engines may rely on.

use skep_isa::facts::{Access, Fact, Facts, Region, Ways};

use crate::aux::Aux;
use crate::state::types::{Base, Flags, RegType};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// What is known of each instruction.
    pub(crate) fn facts(&self) -> Facts {
        Facts::new(self.aux.iter().map(fact).collect())
    }
}

fn fact(aux: &Aux) -> Fact {
    Fact {
        reached: aux.seen,
        access: aux.ptr_type.filter(|it| it.base != Base::PtrToFunc).map(|it| access(it, aux)),
        branch: Ways { falls: aux.taken & 1 != 0, jumps: aux.taken & 2 != 0 },
        memory: aux.memory,
    }
}

fn access(ty: RegType, aux: &Aux) -> Access {
    Access {
        to: region(ty.base),
        proven: is_proven(ty),
        ctx_field: u8::try_from(aux.ctx_field_size).unwrap_or_default(),
    }
}

fn region(base: Base) -> Region {
    match base {
        Base::PtrToCtx => Region::Ctx,
        Base::PtrToStack => Region::Stack,
        Base::PtrToPacket | Base::PtrToPacketMeta | Base::PtrToPacketEnd => Region::Packet,
        Base::PtrToMapValue => Region::MapValue,
        Base::PtrToMapKey => Region::MapKey,
        Base::PtrToMem => Region::Memory,
        Base::PtrToBtfId => Region::Kernel,
        Base::PtrToSocket | Base::PtrToSockCommon | Base::PtrToTcpSock | Base::PtrToXdpSock => Region::Socket,
        Base::PtrToArena => Region::Arena,
        _ => Region::Other,
    }
}

/// Whether the verifier itself looked at the bounds: kernel objects are read under an exception table, arenas are
/// guarded, buffers of tracepoints and iterators are checked when the program is attached.
fn is_proven(ty: RegType) -> bool {
    match ty.base {
        Base::PtrToBtfId => ty.has(Flags::ALLOC) && !ty.has(Flags::UNTRUSTED),
        Base::PtrToMem => !ty.has(Flags::UNTRUSTED),
        Base::PtrToArena | Base::PtrToTpBuffer | Base::PtrToBuf => false,
        _ => true,
    }
}
