//! What user space does with objects in any order, against a model that counts who refers to what: every object lives
//! exactly as long as something refers to it, ids are not given out again, and at the end nothing is left.

use crate::support::{asm, kernel};
use proptest::prelude::*;
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Fd, Kernel, MapSpec, Noun, OutsideKind, PerfEventAttr, Process, ProgLoad};
use std::collections::{BTreeMap, BTreeSet};

/// Elements of maps that hold something.
const SLOTS: u8 = 2;
/// Names of pins.
const NAMES: u8 = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Array,
    Programs,
    Maps,
    Events,
    Event,
    Prog,
    Cgroup,
    Types,
    Link,
}

impl Kind {
    fn noun(self) -> Option<Noun> {
        match self {
            Kind::Array | Kind::Programs | Kind::Maps | Kind::Events => Some(Noun::Map),
            Kind::Prog => Some(Noun::Prog),
            Kind::Types => Some(Noun::Btf),
            Kind::Link => Some(Noun::Link),
            Kind::Event | Kind::Cgroup => None,
        }
    }

    /// What a map's elements are.
    fn holds(self) -> Option<Kind> {
        match self {
            Kind::Programs => Some(Kind::Prog),
            Kind::Maps => Some(Kind::Array),
            Kind::Events => Some(Kind::Event),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Object {
    kind: Kind,
    /// Its id, if it has one.
    number: u32,
    /// What its elements are, and through which open file they were put in.
    slots: BTreeMap<u8, (usize, usize)>,
    /// The map that a program uses, or the program of a link.
    uses: Option<usize>,
}

/// The process that has them, the parent, the descriptors: an open file each, and whether it is closed on exec.
#[derive(Clone, Debug)]
struct Proc {
    parent: Process,
    fds: BTreeMap<i32, (usize, bool)>,
}

struct Model {
    kernel: Kernel,
    objects: Vec<Object>,
    /// What each open file is of.
    files: Vec<usize>,
    procs: BTreeMap<Process, Proc>,
    pins: BTreeMap<u8, usize>,
    /// Ids that were given out.
    numbers: BTreeSet<(Noun, u32)>,
}

fn name(index: u8) -> String {
    format!("/sys/fs/bpf/{}", index % NAMES)
}

/// Bytes of types: of one `int`.
fn types() -> Vec<u8> {
    let words: [u32; 10] = [0x0001_eb9f, 24, 0, 16, 16, 5, 1, 1 << 24, 4, 1 << 24 | 32];
    let mut bytes: Vec<u8> = words.iter().flat_map(|it| it.to_le_bytes()).collect();
    bytes.extend(*b"\0int\0");
    bytes
}

impl Model {
    fn new() -> Model {
        let first = Proc { parent: Process::FIRST, fds: BTreeMap::new() };
        Model {
            kernel: kernel(),
            objects: Vec::new(),
            files: Vec::new(),
            procs: BTreeMap::from([(Process::FIRST, first)]),
            pins: BTreeMap::new(),
            numbers: BTreeSet::new(),
        }
    }

    fn fds(&mut self) -> &mut BTreeMap<i32, (usize, bool)> {
        let current = self.kernel.current_process();
        &mut self.procs.get_mut(&current).unwrap().fds
    }

    /// One of the current process's descriptors; sometimes one that is not open.
    fn pick(&mut self, which: u8) -> Fd {
        let count = self.fds().len();
        let index = usize::from(which) % (count + 1);
        Fd(self.fds().keys().nth(index).copied().unwrap_or(77))
    }

    fn file_of(&mut self, fd: Fd) -> Option<usize> {
        self.fds().get(&fd.0).map(|it| it.0)
    }

    fn object_of(&mut self, fd: Fd) -> Option<usize> {
        self.file_of(fd).map(|it| self.files[it])
    }

    fn lowest(fds: &BTreeMap<i32, (usize, bool)>, min: i32) -> i32 {
        (min.max(3)..).find(|it| !fds.contains_key(it)).unwrap()
    }

    /// A descriptor that was opened is the lowest, of a new open file.
    fn opened(&mut self, fd: Fd, object: usize) {
        assert_eq!(fd.0, Model::lowest(self.fds(), 0));
        self.files.push(object);
        let file = self.files.len() - 1;
        self.fds().insert(fd.0, (file, true));
    }

    fn made(&mut self, fd: Fd, kind: Kind, uses: Option<usize>) {
        let number = kind.noun().map_or(0, |noun| {
            let number = self.kernel.id_of(fd).unwrap();
            assert!(self.numbers.insert((noun, number)), "id {number} of {noun:?} again");
            number
        });
        self.objects.push(Object { kind, number, slots: BTreeMap::new(), uses });
        self.opened(fd, self.objects.len() - 1);
    }

    fn is_open(&self, file: usize) -> bool {
        self.procs.values().any(|it| it.fds.values().any(|it| it.0 == file))
    }

    fn users(&self, object: usize) -> usize {
        let files = (0..self.files.len()).filter(|it| self.files[*it] == object && self.is_open(*it));
        files.count() + self.pins.values().filter(|it| **it == object).count()
    }

    /// Empties what nobody can fill any more, until nothing changes.
    fn settle(&mut self) {
        loop {
            let mut changed = false;
            for index in 0..self.objects.len() {
                let gone: Vec<u8> = match self.objects[index].kind {
                    Kind::Programs if self.users(index) == 0 => {
                        self.objects[index].slots.keys().copied().collect()
                    }
                    Kind::Events => {
                        let slots = self.objects[index].slots.iter();
                        slots.filter(|(_, it)| !self.is_open(it.1)).map(|(key, _)| *key).collect()
                    }
                    _ => Vec::new(),
                };
                changed |= !gone.is_empty();
                self.objects[index].slots.retain(|key, _| !gone.contains(key));
            }
            if !changed {
                return;
            }
        }
    }

    fn alive(&self) -> BTreeSet<usize> {
        let mut alive = BTreeSet::new();
        let mut next: Vec<usize> = (0..self.objects.len()).filter(|it| self.users(*it) > 0).collect();
        while let Some(index) = next.pop() {
            if alive.insert(index) {
                let object = &self.objects[index];
                next.extend(object.slots.values().map(|it| it.0).chain(object.uses));
            }
        }
        alive
    }

    /// The kernel has what the model has.
    fn check(&mut self) {
        self.settle();
        let alive = self.alive();
        for noun in [Noun::Map, Noun::Prog, Noun::Btf, Noun::Link] {
            let of = alive.iter().map(|it| &self.objects[*it]).filter(|it| it.kind.noun() == Some(noun));
            let mut expected: Vec<u32> = of.map(|it| it.number).collect();
            expected.sort_unstable();
            let mut found = Vec::new();
            while let Ok(id) = self.kernel.next_id(noun, found.last().copied().unwrap_or(0)) {
                found.push(id);
            }
            assert_eq!(found, expected, "{noun:?}");
        }
        let fds: Vec<i32> = self.fds().keys().copied().collect();
        assert_eq!(self.kernel.fds().map(|it| it.0).collect::<Vec<_>>(), fds);
        let open = (0..self.files.len()).filter(|it| self.is_open(*it)).count();
        assert_eq!(self.kernel.open_files(), open);
    }

    fn make(&mut self, kind: Kind, which: u8) {
        let map = |kind| MapSpec::new(kind, 4, 4, u32::from(SLOTS));
        let inner = MapSpec::new(MapType::Array, 4, 8, 1);
        let mut uses = None;
        let fd = match kind {
            Kind::Array => self.kernel.map_create(&inner).unwrap(),
            Kind::Programs => self.kernel.map_create(&map(MapType::ProgArray)).unwrap(),
            Kind::Maps => self.kernel.map_create(&map(MapType::ArrayOfMaps).with_inner(inner)).unwrap(),
            Kind::Events => self.kernel.map_create(&map(MapType::PerfEventArray)).unwrap(),
            Kind::Event => {
                let fd = self.kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
                if which.is_multiple_of(2) {
                    self.kernel.perf_mmap(fd, 1).unwrap();
                }
                fd
            }
            Kind::Cgroup => self.kernel.open_new(OutsideKind::Cgroup).unwrap(),
            Kind::Types => self.kernel.btf_load(&types()).unwrap(),
            Kind::Link => return self.link(which),
            Kind::Prog => {
                let map = self.pick(which);
                let used = self.object_of(map).filter(|it| self.objects[*it].kind.noun() == Some(Noun::Map));
                let text = match used {
                    Some(_) => format!("r1 = map[fd:{map}] ll\nr0 = 0\nexit"),
                    None => "r0 = 0\nexit".to_owned(),
                };
                uses = used;
                self.kernel.prog_load(ProgLoad::new("p", ProgType::RawTracepoint, asm(&text))).unwrap()
            }
        };
        self.made(fd, kind, uses);
        // PERF_EVENT_OPEN's descriptors stay open, if nobody asks otherwise.
        let cloexec = self.kernel.cloexec(fd).unwrap();
        self.fds().entry(fd.0).and_modify(|it| it.1 = cloexec);
    }

    fn link(&mut self, which: u8) {
        let prog = self.pick(which);
        let used = self.object_of(prog).filter(|it| self.objects[*it].kind == Kind::Prog);
        let result = self.kernel.raw_tracepoint_open(prog, Some("sys_enter"), 0);
        match used {
            None => assert!(result.is_err()),
            Some(_) => self.made(result.unwrap(), Kind::Link, used),
        }
    }

    fn close(&mut self, which: u8) {
        let fd = self.pick(which);
        let open = self.fds().remove(&fd.0).is_some();
        assert_eq!(self.kernel.close(fd), if open { Ok(()) } else { Err(Errno::EBADF) });
    }

    fn dup(&mut self, which: u8, how: u8, to: u8) {
        let fd = self.pick(which);
        let file = self.file_of(fd);
        let cloexec = how & 1 != 0;
        let (result, wanted) = match how >> 1 & 1 {
            0 => (self.kernel.dup_from(fd, i32::from(to), cloexec), Model::lowest(self.fds(), i32::from(to))),
            _ if i32::from(to) == fd.0 => return,
            _ => (self.kernel.dup_to(fd, Fd(i32::from(to)), cloexec), i32::from(to)),
        };
        match file {
            None => assert_eq!(result, Err(Errno::EBADF)),
            Some(file) => {
                assert_eq!(result, Ok(Fd(wanted)));
                self.fds().insert(wanted, (file, cloexec));
            }
        }
    }

    fn pin(&mut self, which: u8, at: u8) {
        let fd = self.pick(which);
        let object = self.object_of(fd);
        let result = self.kernel.obj_pin(fd, &name(at));
        let noun = object.and_then(|it| self.objects[it].kind.noun());
        match object.filter(|_| noun.is_some_and(|it| it != Noun::Btf)) {
            None => assert_eq!(result, Err(Errno::EINVAL)),
            Some(_) if self.pins.contains_key(&(at % NAMES)) => assert_eq!(result, Err(Errno::EEXIST)),
            Some(object) => {
                assert_eq!(result, Ok(()));
                self.pins.insert(at % NAMES, object);
            }
        }
    }

    fn get(&mut self, at: u8) {
        let result = self.kernel.obj_get(&name(at));
        match self.pins.get(&(at % NAMES)).copied() {
            None => assert_eq!(result, Err(Errno::ENOENT)),
            Some(object) => self.opened(result.unwrap(), object),
        }
    }

    fn unlink(&mut self, at: u8) {
        let pinned = self.pins.remove(&(at % NAMES)).is_some();
        assert_eq!(self.kernel.unlink(&name(at)), if pinned { Ok(()) } else { Err(Errno::ENOENT) });
    }

    fn rename(&mut self, from: u8, to: u8) {
        let result = self.kernel.rename(&name(from), &name(to));
        match self.pins.remove(&(from % NAMES)) {
            None => assert_eq!(result, Err(Errno::ENOENT)),
            Some(object) => {
                assert_eq!(result, Ok(()));
                self.pins.insert(to % NAMES, object);
            }
        }
    }

    fn open_by_id(&mut self, which: u8) {
        let index = usize::from(which) % (self.objects.len() + 1);
        let Some((noun, number)) =
            self.objects.get(index).and_then(|it| it.kind.noun().map(|noun| (noun, it.number)))
        else {
            return;
        };
        let alive = self.alive().contains(&index);
        match self.kernel.fd_by_id(noun, number, 0) {
            Ok(fd) => {
                assert!(alive);
                self.opened(fd, index);
            }
            Err(errno) => assert_eq!((errno, alive), (Errno::ENOENT, false)),
        }
    }

    fn update(&mut self, which: u8, key: u8, what: u8) {
        let (map, value) = (self.pick(which), self.pick(what));
        let key = key % SLOTS;
        let (Some(object), Some(file)) = (self.object_of(map), self.file_of(map)) else { return };
        let Some(holds) = self.objects[object].kind.holds() else { return };
        let result =
            self.kernel.map_update_elem(map, &u32::from(key).to_le_bytes(), &value.0.to_le_bytes(), 0);
        match self.object_of(value).filter(|it| self.objects[*it].kind == holds) {
            None => assert!(result.is_err()),
            Some(value) => {
                assert_eq!(result, Ok(()));
                self.objects[object].slots.insert(key, (value, file));
            }
        }
    }

    fn delete(&mut self, which: u8, key: u8) {
        let map = self.pick(which);
        let key = key % SLOTS;
        let Some(object) = self.object_of(map) else { return };
        if self.objects[object].kind.holds().is_none() {
            return;
        }
        let held = self.objects[object].slots.remove(&key).is_some();
        let result = self.kernel.map_delete_elem(map, &u32::from(key).to_le_bytes());
        assert_eq!(result, if held { Ok(()) } else { Err(Errno::ENOENT) });
    }

    fn some_process(&self, which: u8) -> Process {
        *self.procs.keys().nth(usize::from(which) % self.procs.len()).unwrap()
    }

    fn fork(&mut self) {
        let parent = self.kernel.current_process();
        let child = self.kernel.fork().unwrap();
        let fds = self.procs[&parent].fds.clone();
        assert!(self.procs.insert(child, Proc { parent, fds }).is_none());
    }

    fn exit(&mut self, which: u8) {
        let process = self.some_process(which);
        let current = self.kernel.current_process();
        let result = self.kernel.exit_process(process);
        if process == Process::FIRST {
            assert_eq!(result, Err(Errno::EINVAL));
            return;
        }
        assert_eq!(result, Ok(()));
        let gone = self.procs.remove(&process).unwrap();
        let parent = if self.procs.contains_key(&gone.parent) { gone.parent } else { Process::FIRST };
        let expected = if current == process { parent } else { current };
        assert_eq!(self.kernel.current_process(), expected);
    }

    fn send(&mut self, which: u8, to: u8) {
        let fd = self.pick(which);
        let to = self.some_process(to);
        let file = self.file_of(fd);
        let result = self.kernel.send_fd(fd, to);
        match file {
            None => assert_eq!(result, Err(Errno::EBADF)),
            Some(file) => {
                let fds = &mut self.procs.get_mut(&to).unwrap().fds;
                let number = Model::lowest(fds, 0);
                assert_eq!(result, Ok(Fd(number)));
                fds.insert(number, (file, false));
            }
        }
    }

    fn step(&mut self, (op, a, b, c): (u8, u8, u8, u8)) {
        match op {
            0 => self.make(Kind::Array, a),
            1 => self.make(Kind::Programs, a),
            2 => self.make(Kind::Maps, a),
            3 => self.make(Kind::Events, a),
            4 => self.make(Kind::Event, a),
            5 => self.make(Kind::Prog, a),
            6 => self.make(Kind::Cgroup, a),
            7 => self.make(Kind::Types, a),
            8 | 9 => self.close(a),
            10 => self.dup(a, b, c % 16),
            11 | 12 => self.pin(a, b),
            13 => self.get(a),
            14 => self.unlink(a),
            15 => self.rename(a, b),
            16 => self.open_by_id(a),
            17..=20 => self.update(a, b, c),
            21 => self.delete(a, b),
            22 => self.fork(),
            23 => self.kernel.switch_process(self.some_process(a)).unwrap(),
            24 => self.exit(a),
            25 => self.send(a, b),
            26 => self.make(Kind::Link, a),
            _ => {
                self.kernel.exec();
                self.fds().retain(|_, it| !it.1);
            }
        }
    }

    /// Closes everything.
    fn end(&mut self) {
        self.kernel.switch_process(Process::FIRST).unwrap();
        let others: Vec<Process> = self.procs.keys().copied().filter(|it| *it != Process::FIRST).collect();
        for process in others {
            self.kernel.exit_process(process).unwrap();
            self.procs.remove(&process);
        }
        for fd in std::mem::take(self.fds()).into_keys() {
            self.kernel.close(Fd(fd)).unwrap();
        }
        for at in std::mem::take(&mut self.pins).into_keys() {
            self.kernel.unlink(&name(at)).unwrap();
        }
    }
}

/// Addresses of what lives in the machine's memory.
fn live(kernel: &Kernel) -> Vec<u64> {
    kernel.memory().objects().iter().map(|it| it.start).collect()
}

type Op = (u8, u8, u8, u8);

fn ops(count: usize) -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec((0..28u8, any::<u8>(), any::<u8>(), any::<u8>()), 0..count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn nothing_lives_longer_or_shorter_than_it_is_referred_to(ops in ops(80)) {
        let mut model = Model::new();
        let (before, files) = (live(&model.kernel), model.kernel.file_count());
        for op in ops {
            model.step(op);
            model.check();
        }
        model.end();
        model.check();
        prop_assert_eq!(live(&model.kernel), before);
        prop_assert_eq!(model.kernel.file_count(), files);
    }
}

/// The same again and again takes no more memory of the host's.
#[test]
fn memory_does_not_grow() {
    let mut model = Model::new();
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let ops: Vec<Op> = (0..150).map(|_| (next() % 28, next(), next(), next())).collect();
    let mut sizes = Vec::new();
    for round in 0..900 {
        for op in &ops {
            model.step(*op);
            model.settle();
        }
        model.end();
        model.objects.clear();
        model.files.clear();
        if round % 300 == 299 {
            sizes.push(model.kernel.memory().resident());
        }
    }
    assert!(live(&model.kernel).is_empty(), "{:?}", model.kernel.memory().objects());
    // What waits for others to be freed is not always the same.
    assert!(sizes[2] <= sizes[0] + sizes[0] / 8, "{sizes:?}");
}
