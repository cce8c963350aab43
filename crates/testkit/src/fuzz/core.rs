//! CO-RE: whatever the records, the object's types and the kernel's, there is an outcome or an error, in bounded time.

use std::sync::{Arc, OnceLock};

use skep_btf::core::{POISON, Patched, Relocator, Target, patch};
use skep_btf::{Btf, CoreRelo, StrOff, TypeId};
use skep_isa::Insn;
use skep_object::Object;

use super::input::Input;
use crate::{core_targets, fixtures};

/// The object of `fixtures/core`: its types and records.
struct Local {
    types: Vec<u8>,
    records: Vec<CoreRelo>,
    insns: Vec<Insn>,
}

fn local() -> &'static Local {
    static LOCAL: OnceLock<Local> = OnceLock::new();
    LOCAL.get_or_init(|| {
        let object = Object::parse(&fixtures::object("core/kinds")).unwrap_or_default();
        let records = object.programs.iter().flat_map(|it| it.core_relos.clone()).collect();
        let insns = object.programs.iter().flat_map(|it| it.insns.clone()).collect();
        Local { types: object.btf.map(|it| it.to_bytes()).unwrap_or_default(), records, insns }
    })
}

fn targets() -> &'static [Arc<Btf>] {
    static TARGETS: OnceLock<Vec<Arc<Btf>>> = OnceLock::new();
    TARGETS.get_or_init(|| core_targets::TARGETS.iter().map(|(_, make)| Arc::new(make())).collect())
}

/// Takes the bytes for changes to the object's types, the kernel's, the records and the instructions.
pub fn core(bytes: &[u8]) {
    let input = &mut Input::new(bytes);
    let local = local();
    let mut types = local.types.clone();
    if input.below(2) == 0 {
        input.mutate(&mut types);
    }
    let target = &targets()[input.below(targets().len())];
    let mut target_types = target.to_bytes();
    if input.below(2) == 0 {
        input.mutate(&mut target_types);
    }
    let (Ok(types), Ok(target)) = (Btf::parse(&types), Btf::parse(&target_types)) else { return };
    let mut relocator = Relocator::new(&types, Target::new(&target));
    for _ in 0..32 {
        let mut relo = local.records[input.below(local.records.len())];
        match input.below(8) {
            0 => relo.kind = input.below(16) as u32,
            1 => relo.type_id = TypeId(input.below(types.end_id() as usize + 2) as u32),
            2 => relo.access = StrOff(input.below(1 << 14) as u32),
            _ => {}
        }
        let at = input.below(local.insns.len());
        let mut insns = local.insns[at..].iter().take(2).copied().collect::<Vec<_>>();
        one(&mut relocator, &relo, &mut insns);
    }
}

fn one(relocator: &mut Relocator<'_>, relo: &CoreRelo, insns: &mut [Insn]) {
    match relocator.relocate(relo) {
        Ok(outcome) => {
            assert!(outcome.spec.len() <= 258);
            let before = insns.to_vec();
            match patch(insns, 0, &outcome) {
                Ok(Patched::Relocated) => {
                    let fields = |insn: &Insn| (insn.code & 7, insn.dst, insn.src);
                    assert!(insns.iter().map(fields).eq(before.iter().map(fields)));
                }
                Ok(Patched::Missing | Patched::WrongSize) => assert_eq!(insns[0].imm, POISON),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
