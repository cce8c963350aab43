//! Kernel symbols: variables and functions that programs refer to by name (`.ksyms`).

use std::sync::Arc;

use skep_btf::{Btf, Kind};
use skep_isa::Insn;
use skep_kernel::Kernel;
use skep_object::{Extern, ExternKind};

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

/// Fills in an instruction that refers to a kernel symbol (`RELO_EXTERN_LD64` and `RELO_EXTERN_CALL` of
/// `bpf_object__relocate_data`). Answers what to say if the instruction is executed though it cannot be.
pub(crate) fn relocate(
    kernel: &mut Kernel,
    external: &Extern,
    index: usize,
    insns: &mut [Insn],
    slot: usize,
) -> Result<Poison, Error> {
    let cut = || Error::bad_input("", "the relocated instruction is cut off");
    let is_call = insns.get(slot).ok_or_else(cut)?.code == CALL;
    let name = external.essential_name();
    let find = |btf: Option<&Btf>, kind| btf.and_then(|btf| btf.find(kind, name)).map(|id| id.0);
    let btf = kernel.btf().map(|it| &*it.vmlinux);
    let (found, missing) = match external.kind {
        ExternKind::KsymVar { type_id: Some(_) } => {
            (find(btf, Kind::Var), format!("extern (var ksym) '{}': not found in kernel BTF", external.name))
        }
        ExternKind::KsymFunc { .. } => (
            find(btf, Kind::Func),
            format!("extern (func ksym) '{}': not found in kernel or module BTFs", external.name),
        ),
        ExternKind::KsymVar { type_id: None } => {
            let addr = kernel.ksym(name);
            if addr.is_none() && !external.weak {
                return Err(Error::bad_input("", format!("extern '{name}' (strong): not resolved")));
            }
            return wide(insns, slot, 0, addr.unwrap_or(0)).ok_or_else(cut).map(|()| None);
        }
        ExternKind::Kconfig { .. } | ExternKind::Undefined => {
            let text = format!("extern '{}' is described by no BTF: compile with clang -g", external.name);
            return Err(Error::bad_input("", text));
        }
    };
    match found {
        None if !external.weak => Err(Error::bad_input("", missing)),
        None if is_call => {
            insns[slot] = Insn::new(CALL, 0, 0, 0, POISON_CALL_KFUNC.wrapping_add(index as i32));
            let text = format!("kfunc '{}' is referenced but wasn't resolved", external.name);
            Ok(Some(text.into()))
        }
        Some(id) if is_call => {
            insns[slot] = Insn::new(CALL, 0, PSEUDO_KFUNC_CALL, 0, id as i32);
            Ok(None)
        }
        Some(id) => wide(insns, slot, PSEUDO_BTF_ID, id.into()).ok_or_else(cut).map(|()| None),
        None => wide(insns, slot, 0, 0).ok_or_else(cut).map(|()| None),
    }
}

/// Puts a number into a wide load.
fn wide(insns: &mut [Insn], slot: usize, src: u8, value: u64) -> Option<()> {
    let [first, second] = insns.get_mut(slot..slot + 2)? else { return None };
    first.src = src;
    (first.imm, second.imm) = (value as u32 as i32, (value >> 32) as u32 as i32);
    Some(())
}
