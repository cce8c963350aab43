//! Short words for the rows of the helper table.

use super::proto::{ArgFlags, ArgKind, ArgType, Dynptr, Proto, RetKind, RetType};

pub(super) const fn arg(kind: ArgKind) -> ArgType {
    ArgType { kind, flags: ArgFlags::NONE }
}

pub(super) const fn or_null(mut arg: ArgType) -> ArgType {
    arg.flags.nullable = true;
    arg
}

pub(super) const fn read_only(mut arg: ArgType) -> ArgType {
    arg.flags.read_only = true;
    arg
}

pub(super) const fn release(mut arg: ArgType) -> ArgType {
    arg.flags.release = true;
    arg
}

/// The helper writes it, after reading it.
pub(super) const fn in_out(mut arg: ArgType) -> ArgType {
    arg.flags.write = true;
    arg
}

/// The helper writes it without reading it.
pub(super) const fn out(arg: ArgType) -> ArgType {
    let mut arg = in_out(arg);
    arg.flags.uninit = true;
    arg
}

pub(super) const fn aligned(mut arg: ArgType) -> ArgType {
    arg.flags.aligned = true;
    arg
}

pub(super) const fn btf(name: &'static str) -> ArgType {
    arg(ArgKind::BtfId(name))
}

pub(super) const fn fixed(bytes: u32) -> ArgType {
    arg(ArgKind::FixedMem(bytes))
}

pub(super) const fn fixed_in_out(bytes: u32) -> ArgType {
    aligned(in_out(fixed(bytes)))
}

pub(super) const fn fixed_out(bytes: u32) -> ArgType {
    aligned(out(fixed(bytes)))
}

pub(super) const fn dynptr(what: Dynptr) -> ArgType {
    arg(ArgKind::Dynptr(what))
}

pub(super) const fn dynptr_out(what: Dynptr) -> ArgType {
    out(dynptr(what))
}

pub(super) const ALLOC_SIZE: ArgType = arg(ArgKind::ConstAllocSizeOrZero);
pub(super) const ANY: ArgType = arg(ArgKind::Anything);
pub(super) const CTX: ArgType = arg(ArgKind::Ctx);
pub(super) const FUNC: ArgType = arg(ArgKind::Func);
pub(super) const KEY: ArgType = arg(ArgKind::MapKey);
pub(super) const KPTR_DEST: ArgType = arg(ArgKind::KptrXchgDest);
pub(super) const MAP: ArgType = arg(ArgKind::ConstMapPtr);
pub(super) const MEM: ArgType = arg(ArgKind::Mem);
pub(super) const MEM_IN: ArgType = read_only(MEM);
pub(super) const MEM_IN_OUT: ArgType = in_out(MEM);
pub(super) const MEM_OUT: ArgType = out(MEM);
pub(super) const OWNED: ArgType = arg(ArgKind::OwnedKptr);
pub(super) const PERCPU: ArgType = arg(ArgKind::PercpuBtfId);
pub(super) const RINGBUF_MEM: ArgType = arg(ArgKind::RingbufMem);
pub(super) const SIZE: ArgType = arg(ArgKind::ConstSize);
pub(super) const SIZE0: ArgType = arg(ArgKind::ConstSizeOrZero);
pub(super) const SOCKET: ArgType = arg(ArgKind::Socket);
pub(super) const SOCK_BTF: ArgType = arg(ArgKind::BtfIdSockCommon);
pub(super) const SOCK_COMMON: ArgType = arg(ArgKind::SockCommon);
pub(super) const SPIN_LOCK: ArgType = arg(ArgKind::SpinLock);
pub(super) const STACK: ArgType = arg(ArgKind::Stack);
pub(super) const STR: ArgType = arg(ArgKind::ConstStr);
pub(super) const TIMER: ArgType = arg(ArgKind::Timer);
pub(super) const VALUE: ArgType = arg(ArgKind::MapValue);
pub(super) const VALUE_OUT: ArgType = out(VALUE);

pub(super) const fn ret(kind: RetKind) -> RetType {
    RetType { kind, nullable: false, read_only: false, trusted: false }
}

pub(super) const fn maybe(mut ret: RetType) -> RetType {
    ret.nullable = true;
    ret
}

pub(super) const fn trusted(mut ret: RetType) -> RetType {
    ret.trusted = true;
    ret
}

pub(super) const fn ret_btf(name: &'static str) -> RetType {
    ret(RetKind::BtfId(name))
}

pub(super) const INT: RetType = ret(RetKind::Integer);
pub(super) const VOID: RetType = ret(RetKind::Void);
pub(super) const RET_MEM: RetType = ret(RetKind::Mem);
pub(super) const RET_OWNED: RetType = ret(RetKind::OwnedKptr);
pub(super) const RET_PERCPU: RetType = RetType { read_only: true, ..ret(RetKind::MemOrBtfId) };
pub(super) const RET_RINGBUF_MEM: RetType = ret(RetKind::RingbufMem);
pub(super) const RET_SOCKET: RetType = ret(RetKind::Socket);
pub(super) const RET_SOCK_COMMON: RetType = ret(RetKind::SockCommon);
pub(super) const RET_TCP_SOCK: RetType = ret(RetKind::TcpSock);
pub(super) const RET_VALUE: RetType = ret(RetKind::MapValue);

/// The first five of `given`; the rest is unused.
pub(super) const fn args(given: &[ArgType]) -> [ArgType; 5] {
    let mut all = [ArgType::UNUSED; 5];
    let mut i = 0;
    while i < given.len() {
        all[i] = given[i];
        i += 1;
    }
    all
}

pub(super) const fn proto(ret: RetType, given: &[ArgType]) -> Proto {
    Proto { ret, args: args(given), gpl_only: false, pkt_access: false, might_sleep: false, fastcall: false }
}

pub(super) const fn gpl(mut proto: Proto) -> Proto {
    proto.gpl_only = true;
    proto
}

pub(super) const fn packet(mut proto: Proto) -> Proto {
    proto.pkt_access = true;
    proto
}

pub(super) const fn sleeps(mut proto: Proto) -> Proto {
    proto.might_sleep = true;
    proto
}

pub(super) const fn fast(mut proto: Proto) -> Proto {
    proto.fastcall = true;
    proto
}
