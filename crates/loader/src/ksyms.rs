//! Kernel symbols: variables and functions that programs refer to by name (`.ksyms`).

use std::collections::BTreeMap;
use std::sync::Arc;

use skep_abi::Errno;
use skep_btf::core::types_are_compat;
use skep_btf::{Btf, Def, Kind, TypeId};
use skep_isa::Insn;
use skep_kernel::{Fd, Kernel, TargetBtf};
use skep_object::{Extern, ExternKind, Object};

use crate::error::Error;

/// `BPF_PSEUDO_BTF_ID`: the wide load is of a kernel variable's or function's address.
const PSEUDO_BTF_ID: u8 = 3;
/// `BPF_PSEUDO_KFUNC_CALL`.
const PSEUDO_KFUNC_CALL: u8 = 2;
/// `BPF_JMP | BPF_CALL`.
const CALL: u8 = 0x85;
/// libbpf's `POISON_CALL_KFUNC_BASE`: a call of no helper, to which the extern's number is added.
const POISON_CALL_KFUNC: i32 = 2_002_000_000;

/// A message for an instruction that must not be executed.
type Poison = Option<Arc<str>>;

/// What an extern is on a kernel with certain types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// It has no type, or is of the configuration: nothing that types tell.
    Untyped,
    /// The variable or function with this number in the types of a module, or of the kernel.
    Typed {
        /// The number.
        id: TypeId,
        /// The module.
        module: Option<Arc<str>>,
    },
    /// The kernel has none, or another, and the extern is weak.
    Missing,
}

/// Finds a typed extern in the types of a kernel (`bpf_object__resolve_ksyms_btf_id`).
///
/// # Errors
/// It is strong, and the kernel has none or one of another type; or it is a variable of another type. In libbpf's words.
pub fn find(object: &Object, external: &Extern, target: Option<&TargetBtf>) -> Result<Symbol, Error> {
    match external.kind {
        ExternKind::KsymVar { type_id: Some(type_id) } => variable(object, external, type_id, target),
        ExternKind::KsymFunc { proto } => function(object, external, proto, target),
        _ => Ok(Symbol::Untyped),
    }
}

/// A variable or function of this name, the types that it is of, and the module's name (`find_ksym_btf_id`).
fn look<'t>(
    target: Option<&'t TargetBtf>,
    kind: Kind,
    name: &str,
) -> Option<(TypeId, &'t Btf, Option<&'t Arc<str>>)> {
    let target = target?;
    if let Some(id) = target.vmlinux.find(kind, name) {
        return Some((id, &target.vmlinux, None));
    }
    target.modules.iter().find_map(|(module, btf)| {
        let id = btf.find_all(kind, name).find(|id| id.0 >= btf.first_id())?;
        Some((id, &**btf, Some(module)))
    })
}

/// `bpf_object__resolve_ksym_var_btf_id`.
fn variable(
    object: &Object,
    external: &Extern,
    local: TypeId,
    target: Option<&TargetBtf>,
) -> Result<Symbol, Error> {
    let name = &external.name;
    let Some((id, btf, module)) = look(target, Kind::Var, name) else {
        return missing(external, format!("extern (var ksym) '{name}': not found in kernel BTF"));
    };
    let found = match btf.type_by_id(id).map(|it| &it.def) {
        Some(Def::Var(var)) => btf.resolve(var.type_id),
        _ => TypeId::VOID,
    };
    let own = object.btf.as_ref();
    if own.is_none_or(|own| types_are_compat(own, local, btf, found) != Ok(true)) {
        let say = |btf: Option<&Btf>, id: TypeId| {
            let ty = btf.and_then(|it| Some((it, it.type_by_id(id)?)));
            let (kind, name) = ty.map_or(("?", ""), |(btf, ty)| (kind_name(ty.kind()), btf.str(ty.name)));
            format!("[{}] {kind} {name}", id.0)
        };
        let text = format!(
            "extern (var ksym) '{name}': incompatible types, expected {}, but kernel has {}",
            say(own, local),
            say(Some(btf), found)
        );
        return Err(Error::bad_input("", text));
    }
    Ok(Symbol::Typed { id, module: module.cloned() })
}

