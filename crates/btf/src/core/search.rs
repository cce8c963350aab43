//! Finding in a candidate what an access string means in the object (libbpf's `bpf_core_spec_match`).

use super::ReloKind;
use super::compat::Pair;
use super::error::Failure;
use super::kind::Subject;
use super::name::essential_name;
use super::spec::{Accessor, MAX_LEN, Spec};
use super::work::Work;
use crate::{Btf, Def, Type, TypeId};

/// What became of one candidate.
pub(super) enum Found<'b> {
    Matching(Spec<'b>),
    NotMatching,
    /// It cannot be told, and so far was found what the spec says.
    Failed(Spec<'b>, Failure),
}

/// Looks for the local spec in type `id` of `target`.
pub(super) fn find<'b>(local: &Spec<'_>, target: &'b Btf, id: TypeId, work: &mut Work) -> Found<'b> {
    let mut spec = Spec::new(target, id, local.kind);
    let pair = Pair { local: local.btf, target };
    let found = match local.kind {
        ReloKind::TypeMatches => pair.types_match(local.root, id, work),
        kind => match kind.subject() {
            Subject::Type => pair.types_are_compat(local.root, id, work),
            Subject::EnumValue => find_enumerator(local, &mut spec, work),
            Subject::Field => find_field(local, &mut spec, work),
        },
    };
    match found {
        Ok(true) => Found::Matching(spec),
        Ok(false) => Found::NotMatching,
        Err(failure) => Found::Failed(spec, failure),
    }
}

fn find_enumerator(local: &Spec<'_>, spec: &mut Spec<'_>, work: &mut Work) -> Result<bool, Failure> {
    let id = spec.btf.resolve(spec.root);
    let Some(e) = spec.btf.type_by_id(id).and_then(Type::enumeration) else { return Ok(false) };
    let wanted = local.steps.first().and_then(|step| step.name).ok_or(Failure::Invalid)?;
    let wanted = essential_name(wanted);
    for (index, value) in (0..).zip(&e.values) {
        let name = spec.btf.str(value.name);
        work.step(name)?;
        if essential_name(name) == wanted {
            spec.steps.push(Accessor { type_id: id, index, name: Some(name) });
            spec.raw.push(index);
            return Ok(true);
        }
    }
    Ok(false)
}

/// Step by step: members are looked for by name, elements are at their index.
fn find_field(local: &Spec<'_>, spec: &mut Spec<'_>, work: &mut Work) -> Result<bool, Failure> {
    let mut id = spec.root;
    for (at, step) in local.steps.iter().enumerate() {
        id = spec.btf.resolve(id);
        if step.name.is_some() {
            let wanted = Wanted::new(local.btf, step)?;
            match find_member(&wanted, spec, id, work)? {
                Some(next) => id = next,
                None => return Ok(false),
            }
            continue;
        }
        // The root counts as an element already.
        if at > 0 {
            let Some(Def::Array(array)) = spec.btf.type_by_id(id).map(|ty| &ty.def) else { return Ok(false) };
            if step.index >= array.len && !spec.is_flexible(array) {
                return Ok(false);
            }
            id = spec.btf.resolve(array.element);
        }
        if spec.raw.len() == MAX_LEN {
            return Err(Failure::TooBig);
        }
        spec.raw.push(step.index);
        spec.push_element(id, step.index)?;
    }
    Ok(true)
}

/// A named member of the object's type.
struct Wanted<'b> {
    btf: &'b Btf,
    name: &'b str,
    type_id: TypeId,
}

impl<'b> Wanted<'b> {
    fn new(btf: &'b Btf, step: &Accessor<'b>) -> Result<Wanted<'b>, Failure> {
        let composite = btf.type_by_id(step.type_id).and_then(Type::composite);
        let member = composite.and_then(|c| c.members.get(step.index as usize)).ok_or(Failure::Invalid)?;
        Ok(Wanted { btf, name: step.name.unwrap_or(""), type_id: member.type_id })
    }
}

/// Looks for a member in type `id`, and in the anonymous structures and unions in it; answers its type.
fn find_member(
    wanted: &Wanted<'_>,
    spec: &mut Spec<'_>,
    id: TypeId,
    work: &mut Work,
) -> Result<Option<TypeId>, Failure> {
    let btf = spec.btf;
    let id = btf.resolve(id);
    let Some(composite) = btf.type_by_id(id).and_then(Type::composite) else { return Ok(None) };
    let before = spec.bit_offset;
    for (index, member) in (0..).zip(&composite.members) {
        if spec.raw.len() == MAX_LEN {
            return Err(Failure::TooBig);
        }
        let name = btf.str(member.name);
        work.step(name)?;
        spec.bit_offset = before.wrapping_add(member.bit_offset);
        spec.raw.push(index);
        if name.is_empty() {
            if let Some(found) = find_member(wanted, spec, member.type_id, work)? {
                return Ok(Some(found));
            }
        } else if name == wanted.name {
            let pair = Pair { local: wanted.btf, target: btf };
            if pair.fields_are_compat(wanted.type_id, member.type_id)? {
                spec.steps.push(Accessor { type_id: id, index, name: Some(name) });
                return Ok(Some(member.type_id));
            }
            // A name occurs once, anonymous members included: looking on finds nothing.
        }
        spec.raw.pop();
    }
    spec.bit_offset = before;
    Ok(None)
}
