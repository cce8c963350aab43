//! Kernel functions that programs call by BTF id (kfuncs): one row per function, found by the name that the kernel's types
//! have for the id.
//!
//! To add one: write a function of type [`Func`] into its family's file, and a row into the table below.

mod cpumask;
mod iter_num;
mod sections;
mod task;

use crate::state::Core;
use skep_vm::{Call, HostFault, Outcome};

/// A kfunc: what it returns, or why the program stops.
type Func = fn(&mut Core, &mut Call<'_>) -> Result<u64, HostFault>;

/// What a call costs, in units of one instruction.
const CALL_COST: u64 = 16;

/// Every kfunc that is emulated, by name.
static TABLE: &[(&str, Func)] = &[
    ("bpf_iter_num_new", iter_num::new),
    ("bpf_iter_num_next", iter_num::next),
    ("bpf_iter_num_destroy", iter_num::destroy),
    ("bpf_rcu_read_lock", sections::nothing),
    ("bpf_rcu_read_unlock", sections::nothing),
    ("bpf_preempt_disable", sections::nothing),
    ("bpf_preempt_enable", sections::nothing),
    ("bpf_session_is_return", sections::session_is_return),
    ("bpf_session_cookie", sections::session_cookie),
    ("bpf_task_acquire", task::acquire),
    ("bpf_task_release", task::release),
    ("bpf_task_from_pid", task::from_pid),
    ("bpf_cpumask_create", cpumask::create),
    ("bpf_cpumask_acquire", cpumask::acquire),
    ("bpf_cpumask_release", cpumask::release),
    ("bpf_cpumask_set_cpu", cpumask::set_cpu),
    ("bpf_cpumask_clear_cpu", cpumask::clear_cpu),
    ("bpf_cpumask_test_cpu", cpumask::test_cpu),
    ("bpf_cpumask_test_and_set_cpu", cpumask::test_and_set_cpu),
    ("bpf_cpumask_test_and_clear_cpu", cpumask::test_and_clear_cpu),
    ("bpf_cpumask_setall", cpumask::setall),
    ("bpf_cpumask_clear", cpumask::clear),
    ("bpf_cpumask_first", cpumask::first),
    ("bpf_cpumask_first_zero", cpumask::first_zero),
    ("bpf_cpumask_empty", cpumask::empty),
    ("bpf_cpumask_full", cpumask::full),
    ("bpf_cpumask_weight", cpumask::weight),
    ("bpf_cpumask_and", cpumask::and),
    ("bpf_cpumask_or", cpumask::or),
    ("bpf_cpumask_xor", cpumask::xor),
    ("bpf_cpumask_copy", cpumask::copy),
    ("bpf_cpumask_equal", cpumask::equal),
    ("bpf_cpumask_intersects", cpumask::intersects),
    ("bpf_cpumask_subset", cpumask::subset),
];

/// What is known of the ids that were called so far.
pub(crate) type Known = std::collections::HashMap<i32, Option<Func>>;

/// The name of a kfunc; `None`: the kernel's types do not have the id.
fn name(core: &Core, btf_id: i32) -> Option<&str> {
    let btf = core.btf.as_ref()?;
    let id = u32::try_from(btf_id).ok()?;
    let ty = btf.vmlinux.type_by_id(id).filter(|it| it.kind() == skep_btf::Kind::Func)?;
    Some(btf.vmlinux.str(ty.name))
}

fn find(core: &Core, btf_id: i32, module: i16) -> Option<Func> {
    // Functions of modules have ids of their own.
    let name = name(core, btf_id).filter(|_| module == 0)?;
    TABLE.iter().find(|it| it.0 == name).map(|it| it.1)
}

/// What is wrong with calling a kfunc; `None`: it is emulated.
pub(crate) fn missing(core: &Core, btf_id: i32, module: i16) -> Option<String> {
    match find(core, btf_id, module) {
        Some(_) => None,
        None => Some(match name(core, btf_id).filter(|_| module == 0) {
            Some(name) => format!("the kernel function {name} is not emulated"),
            None => format!("the kernel function with BTF id {btf_id} is not emulated"),
        }),
    }
}

/// Calls a kfunc.
pub(crate) fn call(core: &mut Core, call: &mut Call<'_>, btf_id: i32, module: i16) -> Outcome {
    let known = match core.kfuncs.get(&btf_id).filter(|_| module == 0) {
        Some(known) => *known,
        None => {
            let found = find(core, btf_id, module);
            if module == 0 {
                core.kfuncs.insert(btf_id, found);
            }
            found
        }
    };
    let Some(func) = known else {
        let text = missing(core, btf_id, module).unwrap_or_default();
        return Outcome::Fault(HostFault::not_emulated(text));
    };
    call.charge(CALL_COST);
    match func(core, call) {
        Ok(value) => Outcome::Return(value),
        Err(fault) => Outcome::Fault(fault),
    }
}
