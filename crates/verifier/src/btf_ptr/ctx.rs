//! The context of programs whose arguments BTF describes.

use std::sync::Arc;

use skep_abi::{AttachType, Errno, ProgType};
use skep_btf::{Btf, Def, FuncProto, Kind, TypeId};

use super::ctx_type::kern_ctx;
use super::null_args::null_args;
use super::walk::tag_flags;
use super::{hooks, is_enum, is_small_int, is_struct, kind_name, pointee};
use crate::access::Access;
use crate::ctx::CtxAccess;
use crate::state::reg::{BtfNr, Extra};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

/// Arguments that are passed to functions of which nothing is known (`MAX_BPF_FUNC_REG_ARGS`).
const UNKNOWN_ARGS: usize = 5;
/// The most arguments (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: i32 = 12;

const NUMBER: CtxAccess =
    CtxAccess { ty: RegType::SCALAR, extra: Extra::None, ctx_field_size: 0, ref_obj_id: 0, is_retval: false };

/// A part of the context.
#[derive(Clone, Copy)]
struct Part {
    index: usize,
    ty: TypeId,
}

impl Verifier<'_> {
    /// The context of programs whose arguments BTF describes (`btf_ctx_access`, behind what program types check
    /// before it). `Err`: the kernel's `false`; that the access is not valid is for the caller to say.
    pub(crate) fn btf_ctx_access(&mut self, off: i32, size: u32, access: Access) -> Check<CtxAccess> {
        if self.prog_type != ProgType::Lsm {
            let outside = !(0..8 * MAX_ARGS).contains(&off) || access != Access::Read;
            if outside || !(off as u32).is_multiple_of(size) {
                return self.silent(Errno::EACCES);
            }
        }
        let mut got = self.btf_arg_access(off, size)?;
        if self.attached.struct_ops == "tcp_congestion_ops" {
            self.see_tcp_sock(&mut got);
        }
        Ok(got)
    }

    /// Congestion controls get TCP sockets (`bpf_tcp_ca_is_valid_access`).
    fn see_tcp_sock(&self, got: &mut CtxAccess) {
        let Extra::Btf { btf: nr, id } = &mut got.extra else { return };
        let btf = self.btf(*nr);
        if !got.ty.has_unsafe_flags() && btf.name(*id) == "sock" {
            *id = btf.find(Kind::Struct, "tcp_sock").unwrap_or(*id);
        }
    }

    fn btf_arg_access(&mut self, off: i32, size: u32) -> Check<CtxAccess> {
        if off % 8 != 0 {
            let name = self.attached.name.clone();
            return refuse!(self, EACCES, "func '{name}' offset {off} is not multiple of 8\n");
        }
        let Some(nr) = self.attached.btf else { return self.silent(Errno::EACCES) };
        let btf = Arc::clone(self.btf(nr));
        let known = self.attached.proto != TypeId::VOID;
        let proto = if known { btf.func_proto(self.attached.proto) } else { None };
        let Some((part, is_retval)) = self.part(&btf, proto, off)? else { return Ok(NUMBER) };
        let number = CtxAccess { is_retval, ..NUMBER };
        let Some(proto) = proto else { return Ok(number) };
        let id = btf.resolve(part.ty);
        if is_small_int(&btf, id) || is_enum(&btf, id) || is_struct(&btf, id) {
            return Ok(number);
        }
        let Some(target) = pointee(&btf, id) else {
            let (name, kind) = (self.attached.name.clone(), kind_name(&btf, id));
            return refuse!(
                self,
                EACCES,
                "func '{name}' arg{} '{}' has type {kind}. Only pointer access is allowed\n",
                part.index,
                btf.name(id)
            );
        };
        if size != 8 {
            let name = self.attached.name.clone();
            return refuse!(self, EACCES, "func '{name}' size {size} must be 8\n");
        }
        self.pointer_arg(nr, &btf, proto, off as u32, part, target, number)
    }

    /// Which argument lies there, or the return value; `None`: an argument of which nothing is known.
    fn part(&mut self, btf: &Btf, proto: Option<&FuncProto>, off: i32) -> Check<Option<(Part, bool)>> {
        let index = arg_index(btf, proto, off as u32);
        let skipped = usize::from(self.attached.is_trace);
        let args = proto.map_or(UNKNOWN_ARGS, |it| it.params.len()) - skipped;
        if index < args {
            let ty = proto.map(|it| it.params[index + skipped].type_id);
            return Ok(ty.map(|ty| (Part { index, ty }, false)));
        }
        if index == args
            && let Some(found) = self.retval(btf, proto, index)?
        {
            return Ok(found);
        }
        let name = self.attached.name.clone();
        refuse!(self, EACCES, "func '{name}' doesn't have {}-th argument\n", index + 1)
    }

    /// The return value behind the arguments; outer `None`: programs of this type have none.
    #[expect(clippy::option_option, reason = "not there, not known, and known are three things")]
    fn retval(
        &mut self,
        btf: &Btf,
        proto: Option<&FuncProto>,
        index: usize,
    ) -> Check<Option<Option<(Part, bool)>>> {
        let part = proto.map(|it| Part { index, ty: it.ret });
        match self.prog.attach_type {
            Some(AttachType::LsmMac) => Ok(Some(part.map(|part| (part, true)))),
            Some(AttachType::LsmCgroup | AttachType::TraceFexit) => Ok(Some(part.map(|part| (part, false)))),
            Some(AttachType::ModifyReturn) => match part {
                None => self.silent(Errno::EACCES),
                Some(part) if !is_small_int(btf, part.ty) => {
                    let kind = kind_name(btf, btf.resolve(part.ty));
                    refuse!(self, EACCES, "ret type {kind} not allowed for fmod_ret\n")
                }
                Some(part) => Ok(Some(Some((part, false)))),
            },
            _ => Ok(None),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what is known of one argument")]
    fn pointer_arg(
        &mut self,
        nr: BtfNr,
        btf: &Btf,
        proto: &FuncProto,
        off: u32,
        part: Part,
        target: TypeId,
        number: CtxAccess,
    ) -> Check<CtxAccess> {
        let known = self.attached.ctx_args.iter().find(|it| it.offset == off).copied();
        let null_buf = |ty: RegType| ty.base == Base::PtrToBuf && ty.may_be_null();
        if let Some(arg) = known.filter(|arg| null_buf(arg.ty)) {
            return Ok(CtxAccess { ty: arg.ty, ..number });
        }
        let behind = btf.resolve(target);
        let is_int = matches!(btf.type_by_id(behind).map(|ty| &ty.def), Some(Def::Int(_)));
        if behind == TypeId::VOID || is_int {
            return Ok(number);
        }
        if let Some(arg) = known {
            if arg.id == TypeId::VOID {
                return refuse!(self, EACCES, "invalid btf_id for context argument offset {off}\n");
            }
            let extra = Extra::Btf { btf: arg.btf, id: arg.id };
            return Ok(CtxAccess { ty: arg.ty, extra, ref_obj_id: arg.ref_obj_id, ..number });
        }
        let (mut flags, is_error) = self.arg_flags(btf, proto, part, nr);
        if let Some(prog) = self.prog.attach.and_then(|it| it.prog) {
            return self.translated(btf, part, prog.prog_type, flags, number);
        }
        flags |= tag_flags(btf, target, false);
        if !is_struct(btf, behind) {
            let (name, kind) = (self.attached.name.clone(), kind_name(btf, behind));
            let index = part.index;
            return refuse!(self, EACCES, "func '{name}' arg{index} type {kind} is not a struct\n");
        }
        if self.log.level != 0 {
            let (name, kind) = (self.attached.name.clone(), kind_name(btf, behind));
            verbose!(
                self,
                "func '{name}' arg{} has btf_id {} type {kind} '{}'\n",
                part.index,
                behind.0,
                btf.name(behind)
            );
        }
        if is_error {
            verbose!(self, "marking pointer arg{} as scalar as it may encode error", part.index);
            return Ok(number);
        }
        let ty = RegType::with(Base::PtrToBtfId, flags);
        Ok(CtxAccess { ty, extra: Extra::Btf { btf: nr, id: behind }, ..number })
    }

    /// What is to be believed of a pointer, and whether it may be an error.
    fn arg_flags(&self, btf: &Btf, proto: &FuncProto, part: Part, nr: BtfNr) -> (Flags, bool) {
        let mut flags = Flags::empty();
        if self.prog_args_trusted() {
            flags |= Flags::TRUSTED;
        }
        let param = proto.params.get(part.index + usize::from(self.attached.is_trace));
        if param.is_some_and(|it| has_suffix(btf.str(it.name), "__nullable")) {
            flags |= Flags::MAYBE_NULL;
        }
        if self.prog.attach_type != Some(AttachType::TraceRawTp) {
            return (flags, false);
        }
        let bits = null_args(&self.attached.name).map(|mask| mask >> (4 * part.index.min(15)));
        match bits {
            Some(bits) if bits & 1 != 0 => flags |= Flags::MAYBE_NULL,
            None if self.is_module_btf(nr) => flags |= Flags::MAYBE_NULL,
            _ => {}
        }
        (flags, bits.is_some_and(|bits| bits & 2 != 0))
    }

    fn prog_args_trusted(&self) -> bool {
        match self.prog_type {
            ProgType::Tracing => {
                matches!(self.prog.attach_type, Some(AttachType::TraceRawTp | AttachType::TraceIter))
            }
            ProgType::Lsm => hooks::is_trusted_hook(&self.attached.name),
            ProgType::StructOps => true,
            _ => false,
        }
    }

    /// The context of another program, as the kernel has it (`btf_translate_to_vmlinux`).
    fn translated(
        &mut self,
        btf: &Btf,
        part: Part,
        ty: ProgType,
        flags: Flags,
        number: CtxAccess,
    ) -> Check<CtxAccess> {
        let id = btf.resolve(part.ty);
        if !self.is_prog_ctx_type(btf, id, ty) {
            return self.silent(Errno::EACCES);
        }
        let kernel = Arc::clone(self.btf(BtfNr::KERNEL));
        match kern_ctx(&kernel, ty) {
            Some(id) if id != TypeId::VOID => {
                let extra = Extra::Btf { btf: BtfNr::KERNEL, id };
                Ok(CtxAccess { ty: RegType::with(Base::PtrToBtfId, flags), extra, ..number })
            }
            _ => Err(Stop::new(Errno::EACCES)),
        }
    }
}

/// The number of the argument at an offset; one past the last: the return value (`btf_ctx_arg_idx`).
fn arg_index(btf: &Btf, proto: Option<&FuncProto>, off: u32) -> usize {
    let Some(proto) = proto else { return off as usize / 8 };
    let bytes = |id: TypeId| {
        if pointee(btf, id).is_some() { 8 } else { (btf.size_of(id).unwrap_or(0) as u32).next_multiple_of(8) }
    };
    let mut end = 0;
    for (index, param) in proto.params.iter().enumerate() {
        end += bytes(param.type_id);
        if off < end {
            return index;
        }
    }
    let args = proto.params.len();
    if off < end + bytes(proto.ret) { args } else { args + 1 }
}

/// Whether a parameter's name ends so, and is longer (`btf_param_match_suffix`).
pub(crate) fn has_suffix(name: &str, suffix: &str) -> bool {
    name.len() > suffix.len() && name.ends_with(suffix)
}
