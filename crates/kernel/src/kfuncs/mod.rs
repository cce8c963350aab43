//! Kernel functions that programs call by BTF id (kfuncs): one row per function, found by the name that the kernel's types
//! have for the id.
//!
//! To add one: write a function of type [`Func`] into its family's file, and a row into the table below.

mod arena;
mod cpumask;
mod dynptr;
mod iter_num;
mod iters;
mod lock;
mod memory;
mod objects;
mod sections;
mod strings;
mod task;
mod throw;

use crate::helpers::env::{Called, Env};
use crate::helpers::{
    CALL_COST, Func, RESUME_COST, Resume, outcome, path_d_path, stream_vprintk, task_work, wq_init,
    wq_set_callback, wq_start,
};
use crate::state::Core;
use skep_vm::{Call, Continuation, HostFault, Outcome};

/// A kernel function that is emulated.
struct Row {
    name: &'static str,
    run: Func,
    /// What it does when its callback returned.
    resume: Option<Resume>,
}

macro_rules! kfuncs {
    ($( $name:ident => $run:path $( , then $then:path )? ; )*) => {
        /// Every kfunc that is emulated, by name.
        static TABLE: &[Row] = &[
            $( Row { name: stringify!($name), run: $run, resume: kfuncs!(@resume $($then)?) }, )*
        ];
    };
    (@resume) => { None };
    (@resume $then:path) => { Some($then) };
}

