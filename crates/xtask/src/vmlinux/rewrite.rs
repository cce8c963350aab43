//! From the BTF that clang writes of the header to the BTF of a kernel.
//!
//! A row of the header is a variable whose structure has a member `returns`, a pointer to a function that returns what
//! the row's function returns, and then one member per parameter (crates/kernel/vmlinux/rows.h).

use std::collections::{BTreeSet, HashMap};

use skep_btf::{
    Btf, BtfBuilder, Composite, DataSec, DeclTag, Def, Enum, EnumValue, Func, FuncProto, FwdKind, Kind,
    Linkage, Member, Param, SecVar, StrOff, Type, TypeId, TypeTag, Var,
};

/// The section of per-CPU variables.
const PERCPU: &str = ".data..percpu";
/// The member that stands for `...`.
const VARARGS: &str = "__varargs";

/// What the name of a row's structure begins with, and what becomes of it.
const ROWS: &[(&str, Row)] = &[
    ("fn__", |it, name, ret, params| it.function(name, ret, params)),
    ("kf__", |it, name, ret, params| it.kfunc(name, ret, params)),
    ("sc__", |it, name, ret, params| it.syscall(name, ret, params)),
    ("tp__", |it, name, ret, params| it.tracepoint(name, ret, params)),
];

/// Adds what a row stands for.
type Row = fn(&mut Rewriter<'_>, &str, TypeId, Vec<Param>) -> Result<(), String>;

/// Rewrites everything.
pub(super) fn rewrite(old: &Btf) -> Result<Btf, String> {
    let rows = rows(old);
    let mut kept = Kept { old, ids: BTreeSet::new(), rows: rows.iter().map(|row| row.id).collect() };
    kept.named_types();
    for row in &rows {
        kept.row(row.id)?;
    }
    let ids: Vec<TypeId> = kept.ids.into_iter().collect();
    let mut rewriter = Rewriter::new(old, &ids);
    for id in ids {
        rewriter.copy(id)?;
    }
    for row in rows {
        let (ret, params) = rewriter.prototype(row.id)?;
        (row.make)(&mut rewriter, row.name, ret, params)?;
    }
    rewriter.percpu()?;
    rewriter.new.build().map_err(|error| error.to_string())
}

struct Found<'a> {
    id: TypeId,
    name: &'a str,
    make: Row,
}

/// The rows, by name, each kind for itself.
fn rows(old: &Btf) -> Vec<Found<'_>> {
    let mut all = Vec::new();
    for (prefix, make) in ROWS {
        let structs = old.types().filter(|(_, ty)| matches!(ty.def, Def::Struct(_)));
        let named = structs.filter_map(|(id, ty)| Some((id, old.str(ty.name).strip_prefix(prefix)?)));
        let first = all.len();
        all.extend(named.map(|(id, name)| Found { id, name, make: *make }));
        all[first..].sort_by_key(|row| row.name);
    }
    all
}

/// The types that stay.
struct Kept<'a> {
    old: &'a Btf,
    ids: BTreeSet<TypeId>,
    rows: BTreeSet<TypeId>,
}

impl Kept<'_> {
    /// All that have a name and are no row, with what they need.
    fn named_types(&mut self) {
        for (id, ty) in self.old.types() {
            let is_type = !matches!(ty.def, Def::Var(_) | Def::DataSec(_) | Def::Fwd(_) | Def::Func(_));
            if is_type && ty.name != StrOff::EMPTY && !self.rows.contains(&id) {
                self.add(id);
            }
        }
        let vars = percpu_vars(self.old);
        for (_, ty) in vars {
            self.add(ty);
        }
    }

    /// What a row's function returns and takes.
    fn row(&mut self, id: TypeId) -> Result<(), String> {
        for member in members(self.old, id)? {
            match self.old.str(member.name) {
                "returns" => self.add(returned(self.old, member.type_id)?),
                VARARGS => {}
                _ => self.add(member.type_id),
            }
        }
        Ok(())
    }

    fn add(&mut self, id: TypeId) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let id = defined(self.old, id);
            let Some(ty) = self.old.type_by_id(id).filter(|_| id != TypeId::VOID) else { continue };
            if self.ids.insert(id) {
                refs(&ty.def, &mut |to| open.push(to));
            }
        }
    }
}

