//! Types by the names that tests use, and names that are like a wrong one.

use super::error::Problem;
use skep_btf::{Array, Btf, Def, IntEncoding, Kind, TypeId};
use std::collections::HashSet;

/// The kinds that a bare name is looked up as, in this order.
const KINDS: [Kind; 6] = [Kind::Struct, Kind::Union, Kind::Typedef, Kind::Enum, Kind::Enum64, Kind::Int];
/// The words that may stand before a name, and the kinds they stand for.
const WORDS: [(&str, &[Kind]); 3] =
    [("struct ", &[Kind::Struct]), ("union ", &[Kind::Union]), ("enum ", &[Kind::Enum, Kind::Enum64])];

/// Names longer than this are like nothing.
const MAX_NAME: usize = 64;
/// So many names are suggested.
const SUGGESTIONS: usize = 3;
/// So many members of a type are looked at for suggestions.
const MAX_MEMBERS: usize = 4096;

/// The type of a name, `struct x` or `x`.
pub(crate) fn find(btf: &Btf, name: &str) -> Result<TypeId, Problem> {
    let name = name.trim();
    let word = WORDS.iter().find_map(|(word, kinds)| Some((name.strip_prefix(word)?.trim(), *kinds)));
    let (bare, kinds) = word.unwrap_or((name, &KINDS));
    let found = kinds.iter().find_map(|kind| btf.find(*kind, bare));
    match found {
        Some(id) if btf.size_of(id).is_ok() => Ok(id),
        Some(_) => Err(Problem::NoLayout(name.to_owned())),
        None if btf.find(Kind::Fwd, bare).is_some() => Err(Problem::NoLayout(name.to_owned())),
        None => Err(Problem::NoType { name: name.to_owned(), near: near_types(btf, bare, kinds) }),
    }
}

/// What a type is called in messages: `struct task_struct`, `int`, `a function`.
pub(crate) fn called(btf: &Btf, id: TypeId) -> String {
    btf.c_type(id).unwrap_or_else(|_| "something without a name".to_owned())
}

fn near_types(btf: &Btf, name: &str, kinds: &[Kind]) -> Vec<String> {
    let names = btf.types().filter(|(_, ty)| kinds.contains(&ty.kind())).map(|(_, ty)| btf.str(ty.name));
    nearest(name, names)
}

/// Members of a struct or union that are called like `name`, those of anonymous members included.
pub(crate) fn near_members(btf: &Btf, id: TypeId, name: &str) -> Vec<String> {
    let (mut names, mut seen, mut left) = (Vec::new(), HashSet::new(), vec![btf.resolve(id)]);
    while let Some(id) = left.pop().filter(|_| names.len() < MAX_MEMBERS) {
        if !seen.insert(id) {
            continue;
        }
        for member in btf.members(id) {
            match member.name {
                "" => left.push(btf.resolve(member.type_id)),
                name => names.push(name),
            }
        }
    }
    nearest(name, names.into_iter())
}

fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut near: Vec<_> = names.filter_map(|it| Some((distance(name, it)?, it))).collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(SUGGESTIONS).map(|(_, it)| it.to_owned()).collect()
}

/// How unlike two names are; `None` if they have nothing to do with each other.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    if wanted.is_empty() || name.is_empty() || wanted.len().max(name.len()) > MAX_NAME {
        return None;
    }
    let bare = |it: &str| it.trim_start_matches('_').to_owned();
    let contained = wanted.len() >= 3 && name.contains(wanted) || name.len() >= 3 && wanted.contains(name);
    let close = (wanted.len() / 3).clamp(1, 4);
    let edits = (wanted.len().abs_diff(name.len()) <= close).then(|| edits(wanted, name));
    match edits.filter(|it| *it <= close) {
        _ if bare(wanted) == bare(name) => Some(0),
        Some(edits) => Some(edits),
        None => contained.then_some(close + wanted.len().abs_diff(name.len())),
    }
}

/// How many characters have to be added, taken away or changed (Levenshtein's distance).
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut before = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = before + usize::from(from != to);
            before = row[j + 1];
            row[j + 1] = change.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// What a pointer points to, as it is declared, and whether that is in user memory: `__user` is a type tag in the BTF
/// of kernels that clang built.
pub(crate) fn pointee(btf: &Btf, id: TypeId) -> Option<(TypeId, bool)> {
    let Some(&Def::Ptr(target)) = btf.resolved(id).map(|ty| &ty.def) else { return None };
    let (mut at, mut user) = (target, false);
    while let Some(ty) = btf.type_by_id(at)
        && let Some(next) = ty.modified()
    {
        user |= matches!(ty.def, Def::TypeTag(_)) && btf.str(ty.name) == "user";
        at = next;
    }
    Some((target, user))
}

