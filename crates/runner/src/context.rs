//! The context that a program leaves behind, by its type.

use serde::Serialize;
use serde_json::Value as Json;
use skep::abi::ctx;
use skep::btf::{Btf, Def, Kind, TypeId, Value};
use skep::{ProgType, Skep};

use crate::json::value_to_json;

/// A context with its type.
#[derive(Clone, Debug, Serialize)]
pub struct ContextReport {
    /// The type in C: `struct xdp_md`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its fields.
    pub value: Json,
    /// The fields that are not zero, as text.
    #[serde(skip)]
    pub text: String,
}

/// Reads a context as the struct that programs of this type get, as the kernel's types have it; else as the one that
/// the program says it gets.
pub(crate) fn report(skep: &mut Skep, program: &str, kind: ProgType, bytes: &[u8]) -> Option<ContextReport> {
    if bytes.is_empty() {
        return None;
    }
    let kernel = skep.kernel().btf().map(|it| it.vmlinux.clone());
    let known = ctx::context(kind, None).map(|it| it.layout.name);
    let (own, said) = parameter(skep, program).unzip();
    let of_kernel = kernel.as_deref().and_then(|btf| {
        let names = known.into_iter().chain(said.as_deref());
        names.filter_map(|name| Some((btf, btf.find(Kind::Struct, name)?))).next()
    });
    let object = skep.loaded().object().btf.as_ref();
    let (btf, id) = of_kernel.or_else(|| object.zip(own)).filter(|(btf, id)| fits(btf, *id, bytes))?;
    let value = btf.decode(id, bytes).ok()?;
    let type_name = btf.c_type(id).ok()?;
    Some(ContextReport { type_name, value: value_to_json(&value), text: set_fields(value).to_string() })
}

fn fits(btf: &Btf, id: TypeId, bytes: &[u8]) -> bool {
    btf.size_of(id).is_ok_and(|size| size <= bytes.len() as u64)
}

/// The struct that the function's parameter points to, in the object's types, and its name.
fn parameter(skep: &Skep, program: &str) -> Option<(TypeId, String)> {
    let object = skep.loaded().object();
    let btf = object.btf.as_ref()?;
    let proto = btf.func_proto(object.program(program)?.btf_func?)?;
    let Def::Ptr(target) = btf.resolved(proto.params.first()?.type_id)?.def else { return None };
    let id = btf.resolve(target);
    btf.type_by_id(id)?.composite()?;
    Some((id, btf.name(id).to_owned()))
}

/// The same without the fields that are zero.
fn set_fields(value: Value) -> Value {
    match value {
        Value::Struct(members) => Value::Struct(members.into_iter().filter(|(_, it)| !is_zero(it)).collect()),
        other => other,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Int(number) | Value::Enum { value: number, .. } => *number == 0,
        Value::Uint(number) => *number == 0,
        Value::Ptr(bits) => *bits == 0,
        Value::Bool(it) => !it,
        Value::Char(byte) => *byte == 0,
        Value::Float(number) => *number == 0.0,
        Value::Chars(bytes) | Value::Bytes(bytes) => bytes.iter().all(|byte| *byte == 0),
        Value::Array(items) => items.iter().all(is_zero),
        Value::Struct(members) | Value::Union(members) => members.iter().all(|(_, it)| is_zero(it)),
    }
}
