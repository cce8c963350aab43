//! Which kinds of registers an argument may be.

use skep_abi::helpers::{ArgKind, ArgType, func};
use skep_btf::{Kind, TypeId};

use super::known::func_name;
use crate::call::meta::CallMeta;
use crate::log::type_name;
use crate::state::reg::{BtfNr, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

/// What an argument has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// As a helper's prototype says it.
    pub(crate) arg: ArgType,
    /// The struct, for arguments that the prototype does not name it for.
    pub(crate) btf: Option<(BtfNr, TypeId)>,
}

const fn of(base: Base) -> RegType {
    RegType::of(base)
}

const fn btf_id(flags: Flags) -> RegType {
    RegType::with(Base::PtrToBtfId, flags)
}

const SOCK: &[RegType] =
    &[of(Base::PtrToSockCommon), of(Base::PtrToSocket), of(Base::PtrToTcpSock), of(Base::PtrToXdpSock)];
const BTF_SOCK: &[RegType] = &[
    of(Base::PtrToSockCommon),
    of(Base::PtrToSocket),
    of(Base::PtrToTcpSock),
    of(Base::PtrToXdpSock),
    of(Base::PtrToBtfId),
    btf_id(Flags::TRUSTED),
];
const MEM: &[RegType] = &[
    of(Base::PtrToStack),
    of(Base::PtrToPacket),
    of(Base::PtrToPacketMeta),
    of(Base::PtrToMapKey),
    of(Base::PtrToMapValue),
    of(Base::PtrToMem),
    RegType::with(Base::PtrToMem, Flags::RINGBUF),
    of(Base::PtrToBuf),
    btf_id(Flags::TRUSTED),
];
const IN_OBJECT: &[RegType] = &[of(Base::PtrToMapValue), btf_id(Flags::ALLOC)];
const BTF: &[RegType] = &[of(Base::PtrToBtfId), btf_id(Flags::TRUSTED), btf_id(Flags::RCU)];
const PERCPU: &[RegType] = &[
    btf_id(Flags::PERCPU),
    btf_id(Flags::PERCPU.union(Flags::RCU)),
    btf_id(Flags::PERCPU.union(Flags::TRUSTED)),
];
const DYNPTR: &[RegType] = &[of(Base::PtrToStack), of(Base::ConstPtrToDynptr)];

/// `compatible_reg_types`.
const fn compatible(kind: ArgKind) -> &'static [RegType] {
    match kind {
        kind if is_memory(kind) => MEM,
        ArgKind::ConstSize | ArgKind::ConstSizeOrZero | ArgKind::ConstAllocSizeOrZero | ArgKind::Scalar => {
            &[RegType::SCALAR]
        }
        ArgKind::ConstMapPtr => const { &[of(Base::ConstPtrToMap)] },
        ArgKind::Ctx => const { &[of(Base::PtrToCtx)] },
        ArgKind::SockCommon => SOCK,
        ArgKind::BtfIdSockCommon => BTF_SOCK,
        ArgKind::Socket => const { &[of(Base::PtrToSocket)] },
        ArgKind::BtfId(_) | ArgKind::OwnedKptr => BTF,
        ArgKind::SpinLock | ArgKind::KptrXchgDest => IN_OBJECT,
        ArgKind::RingbufMem => const { &[RegType::with(Base::PtrToMem, Flags::RINGBUF)] },
        ArgKind::PercpuBtfId => PERCPU,
        ArgKind::Func => const { &[of(Base::PtrToFunc)] },
        ArgKind::Stack => const { &[of(Base::PtrToStack)] },
        ArgKind::ConstStr | ArgKind::Timer => const { &[of(Base::PtrToMapValue)] },
        ArgKind::Dynptr(_) => DYNPTR,
        _ => &[],
    }
}

const fn is_memory(kind: ArgKind) -> bool {
    matches!(kind, ArgKind::MapKey | ArgKind::MapValue | ArgKind::Mem | ArgKind::FixedMem(_))
}

/// The type as the argument sees it: what it does not care about is left out.
fn folded(arg: ArgType, regno: usize, mut ty: RegType, func_id: u32) -> RegType {
    if arg.flags.read_only {
        ty.flags -= Flags::RDONLY;
    }
    if arg.flags.nullable {
        ty.flags -= Flags::MAYBE_NULL;
    }
    if matches!(arg.kind, ArgKind::Mem | ArgKind::FixedMem(_)) {
        ty.flags -= Flags::DYNPTR;
    }
    if func_id == func::kptr_xchg && ty.has(Flags::ALLOC) && regno == 2 {
        ty.flags -= Flags::ALLOC | Flags::PERCPU;
    }
    ty
}