/// Whether a type is `void`, qualified or not.
pub(crate) fn is_void(btf: &Btf, id: TypeId) -> bool {
    btf.resolve(id) == TypeId::VOID
}

/// The array that this is.
pub(crate) fn array(btf: &Btf, id: TypeId) -> Option<Array> {
    match btf.resolved(id)?.def {
        Def::Array(array) => Some(array),
        _ => None,
    }
}

/// Whether a type is an integer (or enumeration) that can hold an address.
pub(crate) fn holds_address(btf: &Btf, id: TypeId) -> bool {
    match btf.resolved(id).map(|ty| &ty.def) {
        Some(Def::Int(int)) => int.size == 8 && int.bits == 64 && int.encoding != IntEncoding::Bool,
        _ => false,
    }
}

/// The bytes of an element of the array that ends a struct without a length: `numbers[]` of `struct pid`; before
/// Linux 6.8 that was `numbers[1]`.
pub(crate) fn tail(btf: &Btf, id: TypeId) -> Option<u64> {
    let mut id = btf.resolve(id);
    loop {
        let Some(Def::Struct(c)) = btf.type_by_id(id).map(|ty| &ty.def) else { return None };
        let last = c.members.last()?.type_id;
        if let Some(array) = array(btf, last) {
            return (array.len <= 1).then(|| btf.size_of(array.element).ok()).flatten();
        }
        id = btf.resolve(last);
    }
}

/// A struct that the kernel only ever has inside of a larger one, so that programs look for that with `container_of`.
struct Container {
    inner: &'static str,
    outer: &'static str,
    /// Where in the outer one.
    member: &'static str,
}

const fn container(inner: &'static str, outer: &'static str, member: &'static str) -> Container {
    Container { inner, outer, member }
}

/// The first row of a type whose outer one there is counts.
const CONTAINERS: &[Container] = &[
    container("vfsmount", "mount", "mnt"),
    // A socket is of a protocol that the pointer does not tell; these are the largest.
    container("sock", "tcp6_sock", "tcp.inet_conn.icsk_inet.sk"),
    container("sock", "tcp_sock", "inet_conn.icsk_inet.sk"),
    container("sock_common", "tcp6_sock", "tcp.inet_conn.icsk_inet.sk.__sk_common"),
    container("sock_common", "tcp_sock", "inet_conn.icsk_inet.sk.__sk_common"),
    container("inet_sock", "tcp6_sock", "tcp.inet_conn.icsk_inet"),
    container("inet_sock", "tcp_sock", "inet_conn.icsk_inet"),
    container("inet_connection_sock", "tcp6_sock", "tcp.inet_conn"),
    container("inet_connection_sock", "tcp_sock", "inet_conn"),
    container("tcp_sock", "tcp6_sock", "tcp"),
];

/// What is made when one of these is wanted: the type, and where in it the wanted one is, in bytes.
pub(crate) fn made_inside(btf: &Btf, id: TypeId) -> (TypeId, u64) {
    let resolved = btf.resolve(id);
    let name = btf.name(resolved);
    let rows = CONTAINERS.iter().filter(|row| row.inner == name);
    rows.filter_map(|row| {
        let outer = btf.find(Kind::Struct, row.outer)?;
        let field = btf.field(outer, row.member).ok()?;
        let fits = btf.resolve(field.type_id) == resolved && field.bit_offset.is_multiple_of(8);
        fits.then_some((outer, field.bit_offset / 8))
    })
    .next()
    .unwrap_or((id, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_alike() {
        let near = |wanted, names: &[&'static str]| nearest(wanted, names.iter().copied());
        assert_eq!(near("real_parnt", &["parent", "real_parent", "pid"]), ["real_parent"]);
        assert_eq!(
            near("state", &["__state", "exit_state", "stats", "x"]),
            ["__state", "stats", "exit_state"]
        );
        assert_eq!(near("tgid", &["pid", "tgid_", "comm"]), ["tgid_"]);
        assert!(near("pid", &["start_time", "mm"]).is_empty());
        assert!(near("", &["a"]).is_empty());
        assert!(near(&"x".repeat(100), &["x"]).is_empty());
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, count) in [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("tgid", "tigd", 2)] {
            assert_eq!((edits(a, b), edits(b, a)), (count, count), "{a} {b}");
        }
    }
}
