//! The helper table: against the kernel's prototypes, and in itself.

use skep_abi::helpers::{
    ArgKind, ArgType, Dynptr, HELPERS, Helper, RetKind, RetType, func, helper, helper_by_name,
};
use skep_abi::{AttachType, KernelVersion, ProgType};

/// An argument in the kernel's words, flags in the order in which `include/linux/bpf.h` has them.
fn arg_words(it: ArgType) -> String {
    let mut words = match it.kind {
        ArgKind::Unused => unreachable!("an unused argument has no words"),
        ArgKind::ConstMapPtr => "ARG_CONST_MAP_PTR".to_string(),
        ArgKind::MapKey => "ARG_PTR_TO_MAP_KEY".to_string(),
        ArgKind::MapValue => "ARG_PTR_TO_MAP_VALUE".to_string(),
        ArgKind::Mem => "ARG_PTR_TO_MEM".to_string(),
        ArgKind::FixedMem(_) => "ARG_PTR_TO_FIXED_SIZE_MEM".to_string(),
        ArgKind::ConstSize => "ARG_CONST_SIZE".to_string(),
        ArgKind::ConstSizeOrZero => "ARG_CONST_SIZE_OR_ZERO".to_string(),
        ArgKind::ConstAllocSizeOrZero => "ARG_CONST_ALLOC_SIZE_OR_ZERO".to_string(),
        ArgKind::Ctx => "ARG_PTR_TO_CTX".to_string(),
        ArgKind::Anything => "ARG_ANYTHING".to_string(),
        ArgKind::Scalar => "ARG_SCALAR".to_string(),
        ArgKind::SpinLock => "ARG_PTR_TO_SPIN_LOCK".to_string(),
        ArgKind::Timer => "ARG_PTR_TO_TIMER".to_string(),
        ArgKind::SockCommon => "ARG_PTR_TO_SOCK_COMMON".to_string(),
        ArgKind::Socket => "ARG_PTR_TO_SOCKET".to_string(),
        ArgKind::BtfId(_) | ArgKind::OwnedKptr => "ARG_PTR_TO_BTF_ID".to_string(),
        ArgKind::BtfIdSockCommon => "ARG_PTR_TO_BTF_ID_SOCK_COMMON".to_string(),
        ArgKind::PercpuBtfId => "ARG_PTR_TO_PERCPU_BTF_ID".to_string(),
        ArgKind::KptrXchgDest => "ARG_KPTR_XCHG_DEST".to_string(),
        ArgKind::RingbufMem => "ARG_PTR_TO_RINGBUF_MEM".to_string(),
        ArgKind::Func => "ARG_PTR_TO_FUNC".to_string(),
        ArgKind::Stack => "ARG_PTR_TO_STACK".to_string(),
        ArgKind::ConstStr => "ARG_PTR_TO_CONST_STR".to_string(),
        ArgKind::Dynptr(_) => "ARG_PTR_TO_DYNPTR".to_string(),
    };
    let dynptr = match it.kind {
        ArgKind::Dynptr(Dynptr::Local) => Some("DYNPTR_TYPE_LOCAL"),
        ArgKind::Dynptr(Dynptr::Ringbuf) => Some("DYNPTR_TYPE_RINGBUF"),
        _ => None,
    };
    let flags = [
        (it.flags.nullable, "PTR_MAYBE_NULL"),
        (it.flags.read_only, "MEM_RDONLY"),
        (it.flags.release, "OBJ_RELEASE"),
        (it.flags.uninit, "MEM_UNINIT"),
        (it.flags.aligned, "MEM_ALIGNED"),
        (it.flags.write, "MEM_WRITE"),
    ];
    let flags = flags.iter().filter(|it| it.0).map(|it| it.1).chain(dynptr);
    flags.for_each(|flag| words = format!("{words}|{flag}"));
    match it.kind {
        ArgKind::BtfId(name) => format!("{words}({name})"),
        ArgKind::FixedMem(size) => format!("{words}({size})"),
        _ => words,
    }
}

