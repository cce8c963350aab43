//! struct_ops: programs that are members of a struct of functions which the kernel calls (libbpf's
//! `bpf_map__init_kern_struct_ops`).

use skep_abi::ProgType;
use skep_btf::{Btf, Kind, TypeId};
use skep_kernel::{Target, TargetBtf};
use skep_object::{MapDef, Object, StructOps};

use crate::error::Error;
use crate::load::LoadedMap;
use crate::open::ProgramPlan;

/// A program's place in a struct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The member's name.
    pub name: String,
    /// The program, by its index in [`Object::programs`].
    pub program: usize,
}

/// The members of a struct_ops map that are programs, in the struct's order.
pub(crate) fn members(object: &Object, def: &MapDef) -> Vec<Member> {
    let (Some(btf), Some(ops)) = (&object.btf, &def.struct_ops) else { return Vec::new() };
    let mut members: Vec<(u32, Member)> = ops
        .funcs
        .iter()
        .filter_map(|&(offset, program)| {
            let name = member_at(btf, ops, offset)?;
            Some((offset, Member { name, program }))
        })
        .collect();
    members.sort_by_key(|it| it.0);
    members.into_iter().map(|it| it.1).collect()
}

/// Whether a program is loaded: a member of a struct is if the struct is created, whatever its section says
/// (`bpf_object_adjust_struct_ops_autoload`), unless somebody said that it is not.
pub(crate) fn autoload(object: &Object, maps: &[LoadedMap], plan: &ProgramPlan) -> bool {
    let uses = |def: &MapDef| {
        def.struct_ops.as_ref().is_some_and(|ops| ops.funcs.iter().any(|it| it.1 == plan.index))
    };
    let mut users = object.maps.iter().zip(maps).filter(|it| uses(it.0)).peekable();
    if plan.prog_type != Some(ProgType::StructOps) || users.peek().is_none() {
        return plan.autoload;
    }
    let said_off = !plan.autoload && object.programs.get(plan.index).is_some_and(|it| it.autoload);
    !said_off && users.any(|(_, map)| map.autocreate)
}

fn member_at(btf: &Btf, ops: &StructOps, offset: u32) -> Option<String> {
    let found = btf.members(ops.type_id).find(|it| it.bit_offset == offset * 8);
    found.map(|it| it.name.to_owned())
}

/// What a program that is a member is attached to; `None`: it is none of any struct.
pub(crate) fn target_of(
    object: &Object,
    program: usize,
    btf: Option<&TargetBtf>,
) -> Option<Result<Target, Error>> {
    object.maps.iter().find_map(|def| {
        let ops = def.struct_ops.as_ref()?;
        let offset = ops.funcs.iter().find(|it| it.1 == program)?.0;
        Some(find(object, def, ops, offset, btf))
    })
}

fn find(
    object: &Object,
    def: &MapDef,
    ops: &StructOps,
    offset: u32,
    btf: Option<&TargetBtf>,
) -> Result<Target, Error> {
    let place = format!("map {}", def.name);
    let own = object.btf.as_ref();
    // A flavour is the struct without what follows three underscores.
    let written = own.map_or("", |it| it.name(ops.type_id));
    let name = written.split("___").next().unwrap_or(written);
    let member = own.and_then(|it| member_at(it, ops, offset)).unwrap_or_default();
    let refused = |why: String| Err(Error::bad_input(place.clone(), why));
    let Some(btf) = btf else {
        return refused(format!(
            "struct {name} has to be found in the kernel's types, and the machine has none: give it some"
        ));
    };
    let Some((id, types)) = struct_in(btf, name) else {
        return refused(format!(
            "struct_ops init_kern: struct {name} is not found in kernel BTF ({}): give the BTF of a kernel that has it",
            btf.origin
        ));
    };
    let index = types.members(id).position(|it| it.name == member);
    match index {
        Some(index) => Ok(Target::StructOps { ops: name.to_owned(), member, id: id.0, index: index as u32 }),
        None => {
            refused(format!("struct_ops init_kern {}: Cannot find member {member} in kernel BTF", def.name))
        }
    }
}

fn struct_in<'b>(btf: &'b TargetBtf, name: &str) -> Option<(TypeId, &'b Btf)> {
    let all = std::iter::once(&btf.vmlinux).chain(btf.modules.iter().map(|it| &it.1));
    all.map(|types| &**types).find_map(|types| Some((types.find(Kind::Struct, name)?, types)))
}
