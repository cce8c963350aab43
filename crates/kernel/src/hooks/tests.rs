use super::cgroup::ROOT;
use super::*;

fn prog(id: u32) -> Attached {
    Attached::new(ObjRef(id))
}

fn by_link(prog: u32, link: u32) -> Attached {
    Attached { link: Some(ObjRef(link)), ..Attached::new(ObjRef(prog)) }
}

fn ids(hooks: &Hooks, hook: &Hook) -> Vec<u32> {
    hooks.at(hook).iter().map(|it| it.prog.0).collect()
}

fn all_places() -> Vec<Hook> {
    let func = Func::Kernel("vfs_read".to_owned());
    vec![
        Hook::Xdp { ifindex: 1 },
        Hook::Tcx { ifindex: 1, ingress: true },
        Hook::Netkit { ifindex: 1, peer: true },
        Hook::ClsAct { ifindex: 1, ingress: false },
        Hook::Cgroup { id: ROOT, attach: AttachType::CgroupInet4Connect, btf_id: 0 },
        Hook::Tracepoint { name: "sched/sched_switch".to_owned() },
        Hook::RawTracepoint { name: "sched_switch".to_owned() },
        Hook::Kprobe { func: "vfs_read".to_owned(), offset: 0, ret: false },
        Hook::KprobeMulti { func: "vfs_read".to_owned(), ret: false },
        Hook::Uprobe { path: "/bin/true".to_owned(), offset: 64, ret: true },
        Hook::UprobeMulti { path: "/bin/true".to_owned(), offset: 64, ret: true },
        Hook::Func { func, way: Way::Exit },
        Hook::Netns { attach: AttachType::SkLookup },
        Hook::Sockmap { map: ObjRef(4), attach: AttachType::SkMsgVerdict },
        Hook::PerfEvent { event: ObjRef(4) },
        Hook::Netfilter { pf: 2, hook: 0 },
        Hook::StructOps { ops: "tcp_congestion_ops".to_owned() },
    ]
}

/// Puts a program at a hook, in the way that the hook has.
fn put(hooks: &mut Hooks, hook: &Hook, new: Attached) {
    let wish = mprog::Wish { flags: 0, relative: Ok(mprog::Relative::default()), revision: 0 };
    match hook {
        Hook::Xdp { ifindex } => {
            let _ = hooks.xdp.entry(*ifindex).or_default().attach(Some(new), None, 0);
        }
        Hook::Tcx { .. } | Hook::Netkit { .. } => {
            let _ = hooks.mprogs.entry(hook.clone()).or_default().attach(new, None, &wish);
        }
        Hook::ClsAct { ifindex, ingress } => {
            let _ = hooks.clsact.entry((*ifindex, *ingress)).or_default().add(0, 0, false, new);
        }
        Hook::Cgroup { id, attach, btf_id } => {
            let wish = cgroup::Wish { flags: 0, relative: None, revision: 0 };
            let _ = hooks.cgroups.attach(*id, (*attach, *btf_id), new, None, &wish);
        }
        Hook::Func { func, way } => {
            hooks.funcs.entry(func.clone()).or_default().attach(*way, new).unwrap();
        }
        Hook::Tracepoint { .. } => {
            hooks.traces.entry(hook.clone()).or_default().attach(new).unwrap();
        }
        Hook::Netns { attach } => hooks.netns.entry(*attach).or_default().attach_link(new, 64).unwrap(),
        Hook::Netfilter { pf, hook } => {
            hooks.netfilter.entry((*pf, *hook)).or_default().attach(0, new).unwrap();
        }
        _ => hooks.add(hook.clone(), new),
    }
}

#[test]
fn every_place_has_its_own() {
    let mut hooks = Hooks::default();
    for (id, hook) in all_places().iter().enumerate() {
        assert_eq!(ids(&hooks, hook), [], "{hook:?}");
        put(&mut hooks, hook, by_link(id as u32, 100));
    }
    for (id, hook) in all_places().iter().enumerate() {
        assert_eq!(ids(&hooks, hook), [id as u32], "{hook:?}");
    }
}

#[test]
fn places_without_rules() {
    let mut hooks = Hooks::default();
    let raw = Hook::RawTracepoint { name: "sched_switch".to_owned() };
    let multi = Hook::KprobeMulti { func: "vfs_read".to_owned(), ret: false };
    for id in 1..=3 {
        hooks.add(raw.clone(), by_link(id, id + 10));
        hooks.add(multi.clone(), by_link(id, id + 10));
    }
    assert_eq!((ids(&hooks, &raw), ids(&hooks, &multi)), (vec![1, 2, 3], vec![3, 2, 1]));
    hooks.remove(&raw, ObjRef(12));
    hooks.remove(&multi, ObjRef(1));
    assert_eq!((ids(&hooks, &raw), ids(&hooks, &multi)), (vec![1, 3], vec![3, 2, 1]));
    hooks.remove(&raw, ObjRef(11));
    hooks.remove(&raw, ObjRef(13));
    assert!(!hooks.lists.contains_key(&raw));
}

#[test]
fn no_program_is_anywhere_by_itself() {
    let hooks = Hooks::default();
    assert!(all_places().iter().all(|it| hooks.at(it).is_empty()));
    assert_eq!(prog(3).link, None);
}