/// `bpf_object__resolve_ksym_func_btf_id`.
fn function(
    object: &Object,
    external: &Extern,
    local: TypeId,
    target: Option<&TargetBtf>,
) -> Result<Symbol, Error> {
    let name = &external.name;
    let Some((id, btf, module)) = look(target, Kind::Func, external.essential_name()) else {
        return missing(external, format!("extern (func ksym) '{name}': not found in kernel or module BTFs"));
    };
    let proto = match btf.type_by_id(id).map(|it| &it.def) {
        Some(Def::Func(func)) => func.proto,
        _ => TypeId::VOID,
    };
    let own = object.btf.as_ref();
    if own.is_none_or(|own| types_are_compat(own, local, btf, proto) != Ok(true)) {
        let of = module.map_or("vmlinux", |it| it);
        let text = format!(
            "extern (func ksym) '{name}': func_proto [{}] incompatible with {of} [{}]",
            local.0, proto.0
        );
        return missing(external, text);
    }
    Ok(Symbol::Typed { id, module: module.cloned() })
}

fn missing(external: &Extern, text: String) -> Result<Symbol, Error> {
    match external.weak {
        true => Ok(Symbol::Missing),
        false => Err(Error::bad_input("", text)),
    }
}

/// libbpf's word for a kind (`__btf_kind_str`).
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Void => "void",
        Kind::Int => "int",
        Kind::Ptr => "ptr",
        Kind::Array => "array",
        Kind::Struct => "struct",
        Kind::Union => "union",
        Kind::Enum => "enum",
        Kind::Fwd => "fwd",
        Kind::Typedef => "typedef",
        Kind::Volatile => "volatile",
        Kind::Const => "const",
        Kind::Restrict => "restrict",
        Kind::Func => "func",
        Kind::FuncProto => "func_proto",
        Kind::Var => "var",
        Kind::DataSec => "datasec",
        Kind::Float => "float",
        Kind::DeclTag => "decl_tag",
        Kind::TypeTag => "type_tag",
        Kind::Enum64 => "enum64",
    }
}

/// The externs of an object that are kernel symbols, resolved on a kernel.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    /// By index among the object's externs.
    found: Vec<Result<Symbol, Error>>,
    /// The fds of modules' types, by name.
    fds: BTreeMap<Arc<str>, Fd>,
    /// `fd_array`, once there is a function of a module.
    pub(crate) fd_array: Vec<i32>,
}

impl Symbols {
    /// Resolves all externs, and opens the types of the modules that have one.
    pub(crate) fn new(object: &Object, kernel: &mut Kernel) -> Symbols {
        let target = kernel.btf();
        let found: Vec<_> = object.externs.iter().map(|it| find(object, it, target)).collect();
        let mut symbols = Symbols { found, ..Symbols::default() };
        for index in 0..symbols.found.len() {
            let Ok(Symbol::Typed { module: Some(module), .. }) = &symbols.found[index] else { continue };
            let module = Arc::clone(module);
            let is_func = matches!(object.externs[index].kind, ExternKind::KsymFunc { .. });
            match symbols.open(kernel, &module) {
                Ok(fd) if is_func => symbols.give_place(fd),
                Ok(_) => {}
                Err(errno) => {
                    let text = format!("the types of module {module} cannot be opened ({errno})");
                    symbols.found[index] = Err(Error::bad_input("", text));
                }
            }
        }
        symbols
    }

    fn open(&mut self, kernel: &mut Kernel, module: &Arc<str>) -> Result<Fd, Errno> {
        if let Some(fd) = self.fds.get(module) {
            return Ok(*fd);
        }
        let fd = kernel.module_fd(module)?;
        self.fds.insert(Arc::clone(module), fd);
        Ok(fd)
    }

