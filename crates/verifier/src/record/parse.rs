//! A record from what was found (`btf_parse_fields`).

use skep_abi::Errno;
use skep_btf::{Btf, Def, Kind, Type, TypeId};

use super::find::{Found, Kinds, find_fields};
use super::{FieldKind, Record, SpecialField};
use crate::state::reg::BtfNr;

/// Structs of the kernel that can be kept in a map as referenced pointers: those with a destructor
/// (`register_btf_id_dtor_kfuncs`).
const KEPT: &[&str] =
    &["task_struct", "cgroup", "bpf_cpumask", "bpf_crypto_ctx", "prog_test_ref_kfunc", "prog_test_member"];

/// The record of a type: its special fields by offset; `None`: it has none.
///
/// # Errors
/// Those of `BPF_BTF_LOAD` and `BPF_MAP_CREATE` for the type.
pub(super) fn parse_fields(
    btf: &Btf,
    nr: BtfNr,
    id: TypeId,
    wanted: Kinds,
    size: u32,
    kernel: Option<&Btf>,
) -> Result<Option<Record>, Errno> {
    let found = find_fields(btf, id, wanted)?;
    if found.is_empty() {
        return Ok(None);
    }
    let mut fields = Vec::with_capacity(found.len());
    let mut next = 0;
    for it in found {
        let bytes = it.kind.size();
        if it.offset + bytes > size {
            return Err(Errno::EFAULT);
        }
        if it.offset < next {
            return Err(Errno::EEXIST);
        }
        next = it.offset + bytes;
        fields.push(field(btf, nr, it, kernel)?);
    }
    let record = Record { fields };
    check(&record)?;
    Ok(Some(record))
}

/// What has to be there together (the end of `btf_parse_fields`).
fn check(record: &Record) -> Result<(), Errno> {
    let (spin, resilient) = (record.has(FieldKind::SpinLock), record.has(FieldKind::ResSpinLock));
    let both_nodes = record.has(FieldKind::ListNode) && record.has(FieldKind::RbNode);
    let bad = spin && resilient
        || record.has_graph_root() && !spin && !resilient
        || both_nodes && !record.has(FieldKind::Refcount);
    if bad { Err(Errno::EINVAL) } else { Ok(()) }
}

fn field(btf: &Btf, nr: BtfNr, it: Found<'_>, kernel: Option<&Btf>) -> Result<SpecialField, Errno> {
    let mut field = SpecialField {
        kind: it.kind,
        offset: it.offset,
        size: it.kind.size(),
        target: None,
        node_offset: 0,
        value_record: None,
    };
    if it.kind.is_kptr() || it.kind == FieldKind::Uptr {
        field.target = Some(kptr_target(btf, nr, it, kernel)?);
    } else if it.kind.is_graph_root() {
        field.target = Some((nr, it.target));
        field.node_offset = node_offset(btf, it)?;
    }
    Ok(field)
}

/// A struct of the kernel of this name, or the program's own (`btf_parse_kptr`).
fn kptr_target(btf: &Btf, nr: BtfNr, it: Found<'_>, kernel: Option<&Btf>) -> Result<(BtfNr, TypeId), Errno> {
    let ty = btf.type_by_id(it.target).ok_or(Errno::EINVAL)?;
    let name = btf.str(ty.name);
    match kernel.and_then(|kernel| kernel.find(ty.kind(), name)) {
        None => Ok((nr, it.target)),
        Some(_) if it.kind == FieldKind::KptrRef && !KEPT.contains(&name) => Err(Errno::ENOENT),
        Some(id) => Ok((BtfNr::KERNEL, id)),
    }
}

/// Where the node is in the struct that a list or tree has (`btf_parse_graph_root`).
fn node_offset(btf: &Btf, it: Found<'_>) -> Result<u32, Errno> {
    let wanted = if it.kind == FieldKind::ListHead { FieldKind::ListNode } else { FieldKind::RbNode };
    let composite = btf.type_by_id(it.target).and_then(Type::composite).ok_or(Errno::EINVAL)?;
    let mut named = composite.members.iter().filter(|member| btf.str(member.name) == it.node);
    let (member, None) = (named.next().ok_or(Errno::ENOENT)?, named.next()) else {
        return Err(Errno::EINVAL);
    };
    let node = btf.type_by_id(member.type_id);
    let is_node = node.is_some_and(|ty| {
        matches!(ty.def, Def::Struct(_) | Def::Union(_)) && btf.str(ty.name) == wanted.name()
    });
    let offset = member.bit_offset / 8;
    let aligned = member.bit_offset.is_multiple_of(8) && offset.is_multiple_of(wanted.align());
    if is_node && aligned { Ok(offset) } else { Err(Errno::EINVAL) }
}

/// The type that a map's value type is, if it may have fields.
pub(super) fn is_container(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.type_by_id(id).map(Type::kind), Some(Kind::Struct | Kind::Union | Kind::DataSec))
}