/// A forward declaration's definition, if there is one.
fn defined(old: &Btf, id: TypeId) -> TypeId {
    let Some(Type { name, def: Def::Fwd(kind) }) = old.type_by_id(id) else { return id };
    let kind = match kind {
        FwdKind::Struct => Kind::Struct,
        FwdKind::Union => Kind::Union,
    };
    old.find(kind, old.str(*name)).unwrap_or(id)
}

fn members(old: &Btf, id: TypeId) -> Result<&[Member], String> {
    match old.type_by_id(id).map(|ty| &ty.def) {
        Some(Def::Struct(it)) => Ok(&it.members),
        _ => Err(format!("type {} is no structure", id.0)),
    }
}

/// What the function behind a pointer returns.
fn returned(old: &Btf, pointer: TypeId) -> Result<TypeId, String> {
    let def = |id: TypeId| old.type_by_id(id).map(|ty| &ty.def);
    match def(pointer) {
        Some(Def::Ptr(to)) => match def(*to) {
            Some(Def::FuncProto(proto)) => Ok(proto.ret),
            _ => Err("`returns` points to no function".to_owned()),
        },
        _ => Err("`returns` is no pointer".to_owned()),
    }
}

/// Names and types of the per-CPU variables.
fn percpu_vars(old: &Btf) -> Vec<(&str, TypeId)> {
    let Some(Def::DataSec(section)) =
        old.find(Kind::DataSec, PERCPU).and_then(|id| old.type_by_id(id)).map(|ty| &ty.def)
    else {
        return Vec::new();
    };
    let mut vars: Vec<_> = section
        .vars
        .iter()
        .filter_map(|var| old.type_by_id(var.type_id))
        .filter_map(|ty| match ty.def {
            Def::Var(Var { type_id, .. }) => Some((old.str(ty.name), type_id)),
            _ => None,
        })
        .collect();
    vars.sort_unstable();
    vars
}

/// Calls `each` for every type that a definition refers to.
fn refs(def: &Def, each: &mut dyn FnMut(TypeId)) {
    match def {
        Def::Ptr(to) | Def::Typedef(to) | Def::Volatile(to) | Def::Const(to) | Def::Restrict(to) => each(*to),
        Def::Array(array) => [array.element, array.index].into_iter().for_each(each),
        Def::Struct(it) | Def::Union(it) => it.members.iter().for_each(|member| each(member.type_id)),
        Def::FuncProto(proto) => {
            each(proto.ret);
            proto.params.iter().for_each(|param| each(param.type_id));
        }
        Def::Func(func) => each(func.proto),
        Def::Var(var) => each(var.type_id),
        Def::DataSec(section) => section.vars.iter().for_each(|var| each(var.type_id)),
        Def::DeclTag(tag) => each(tag.target),
        Def::TypeTag(tag) => each(tag.target),
        Def::Void | Def::Int(_) | Def::Enum(_) | Def::Enum64(_) | Def::Fwd(_) | Def::Float(_) => {}
    }
}

struct Rewriter<'a> {
    old: &'a Btf,
    new: BtfBuilder,
    ids: HashMap<TypeId, TypeId>,
    /// Prototypes that were made, since many functions share theirs.
    protos: HashMap<(TypeId, Vec<(StrOff, TypeId)>), TypeId>,
}

