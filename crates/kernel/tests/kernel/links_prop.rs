//! Whatever is attached, updated and let go of in whatever order: what a link or a place has is there, and when all is let
//! go of, nothing is left.

use crate::support::{asm, kernel};
use proptest::prelude::*;
use skep_abi::{AttachType, Errno, ProgType, flags::BPF_F_ALLOW_MULTI};
use skep_kernel::{
    Device, Fd, Functions, Kernel, KprobeMulti, LinkCreate, LinkWith, Noun, OutsideKind, ProgAttach,
    ProgLoad, ProgQuery,
};

/// A step. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Load(usize),
    Link(usize),
    Attach(usize),
    Detach(usize),
    Update(usize, usize),
    DetachLink(usize),
    Close(usize),
    RemoveDevice,
    RemoveCgroup,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || any::<usize>();
    let step = prop_oneof![
        3 => number().prop_map(Step::Load),
        6 => number().prop_map(Step::Link),
        3 => number().prop_map(Step::Attach),
        2 => number().prop_map(Step::Detach),
        3 => (number(), number()).prop_map(|(a, b)| Step::Update(a, b)),
        2 => number().prop_map(Step::DetachLink),
        4 => number().prop_map(Step::Close),
        1 => Just(Step::RemoveDevice),
        1 => Just(Step::RemoveCgroup),
    ];
    prop::collection::vec(step, 0..60)
}

/// Program types, how they are attached, and whether they can be without a link.
const KINDS: [(ProgType, AttachType, bool); 8] = [
    (ProgType::Xdp, AttachType::Xdp, false),
    (ProgType::SchedCls, AttachType::TcxIngress, true),
    (ProgType::SchedCls, AttachType::TcxEgress, true),
    (ProgType::CgroupSkb, AttachType::CgroupInetEgress, true),
    (ProgType::SkLookup, AttachType::SkLookup, false),
    (ProgType::FlowDissector, AttachType::FlowDissector, true),
    (ProgType::Netfilter, AttachType::Netfilter, false),
    (ProgType::Kprobe, AttachType::TraceKprobeMulti, false),
];

struct Machine {
    kernel: Kernel,
    progs: Vec<(Fd, usize)>,
    links: Vec<(Fd, usize)>,
    cgroup: Fd,
    netns: Fd,
}

impl Machine {
    fn new() -> Machine {
        let mut kernel = kernel();
        kernel.net_mut().add_device(Device::new(2));
        let cgroup = kernel.open_cgroup(&[1, 7]).unwrap();
        let netns = kernel.open_new(OutsideKind::Netns).unwrap();
        Machine { kernel, progs: Vec::new(), links: Vec::new(), cgroup, netns }
    }

    fn target(&self, attach: AttachType) -> u32 {
        match attach {
            AttachType::CgroupInetEgress => self.cgroup.0 as u32,
            AttachType::SkLookup | AttachType::FlowDissector => self.netns.0 as u32,
            AttachType::Netfilter | AttachType::TraceKprobeMulti => 0,
            _ => 2,
        }
    }

    fn create(&self, prog: Fd, attach: AttachType) -> LinkCreate {
        let create = LinkCreate::new(prog, attach).on(self.target(attach));
        match attach {
            AttachType::Netfilter => {
                create.with(LinkWith::Netfilter { pf: 2, hooknum: 0, priority: prog.0, flags: 0 })
            }
            AttachType::TraceKprobeMulti => {
                let functions = Functions::Names(vec!["vfs_read".to_owned(), "vfs_write".to_owned()]);
                create.with(LinkWith::KprobeMulti(KprobeMulti { flags: 0, functions, cookies: Vec::new() }))
            }
            _ => create,
        }
    }

