use super::*;
use proptest::prelude::*;

const CONNECT: Kind = (AttachType::CgroupInet4Connect, 0);
const MULTI: u32 = BPF_F_ALLOW_MULTI;
const OVERRIDE: u32 = BPF_F_ALLOW_OVERRIDE;
const PRE: u32 = BPF_F_PREORDER;

fn prog(id: u32) -> Attached {
    Attached::new(ObjRef(id))
}

fn by_link(prog: u32, link: u32) -> Attached {
    Attached { link: Some(ObjRef(link)), ..Attached::new(ObjRef(prog)) }
}

fn flags(flags: u32) -> Wish {
    Wish { flags, relative: None, revision: 0 }
}

fn near(flags: u32, id: u32) -> Wish {
    Wish { flags, relative: Some(Ok(Relative::Prog(ObjRef(id)))), revision: 0 }
}

/// The root, 10 in it, 20 in that.
fn tree() -> Cgroups {
    let mut it = Cgroups::default();
    it.know(&[ROOT, 10, 20]);
    it
}

fn runs(it: &Cgroups, id: u64) -> Vec<u32> {
    it.effective(id, CONNECT).iter().map(|it| it.prog.0).collect()
}

/// (who is attached where with which flags, what runs for 20 then, or what the last of them answers)
#[test]
fn hierarchy() {
    type Row<'a> = (&'a [(u64, u32, u32)], Result<&'a [u32], Errno>);
    let rows: &[Row<'_>] = &[
        (&[(ROOT, 1, 0)], Ok(&[1])),
        (&[(ROOT, 1, 0), (20, 2, 0)], Err(Errno::EPERM)),
        (&[(ROOT, 1, 0), (20, 2, MULTI)], Err(Errno::EPERM)),
        (&[(ROOT, 1, OVERRIDE), (20, 2, OVERRIDE)], Ok(&[2])),
        (&[(ROOT, 1, OVERRIDE), (20, 2, 0)], Ok(&[2])),
        (&[(ROOT, 1, OVERRIDE), (20, 2, MULTI)], Ok(&[2])),
        (&[(ROOT, 1, MULTI), (20, 2, MULTI)], Ok(&[2, 1])),
        (&[(ROOT, 1, MULTI), (20, 2, 0)], Ok(&[2, 1])),
        (&[(20, 2, MULTI), (ROOT, 1, MULTI), (10, 3, MULTI)], Ok(&[2, 3, 1])),
        (&[(20, 2, 0), (ROOT, 1, MULTI), (10, 3, OVERRIDE)], Ok(&[2, 1])),
        // Whoever is nearest decides.
        (&[(ROOT, 1, MULTI), (10, 3, 0), (20, 2, MULTI)], Err(Errno::EPERM)),
        (&[(10, 1, 0), (10, 2, 0)], Ok(&[2])),
        (&[(10, 1, 0), (10, 2, OVERRIDE)], Err(Errno::EPERM)),
        (&[(10, 1, OVERRIDE), (10, 2, MULTI)], Err(Errno::EPERM)),
        (&[(10, 1, MULTI), (10, 2, MULTI)], Ok(&[1, 2])),
        (&[(10, 1, MULTI), (10, 1, MULTI)], Err(Errno::EINVAL)),
        // Before all others, from the root down.
        (&[(ROOT, 1, MULTI | PRE), (10, 2, MULTI | PRE), (20, 3, MULTI)], Ok(&[1, 2, 3])),
        (&[(ROOT, 1, MULTI | PRE), (ROOT, 2, MULTI), (20, 3, MULTI | PRE)], Ok(&[1, 3, 2])),
        (&[(10, 1, MULTI | PRE), (10, 2, MULTI | PRE), (10, 3, MULTI)], Ok(&[1, 2, 3])),
        (&[(10, 1, MULTI | OVERRIDE)], Err(Errno::EINVAL)),
        (&[(10, 1, BPF_F_REPLACE)], Err(Errno::EINVAL)),
        (&[(10, 1, MULTI | BPF_F_REPLACE)], Err(Errno::EINVAL)),
    ];
    for (row, (calls, want)) in rows.iter().enumerate() {
        let mut it = tree();
        let mut last = Ok(None);
        for &(id, who, wish) in *calls {
            assert!(last.is_ok(), "row {row}");
            last = it.attach(id, CONNECT, prog(who), None, &flags(wish));
        }
        assert_eq!(last.map(|_| runs(&it, 20)), want.map(<[u32]>::to_vec), "row {row}");
    }
}

