//! Whether two files define or declare the same map (`map_defs_match`).

use skep_btf::{Btf, Def, TypeId};
use skep_object::MapDef;

use super::budget::Comparisons;
use super::compare;

/// A map's variable in some file.
type Of<'b> = (&'b Btf, TypeId);

/// Compares two definitions: a declaration has to be as complete as the definition. `map_extra` is not looked at.
///
/// # Errors
/// How they differ.
pub(super) fn check(budget: &Comparisons, name: &str, a: Of<'_>, b: Of<'_>) -> Result<(), String> {
    let (left, right) = (definition(budget, name, a)?, definition(budget, name, b)?);
    same(budget, a.0, &left, b.0, &right)
}

fn definition(budget: &Comparisons, name: &str, (btf, id): Of<'_>) -> Result<MapDef, String> {
    let Some(Def::Var(var)) = btf.type_by_id(id).map(|it| &it.def) else {
        return Err(format!("invalid map definition type {id}"));
    };
    let members = btf.resolved(var.type_id).and_then(|it| it.composite()).map_or(0, |it| it.members.len());
    budget.pay(members)?;
    MapDef::from_btf(btf, name, var.type_id).map_err(|error| format!("invalid map definition: {error}"))
}

fn same(budget: &Comparisons, a: &Btf, left: &MapDef, b: &Btf, right: &MapDef) -> Result<(), String> {
    let differs = |what: &str| Err(format!("map {what} mismatch"));
    let types = |x: Option<TypeId>, y: Option<TypeId>| match (x, y) {
        (None, None) => Ok(()),
        (Some(x), Some(y)) => compare::check(budget, (a, x), (b, y)),
        _ => Err("one has a type and the other a size".to_owned()),
    };
    if left.kind != right.kind {
        return differs("type");
    }
    if left.key_size != right.key_size {
        return differs("key_size");
    }
    types(left.key_type, right.key_type).map_err(|why| format!("map key type mismatch: {why}"))?;
    if left.value_size != right.value_size {
        return differs("value_size");
    }
    types(left.value_type, right.value_type).map_err(|why| format!("map value type mismatch: {why}"))?;
    if left.max_entries != right.max_entries {
        return differs("max_entries");
    }
    if left.map_flags != right.map_flags {
        return differs("map_flags");
    }
    if left.numa_node != right.numa_node {
        return differs("numa_node");
    }
    if left.pinning != right.pinning {
        return differs("pinning");
    }
    match (&left.inner, &right.inner) {
        (None, None) => Ok(()),
        (Some(x), Some(y)) => same(budget, a, x, b, y),
        _ => differs("inner map"),
    }
}