/// A result in the kernel's words.
fn ret_words(it: RetType) -> String {
    let (base, name) = match it.kind {
        RetKind::Integer => ("RET_INTEGER", None),
        RetKind::Void => ("RET_VOID", None),
        RetKind::MapValue => ("RET_PTR_TO_MAP_VALUE", None),
        RetKind::Socket => ("RET_PTR_TO_SOCKET", None),
        RetKind::TcpSock => ("RET_PTR_TO_TCP_SOCK", None),
        RetKind::SockCommon => ("RET_PTR_TO_SOCK_COMMON", None),
        RetKind::Mem => ("RET_PTR_TO_MEM", None),
        RetKind::RingbufMem => ("RET_PTR_TO_MEM|MEM_RINGBUF", None),
        RetKind::MemOrBtfId => ("RET_PTR_TO_MEM_OR_BTF_ID", None),
        RetKind::BtfId(name) => ("RET_PTR_TO_BTF_ID", Some(name)),
        RetKind::OwnedKptr => ("RET_PTR_TO_BTF_ID", None),
    };
    let flags = [(it.nullable, "PTR_MAYBE_NULL"), (it.read_only, "MEM_RDONLY"), (it.trusted, "PTR_TRUSTED")];
    let mut words = base.to_string();
    flags.iter().filter(|it| it.0).for_each(|it| words = format!("{words}|{}", it.1));
    name.map_or(words.clone(), |name| format!("{words}({name})"))
}

/// The kernel's abbreviations (`ARG_PTR_TO_MEM_OR_NULL`...) written out, flags sorted.
fn spell_out(word: &str) -> String {
    let (word, tail) = word.split_at(word.find('(').unwrap_or(word.len()));
    let word = word
        .replace("ARG_PTR_TO_UNINIT_MEM", "ARG_PTR_TO_MEM|MEM_UNINIT|MEM_WRITE")
        .replace("RET_PTR_TO_RINGBUF_MEM_OR_NULL", "RET_PTR_TO_MEM|MEM_RINGBUF|PTR_MAYBE_NULL")
        .replace("RET_PTR_TO_DYNPTR_MEM_OR_NULL", "RET_PTR_TO_MEM|PTR_MAYBE_NULL")
        .replace("RET_PTR_TO_BTF_ID_TRUSTED", "RET_PTR_TO_BTF_ID|PTR_TRUSTED")
        .replace("_OR_NULL", "|PTR_MAYBE_NULL");
    let mut flags: Vec<&str> = word.split('|').collect();
    flags[1..].sort_unstable();
    flags.join("|") + tail
}

fn attributes(it: &Helper) -> Vec<&'static str> {
    let proto = it.proto;
    let all = [
        (proto.gpl_only, "gpl"),
        (proto.pkt_access, "packet"),
        (proto.might_sleep, "sleeps"),
        (proto.fastcall, "fast"),
    ];
    all.iter().filter(|it| it.0).map(|it| it.1).collect()
}

#[test]
fn prototypes_are_the_kernels() {
    let mut seen = 0;
    for line in include_str!("data/protos-6.12.txt").lines().filter(|line| !line.starts_with('#')) {
        let (words, theirs) =
            line.split_once('|').map(|_| line.rsplit_once(" |").unwrap_or((line, ""))).unwrap();
        let mut words = words.split(' ');
        let it = helper(words.next().unwrap().parse().unwrap()).unwrap();
        assert_eq!(Some(it.name), words.next());
        assert_eq!(spell_out(&ret_words(it.proto.ret)), spell_out(words.next().unwrap()), "{}", it.name);
        let args: Vec<String> = words.map(spell_out).collect();
        let ours = it.proto.args[..it.arg_count()].iter();
        assert_eq!(ours.map(|&arg| spell_out(&arg_words(arg))).collect::<Vec<_>>(), args, "{}", it.name);
        assert_eq!(attributes(it), theirs.split_whitespace().collect::<Vec<_>>(), "{}", it.name);
        seen += 1;
    }
    assert_eq!(seen, HELPERS.len());
}