impl<'a> Rewriter<'a> {
    /// `kept` get their numbers in this order.
    fn new(old: &'a Btf, kept: &[TypeId]) -> Rewriter<'a> {
        let ids = kept.iter().zip(1..).map(|(old, new)| (*old, TypeId(new))).collect();
        Rewriter { old, new: BtfBuilder::new(), ids, protos: HashMap::new() }
    }

    fn id(&self, old: TypeId) -> Result<TypeId, String> {
        if old == TypeId::VOID {
            return Ok(old);
        }
        let found = self.ids.get(&defined(self.old, old)).copied();
        found.ok_or_else(|| format!("type {} is referred to and not kept", old.0))
    }

    fn string(&mut self, old: StrOff) -> StrOff {
        self.new.string(self.old.str(old))
    }

    fn copy(&mut self, id: TypeId) -> Result<(), String> {
        let ty = self.old.type_by_id(id).ok_or("a type is gone")?;
        let def = match &ty.def {
            Def::Struct(it) => Def::Struct(self.composite(it)?),
            Def::Union(it) => Def::Union(self.composite(it)?),
            Def::Enum(it) => Def::Enum(self.enumeration(it)),
            Def::Enum64(it) => Def::Enum64(self.enumeration(it)),
            Def::FuncProto(proto) => {
                let ret = self.id(proto.ret)?;
                let params = proto.params.iter().map(|it| self.param(it.name, it.type_id));
                Def::FuncProto(FuncProto { ret, params: params.collect::<Result<_, _>>()? })
            }
            Def::Ptr(to) => Def::Ptr(self.id(*to)?),
            Def::Typedef(to) => Def::Typedef(self.id(*to)?),
            Def::Volatile(to) => Def::Volatile(self.id(*to)?),
            Def::Const(to) => Def::Const(self.id(*to)?),
            Def::Restrict(to) => Def::Restrict(self.id(*to)?),
            Def::TypeTag(tag) => Def::TypeTag(TypeTag { target: self.id(tag.target)?, ..*tag }),
            Def::Array(array) => {
                let mut array = *array;
                (array.element, array.index) = (self.id(array.element)?, self.id(array.index)?);
                Def::Array(array)
            }
            Def::Int(_) | Def::Float(_) | Def::Fwd(_) => ty.def.clone(),
            Def::Void | Def::Func(_) | Def::Var(_) | Def::DataSec(_) | Def::DeclTag(_) => {
                return Err(format!("a {:?} is not expected", ty.def));
            }
        };
        self.new.add(self.old.str(ty.name), def);
        Ok(())
    }

    fn composite(&mut self, old: &Composite) -> Result<Composite, String> {
        let member = |it: &Member| {
            let (name, type_id) = (self.string(it.name), self.id(it.type_id)?);
            Ok(Member { name, type_id, ..*it })
        };
        let members = old.members.iter().map(member).collect::<Result<_, String>>()?;
        Ok(Composite { members, ..old.clone() })
    }

    fn enumeration(&mut self, old: &Enum) -> Enum {
        let value = |it: &EnumValue| EnumValue { name: self.string(it.name), ..*it };
        let values = old.values.iter().map(value).collect();
        Enum { values, ..old.clone() }
    }

    fn param(&mut self, name: StrOff, type_id: TypeId) -> Result<Param, String> {
        Ok(Param { name: self.string(name), type_id: self.id(type_id)? })
    }

    /// What a row's function returns, and its parameters.
    fn prototype(&mut self, row: TypeId) -> Result<(TypeId, Vec<Param>), String> {
        let members = members(self.old, row)?;
        let (returns, params) = members.split_first().ok_or("a row without members")?;
        let ret = self.id(returned(self.old, returns.type_id)?)?;
        let param = |it: &Member| match self.old.str(it.name) {
            VARARGS => Ok(Param { name: StrOff::EMPTY, type_id: TypeId::VOID }),
            _ => self.param(it.name, it.type_id),
        };
        Ok((ret, params.iter().map(param).collect::<Result<_, String>>()?))
    }

    fn proto(&mut self, ret: TypeId, params: Vec<Param>) -> TypeId {
        let key = (ret, params.iter().map(|it| (it.name, it.type_id)).collect());
        if let Some(id) = self.protos.get(&key) {
            return *id;
        }
        let id = self.new.add("", Def::FuncProto(FuncProto { ret, params: params.into() }));
        self.protos.insert(key, id);
        id
    }

    /// pahole writes all functions as static.
    fn func(&mut self, name: &str, proto: TypeId) -> TypeId {
        self.new.add(name, Def::Func(Func { proto, linkage: Linkage::Static }))
    }

    fn function(&mut self, name: &str, ret: TypeId, params: Vec<Param>) -> Result<(), String> {
        let proto = self.proto(ret, params);
        self.func(name, proto);
        Ok(())
    }

    fn kfunc(&mut self, name: &str, ret: TypeId, params: Vec<Param>) -> Result<(), String> {
        let proto = self.proto(ret, params);
        let target = self.func(name, proto);
        self.new.add("bpf_kfunc", Def::DeclTag(DeclTag { target, component: None, attribute: false }));
        Ok(())
    }

    /// `SYSCALL_DEFINEx` of arch/x86/include/asm/syscall_wrapper.h: the entry takes saved registers, the body the
    /// arguments.
    fn syscall(&mut self, name: &str, ret: TypeId, params: Vec<Param>) -> Result<(), String> {
        let regs = self.pointer_to(&|old, ty| match ty.def {
            Def::Const(to) => old.type_by_id(to).is_some_and(|it| old.str(it.name) == "pt_regs"),
            _ => false,
        })?;
        let regs = Param { name: self.new.string("regs"), type_id: regs };
        let entry = self.proto(ret, vec![regs]);
        self.func(&format!("__x64_sys_{name}"), entry);
        let body = self.proto(ret, params);
        self.func(&format!("__do_sys_{name}"), body);
        Ok(())
    }

    /// `__DECLARE_TRACE` and `__BPF_DECLARE_TRACE` of include/linux/tracepoint.h and include/trace/bpf_probe.h.
    fn tracepoint(&mut self, name: &str, ret: TypeId, mut params: Vec<Param>) -> Result<(), String> {
        let void = self.pointer_to(&|_, ty| matches!(ty.def, Def::Void))?;
        params.insert(0, Param { name: self.new.string("__data"), type_id: void });
        let iterator = self.proto(ret, params.clone());
        self.func(&format!("__traceiter_{name}"), iterator);
        let probe = self.proto(TypeId::VOID, params);
        self.func(&format!("__bpf_trace_{name}"), probe);
        let pointer = self.new.add("", Def::Ptr(probe));
        self.new.add(&format!("btf_trace_{name}"), Def::Typedef(pointer));
        Ok(())
    }

    /// The kept pointer to the type that `is` picks.
    fn pointer_to(&self, is: &dyn Fn(&Btf, &Type) -> bool) -> Result<TypeId, String> {
        let to = |ty: &Type| match ty.def {
            Def::Ptr(to) => self.old.type_by_id(to).is_some_and(|it| is(self.old, it)),
            _ => false,
        };
        let found = self.old.types().find(|(id, ty)| to(ty) && self.ids.contains_key(id));
        found.and_then(|(id, _)| self.ids.get(&id).copied()).ok_or_else(|| "a pointer is missing".to_owned())
    }

    /// The section of per-CPU variables, one behind the other.
    fn percpu(&mut self) -> Result<(), String> {
        let (mut vars, mut end) = (Vec::new(), 0u32);
        for (name, old) in percpu_vars(self.old) {
            let error = |error: skep_btf::TypeError| format!("{name}: {error}");
            let size = self.old.size_of(old).map_err(error)?;
            let align = self.old.align_of(old).map_err(error)?.max(8);
            let size = u32::try_from(size).map_err(|_| format!("{name} is too large"))?;
            let type_id = self.id(old)?;
            let type_id = self.new.add(name, Def::Var(Var { type_id, linkage: Linkage::Global }));
            let offset = end.next_multiple_of(align);
            vars.push(SecVar { type_id, offset, size });
            end = offset + size;
        }
        self.new.add(PERCPU, Def::DataSec(DataSec { size: end, vars: vars.into() }));
        Ok(())
    }
}