impl Verifier<'_> {
    /// A register has to be of a type that the argument takes (`check_reg_type`).
    pub(crate) fn check_reg_type(&mut self, regno: usize, expected: Expected, meta: &CallMeta) -> Check {
        let reg = *self.reg(regno);
        let types = compatible(expected.arg.kind);
        if types.is_empty() {
            return refuse!(self, EFAULT, "verifier bug: unsupported arg type\n");
        }
        if !types.contains(&folded(expected.arg, regno, reg.ty, meta.func_id)) {
            verbose!(self, "R{regno} type={} expected=", type_name(reg.ty));
            for (at, ty) in types.iter().enumerate() {
                let comma = if at > 0 { ", " } else { "" };
                verbose!(self, "{comma}{}", type_name(*ty));
            }
            return refuse!(self, EACCES, "\n");
        }
        if reg.ty.base != Base::PtrToBtfId {
            return Ok(());
        }
        if is_memory(expected.arg.kind) {
            return self.check_object_as_memory(regno, &reg, expected.arg, meta);
        }
        self.check_object_type(regno, &reg, expected, meta)
    }

    /// Kernel objects may be read as memory, never written.
    fn check_object_as_memory(&mut self, regno: usize, reg: &Reg, arg: ArgType, meta: &CallMeta) -> Check {
        if arg.flags.read_only {
            return Ok(());
        }
        let (name, ty) = (func_name(meta.func_id), type_name(reg.ty));
        refuse!(self, EACCES, "{name}() may write into memory pointed by R{regno} type={ty}\n")
    }

    fn check_object_type(&mut self, regno: usize, reg: &Reg, expected: Expected, meta: &CallMeta) -> Check {
        let flags = reg.ty.flags;
        let is_kptr_xchg = meta.func_id == func::kptr_xchg;
        if flags == Flags::ALLOC || flags == Flags::ALLOC | Flags::PERCPU {
            if ![func::spin_lock, func::spin_unlock, func::kptr_xchg].contains(&meta.func_id) {
                return refuse!(self, EFAULT, "verifier bug: unimplemented handling of MEM_ALLOC\n");
            }
            return match meta.kptr_field {
                Some(field) if is_kptr_xchg && regno == 2 => self.check_kptr_type(field, reg, regno),
                _ => Ok(()),
            };
        }
        if PERCPU.contains(&reg.ty) {
            return Ok(());
        }
        if !BTF.contains(&RegType { flags: flags - Flags::MAYBE_NULL, ..reg.ty }) {
            return refuse!(self, EFAULT, "verifier bug: invalid PTR_TO_BTF_ID register for type match\n");
        }
        let arg = expected.arg.flags;
        if reg.ty.may_be_null() && (!arg.nullable || arg.release) {
            return refuse!(self, EACCES, "Possibly NULL pointer passed to helper arg{regno}\n");
        }
        match meta.kptr_field {
            Some(field) if is_kptr_xchg => self.check_kptr_type(field, reg, regno),
            _ => self.check_struct(regno, reg, expected, meta),
        }
    }

    fn check_kptr_type(&mut self, field: crate::record::FieldNr, reg: &Reg, regno: usize) -> Check {
        self.map_kptr_match_type(field, reg, regno)
            .map_err(|_| crate::stop::Stop::new(skep_abi::Errno::EACCES))
    }

    fn check_struct(&mut self, regno: usize, reg: &Reg, expected: Expected, meta: &CallMeta) -> Check {
        let name = match expected.arg.kind {
            ArgKind::BtfId(name) => name,
            _ => "sock_common",
        };
        let wanted = expected.btf.or_else(|| {
            let id = self.btf(BtfNr::KERNEL).find(Kind::Struct, name)?;
            Some((BtfNr::KERNEL, id))
        });
        // `bpf_sk_release` takes sockets of all kinds.
        let strict = expected.arg.flags.release && meta.func_id != func::sk_release;
        let (Some(has), Some(wanted)) = (reg.btf(), wanted) else {
            return refuse!(self, EFAULT, "verifier bug: missing arg compatible BTF ID\n");
        };
        if self.btf_struct_ids_match(has, reg.off, wanted, strict) {
            return Ok(());
        }
        let has = self.btfs[usize::from(has.0.0)].name(has.1);
        let wanted = self.btfs[usize::from(wanted.0.0)].name(wanted.1);
        refuse!(self, EACCES, "R{regno} is of type {has} but {wanted} is expected\n")
    }

    /// Whether a pointer with this offset may be an argument (`check_func_arg_reg_off`). `release`: the argument is
    /// given up; `dynptr`: it is a dynptr.
    pub(crate) fn check_func_arg_reg_off(
        &mut self,
        reg: &Reg,
        regno: usize,
        release: bool,
        dynptr: bool,
    ) -> Check {
        if release {
            if dynptr && reg.ty.is(Base::PtrToStack) {
                return Ok(());
            }
            if reg.off != 0 {
                return refuse!(
                    self,
                    EINVAL,
                    "R{regno} must have zero offset when passed to release func or trusted arg to kfunc\n"
                );
            }
            return self.check_ptr_off_reg(regno, false);
        }
        match offsets(reg.ty) {
            Offsets::Any => Ok(()),
            Offsets::Fixed => self.check_ptr_off_reg(regno, true),
            Offsets::None => self.check_ptr_off_reg(regno, false),
        }
    }
}

/// Which offsets a pointer may have as an argument.
enum Offsets {
    Any,
    Fixed,
    None,
}

fn offsets(ty: RegType) -> Offsets {
    let flags = ty.flags;
    let plain = flags.is_empty();
    let any = match ty.base {
        Base::PtrToStack
        | Base::PtrToPacket
        | Base::PtrToPacketMeta
        | Base::PtrToMapKey
        | Base::PtrToMapValue
        | Base::PtrToArena
        | Base::Scalar => plain,
        Base::PtrToMem => plain || flags == Flags::RDONLY || flags == Flags::RINGBUF,
        Base::PtrToBuf => plain || flags == Flags::RDONLY,
        _ => false,
    };
    let owned = [
        Flags::empty(),
        Flags::ALLOC,
        Flags::TRUSTED,
        Flags::RCU,
        Flags::ALLOC | Flags::NON_OWN_REF,
        Flags::ALLOC | Flags::NON_OWN_REF | Flags::RCU,
    ];
    match ty.base {
        _ if any => Offsets::Any,
        Base::PtrToBtfId if owned.contains(&flags) => Offsets::Fixed,
        _ => Offsets::None,
    }
}