/// (flags, neighbour, what comes of attaching 9 to 1, 2, 3 of which 1 is before all others)
#[test]
fn places() {
    let (before, after) = (BPF_F_BEFORE, BPF_F_AFTER);
    type Row<'a> = (u32, u32, Result<&'a [u32], Errno>);
    let rows: &[Row<'_>] = &[
        (0, 0, Ok(&[1, 2, 3, 9])),
        (before, 0, Ok(&[9, 1, 2, 3])),
        (after, 0, Ok(&[1, 2, 3, 9])),
        (before | after, 0, Err(Errno::EINVAL)),
        (before, 3, Ok(&[1, 2, 9, 3])),
        (after, 2, Ok(&[1, 2, 9, 3])),
        (0, 2, Err(Errno::EINVAL)),
        (before | after, 2, Err(Errno::EINVAL)),
        (before, 7, Err(Errno::ENOENT)),
        (before, 1, Err(Errno::EINVAL)),
        (before | PRE, 1, Ok(&[9, 1, 2, 3])),
        (before | BPF_F_LINK, 2, Err(Errno::EINVAL)),
        (before | BPF_F_ID, 2, Ok(&[1, 9, 2, 3])),
    ];
    for (row, &(wish, who, want)) in rows.iter().enumerate() {
        let mut it = tree();
        it.attach(10, CONNECT, prog(1), None, &flags(MULTI | PRE)).unwrap();
        it.attach(10, CONNECT, prog(2), None, &flags(MULTI)).unwrap();
        it.attach(10, CONNECT, prog(3), None, &flags(MULTI)).unwrap();
        let wish = if who == 0 { flags(wish | MULTI) } else { near(wish | MULTI, who) };
        let got = it.attach(10, CONNECT, prog(9), None, &wish);
        let list: Vec<_> = it.level(10, CONNECT).progs.iter().map(|it| it.prog.0).collect();
        assert_eq!(got.map(|_| list), want.map(<[u32]>::to_vec), "row {row}");
        assert_eq!(it.level(10, CONNECT).revision, if want.is_ok() { 5 } else { 4 });
    }
}

#[test]
fn replacing() {
    let mut it = tree();
    let replace = flags(MULTI | BPF_F_REPLACE);
    it.attach(10, CONNECT, prog(1), None, &flags(MULTI)).unwrap();
    it.attach(10, CONNECT, by_link(2, 22), None, &flags(MULTI)).unwrap();
    assert_eq!(it.attach(10, CONNECT, prog(3), Some(ObjRef(2)), &replace), Err(Errno::ENOENT));
    let old = it.attach(10, CONNECT, prog(3), Some(ObjRef(1)), &replace).unwrap();
    assert_eq!((old.map(|it| it.prog), runs(&it, 20)), (Some(ObjRef(1)), vec![3, 2]));
    // By itself.
    it.attach(10, CONNECT, prog(3), Some(ObjRef(3)), &replace).unwrap();
    it.replace(10, CONNECT, ObjRef(22), ObjRef(5)).unwrap();
    assert_eq!(it.replace(20, CONNECT, ObjRef(22), ObjRef(5)), Err(Errno::ENOENT));
    assert_eq!(it.replace(10, CONNECT, ObjRef(23), ObjRef(5)), Err(Errno::ENOENT));
    assert_eq!(runs(&it, 20), [3, 5]);
    // A program and a link of it are two.
    it.attach(10, CONNECT, prog(5), None, &flags(MULTI)).unwrap();
    assert_eq!(runs(&it, 10), [3, 5, 5]);
    let both = flags(MULTI | BPF_F_REPLACE | BPF_F_BEFORE);
    assert_eq!(it.attach(10, CONNECT, prog(6), Some(ObjRef(3)), &both), Err(Errno::EINVAL));
    assert_eq!(it.attach(10, CONNECT, by_link(6, 1), Some(ObjRef(3)), &replace), Err(Errno::EINVAL));
}

#[test]
fn detaching() {
    let mut it = tree();
    let gone = |it: Result<Attached, Errno>| it.map(|it| it.prog.0);
    assert_eq!(gone(it.detach(10, CONNECT, None, None, 0)), Err(Errno::ENOENT));
    it.attach(10, CONNECT, prog(1), None, &flags(0)).unwrap();
    // Whatever is named.
    assert_eq!(gone(it.detach(10, CONNECT, Some(ObjRef(7)), None, 0)), Ok(1));
    it.attach(10, CONNECT, prog(1), None, &flags(MULTI)).unwrap();
    it.attach(10, CONNECT, by_link(2, 22), None, &flags(MULTI)).unwrap();
    assert_eq!(gone(it.detach(10, CONNECT, None, None, 0)), Err(Errno::EINVAL));
    assert_eq!(gone(it.detach(10, CONNECT, Some(ObjRef(2)), None, 0)), Err(Errno::ENOENT));
    assert_eq!(gone(it.detach(10, CONNECT, Some(ObjRef(1)), None, 3)), Err(Errno::ESTALE));
    assert_eq!(gone(it.detach(10, CONNECT, Some(ObjRef(1)), None, 5)), Ok(1));
    assert_eq!(it.level(10, CONNECT).flags, MULTI);
    assert_eq!(gone(it.detach(10, CONNECT, None, Some(ObjRef(22)), 0)), Ok(2));
    assert_eq!((it.level(10, CONNECT).flags, it.level(10, CONNECT).revision), (0, 7));
}