#[test]
fn ids_are_dense_and_names_unique() {
    assert_eq!(HELPERS.len(), 211);
    for (index, it) in HELPERS.iter().enumerate() {
        assert_eq!(it.id as usize, index + 1);
        assert_eq!(helper(it.id), Some(it));
        for name in [it.name.to_string(), format!("bpf_{}", it.name), it.uapi()] {
            assert_eq!(helper_by_name(&name), Some(it), "{name}");
        }
        let shape = |it: &char| it.is_ascii_lowercase() || it.is_ascii_digit() || *it == '_';
        assert!(it.name.chars().all(|c| shape(&c)), "{}", it.name);
    }
    assert_eq!((helper(0), helper(212), helper(u32::MAX)), (None, None, None));
    assert_eq!((helper_by_name("bpf_nonsense"), helper_by_name("")), (None, None));
    assert_eq!(helper(func::r#loop).map(|it| it.name), Some("loop"));
}

/// Numbers are given out in the order of merging, so a later one is never older by more than a fix that overtook it.
#[test]
fn versions_rise_with_the_numbers() {
    for pair in HELPERS.windows(2) {
        let [a, b] = pair else { unreachable!() };
        assert!(a.since <= b.since, "{} is since {}, {} since {}", a.name, a.since, b.name, b.since);
    }
    assert_eq!(HELPERS[0].since, KernelVersion::new(3, 19));
    assert_eq!(HELPERS[210].since, KernelVersion::new(6, 2));
}

/// `check_args_pair_invalid` and `check_arg_pair_ok` of the kernel's verifier: a size follows its memory, and nothing
/// else does.
#[test]
fn memory_and_sizes_come_in_pairs() {
    for it in HELPERS {
        let args = &it.proto.args;
        for (i, arg) in args.iter().enumerate() {
            let next_is_size = args.get(i + 1).is_some_and(|next| next.is_size());
            assert_eq!(arg.kind == ArgKind::Mem, next_is_size, "{} argument {i}", it.name);
            assert_eq!(arg.kind == ArgKind::Unused, i >= it.arg_count(), "{} argument {i}", it.name);
        }
        assert!(!args[0].is_size(), "{}", it.name);
        assert_eq!(args.iter().filter(|it| it.flags.release).count().max(1), 1, "{}", it.name);
        let keyed = args.iter().any(|it| matches!(it.kind, ArgKind::MapKey | ArgKind::MapValue));
        assert!(!keyed || args.iter().any(|it| it.kind == ArgKind::ConstMapPtr), "{}", it.name);
    }
}

#[test]
fn texts() {
    assert_eq!(helper(1).unwrap().to_string(), "bpf_map_lookup_elem(map, key)");
    assert_eq!(helper(5).unwrap().to_string(), "bpf_ktime_get_ns()");
    assert_eq!(helper(32).unwrap().to_string(), "bpf_skb_change_type(skb, type)");
    assert_eq!(helper(181).unwrap().uapi(), "BPF_FUNC_loop");
}

#[test]
fn variants() {
    let proto = |id, prog, attach| helper(id).unwrap().proto_for(prog, attach);
    let first = |id, prog| proto(id, prog, None).args[0];
    assert_eq!(first(func::get_cgroup_classid, ProgType::SchedCls).kind, ArgKind::Ctx);
    assert_eq!(first(func::get_cgroup_classid, ProgType::CgroupSock), ArgType::UNUSED);
    assert!(first(func::get_socket_cookie, ProgType::Lsm).nullable());
    assert_eq!(first(func::setsockopt, ProgType::SockOps).kind, ArgKind::Ctx);
    assert_eq!(first(func::setsockopt, ProgType::CgroupSockopt).kind, ArgKind::BtfIdSockCommon);
    assert_eq!(first(func::xdp_get_buff_len, ProgType::Tracing).kind, ArgKind::BtfId("xdp_buff"));
    assert_eq!(proto(func::sk_storage_get, ProgType::CgroupSock, None).args[1].kind, ArgKind::Ctx);
    assert_eq!(proto(func::sk_assign, ProgType::SkLookup, None).args[1].kind, ArgKind::Socket);
    assert!(proto(func::get_stackid, ProgType::Kprobe, None).gpl_only);
    assert!(!proto(func::get_stackid, ProgType::PerfEvent, None).gpl_only);
    assert!(!proto(func::get_func_ip, ProgType::Kprobe, Some(AttachType::TraceKprobeMulti)).gpl_only);
    assert!(proto(func::get_smp_processor_id, ProgType::Xdp, None).fastcall);
    assert!(!proto(func::get_smp_processor_id, ProgType::CgroupSock, None).fastcall);
    // A variant never changes the names of the arguments, so it has as many or none.
    for it in HELPERS {
        for &prog in ProgType::ALL {
            let count = it.proto_for(prog, None).args.iter().filter(|it| **it != ArgType::UNUSED).count();
            assert!(count == it.arg_count() || count == 0, "{} for {prog}", it.name);
        }
    }
}
