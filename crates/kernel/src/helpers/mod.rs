//! Helper functions: one file per family, one row per helper.
//!
//! To add a helper: write a function of type [`Func`] into its family's file, and a row into the table below. A helper
//! that calls back has a second function, which goes on when the callback returned.

mod cast;
mod cgroup;
mod control;
mod csum;
mod current;
mod drain;
pub(crate) mod dynptr;
pub(crate) mod env;
mod fib;
mod hdr_opt;
mod lock;
mod lwt;
mod map;
mod misc;
mod msg;
mod packet;
mod path;
mod perf;
mod printk;
mod probe;
mod probed;
mod redirect;
mod remote;
mod ring;
pub(crate) mod seg6;
mod seq;
mod show;
mod skb;
mod skb_meta;
mod skb_resize;
mod sock;
mod sockopt;
mod stack;
mod storage;
mod strings;
mod syncookie;
mod sys;
mod sys_bpf;
mod sysctl;
mod task;
mod time;
mod timer;
mod tunnel;
mod vlan;
mod xdp;

pub(crate) use cgroup::is_under as is_under_cgroup;
pub(crate) use path::path_d_path;
pub(crate) use printk::stream_vprintk;
pub(crate) use probed::may_signal;
pub(crate) use timer::{task_work, wq_init, wq_set_callback, wq_start};

use crate::report::over_limit;
use crate::state::Core;
use env::{Answer, Called, Env, Stop};
use skep_abi::helpers::{Helper, func, helper};
use skep_maps::ObjRef;
use skep_vm::{Call, Continuation, HostFault, Outcome};

/// A helper. Errors that the program sees are [`Stop::Errno`]; what stops the program is [`Stop::Fault`].
pub(crate) type Func = fn(&mut Env<'_, '_>) -> Answer;

/// What a helper does when its callback returned.
pub(crate) type Resume = fn(&mut Env<'_, '_>, Continuation, u64) -> Answer;

/// A row of the table.
#[derive(Clone, Copy)]
struct Row {
    run: Func,
    resume: Option<Resume>,
}

macro_rules! helpers {
    ($( $id:ident => $family:ident :: $run:ident $( , then $then:ident )? ; )*) => {
        /// Every helper that is emulated, by its id.
        static TABLE: [Option<Row>; skep_abi::helpers::HELPERS.len() + 1] = {
            let mut table = [None; skep_abi::helpers::HELPERS.len() + 1];
            $( table[func::$id as usize] = Some(Row {
                run: $family::$run,
                resume: helpers!(@resume $family $($then)?),
            }); )*
            table
        };
    };
    (@resume $family:ident) => { None };
    (@resume $family:ident $then:ident) => { Some($family::$then) };
}