#[test]
fn sixty_four() {
    let mut it = tree();
    for id in 0..MAX as u32 {
        it.attach(10, CONNECT, prog(id), None, &flags(MULTI)).unwrap();
    }
    assert_eq!(it.attach(10, CONNECT, prog(99), None, &flags(MULTI)), Err(Errno::E2BIG));
    let replace = flags(MULTI | BPF_F_REPLACE);
    assert_eq!(it.attach(10, CONNECT, prog(99), Some(ObjRef(1)), &replace), Err(Errno::E2BIG));
    it.attach(20, CONNECT, prog(99), None, &flags(MULTI)).unwrap();
    assert_eq!(runs(&it, 20).len(), MAX + 1);
}

#[test]
fn ten_security_hooks() {
    let mut it = tree();
    let hook = |id| (AttachType::LsmCgroup, id);
    for id in 1..=MAX_LSM_HOOKS as u32 {
        it.attach(10, hook(id), by_link(id, id), None, &flags(MULTI)).unwrap();
    }
    it.attach(20, hook(3), by_link(33, 33), None, &flags(MULTI)).unwrap();
    assert_eq!(it.attach(10, hook(11), by_link(11, 11), None, &flags(MULTI)), Err(Errno::EINVAL));
    it.detach(10, hook(3), None, Some(ObjRef(3)), 0).unwrap();
    assert_eq!(it.attach(10, hook(11), by_link(11, 11), None, &flags(MULTI)), Err(Errno::EINVAL));
    it.detach(20, hook(3), None, Some(ObjRef(33)), 0).unwrap();
    it.attach(10, hook(11), by_link(11, 11), None, &flags(MULTI)).unwrap();
    assert_eq!(it.lsm_hooks().collect::<Vec<_>>(), [1, 2, 11, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn cgroups_go() {
    let mut it = tree();
    let lsm = (AttachType::LsmCgroup, 7);
    it.attach(10, CONNECT, prog(1), None, &flags(MULTI)).unwrap();
    it.attach(10, lsm, by_link(2, 22), None, &flags(MULTI)).unwrap();
    it.attach(20, CONNECT, prog(3), None, &flags(MULTI)).unwrap();
    assert_eq!(it.remove(20), [(CONNECT, Attached { flags: MULTI, ..prog(3) })]);
    let gone: Vec<_> = it.remove(10).into_iter().map(|(kind, it)| (kind, it.prog.0)).collect();
    assert_eq!(gone, [(CONNECT, 1), (lsm, 2)]);
    assert_eq!((runs(&it, 20), it.lsm_hooks().count()), (vec![], 0));
}

proptest! {
    /// What runs is what the lists of those cgroups have whose programs count, each program once; and a failed call
    /// changes nothing.
    #[test]
    fn what_runs(calls in prop::collection::vec(
        (any::<bool>(), prop::sample::select(vec![ROOT, 10, 20]), 1u32..12, 0u32..128, 0u32..12), 0..60,
    )) {
        let mut it = tree();
        for (attach, id, who, wish, other) in calls {
            let old: Vec<_> = [ROOT, 10, 20].map(|id| runs(&it, id)).into();
            let revision = it.level(id, CONNECT).revision;
            let wish = if other == 0 { flags(wish) } else { near(wish, other) };
            let result = match attach {
                true => {
                    let old = (wish.flags & BPF_F_REPLACE != 0).then_some(ObjRef(other));
                    it.attach(id, CONNECT, prog(who), old, &wish).is_ok()
                }
                false => it.detach(id, CONNECT, Some(ObjRef(who)), None, 0).is_ok(),
            };
            let new: Vec<_> = [ROOT, 10, 20].map(|id| runs(&it, id)).into();
            prop_assert_eq!(it.level(id, CONNECT).revision, revision + u64::from(result));
            prop_assert!(result || new == old);
            let level = it.level(id, CONNECT);
            prop_assert!(level.flags & MULTI != 0 || level.progs.len() <= 1);
            for id in [ROOT, 10, 20] {
                let mut want: Vec<u32> = Vec::new();
                for above in it.upwards(id) {
                    let level = it.level(above, CONNECT);
                    if want.is_empty() || level.flags & MULTI != 0 {
                        want.extend(level.progs.iter().map(|it| it.prog.0));
                    }
                }
                let mut got = runs(&it, id);
                got.sort_unstable();
                want.sort_unstable();
                prop_assert_eq!(got, want);
            }
        }
    }
}
