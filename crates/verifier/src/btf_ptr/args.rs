//! What global functions of the program take.

use std::sync::Arc;

use bitflags::bitflags;
use skep_abi::{Errno, ProgType};
use skep_btf::{Btf, Def, FuncProto, Kind, Type, TypeId};

use super::{is_enum, is_struct, kind_name, pointee};
use crate::state::reg::BtfNr;
use crate::stop::{Check, Stop, refuse};
use crate::subprog::SubprogArg;
use crate::verifier::Verifier;

bitflags! {
    /// Tags of a parameter: `__arg_ctx` and so on, `arg:ctx` in BTF.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Tags: u8 {
        const CTX = 1 << 0;
        const NONNULL = 1 << 1;
        const TRUSTED = 1 << 2;
        const UNTRUSTED = 1 << 3;
        const NULLABLE = 1 << 4;
        const ARENA = 1 << 5;
    }
}

/// The most parameters of a function of a program (`MAX_BPF_FUNC_REG_ARGS`).
const MAX_ARGS: usize = 5;

/// A function whose parameters are looked at.
struct Fun<'b> {
    btf: &'b Btf,
    id: TypeId,
    name: &'b str,
    is_global: bool,
    prog_type: ProgType,
}

impl Verifier<'_> {
    /// What a global function takes (`btf_prepare_func_args`): fills `subprogs[subprog].args`.
    pub(crate) fn btf_prepare_func_args(&mut self, subprog: usize) -> Check {
        if self.subprogs[subprog].args_cached {
            return Ok(());
        }
        let is_global = self.subprogs[subprog].is_global;
        let (Some(btf), Some(func)) = (self.prog.btf, self.prog.funcs.get(subprog)) else {
            return refuse!(self, EFAULT, "verifier bug: func_info undefined\n");
        };
        let (btf, id) = (Arc::clone(btf), func.type_id);
        if id == TypeId::VOID {
            if !is_global {
                return self.silent(Errno::EINVAL);
            }
            return refuse!(self, EFAULT, "Global functions need valid BTF\n");
        }
        let name = btf.name(id);
        if self.subprogs[subprog].unreliable {
            return refuse!(self, EFAULT, "verifier bug: unreliable BTF for function {name}()\n");
        }
        let Some(proto) = btf.func_proto(id) else {
            return refuse!(self, EFAULT, "Invalid type of function {name}()\n");
        };
        let fun = Fun { btf: &btf, id, name, is_global, prog_type: self.prog_type };
        self.check_global_proto(&fun, proto)?;
        let args =
            (0..proto.params.len()).map(|index| self.global_arg(&fun, proto, index)).collect::<Check<_>>()?;
        self.subprogs[subprog].args = args;
        self.subprogs[subprog].args_cached = true;
        Ok(())
    }

    /// For what only makes a static function one of which nothing is known.
    fn only_global<T>(&mut self, fun: &Fun<'_>, text: std::fmt::Arguments<'_>) -> Check<T> {
        if fun.is_global {
            self.log.write(text);
        }
        Err(Stop::new(Errno::EINVAL))
    }

    fn check_global_proto(&mut self, fun: &Fun<'_>, proto: &FuncProto) -> Check {
        let (name, count) = (fun.name, proto.params.len());
        if count > MAX_ARGS {
            return self.only_global(
                fun,
                format_args!("Global function {name}() with {count} > {MAX_ARGS} args. Buggy compiler.\n"),
            );
        }
        if !is_number(fun.btf, proto.ret) {
            return self.only_global(
                fun,
                format_args!("Global function {name}() doesn't return scalar. Only those are supported.\n"),
            );
        }
        Ok(())
    }

    fn tags(&mut self, fun: &Fun<'_>, index: usize) -> Check<Tags> {
        let mut tags = Tags::empty();
        for (component, text) in fun.btf.decl_tags(fun.id) {
            let Some(tag) = text.strip_prefix("arg:").filter(|_| component == Some(index as u32)) else {
                continue;
            };
            if !fun.is_global {
                return refuse!(
                    self,
                    EOPNOTSUPP,
                    "arg#{index} type tag is not supported in static functions\n"
                );
            }
            tags |= match tag {
                "ctx" => Tags::CTX,
                "trusted" => Tags::TRUSTED,
                "untrusted" => Tags::UNTRUSTED,
                "nonnull" => Tags::NONNULL,
                "nullable" => Tags::NULLABLE,
                "arena" => Tags::ARENA,
                _ => return refuse!(self, EOPNOTSUPP, "arg#{index} has unsupported set of tags\n"),
            };
        }
        Ok(tags)
    }

    fn bad_tags<T>(&mut self, index: usize) -> Check<T> {
        refuse!(self, EINVAL, "arg#{index} has invalid combination of tags\n")
    }

    fn global_arg(&mut self, fun: &Fun<'_>, proto: &FuncProto, index: usize) -> Check<SubprogArg> {
        let tags = self.tags(fun, index)?;
        let id = fun.btf.resolve(proto.params[index].type_id);
        if let Some(target) = pointee(fun.btf, id)
            && let Some(arg) = self.pointer_param(fun, id, target, tags, index)?
        {
            return Ok(arg);
        }
        if !tags.is_empty() {
            return refuse!(self, EINVAL, "arg#{index} has pointer tag, but is not a pointer type\n");
        }
        if is_number(fun.btf, id) {
            return Ok(SubprogArg::Anything);
        }
        let (kind, name) = (kind_name(fun.btf, id), fun.name);
        self.only_global(fun, format_args!("Arg#{index} type {kind} in {name}() is not supported yet.\n"))
    }

    /// A pointer; `None`: nothing that a static function is checked for.
    fn pointer_param(
        &mut self,
        fun: &Fun<'_>,
        id: TypeId,
        target: TypeId,
        tags: Tags,
        index: usize,
    ) -> Check<Option<SubprogArg>> {
        let btf = fun.btf;
        if tags.contains(Tags::CTX) || self.is_prog_ctx_type(btf, id, fun.prog_type) {
            return self.ctx_param(fun, id, tags, index).map(Some);
        }
        if is_dynptr_ptr(btf, target) {
            return if tags.is_empty() { Ok(Some(SubprogArg::Dynptr)) } else { self.bad_tags(index) };
        }
        if tags.contains(Tags::TRUSTED) {
            if tags.contains(Tags::NONNULL) {
                return self.bad_tags(index);
            }
            let id = self.kernel_twin(btf, target, index)?;
            let nullable = tags.contains(Tags::NULLABLE);
            return Ok(Some(SubprogArg::Btf { btf: BtfNr::KERNEL, id, nullable, trusted: true }));
        }
        if tags.contains(Tags::UNTRUSTED) {
            return self.untrusted_param(btf, target, tags, index).map(Some);
        }
        if tags.contains(Tags::ARENA) {
            if tags != Tags::ARENA {
                return refuse!(self, EINVAL, "arg#{index} arena cannot be combined with any other tags\n");
            }
            return Ok(Some(SubprogArg::Arena));
        }
        if !fun.is_global {
            return Ok(None);
        }
        self.mem_param(btf, target, tags, index).map(Some)
    }

    fn ctx_param(&mut self, fun: &Fun<'_>, id: TypeId, tags: Tags, index: usize) -> Check<SubprogArg> {
        if !(tags - Tags::CTX).is_empty() {
            return self.bad_tags(index);
        }
        if tags.contains(Tags::CTX) {
            let attach = self.attached.attach_type;
            self.validate_prog_ctx_type(fun.btf, id, index, fun.prog_type, attach)?;
        }
        Ok(SubprogArg::Ctx)
    }

    fn untrusted_param(&mut self, btf: &Btf, target: TypeId, tags: Tags, index: usize) -> Check<SubprogArg> {
        if tags != Tags::UNTRUSTED {
            return refuse!(self, EINVAL, "arg#{index} untrusted cannot be combined with any other tags\n");
        }
        let behind = btf.resolve(target);
        if behind == TypeId::VOID || is_primitive(btf, behind) {
            return Ok(SubprogArg::Mem { size: 0, nullable: false, read_only: true, untrusted: true });
        }
        let id = self.kernel_twin(btf, target, index)?;
        let kernel = Arc::clone(self.btf(BtfNr::KERNEL));
        if !is_struct(&kernel, id) {
            let kind = kind_name(&kernel, id);
            return refuse!(
                self,
                EINVAL,
                "arg#{index} has type {kind} '{}', but only struct or primitive types are allowed\n",
                btf.name(target)
            );
        }
        Ok(SubprogArg::Btf { btf: BtfNr::KERNEL, id, nullable: false, trusted: false })
    }

    fn mem_param(&mut self, btf: &Btf, target: TypeId, tags: Tags, index: usize) -> Check<SubprogArg> {
        if tags.contains(Tags::NULLABLE) {
            return self.bad_tags(index);
        }
        match btf.size_of(target) {
            Ok(size) => Ok(SubprogArg::Mem {
                size: size as u32,
                nullable: !tags.contains(Tags::NONNULL),
                read_only: false,
                untrusted: false,
            }),
            Err(_) => {
                let id = btf.resolve(target);
                let (kind, name) = (kind_name(btf, id), btf.name(id));
                refuse!(
                    self,
                    EINVAL,
                    "arg#{index} reference type('{kind} {name}') size cannot be determined: -22\n"
                )
            }
        }
    }

    /// The kernel's type of the same name as one of the program's (`btf_get_ptr_to_btf_id`).
    fn kernel_twin(&mut self, btf: &Btf, target: TypeId, index: usize) -> Check<TypeId> {
        let id = btf.resolve(target);
        let name = essential(btf.name(id));
        let kind = btf.type_by_id(id).map_or(Kind::Void, Type::kind);
        let kernel = Arc::clone(self.btf(BtfNr::KERNEL));
        let mut twins = kernel.types().filter(|(_, ty)| {
            ty.kind() == kind && essential(kernel.str(ty.name)) == name && !name.is_empty()
        });
        let what = match (twins.next(), twins.next()) {
            (Some((id, _)), None) => return Ok(id),
            (None, _) => ("has no matches", Errno::ENOENT),
            _ => ("is ambiguous", Errno::ESRCH),
        };
        let (shown, kind) = (btf.name(id), kind_name(btf, id));
        self.log.write(format_args!("arg#{index} reference type('{kind} {shown}') {}\n", what.0));
        Err(Stop::new(what.1))
    }
}

fn is_number(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.resolved(id).map(|ty| &ty.def), Some(Def::Int(_))) || is_enum(btf, id)
}

/// Whether a type is a whole integer or an enumeration (`btf_type_is_primitive`).
pub(crate) fn is_primitive(btf: &Btf, id: TypeId) -> bool {
    match btf.resolved(id).map(|ty| &ty.def) {
        Some(Def::Int(int)) => int.offset == 0 && u32::from(int.bits) == int.size * 8,
        _ => is_enum(btf, id),
    }
}

/// Whether it is a pointer to `struct bpf_dynptr` (`btf_is_dynptr_ptr`).
pub(crate) fn is_dynptr_ptr(btf: &Btf, target: TypeId) -> bool {
    matches!(btf.name(btf.resolve(target)), "bpf_dynptr" | "bpf_dynptr_kern")
}

/// A name without its flavour (`bpf_core_essential_name_len`).
fn essential(name: &str) -> &str {
    match name.rfind("___") {
        Some(at) if at > 0 && at + 3 < name.len() => &name[..at],
        _ => name,
    }
}