    fn by_itself(&self, prog: Fd, attach: AttachType) -> ProgAttach {
        let (target, flags) = match attach {
            AttachType::FlowDissector => (0, 0),
            AttachType::CgroupInetEgress => (self.target(attach), BPF_F_ALLOW_MULTI),
            _ => (self.target(attach), 0),
        };
        ProgAttach::new(attach, target, prog).flags(flags)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Load(kind) => {
                let kind = kind % KINDS.len();
                let (prog_type, attach, _) = KINDS[kind];
                let load = ProgLoad {
                    expected_attach_type: attach.to_u32(),
                    ..ProgLoad::new("prog", prog_type, asm("r0 = 1\nexit"))
                };
                self.progs.push((self.kernel.prog_load(load).unwrap(), kind));
            }
            Step::Link(at) => {
                let Some(&(prog, kind)) = pick(&self.progs, at) else { return };
                if let Ok(link) = self.kernel.link_create(&self.create(prog, KINDS[kind].1)) {
                    self.links.push((link, kind));
                }
            }
            Step::Attach(at) => {
                let Some(&(prog, kind)) = pick(&self.progs, at) else { return };
                let result = self.kernel.prog_attach(&self.by_itself(prog, KINDS[kind].1));
                assert!(KINDS[kind].2 || result == Err(Errno::EINVAL));
            }
            Step::Detach(at) => {
                let Some(&(prog, kind)) = pick(&self.progs, at) else { return };
                let detach = ProgAttach { flags: 0, ..self.by_itself(prog, KINDS[kind].1) };
                let _ = self.kernel.prog_detach(&detach);
            }
            Step::Update(link, prog) => {
                let (Some(&(link, _)), Some(&(prog, _))) = (pick(&self.links, link), pick(&self.progs, prog))
                else {
                    return;
                };
                if self.kernel.link_update(link, prog, 0, Fd(0)).is_ok() {
                    let info = self.kernel.link_info(link).unwrap();
                    assert_eq!(Ok(info.prog_id), self.kernel.id_of(prog));
                }
            }
            Step::DetachLink(at) => {
                let Some(&(link, kind)) = pick(&self.links, at) else { return };
                let result = self.kernel.link_detach(link);
                let ends = KINDS[kind].1 == AttachType::TraceKprobeMulti;
                assert_eq!(result, if ends { Err(Errno::EOPNOTSUPP) } else { Ok(()) });
            }
            Step::Close(at) => {
                let count = self.progs.len() + self.links.len();
                let Some(at) = at.checked_rem(count) else { return };
                let (fd, _) = match at.checked_sub(self.progs.len()) {
                    Some(at) => self.links.remove(at),
                    None => self.progs.remove(at),
                };
                self.kernel.close(fd).unwrap();
            }
            Step::RemoveDevice => {
                self.kernel.remove_device(2).unwrap();
                self.kernel.net_mut().add_device(Device::new(2));
            }
            Step::RemoveCgroup => self.kernel.remove_cgroup(7),
        }
    }

    /// What is at a place exists.
    fn check(&mut self) {
        for (_, attach, _) in KINDS {
            let query = ProgQuery::new(attach, self.target(attach));
            for it in self.kernel.prog_query(&query).map(|it| it.progs).unwrap_or_default() {
                let fd = self.kernel.fd_by_id(Noun::Prog, it.prog_id, 0).expect("a program that is attached");
                self.kernel.close(fd).unwrap();
                if it.link_id != 0 {
                    let fd =
                        self.kernel.fd_by_id(Noun::Link, it.link_id, 0).expect("a link that is attached");
                    assert_eq!(self.kernel.link_info(fd).unwrap().prog_id, it.prog_id);
                    self.kernel.close(fd).unwrap();
                }
            }
        }
    }

    fn end(mut self) {
        for (fd, _) in self.links.drain(..) {
            self.kernel.close(fd).unwrap();
        }
        self.kernel.remove_device(2).unwrap();
        self.kernel.remove_cgroup(7);
        let dissector = ProgQuery::new(AttachType::FlowDissector, self.netns.0 as u32);
        for it in self.kernel.prog_query(&dissector).unwrap().progs {
            let fd = self.kernel.fd_by_id(Noun::Prog, it.prog_id, 0).unwrap();
            self.kernel.prog_detach(&ProgAttach::new(AttachType::FlowDissector, 0, fd)).unwrap();
            self.kernel.close(fd).unwrap();
        }
        for (fd, _) in self.progs.drain(..) {
            self.kernel.close(fd).unwrap();
        }
        for noun in [Noun::Prog, Noun::Link, Noun::Map] {
            assert_eq!(self.kernel.next_id(noun, 0), Err(Errno::ENOENT), "{noun:?}");
        }
    }
}

fn pick<T>(list: &[T], at: usize) -> Option<&T> {
    list.get(at.checked_rem(list.len())?)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_left(steps in steps()) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.step(step);
            machine.check();
        }
        machine.end();
    }
}
