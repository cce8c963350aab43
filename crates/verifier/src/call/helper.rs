//! Calls of helpers.

use skep_abi::helpers::{ArgKind, Helper, Need, Proto, func, helper};
use skep_abi::{AttachType, Errno, ProgType};
use skep_btf::Def;

use super::callback::Callback;
use super::known::{casts, func_name, gets_storage};
use crate::access::Access;
use crate::aux::LoopInline;
use crate::btf_ptr::hooks;
use crate::call::meta::CallMeta;
use crate::cfg::calls::changes_pkt_data;
use crate::log::type_name;
use crate::state::reg::DynptrKind;
use crate::state::types::{Base, Flags};
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

/// The greatest number of a helper, plus one (`__BPF_FUNC_MAX_ID`).
const MAX_ID: i32 = 212;
/// A key that is not always the same (`BPF_MAP_KEY_POISON`).
const KEY_POISON: u64 = 1 << 63;
/// A key was seen (`BPF_MAP_KEY_SEEN`).
const KEY_SEEN: u64 = 1 << 62;

/// What a call changes beside registers.
#[derive(Default)]
struct Effects {
    /// Packet pointers are gone.
    changes_data: bool,
    /// What is returned is an object of one CPU that the program allocated.
    percpu_object: bool,
}

impl Verifier<'_> {
    /// The prototype of a helper as this program sees it (`get_helper_proto`); `None`: it may not call it.
    pub(crate) fn helper_proto(&self, id: i32) -> Option<Proto> {
        let it = helper(u32::try_from(id).ok()?)?;
        let (prog, attach) = (self.prog_type, self.expected_attach_type());
        if self.struct_of_ops() == Some("bpf_dummy_ops") {
            // Its operations have no `get_func_proto` at all.
            return None;
        }
        let need = it.allowed(prog, attach, self.env.version()).or_else(|| self.need_of_target(it))?;
        let caps = self.options.caps;
        let is_allowed = match need {
            Need::Nothing => true,
            Need::Bpf => caps.bpf || caps.sys_admin,
            Need::Perfmon => caps.perfmon || caps.sys_admin,
        };
        // `bpf_get_probe_write_proto`: writing to user memory takes all that root has.
        let is_allowed = is_allowed && (it.id != func::probe_write_user || caps.sys_admin);
        if !is_allowed || !self.env.has_helper(it.id) || !self.hook_has(it.id) {
            return None;
        }
        let mut proto = it.proto_for(prog, attach);
        // With build ids, the stacks of user space may have to be read in.
        let reads_files = match it.id {
            func::get_task_stack => true,
            func::get_stack => prog == ProgType::Kprobe,
            _ => false,
        };
        proto.might_sleep |= reads_files && self.prog.flags & skep_abi::flags::BPF_F_SLEEPABLE != 0;
        if self.is_socket_iter() && matches!(it.id, func::setsockopt | func::getsockopt) {
            proto = it.proto_for(ProgType::CgroupSockopt, None);
        }
        Some(proto)
    }

    /// An iterator over sockets of TCP or UNIX.
    fn is_socket_iter(&self) -> bool {
        let is_iter =
            self.prog_type == ProgType::Tracing && self.expected_attach_type() == Some(AttachType::TraceIter);
        let target = self.prog.attach.filter(|_| is_iter).map(|it| it.btf.name(it.id));
        matches!(target, Some("bpf_iter_tcp" | "bpf_iter_unix"))
    }

    /// Hooks of cgroups with a socket whose options may be changed (`bpf_lsm_func_proto`).
    fn hook_has(&self, id: u32) -> bool {
        const HOOKS: &[&str] = &[
            "bpf_lsm_sock_graft",
            "bpf_lsm_inet_csk_clone",
            "bpf_lsm_inet_conn_established",
            "bpf_lsm_socket_post_create",
            "bpf_lsm_socket_socketpair",
        ];
        let is_option = matches!(id, func::setsockopt | func::getsockopt) && self.prog_type == ProgType::Lsm;
        !is_option || self.prog.attach.is_some_and(|it| HOOKS.contains(&it.btf.name(it.id)))
    }

    /// What the program's target adds to the helpers of its type.
    fn need_of_target(&self, it: &Helper) -> Option<Need> {
        if self.is_socket_iter() && matches!(it.id, func::setsockopt | func::getsockopt) {
            return Some(Need::Nothing);
        }
        self.struct_ops_need(it)
    }

    /// What the struct of operations adds to the helpers (`bpf_tcp_ca_get_func_proto`, `bpf_scx_get_func_proto`).
    fn struct_ops_need(&self, it: &Helper) -> Option<Need> {
        let attach = self.prog.attach.filter(|_| self.prog_type == ProgType::StructOps)?;
        match attach.btf.name(attach.id) {
            "tcp_congestion_ops" => {}
            "sched_ext_ops" if matches!(it.id, func::task_storage_get | func::task_storage_delete) => {
                return Some(Need::Nothing);
            }
            _ => return None,
        }
        // `release` runs when the socket is in no state to be changed.
        let member = attach.btf.type_by_id(attach.id).and_then(|ty| ty.composite());
        let member = member.and_then(|it| it.members.get(attach.member as usize));
        let in_release = member.is_some_and(|it| attach.btf.str(it.name) == "release");
        match it.id {
            func::tcp_send_ack
            | func::sk_storage_get
            | func::sk_storage_delete
            | func::ktime_get_coarse_ns => Some(Need::Nothing),
            func::setsockopt | func::getsockopt => (!in_release).then_some(Need::Nothing),
            _ => None,
        }
    }

    /// A call of a helper (`check_helper_call`); gives the next instruction.
    pub(crate) fn check_helper_call(&mut self, insn_idx: usize) -> Check<usize> {
        let imm = self.insns[insn_idx].imm;
        if !(0..MAX_ID).contains(&imm) {
            return refuse!(self, EINVAL, "invalid func unknown#{imm}\n");
        }
        let id = imm as u32;
        let proto = self.check_may_call(id)?;
        let mut meta = CallMeta { pkt_access: proto.pkt_access, func_id: id, ..CallMeta::default() };
        for argno in 0..5 {
            self.check_func_arg(argno, &mut meta, &proto, insn_idx)?;
        }
        self.record_func_map(&meta, insn_idx)?;
        self.record_func_key(&meta, insn_idx)?;
        for off in 0..meta.access_size {
            self.check_mem_access(insn_idx, meta.regno, off, 1, Access::Write, None, false, false)?;
        }
        self.release_arg(&meta, &proto)?;
        let effects = self.check_special_helper(&mut meta, &proto, insn_idx)?;
        self.clear_caller_saved_regs()?;
        self.set_returned(&meta, &proto, effects.percpu_object)?;
        self.track_returned(&meta, insn_idx);
        self.refine_returned(&meta, &proto)?;
        self.check_map_func_compatibility(meta.map.map(|(map, _)| map), id)?;
        if id == func::get_func_ip {
            self.check_get_func_ip()?;
        }
        if id == func::tail_call {
            return self.after_tail_call(insn_idx);
        }
        if effects.changes_data {
            self.clear_all_pkt_pointers();
        }
        Ok(insn_idx + 1)
    }

    /// Whether the program may call it, here.
    fn check_may_call(&mut self, id: u32) -> Check<Proto> {
        let name = || func_name(id);
        let Some(proto) = self.helper_proto(id as i32) else {
            return refuse!(self, EINVAL, "program of this type cannot use helper {}#{id}\n", name());
        };
        if !self.prog.gpl && proto.gpl_only {
            return refuse!(
                self,
                EINVAL,
                "cannot call GPL-restricted function from non-GPL compatible program\n"
            );
        }
        if !self.is_allowed_in_probe(id) {
            return refuse!(self, EINVAL, "helper call is not allowed in probe\n");
        }
        if !self.in_sleepable() && proto.might_sleep {
            return refuse!(self, EINVAL, "helper call might sleep in a non-sleepable prog\n");
        }
        let regions = [
            (self.cur.active_rcu_locks > 0, "rcu_read_lock"),
            (self.cur.active_preempt_locks > 0, "non-preemptible"),
            (self.cur.active_irq_id > 0, "IRQ-disabled"),
        ];
        if let Some((_, region)) = regions.iter().find(|(inside, _)| *inside) {
            if proto.might_sleep {
                return refuse!(self, EINVAL, "sleepable helper {}#{id} in {region} region\n", name());
            }
            if self.in_sleepable() && gets_storage(id) {
                self.cur_aux().storage_get_atomic = true;
            }
        }
        Ok(proto)
    }

    /// Helpers that are safe in some functions only (`allowed` of their prototypes).
    fn is_allowed_in_probe(&self, id: u32) -> bool {
        let target = || self.prog.attach.map_or("", |it| it.btf.name(it.id));
        let is_sleepable_hook = || hooks::is_sleepable_hook(target());
        match id {
            func::ima_inode_hash | func::ima_file_hash => is_sleepable_hook(),
            // Not in the functions that do it (`bpf_sk_storage_tracing_allowed`).
            func::sk_storage_get | func::sk_storage_delete
                if matches!(self.prog_type, ProgType::Tracing | ProgType::Syscall) =>
            {
                match self.prog.attach_type {
                    Some(AttachType::TraceIter | AttachType::TraceRawTp) => true,
                    Some(AttachType::TraceFentry | AttachType::TraceFexit) => {
                        !target().starts_with("bpf_sk_storage")
                    }
                    _ => false,
                }
            }
            func::d_path if self.prog.prog_type == ProgType::Lsm => is_sleepable_hook(),
            func::d_path => {
                let is_iter = self.prog.prog_type == ProgType::Tracing
                    && self.prog.attach_type == Some(AttachType::TraceIter);
                is_iter || D_PATH.contains(&target())
            }
            _ => true,
        }
    }

    /// Keeps the map that a call is made with (`record_func_map`).
    fn record_func_map(&mut self, meta: &CallMeta, insn_idx: usize) -> Check {
        let writes = [func::map_delete_elem, func::map_update_elem, func::map_push_elem, func::map_pop_elem];
        let others = [
            func::tail_call,
            func::map_lookup_elem,
            func::map_peek_elem,
            func::for_each_map_elem,
            func::redirect_map,
            func::map_lookup_percpu_elem,
        ];
        let is_write = writes.contains(&meta.func_id);
        if !is_write && !others.contains(&meta.func_id) {
            return Ok(());
        }
        let Some((map, _)) = meta.map else {
            return refuse!(self, EFAULT, "verifier bug: expected map for helper call\n");
        };
        if is_write && self.map(map).flags & skep_abi::flags::BPF_F_RDONLY_PROG != 0 {
            return refuse!(self, EACCES, "write into map forbidden\n");
        }
        let kept = &mut self.aux[insn_idx].map_ptr;
        kept.poison |= kept.map.is_some_and(|it| it != map);
        kept.map = Some(map);
        Ok(())
    }

    /// Keeps the index of a tail call, if it is always the same (`record_func_key`).
    fn record_func_key(&mut self, meta: &CallMeta, insn_idx: usize) -> Check {
        if meta.func_id != func::tail_call {
            return Ok(());
        }
        let map = meta.map.map(|(map, _)| self.map(map));
        let Some(map) = map.filter(|it| it.kind == skep_abi::MapType::ProgArray) else {
            return refuse!(self, EINVAL, "expected prog array map for tail call");
        };
        let max = u64::from(map.max_entries);
        let known = self.aux[insn_idx].map_key;
        let index = self.reg(3);
        let Some(index) = index.scalar.const_value().filter(|it| index.is_scalar() && *it < max) else {
            self.aux[insn_idx].map_key = KEY_POISON | KEY_SEEN;
            return Ok(());
        };
        self.mark_chain_precision(3)?;
        let key = &mut self.aux[insn_idx].map_key;
        if known & KEY_SEEN == 0 {
            *key = index | KEY_SEEN;
        } else if known & KEY_POISON == 0 && known & !KEY_SEEN != index {
            *key = KEY_POISON | KEY_SEEN;
        }
        Ok(())
    }

    /// Gives up what the helper takes over.
    fn release_arg(&mut self, meta: &CallMeta, proto: &Proto) -> Check {
        let Some(argno) = meta.release_regno.checked_sub(1) else { return Ok(()) };
        let reg = *self.reg(meta.release_regno);
        let released = if matches!(proto.args[argno].kind, ArgKind::Dynptr(_)) {
            self.unmark_stack_slots_dynptr(&reg)
        } else if meta.func_id == func::kptr_xchg && meta.ref_obj_id != 0 {
            self.release_into_kptr(meta.ref_obj_id)
        } else if meta.ref_obj_id != 0 {
            self.release_reference(meta.ref_obj_id)
        } else if reg.is_null() {
            Ok(())
        } else {
            Err(Stop::new(Errno::EINVAL))
        };
        if let Err(stop) = released {
            let id = meta.func_id;
            verbose!(self, "func {}#{id} reference has not been acquired before\n", func_name(id));
            return Err(stop);
        }
        Ok(())
    }

    /// What is put into a map: objects of each CPU can still be read where RCU protects them.
    fn release_into_kptr(&mut self, ref_obj_id: u32) -> Check {
        let in_rcu = self.in_rcu_cs();
        self.release_reference_nomark(ref_obj_id)?;
        let invalid = self.invalidate();
        self.cur.for_each_reg(|reg| {
            if reg.ref_obj_id != ref_obj_id {
                return;
            }
            if in_rcu && reg.ty.has(Flags::ALLOC | Flags::PERCPU) {
                reg.ref_obj_id = 0;
                reg.ty.flags = (reg.ty.flags - Flags::ALLOC) | Flags::RCU;
            } else {
                invalid.reg(reg);
            }
        });
        Ok(())
    }

    /// Rules of single helpers: the switch of `check_helper_call`.
    fn check_special_helper(
        &mut self,
        meta: &mut CallMeta,
        proto: &Proto,
        insn_idx: usize,
    ) -> Check<Effects> {
        let id = meta.func_id;
        let mut effects = Effects { changes_data: changes_pkt_data(id), ..Effects::default() };
        let callback = meta.subprogno as usize;
        match id {
            func::tail_call => self.check_resource_leak(false, true, "tail_call")?,
            func::get_local_storage if !self.reg(2).is_null() => {
                return refuse!(self, EINVAL, "get_local_storage() doesn't support non-zero flags\n");
            }
            func::for_each_map_elem => self.push_callback_call(insn_idx, callback, Callback::MapElem)?,
            func::timer_set_callback => self.push_callback_call(insn_idx, callback, Callback::Timer)?,
            func::find_vma => self.push_callback_call(insn_idx, callback, Callback::FindVma)?,
            func::user_ringbuf_drain => {
                self.push_callback_call(insn_idx, callback, Callback::UserRingbuf)?;
            }
            func::r#loop => self.check_loop(insn_idx, callback)?,
            func::snprintf => self.check_snprintf_format()?,
            func::dynptr_from_mem => self.check_dynptr_from_mem()?,
            func::set_retval => self.check_set_retval()?,
            func::dynptr_data => self.check_dynptr_data(meta, proto)?,
            func::dynptr_write => {
                let kind = self.dynptr_arg_kind(proto)?;
                effects.changes_data |= matches!(kind, DynptrKind::Skb | DynptrKind::SkbMeta);
            }
            func::per_cpu_ptr | func::this_cpu_ptr => effects.percpu_object = self.check_cpu_ptr(insn_idx)?,
            _ => {}
        }
        Ok(effects)
    }

    /// `bpf_loop`: its callback is looked at as often as needed, at most as often as it is called.
    fn check_loop(&mut self, insn_idx: usize, callback: usize) -> Check {
        self.update_loop_inline(callback as u32);
        self.mark_chain_precision(1)?;
        if u64::from(self.frame().callback_depth) < self.reg(1).scalar.umax {
            return self.push_callback_call(insn_idx, callback, Callback::Loop);
        }
        self.frame_mut().callback_depth = 0;
        if self.log.wants_all() {
            let frame = self.cur.curframe();
            verbose!(self, "frame{frame} bpf_loop iteration limit reached\n");
        }
        Ok(())
    }

    /// Whether the kernel turns the call into a loop of its own (`update_loop_inline_state`).
    fn update_loop_inline(&mut self, callback: u32) {
        let fits = match self.cur_aux().loop_inline {
            None => self.loop_flag_is_zero(),
            Some(LoopInline { fits: false, .. }) => return,
            Some(LoopInline { callback: other, .. }) => self.loop_flag_is_zero() && other == callback,
        };
        let kept = &mut self.cur_aux().loop_inline;
        let callback = kept.map_or(callback, |it| it.callback);
        *kept = Some(LoopInline { fits, callback });
    }

    fn loop_flag_is_zero(&mut self) -> bool {
        let is_zero = self.reg(4).is_null();
        if is_zero {
            // The kernel does not look at whether that works either.
            let _ = self.mark_chain_precision(4);
        }
        is_zero
    }

    fn check_dynptr_from_mem(&mut self) -> Check {
        let ty = self.reg(1).ty;
        if ty.is(Base::PtrToMapValue) {
            return Ok(());
        }
        let name = type_name(ty);
        refuse!(self, EACCES, "Unsupported reg type {name} for bpf_dynptr_from_mem data\n")
    }

    /// What a hook that returns nothing returns cannot be set.
    fn check_set_retval(&mut self) -> Check {
        let is_lsm =
            self.prog_type == ProgType::Lsm && self.expected_attach_type() == Some(AttachType::LsmCgroup);
        if is_lsm && self.prog.attach.is_some_and(|it| returns_nothing(&it)) {
            return refuse!(
                self,
                EINVAL,
                "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n"
            );
        }
        Ok(())
    }

    fn dynptr_arg(&mut self, proto: &Proto) -> Check<crate::state::reg::Reg> {
        let argno = proto.args.iter().position(|it| matches!(it.kind, ArgKind::Dynptr(_)));
        match argno {
            Some(argno) => Ok(*self.reg(argno + 1)),
            None => refuse!(self, EFAULT, "verifier internal error: no dynptr arg found\n"),
        }
    }

    fn dynptr_arg_kind(&mut self, proto: &Proto) -> Check<DynptrKind> {
        let reg = self.dynptr_arg(proto)?;
        match self.dynptr_kind(&reg) {
            DynptrKind::Invalid => Err(Stop::new(Errno::EFAULT)),
            kind => Ok(kind),
        }
    }

    /// The slice lives as long as the dynptr, and its reference.
    fn check_dynptr_data(&mut self, meta: &mut CallMeta, proto: &Proto) -> Check {
        let reg = self.dynptr_arg(proto)?;
        if meta.ref_obj_id != 0 {
            return refuse!(self, EFAULT, "verifier bug: meta.ref_obj_id already set\n");
        }
        meta.dynptr_id = self.dynptr_id(&reg)?;
        meta.ref_obj_id = self.dynptr_ref_obj_id(&reg)?;
        Ok(())
    }

    /// Whether an object that the program allocated for each CPU is asked for.
    fn check_cpu_ptr(&mut self, insn_idx: usize) -> Check<bool> {
        let reg = *self.reg(1);
        if !reg.ty.has(Flags::RCU) {
            return Ok(false);
        }
        let def = reg.btf().and_then(|(btf, id)| self.btf(btf).type_by_id(id)).map(|it| &it.def);
        if !matches!(def, Some(Def::Struct(_) | Def::Union(_))) {
            return refuse!(self, EFAULT, "Helper has invalid btf/btf_id in R1\n");
        }
        self.aux[insn_idx].percpu_alloc = true;
        Ok(true)
    }

    fn check_get_func_ip(&mut self) -> Check {
        let (id, kind) = (func::get_func_ip, self.prog_type);
        if kind == ProgType::Kprobe {
            return Ok(());
        }
        let name = func_name(id);
        if kind != ProgType::Tracing {
            let number = kind.to_u32();
            return refuse!(self, ENOTSUPP, "func {name}#{id} not supported for program type {number}\n");
        }
        use AttachType::{ModifyReturn, TraceFentry, TraceFexit};
        if !matches!(self.expected_attach_type(), Some(TraceFentry | TraceFexit | ModifyReturn)) {
            return refuse!(
                self,
                ENOTSUPP,
                "func {name}#{id} supported only for fentry/fexit/fmod_ret programs\n"
            );
        }
        Ok(())
    }

    /// A tail call that succeeds ends the program, or returns from the function that makes it with whatever the other
    /// program returns; one that fails goes on.
    fn after_tail_call(&mut self, insn_idx: usize) -> Check<usize> {
        if self.cur.curframe() == 0 {
            return Ok(insn_idx + 1);
        }
        self.scratch(0);
        self.push_stack(insn_idx + 1, insn_idx, false)?;
        self.clear_all_pkt_pointers();
        self.mark_reg_unknown(0);
        self.update_live_stack();
        self.prepare_func_exit()
    }

    /// What is returned may be part of a reference, or is one.
    fn track_returned(&mut self, meta: &CallMeta, insn_idx: usize) {
        let id = meta.func_id;
        if self.reg(0).ty.may_be_null() {
            let new = self.new_id();
            self.reg_mut(0).id = new;
        }
        let map = meta.map.map(|(map, _)| self.map(map).kind);
        if casts(id) || id == func::dynptr_data {
            self.reg_mut(0).ref_obj_id = meta.ref_obj_id;
        } else if super::known::acquires(id, map) {
            let held = self.acquire_reference(insn_idx);
            let r0 = self.reg_mut(0);
            r0.id = held;
            r0.ref_obj_id = held;
        }
    }
}

/// Functions whose programs may ask for paths (`btf_allowlist_d_path`).
const D_PATH: &[&str] = &[
    "security_file_permission",
    "security_inode_getattr",
    "security_file_open",
    "security_path_truncate",
    "vfs_truncate",
    "vfs_fallocate",
    "dentry_open",
    "vfs_getattr",
    "filp_close",
];

fn returns_nothing(attach: &crate::input::Attach<'_>) -> bool {
    let Some(Def::Func(function)) = attach.btf.type_by_id(attach.id).map(|it| &it.def) else { return false };
    match attach.btf.type_by_id(function.proto).map(|it| &it.def) {
        Some(Def::FuncProto(proto)) => proto.ret.0 == 0,
        _ => false,
    }
}