helpers! {
    map_lookup_elem => map::lookup_elem;
    map_update_elem => map::update_elem;
    map_delete_elem => map::delete_elem;
    map_lookup_percpu_elem => map::lookup_percpu_elem;
    map_push_elem => map::push_elem;
    map_pop_elem => map::pop_elem;
    map_peek_elem => map::peek_elem;
    for_each_map_elem => map::for_each_elem, then for_each_next;

    sk_storage_get => storage::sk_get;
    sk_storage_delete => storage::sk_delete;
    inode_storage_get => storage::inode_get;
    inode_storage_delete => storage::inode_delete;
    task_storage_get => storage::task_get;
    task_storage_delete => storage::task_delete;
    cgrp_storage_get => storage::cgrp_get;
    cgrp_storage_delete => storage::cgrp_delete;
    get_local_storage => storage::local;

    timer_init => timer::init;
    timer_set_callback => timer::set_callback;
    timer_start => timer::start;
    timer_cancel => timer::cancel;
    kptr_xchg => timer::kptr_xchg;

    spin_lock => lock::lock;
    spin_unlock => lock::unlock;

    probe_read => probe::read;
    probe_read_str => probe::read_str;
    probe_read_user => probe::read_user;
    probe_read_kernel => probe::read_kernel;
    probe_read_user_str => probe::read_user_str;
    probe_read_kernel_str => probe::read_kernel_str;
    copy_from_user => probe::copy_from_user;
    probe_write_user => probe::write_user;

    ktime_get_ns => time::ktime_get_ns;
    ktime_get_boot_ns => time::ktime_get_boot_ns;
    ktime_get_coarse_ns => time::ktime_get_coarse_ns;
    ktime_get_tai_ns => time::ktime_get_tai_ns;
    jiffies64 => time::jiffies64;

    get_prandom_u32 => misc::get_prandom_u32;
    get_smp_processor_id => misc::get_smp_processor_id;
    get_numa_node_id => misc::get_numa_node_id;
    get_attach_cookie => misc::get_attach_cookie;
    get_func_ip => misc::get_func_ip;

    get_current_pid_tgid => task::pid_tgid;
    get_current_uid_gid => task::uid_gid;
    get_current_comm => task::comm;
    get_current_task => current::get_current_task;
    get_current_task_btf => current::get_current_task;
    task_pt_regs => current::task_pt_regs;
    get_ns_current_pid_tgid => current::get_ns_current_pid_tgid;
    copy_from_user_task => current::copy_from_user_task;
    current_task_under_cgroup => cgroup::current_task_under_cgroup;
    find_vma => current::find_vma, then found_vma;
    d_path => path::d_path;
    per_cpu_ptr => cast::per_cpu_ptr;
    this_cpu_ptr => cast::this_cpu_ptr;
    skc_to_tcp_sock => cast::to_tcp_sock;
    skc_to_tcp6_sock => cast::to_tcp6_sock;
    skc_to_tcp_timewait_sock => cast::to_tcp_timewait_sock;
    skc_to_tcp_request_sock => cast::to_tcp_request_sock;
    skc_to_udp6_sock => cast::to_udp6_sock;
    skc_to_unix_sock => cast::to_unix_sock;
    skc_to_mptcp_sock => cast::to_mptcp_sock;
    sock_from_file => cast::sock_from_file;
    bprm_opts_set => cast::bprm_opts_set;
    ima_inode_hash => cast::ima_inode_hash;
    ima_file_hash => cast::ima_file_hash;

    btf_find_by_name_kind => sys::btf_find_by_name_kind;
    kallsyms_lookup_name => sys::kallsyms_lookup_name;
    sys_close => sys::close;
    sys_bpf => sys_bpf::sys_bpf;
    get_current_cgroup_id => task::cgroup_id;
    get_current_ancestor_cgroup_id => task::ancestor_cgroup_id;

    trace_printk => printk::trace_printk;
    trace_vprintk => printk::trace_vprintk;
    snprintf => printk::snprintf;
    snprintf_btf => show::snprintf_btf;
    seq_write => seq::write;
    seq_printf => seq::printf;
    seq_printf_btf => seq::printf_btf;

    tail_call => control::tail_call;
    r#loop => control::loop_start, then loop_next;

    perf_event_output => perf::event_output;
    skb_output => perf::skb_output;
    xdp_output => perf::xdp_output;
    perf_event_read => probed::event_read;
    perf_event_read_value => probed::event_read_value;
    perf_prog_read_value => probed::prog_read_value;
    read_branch_records => probed::read_branch_records;
    get_branch_snapshot => probed::get_branch_snapshot;
    get_func_arg => probed::get_func_arg;
    get_func_ret => probed::get_func_ret;
    get_func_arg_cnt => probed::get_func_arg_cnt;
    override_return => probed::override_return;
    send_signal => probed::send_signal;
    send_signal_thread => probed::send_signal_thread;
    get_retval => probed::get_retval;
    set_retval => probed::set_retval;

    get_stackid => stack::get_stackid;
    get_stack => stack::get_stack;
    get_task_stack => stack::get_task_stack;

    ringbuf_reserve => ring::reserve;
    ringbuf_submit => ring::submit;
    ringbuf_discard => ring::discard;
    ringbuf_output => ring::output;
    ringbuf_query => ring::query;
    user_ringbuf_drain => drain::start, then next;
    ringbuf_reserve_dynptr => dynptr::ringbuf_reserve;
    ringbuf_submit_dynptr => dynptr::ringbuf_submit;
    ringbuf_discard_dynptr => dynptr::ringbuf_discard;

    dynptr_from_mem => dynptr::from_mem;
    dynptr_read => dynptr::read;
    dynptr_write => dynptr::write;
    dynptr_data => dynptr::data;

    xdp_adjust_head => xdp::adjust_head;
    xdp_adjust_tail => xdp::adjust_tail;
    xdp_adjust_meta => xdp::adjust_meta;
    xdp_get_buff_len => xdp::get_buff_len;
    xdp_load_bytes => xdp::load_bytes;
    xdp_store_bytes => xdp::store_bytes;
    redirect => packet::redirect;
    redirect_map => redirect::map;
    sk_redirect_map => redirect::to_socket;
    sk_redirect_hash => redirect::to_socket_by_key;
    msg_redirect_map => redirect::to_socket;
    msg_redirect_hash => redirect::to_socket_by_key;
    sock_map_update => redirect::update;
    sock_hash_update => redirect::update;
    sk_select_reuseport => redirect::select_reuseport;
    redirect_peer => packet::redirect_peer;
    redirect_neigh => packet::redirect_neigh;
    clone_redirect => fib::clone_redirect;
    fib_lookup => fib::fib_lookup;
    check_mtu => fib::check_mtu;

    skb_load_bytes => skb::load_bytes;
    skb_load_bytes_relative => skb::load_bytes_relative;
    skb_store_bytes => skb::store_bytes;
    skb_pull_data => skb::pull_data;
    skb_change_tail => skb_resize::change_tail;
    skb_change_head => skb_resize::change_head;
    skb_adjust_room => skb_resize::adjust_room;
    skb_change_type => skb::change_type;
    set_hash => skb::set_hash;
    set_hash_invalid => skb::set_hash_invalid;
    get_hash_recalc => skb_meta::get_hash_recalc;
    csum_level => skb_meta::csum_level;
    skb_set_tstamp => skb_meta::set_tstamp;
    skb_ecn_set_ce => skb_meta::ecn_set_ce;
    get_route_realm => skb_meta::get_route_realm;
    skb_vlan_push => vlan::push;
    skb_vlan_pop => vlan::pop;
    skb_change_proto => vlan::change_proto;
    skb_get_tunnel_key => tunnel::get_key;
    skb_set_tunnel_key => tunnel::set_key;
    skb_get_tunnel_opt => tunnel::get_opt;
    skb_set_tunnel_opt => tunnel::set_opt;
    skb_get_xfrm_state => tunnel::get_xfrm_state;
    lwt_push_encap => lwt::push_encap;
    lwt_seg6_store_bytes => seg6::store_bytes;
    lwt_seg6_adjust_srh => seg6::adjust_srh;
    lwt_seg6_action => seg6::action;
    rc_repeat => remote::repeat;
    rc_keydown => remote::keydown;
    rc_pointer_rel => remote::pointer_rel;
    skb_under_cgroup => cgroup::skb_under_cgroup;
    tcp_send_ack => sockopt::send_ack;

    sk_lookup_tcp => sock::lookup_tcp;
    sk_lookup_udp => sock::lookup_udp;
    skc_lookup_tcp => sock::lookup_skc_tcp;
    sk_release => sock::release;
    sk_fullsock => sock::fullsock;
    tcp_sock => sock::tcp_sock;
    get_listener_sock => sock::get_listener_sock;
    sk_assign => sock::assign;
    skb_cgroup_id => sock::skb_cgroup_id;
    skb_ancestor_cgroup_id => sock::skb_ancestor_cgroup_id;
    sk_cgroup_id => sock::sk_cgroup_id;
    sk_ancestor_cgroup_id => sock::sk_ancestor_cgroup_id;
    skb_cgroup_classid => sock::skb_cgroup_classid;
    get_cgroup_classid => sock::get_cgroup_classid;
    get_socket_uid => sock::get_socket_uid;
    get_socket_cookie => sock::get_socket_cookie;
    get_netns_cookie => sock::get_netns_cookie;

    setsockopt => sockopt::set;
    getsockopt => sockopt::get;
    bind => sockopt::bind;
    sock_ops_cb_flags_set => sockopt::cb_flags_set;
    load_hdr_opt => hdr_opt::load;
    store_hdr_opt => hdr_opt::store;
    reserve_hdr_opt => hdr_opt::reserve;
    msg_apply_bytes => msg::apply_bytes;
    msg_cork_bytes => msg::cork_bytes;
    msg_pull_data => msg::pull_data;
    msg_push_data => msg::push_data;
    msg_pop_data => msg::pop_data;
    sysctl_get_name => sysctl::get_name;
    sysctl_get_current_value => sysctl::get_current_value;
    sysctl_get_new_value => sysctl::get_new_value;
    sysctl_set_new_value => sysctl::set_new_value;

    tcp_raw_gen_syncookie_ipv4 => syncookie::raw_gen_ipv4;
    tcp_raw_gen_syncookie_ipv6 => syncookie::raw_gen_ipv6;
    tcp_raw_check_syncookie_ipv4 => syncookie::raw_check_ipv4;
    tcp_raw_check_syncookie_ipv6 => syncookie::raw_check_ipv6;
    tcp_gen_syncookie => syncookie::generate;
    tcp_check_syncookie => syncookie::check;

    l3_csum_replace => csum::l3_replace;
    l4_csum_replace => csum::l4_replace;
    csum_diff => csum::diff;
    csum_update => csum::update;

    strtol => strings::strtol;
    strtoul => strings::strtoul;
    strncmp => strings::strncmp;
}

