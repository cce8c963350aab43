//! Kernel functions against what a real kernel answered.

use std::collections::BTreeSet;

use skep_abi::kfuncs::{self, Caller, flags};
use skep_abi::{AttachType, ProgType};

const RECORDED: &str = include_str!("data/kfuncs-6.18.txt");

/// Types that were asked with an attach type.
fn caller(name: &str) -> Caller<'static> {
    let (ty, attach_type) = match name {
        "tp_btf" => (ProgType::Tracing, Some(AttachType::TraceRawTp)),
        "iter" => (ProgType::Tracing, Some(AttachType::TraceIter)),
        "ksession" => (ProgType::Kprobe, Some(AttachType::TraceKprobeSession)),
        _ => (ProgType::from_name(name).unwrap(), None),
    };
    Caller { prog_type: ty, attach_type, struct_ops: "bpf_dummy_ops" }
}

/// Lines of the recording: who may call, and whom.
fn recorded() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    let mut rows: Vec<(Vec<_>, Vec<_>)> = Vec::new();
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("    ") {
            Some(names) => rows.last_mut().unwrap().1.extend(names.split(' ')),
            None => rows.push((line.trim_end_matches(':').split_whitespace().collect(), Vec::new())),
        }
    }
    rows
}

#[test]
fn a_real_kernel_allows_the_same() {
    let everyone: BTreeSet<_> = recorded().into_iter().flat_map(|(callers, _)| callers).collect();
    assert!(everyone.len() > 25);
    for (callers, names) in recorded() {
        for name in names {
            for who in &everyone {
                let allowed = kfuncs::allowed(name, caller(who)).is_some();
                assert_eq!(allowed, callers.contains(who), "{name} from {who}");
            }
        }
    }
}

#[test]
fn rows_are_sound() {
    for (kfunc, hooks) in kfuncs::all() {
        assert!(!hooks.is_empty(), "{}", kfunc.name);
        let iter = [flags::ITER_NEW, flags::ITER_NEXT, flags::ITER_DESTROY];
        assert!(iter.iter().filter(|flag| kfunc.has(**flag)).count() <= 1, "{}", kfunc.name);
        assert_eq!(kfuncs::find(kfunc.name).map(|it| it.name), Some(kfunc.name));
        if kfunc.has(flags::ITER_NEXT) {
            assert!(kfunc.has(flags::RET_NULL), "{}", kfunc.name);
        }
    }
    assert!(kfuncs::find("bpf_no_such_thing").is_none());
}

#[test]
fn filters() {
    let lsm = Caller::of(ProgType::Lsm);
    assert!(kfuncs::allowed("bpf_get_file_xattr", lsm).is_some());
    let tracing = Caller { attach_type: Some(AttachType::TraceFentry), ..Caller::of(ProgType::Tracing) };
    assert!(kfuncs::allowed("bpf_get_file_xattr", tracing).is_none());
    assert!(kfuncs::allowed("bpf_sock_destroy", tracing).is_none());
    let qdisc = Caller { struct_ops: "Qdisc_ops", ..Caller::of(ProgType::StructOps) };
    assert!(kfuncs::allowed("bpf_kfree_skb", qdisc).is_some());
    assert!(kfuncs::allowed("bpf_kfree_skb", Caller::of(ProgType::StructOps)).is_none());
}
