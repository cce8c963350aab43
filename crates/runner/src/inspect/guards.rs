//! An object's code as a kernel of some version would see it: what asks whether the kernel has something is answered.

use std::collections::HashMap;

use skep::abi::{AttachType, KernelVersion, MapType, ProgType, helpers};
use skep::btf::core::{ReloKind, essential_name};
use skep::btf::{Btf, CoreRelo, Type};
use skep::isa::Insn;
use skep::object::Object;

/// The code of the functions in which something is asked; the others are as they are in the object.
pub(crate) struct Answered(HashMap<usize, Vec<Insn>>);

impl Answered {
    /// Answers by the tables what they know of the kernel of this version, and `otherwise` to all other questions.
    pub(crate) fn of(object: &Object, version: KernelVersion, otherwise: bool) -> Answered {
        let mut code = HashMap::new();
        let Some(btf) = &object.btf else { return Answered(code) };
        for (index, program) in object.programs.iter().enumerate() {
            for relo in &program.core_relos {
                let Some(answer) = answer(btf, relo, version, otherwise) else { continue };
                let insns: &mut Vec<Insn> = code.entry(index).or_insert_with(|| program.insns.clone());
                if let Some(insn) = insns.get_mut(relo.insn_off as usize / 8) {
                    insn.imm = answer.into();
                }
            }
        }
        Answered(code)
    }

    /// The code of a function.
    pub(crate) fn code<'a>(&'a self, object: &'a Object, function: usize) -> &'a [Insn] {
        match self.0.get(&function) {
            Some(code) => code,
            None => object.programs.get(function).map_or(&[], |it| &it.insns),
        }
    }
}

/// Whether what a relocation asks for exists; `None` if it asks for something else.
fn answer(btf: &Btf, relo: &CoreRelo, version: KernelVersion, otherwise: bool) -> Option<bool> {
    match ReloKind::from_number(relo.kind)? {
        ReloKind::FieldExists | ReloKind::TypeExists | ReloKind::TypeMatches => Some(otherwise),
        ReloKind::EnumValueExists => {
            let since = enumerator(btf, relo).and_then(|(e, value)| since(e, value));
            Some(since.map_or(otherwise, |since| since <= version))
        }
        _ => None,
    }
}

/// The essential names of an enumeration and of one of its values.
fn enumerator<'b>(btf: &'b Btf, relo: &CoreRelo) -> Option<(&'b str, &'b str)> {
    let index: usize = btf.str(relo.access).parse().ok()?;
    let value = btf.resolved(relo.type_id).and_then(Type::enumeration)?.values.get(index)?;
    Some((essential_name(btf.name(relo.type_id)), essential_name(btf.str(value.name))))
}

/// The first kernel that has an enumerator of the kernel's own vocabulary.
fn since(enumeration: &str, value: &str) -> Option<KernelVersion> {
    match enumeration {
        "bpf_func_id" => Some(helpers::helper_by_name(value.strip_prefix("BPF_FUNC_")?)?.since),
        "bpf_map_type" => MapType::ALL.iter().find(|it| it.uapi() == value).map(|it| it.since()),
        "bpf_prog_type" => ProgType::ALL.iter().find(|it| it.uapi() == value).map(|it| it.since()),
        "bpf_attach_type" => AttachType::ALL.iter().find(|it| it.uapi() == value).map(|it| it.since()),
        _ => None,
    }
}