kfuncs! {
    bpf_iter_num_new => iter_num::new;
    bpf_iter_num_next => iter_num::next;
    bpf_iter_num_destroy => iter_num::destroy;

    bpf_iter_bits_new => iters::bits_new;
    bpf_iter_bits_next => iters::next_number;
    bpf_iter_bits_destroy => iters::destroy;
    bpf_iter_task_new => iters::task_new;
    bpf_iter_task_next => iters::next;
    bpf_iter_task_destroy => iters::destroy;
    bpf_iter_task_vma_new => iters::vma_new;
    bpf_iter_task_vma_next => iters::next;
    bpf_iter_task_vma_destroy => iters::destroy;
    bpf_iter_css_new => iters::css_new;
    bpf_iter_css_next => iters::next;
    bpf_iter_css_destroy => iters::destroy;
    bpf_iter_css_task_new => iters::css_task_new;
    bpf_iter_css_task_next => iters::next;
    bpf_iter_css_task_destroy => iters::destroy;

    bpf_rcu_read_lock => sections::nothing;
    bpf_rcu_read_unlock => sections::nothing;
    bpf_preempt_disable => sections::nothing;
    bpf_preempt_enable => sections::nothing;
    bpf_local_irq_save => sections::irq_save;
    bpf_local_irq_restore => sections::irq_restore;
    bpf_session_is_return => sections::session_is_return;
    bpf_session_cookie => sections::session_cookie;
    bpf_res_spin_lock => lock::lock;
    bpf_res_spin_unlock => lock::unlock;
    bpf_res_spin_lock_irqsave => lock::lock_irqsave;
    bpf_res_spin_unlock_irqrestore => lock::unlock_irqrestore;

    bpf_task_acquire => task::same;
    bpf_task_release => task::release;
    bpf_task_from_pid => task::from_pid;
    bpf_task_from_vpid => task::from_vpid;
    bpf_task_under_cgroup => task::under_cgroup;
    bpf_task_get_cgroup1 => task::cgroup1;
    bpf_cgroup_acquire => task::same;
    bpf_cgroup_release => task::release;
    bpf_cgroup_from_id => task::cgroup_from_id;
    bpf_cgroup_ancestor => task::cgroup_ancestor;
    bpf_get_task_exe_file => task::exe_file;
    bpf_put_file => task::release;
    bpf_path_d_path => path_d_path;
    bpf_send_signal_task => task::send_signal;

    bpf_cast_to_kern_ctx => memory::cast_to_kern_ctx;
    bpf_rdonly_cast => memory::rdonly_cast;
    bpf_copy_from_user_str => memory::copy_from_user_str;
    bpf_copy_from_user_task_str => memory::copy_from_user_task_str;
    bpf_map_sum_elem_count => memory::sum_elem_count;
    bpf_get_kmem_cache => memory::kmem_cache;

    bpf_wq_init => wq_init;
    bpf_wq_set_callback_impl => wq_set_callback;
    bpf_wq_start => wq_start;
    bpf_task_work_schedule_signal_impl => task_work;
    bpf_task_work_schedule_resume_impl => task_work;
    bpf_throw => throw::throw;

    bpf_arena_alloc_pages => arena::alloc_pages;
    bpf_arena_free_pages => arena::free_pages;
    bpf_arena_reserve_pages => arena::reserve_pages;

    bpf_obj_new_impl => objects::new;
    bpf_obj_drop_impl => objects::drop;
    bpf_percpu_obj_new_impl => objects::percpu_new;
    bpf_percpu_obj_drop_impl => objects::percpu_drop;
    bpf_refcount_acquire_impl => objects::acquire;
    bpf_list_push_front_impl => objects::push_front;
    bpf_list_push_back_impl => objects::push_back;
    bpf_list_pop_front => objects::pop_front;
    bpf_list_pop_back => objects::pop_back;
    bpf_list_front => objects::front;
    bpf_list_back => objects::back;
    bpf_rbtree_add_impl => objects::rbtree_add, then objects::rbtree_added;
    bpf_rbtree_remove => objects::rbtree_remove;
    bpf_rbtree_first => objects::rbtree_first;
    bpf_rbtree_root => objects::rbtree_root;
    bpf_rbtree_left => objects::rbtree_left;
    bpf_rbtree_right => objects::rbtree_right;

    bpf_dynptr_from_skb => dynptr::from_skb;
    bpf_dynptr_from_skb_meta => dynptr::from_skb_meta;
    bpf_dynptr_from_xdp => dynptr::from_xdp;
    bpf_dynptr_slice => dynptr::slice;
    bpf_dynptr_slice_rdwr => dynptr::slice_rdwr;
    bpf_dynptr_adjust => dynptr::adjust;
    bpf_dynptr_is_null => dynptr::is_null;
    bpf_dynptr_is_rdonly => dynptr::is_rdonly;
    bpf_dynptr_size => dynptr::size;
    bpf_dynptr_clone => dynptr::clone;
    bpf_dynptr_copy => dynptr::copy;
    bpf_dynptr_memset => dynptr::memset;
    bpf_probe_read_kernel_dynptr => dynptr::read_kernel_bytes;
    bpf_probe_read_user_dynptr => dynptr::read_user_bytes;
    bpf_probe_read_kernel_str_dynptr => dynptr::read_kernel_string;
    bpf_probe_read_user_str_dynptr => dynptr::read_user_string;
    bpf_copy_from_user_dynptr => dynptr::read_user_bytes;
    bpf_copy_from_user_str_dynptr => dynptr::read_user_string;

    bpf_strcmp => strings::cmp;
    bpf_stream_vprintk_impl => stream_vprintk;

    bpf_strcasecmp => strings::casecmp;
    bpf_strchr => strings::chr;
    bpf_strnchr => strings::nchr;
    bpf_strchrnul => strings::chrnul;
    bpf_strrchr => strings::rchr;
    bpf_strlen => strings::len;
    bpf_strnlen => strings::nlen;
    bpf_strspn => strings::spn;
    bpf_strcspn => strings::cspn;
    bpf_strstr => strings::str;
    bpf_strnstr => strings::nstr;
    bpf_strcasestr => strings::casestr;
    bpf_strncasestr => strings::ncasestr;

    bpf_cpumask_create => cpumask::create;
    bpf_cpumask_acquire => cpumask::acquire;
    bpf_cpumask_release => cpumask::release;
    bpf_cpumask_set_cpu => cpumask::set_cpu;
    bpf_cpumask_clear_cpu => cpumask::clear_cpu;
    bpf_cpumask_test_cpu => cpumask::test_cpu;
    bpf_cpumask_test_and_set_cpu => cpumask::test_and_set_cpu;
    bpf_cpumask_test_and_clear_cpu => cpumask::test_and_clear_cpu;
    bpf_cpumask_setall => cpumask::setall;
    bpf_cpumask_clear => cpumask::clear;
    bpf_cpumask_first => cpumask::first;
    bpf_cpumask_first_zero => cpumask::first_zero;
    bpf_cpumask_first_and => cpumask::first_and;
    bpf_cpumask_empty => cpumask::empty;
    bpf_cpumask_full => cpumask::full;
    bpf_cpumask_weight => cpumask::weight;
    bpf_cpumask_and => cpumask::and;
    bpf_cpumask_or => cpumask::or;
    bpf_cpumask_xor => cpumask::xor;
    bpf_cpumask_copy => cpumask::copy;
    bpf_cpumask_equal => cpumask::equal;
    bpf_cpumask_intersects => cpumask::intersects;
    bpf_cpumask_subset => cpumask::subset;
    bpf_cpumask_any_distribute => cpumask::any_distribute;
    bpf_cpumask_any_and_distribute => cpumask::any_and_distribute;
    bpf_cpumask_populate => cpumask::populate;
}

