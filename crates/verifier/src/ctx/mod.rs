//! The context: what a program of a type may read and write there.

mod lsm;
pub(crate) mod rules;
#[cfg(test)]
mod tests;

use skep_abi::ctx::FieldKind;
use skep_abi::{AttachType, ProgType};
use skep_btf::Kind;

use self::rules::{CtxRequest, Granted, Loaded};
use crate::access::Access;
use crate::state::reg::{BtfNr, Extra};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// What an access to the context gives (`struct bpf_insn_access_aux`).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct CtxAccess {
    /// What is loaded.
    pub(crate) ty: RegType,
    /// What its type says beside.
    pub(crate) extra: Extra,
    /// Bytes of the field, if the access may be narrower; 0: not.
    pub(crate) ctx_field_size: u32,
    /// The reference that the loaded pointer holds; 0: none.
    pub(crate) ref_obj_id: u32,
    /// It is the value that the traced function or hook returned.
    pub(crate) is_retval: bool,
}

impl CtxAccess {
    fn new(ty: RegType, extra: Extra, ctx_field_size: u32) -> CtxAccess {
        CtxAccess { ty, extra, ctx_field_size, ref_obj_id: 0, is_retval: false }
    }
}

impl Verifier<'_> {
    /// Whether the program may access these bytes of its context, and what it gets (`check_ctx_access`).
    pub(crate) fn check_ctx_access(
        &mut self,
        insn_idx: usize,
        off: i32,
        size: u32,
        access: Access,
        is_ldsx: bool,
    ) -> Check<CtxAccess> {
        let Some(got) = self.ctx_access(off, size, access, is_ldsx) else {
            return refuse!(self, EACCES, "invalid bpf_context access off={off} size={size}\n");
        };
        if got.ty.base != Base::PtrToBtfId {
            self.aux[insn_idx].ctx_field_size = got.ctx_field_size;
        } else if got.ref_obj_id != 0 && !self.cur.refs.iter().any(|it| it.id == got.ref_obj_id) {
            return refuse!(
                self,
                EACCES,
                "invalid bpf_context access off={off}. Reference may already be released\n"
            );
        }
        self.reach.ctx = self.reach.ctx.max((off as u32).wrapping_add(size));
        Ok(got)
    }

    fn ctx_access(&mut self, off: i32, size: u32, access: Access, is_ldsx: bool) -> Option<CtxAccess> {
        if is_described_by_btf(self.prog_type) {
            // The kernel does not say why it is refused, beyond what that function wrote.
            return self.btf_ctx_access(off, size, access).ok();
        }
        let request = CtxRequest { off, size, access, is_ldsx, bpf_capable: self.bpf_capable };
        let granted = rules::context_access(self.prog_type, self.expected_attach_type(), request)?;
        self.loaded_from_ctx(granted)
    }

    fn loaded_from_ctx(&self, granted: Granted) -> Option<CtxAccess> {
        let pointer = |base, flags, extra| CtxAccess::new(RegType::with(base, flags), extra, 0);
        let plain = |base| pointer(base, Flags::empty(), Extra::None);
        let packet = |base| pointer(base, Flags::empty(), Extra::Range(0));
        let or_null = |base| pointer(base, Flags::MAYBE_NULL, Extra::None);
        let kind = match granted.loaded {
            Loaded::Number => return Some(CtxAccess::new(RegType::SCALAR, Extra::None, granted.field_size)),
            Loaded::TpBuffer => return Some(plain(Base::PtrToTpBuffer)),
            Loaded::Field(kind) => kind,
        };
        Some(match kind {
            FieldKind::PacketStart => packet(Base::PtrToPacket),
            FieldKind::PacketMeta => packet(Base::PtrToPacketMeta),
            FieldKind::PacketEnd => packet(Base::PtrToPacketEnd),
            FieldKind::FlowKeys => plain(Base::PtrToFlowKeys),
            FieldKind::Socket => plain(Base::PtrToSocket),
            FieldKind::SocketOrNull => or_null(Base::PtrToSocket),
            FieldKind::SockCommonOrNull => or_null(Base::PtrToSockCommon),
            FieldKind::BtfId(name) => {
                let id = self.btf(BtfNr::KERNEL).find(Kind::Struct, name)?;
                pointer(Base::PtrToBtfId, Flags::TRUSTED, Extra::Btf { btf: BtfNr::KERNEL, id })
            }
            _ => CtxAccess::new(RegType::SCALAR, Extra::None, granted.field_size),
        })
    }

    /// Where the program attaches, or where what it extends does.
    pub(crate) fn expected_attach_type(&self) -> Option<AttachType> {
        match self.prog.attach.and_then(|it| it.prog) {
            Some(target) if self.prog.prog_type == ProgType::Ext => target.attach_type,
            _ => self.prog.attach_type,
        }
    }
}

/// Whether BTF says what is in the context.
const fn is_described_by_btf(prog: ProgType) -> bool {
    matches!(prog, ProgType::Tracing | ProgType::Lsm | ProgType::StructOps | ProgType::Ext)
}

/// Whether the struct that the program sees is not the one in memory, so that accesses are rewritten
/// (`convert_ctx_access`): helpers cannot be given it as memory.
pub(crate) const fn is_converted(prog: ProgType) -> bool {
    use ProgType::*;
    matches!(
        prog,
        SocketFilter
            | SchedCls
            | SchedAct
            | Xdp
            | CgroupSkb
            | LwtIn
            | LwtOut
            | LwtXmit
            | LwtSeg6local
            | CgroupSock
            | CgroupSockAddr
            | SockOps
            | SkSkb
            | SkMsg
            | FlowDissector
            | SkReuseport
            | SkLookup
            | PerfEvent
            | CgroupSysctl
            | CgroupSockopt
    )
}