/// What calling any helper costs, in units of one instruction: the least that one takes of the host's time.
pub(crate) const CALL_COST: u64 = 16;
/// The same of going on after a callback.
pub(crate) const RESUME_COST: u64 = 4;

fn row(id: u32) -> Option<Row> {
    TABLE.get(id as usize).copied().flatten()
}

/// Whether a helper is emulated.
pub(crate) fn is_emulated(id: u32) -> bool {
    row(id).is_some()
}

/// Every helper that is emulated, by id.
pub fn emulated_helpers() -> impl Iterator<Item = &'static Helper> {
    skep_abi::helpers::HELPERS.iter().filter(|it| is_emulated(it.id))
}

/// What is wrong with calling a helper that is not emulated.
pub(crate) fn missing(id: u32) -> String {
    match helper(id) {
        Some(helper) => format!("helper bpf_{} ({id}) is not emulated", helper.name),
        None => format!("there is no helper {id}"),
    }
}

/// What the loader could not resolve where a call is, in its words.
fn poisoned(core: &Core, call: &Call<'_>) -> Option<String> {
    let prog = core.objects.prog(ObjRef(call.program().tag() as u32))?;
    prog.info.poison_at(call.slot()).map(|what| what.to_string())
}

/// Runs a helper.
pub(crate) fn call(core: &mut Core, call: &mut Call<'_>, id: u32) -> Outcome {
    let Some(helper) = helper(id) else {
        return Outcome::Fault(HostFault::program(poisoned(core, call).unwrap_or_else(|| missing(id))));
    };
    let Some(row) = row(id) else {
        return Outcome::Fault(HostFault::not_emulated(missing(id)));
    };
    call.charge(CALL_COST);
    let answer = (row.run)(&mut Env { core, call, helper: Called::helper(helper) });
    outcome(call, answer)
}

/// Goes on with a helper whose callback returned.
pub(crate) fn resume(core: &mut Core, call: &mut Call<'_>, cont: Continuation, r0: u64) -> Outcome {
    let found = row(cont.id).and_then(|row| row.resume).zip(helper(cont.id));
    let Some((resume, helper)) = found else {
        return Outcome::Fault(HostFault::program("a callback returned to a helper that makes none"));
    };
    call.charge(RESUME_COST);
    let answer = resume(&mut Env { core, call, helper: Called::helper(helper) }, cont, r0);
    outcome(call, answer)
}

/// What a call comes to. Whatever a helper made of it, a program does not go on without the memory that it asked for.
pub(crate) fn outcome(call: &Call<'_>, answer: Answer) -> Outcome {
    if let Some(refused) = call.memory.take_refused() {
        return Outcome::Fault(HostFault::host_limit(over_limit(&refused)));
    }
    match answer {
        Ok(outcome) => outcome,
        Err(Stop::Errno(errno)) => Outcome::Return(errno.neg() as u64),
        Err(Stop::Fault(fault)) => Outcome::Fault(fault),
    }
}

#[cfg(test)]
mod tests;