/// From here on, what waits for a callback is a kfunc: a row of the table.
const CONTINUATIONS: u32 = 1 << 30;

/// What is known of the ids that were called so far: rows of the table.
pub(crate) type Known = std::collections::HashMap<(i32, i16), Option<usize>>;

/// The name of a kfunc; `None`: the types do not have the id. `module`: 0 for the kernel's own types, else one more than the
/// module's number among the kernel's, which is what loading a program makes of its place in `fd_array`.
fn name(core: &Core, btf_id: i32, module: i16) -> Option<&str> {
    let target = core.btf.as_ref()?;
    let btf = match usize::try_from(module).ok()? {
        0 => &target.vmlinux,
        number => &target.modules.get(number - 1)?.1,
    };
    let id = u32::try_from(btf_id).ok()?;
    let ty = btf.type_by_id(id).filter(|it| it.kind() == skep_btf::Kind::Func)?;
    Some(btf.str(ty.name))
}

fn find(core: &Core, btf_id: i32, module: i16) -> Option<usize> {
    let name = name(core, btf_id, module)?;
    TABLE.iter().position(|it| it.name == name)
}

/// Every kernel function that is emulated, by name.
pub fn emulated_kfuncs() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|it| it.name)
}

/// What is wrong with calling a kfunc; `None`: it is emulated.
pub(crate) fn missing(core: &Core, btf_id: i32, module: i16) -> Option<String> {
    match find(core, btf_id, module) {
        Some(_) => None,
        None => Some(match name(core, btf_id, module) {
            Some(name) => format!("the kernel function {name} is not emulated"),
            None => format!("the kernel function with BTF id {btf_id} is not emulated"),
        }),
    }
}

/// Calls a kfunc.
pub(crate) fn call(core: &mut Core, call: &mut Call<'_>, btf_id: i32, module: i16) -> Outcome {
    let known = match core.kfuncs.get(&(btf_id, module)) {
        Some(known) => *known,
        None => {
            let found = find(core, btf_id, module);
            core.kfuncs.insert((btf_id, module), found);
            found
        }
    };
    let Some((index, row)) = known.and_then(|index| Some((index, TABLE.get(index)?))) else {
        let text = missing(core, btf_id, module).unwrap_or_default();
        return Outcome::Fault(HostFault::not_emulated(text));
    };
    call.charge(CALL_COST);
    let answer = (row.run)(&mut Env { core, call, helper: Called::kfunc(row.name) });
    pending(outcome(call, answer), index)
}

/// Has a callback come back to the row that asked for it.
fn pending(outcome: Outcome, index: usize) -> Outcome {
    match outcome {
        Outcome::Callback { func, args, cont } => {
            let cont = Continuation { id: CONTINUATIONS + index as u32, ..cont };
            Outcome::Callback { func, args, cont }
        }
        other => other,
    }
}

/// Whether a continuation is that of a kfunc.
pub(crate) fn resumes(cont: Continuation) -> bool {
    cont.id >= CONTINUATIONS
}

/// Goes on with a kfunc whose callback returned.
pub(crate) fn resume(core: &mut Core, call: &mut Call<'_>, cont: Continuation, r0: u64) -> Outcome {
    let index = cont.id.wrapping_sub(CONTINUATIONS) as usize;
    let found = TABLE.get(index).and_then(|row| Some((row, row.resume?)));
    let Some((row, resume)) = found else {
        return Outcome::Fault(HostFault::program(
            "a callback returned to a kernel function that makes none",
        ));
    };
    call.charge(RESUME_COST);
    let answer = resume(&mut Env { core, call, helper: Called::kfunc(row.name) }, cont, r0);
    pending(outcome(call, answer), index)
}