    /// Puts a module's fd into `fd_array`, if it is not there: only functions are called by their place in it.
    fn give_place(&mut self, fd: Fd) {
        // Place 0 stands for the kernel itself.
        if self.fd_array.is_empty() {
            self.fd_array.push(0);
        }
        if !self.fd_array.contains(&fd.0) {
            self.fd_array.push(fd.0);
        }
    }

    /// Closes the modules' types, as libbpf does when all is loaded.
    pub(crate) fn close(self, kernel: &mut Kernel) {
        for fd in self.fds.into_values() {
            let _ = kernel.close(fd);
        }
    }

    /// The fd of a module's types, and its place in `fd_array`.
    fn module(&self, module: Option<&Arc<str>>) -> (i32, i16) {
        let Some(fd) = module.and_then(|it| self.fds.get(it)) else { return (0, 0) };
        let place = self.fd_array.iter().position(|it| *it == fd.0).unwrap_or(0);
        (fd.0, i16::try_from(place).unwrap_or(i16::MAX))
    }

    /// Fills in an instruction that refers to a kernel symbol (`RELO_EXTERN_LD64` and `RELO_EXTERN_CALL` of
    /// `bpf_object__relocate_data`). Answers what to say if the instruction is executed though it cannot be.
    pub(crate) fn relocate(
        &self,
        kernel: &mut Kernel,
        external: &Extern,
        index: usize,
        insns: &mut [Insn],
        slot: usize,
    ) -> Result<Poison, Error> {
        let cut = || Error::bad_input("", "the relocated instruction is cut off");
        let is_call = insns.get(slot).ok_or_else(cut)?.code == CALL;
        let done = |written: Option<()>| written.ok_or_else(cut).map(|()| None);
        match (external.kind, self.found.get(index)) {
            (ExternKind::Kconfig { .. } | ExternKind::Undefined, _) | (_, None) => {
                let text =
                    format!("extern '{}' is described by no BTF: compile with clang -g", external.name);
                Err(Error::bad_input("", text))
            }
            (_, Some(Err(error))) => Err(error.clone()),
            (_, Some(Ok(Symbol::Untyped))) => {
                let addr = kernel.ksym(&external.name);
                if addr.is_none() && !external.weak {
                    let text = format!("extern '{}' (strong): not resolved", external.name);
                    return Err(Error::bad_input("", text));
                }
                done(wide(insns, slot, 0, addr.unwrap_or(0)))
            }
            (_, Some(Ok(Symbol::Missing))) if is_call => {
                insns[slot] = Insn::new(CALL, 0, 0, 0, POISON_CALL_KFUNC.wrapping_add(index as i32));
                let text = format!("kfunc '{}' is referenced but wasn't resolved", external.name);
                Ok(Some(text.into()))
            }
            (_, Some(Ok(Symbol::Missing))) => done(wide(insns, slot, 0, 0)),
            (_, Some(Ok(Symbol::Typed { id, module }))) => {
                let (fd, place) = self.module(module.as_ref());
                if is_call {
                    insns[slot] = Insn::new(CALL, 0, PSEUDO_KFUNC_CALL, place, id.0 as i32);
                    return Ok(None);
                }
                let value = u64::from(fd as u32) << 32 | u64::from(id.0);
                done(wide(insns, slot, PSEUDO_BTF_ID, value))
            }
        }
    }
}

/// Puts a number into a wide load.
fn wide(insns: &mut [Insn], slot: usize, src: u8, value: u64) -> Option<()> {
    let [first, second] = insns.get_mut(slot..slot + 2)? else { return None };
    first.src = src;
    (first.imm, second.imm) = (value as u32 as i32, (value >> 32) as u32 as i32);
    Some(())
}
