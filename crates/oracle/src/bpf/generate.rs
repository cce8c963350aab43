//! Scripts from seeds: sequences of calls on maps of every type, right more often than not.

use std::fmt::Write;
use std::ops::Range;

use crate::numbers::Numbers;

/// What a map takes.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Its type's name.
    kind: &'static str,
    key: u32,
    value: u32,
    max: u32,
    /// Flags that it is tried with.
    flags: &'static [&'static str],
    keys: Keys,
    values: Values,
}

/// What keys are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keys {
    /// Small numbers, of which one is beyond the end of an array.
    Number,
    /// A prefix's length and an IPv4 network.
    Prefix,
    /// None.
    None,
}

/// What values are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Values {
    Bytes,
    /// As many as there are CPUs.
    PerCpu,
    /// One of these descriptors: what [`Shape::kind`] takes, then others.
    Fd(&'static [&'static str]),
    /// The number of a network device.
    Device,
    /// A queue's length.
    Queue,
}

const ARRAY_FLAGS: &[&str] = &["0", "BPF_F_RDONLY", "BPF_F_WRONLY", "BPF_F_RDONLY_PROG", "BPF_F_WRONLY_PROG"];
const HASH_FLAGS: &[&str] = &[
    "BPF_F_ZERO_SEED",
    "BPF_F_ZERO_SEED|BPF_F_NO_PREALLOC",
    "BPF_F_ZERO_SEED|BPF_F_RDONLY",
    "BPF_F_ZERO_SEED|BPF_F_WRONLY",
    "BPF_F_ZERO_SEED|BPF_F_RDONLY_PROG",
];
const SEED_FLAGS: &[&str] =
    &["BPF_F_ZERO_SEED", "BPF_F_ZERO_SEED|BPF_F_RDONLY", "BPF_F_ZERO_SEED|BPF_F_WRONLY"];
const PLAIN_FLAGS: &[&str] = &["0", "BPF_F_RDONLY", "BPF_F_WRONLY"];

const fn shape(kind: &'static str, key: u32, value: u32, max: u32) -> Shape {
    Shape { kind, key, value, max, flags: PLAIN_FLAGS, keys: Keys::Number, values: Values::Bytes }
}

const fn fds(kind: &'static str, max: u32, fds: &'static [&'static str]) -> Shape {
    Shape { values: Values::Fd(fds), flags: &["0"], ..shape(kind, 4, 4, max) }
}

/// The map types, in the order of their numbers. What only sockets, cgroups, tasks or inodes fill is not tried here.
const SHAPES: &[Shape] = &[
    Shape { flags: HASH_FLAGS, ..shape("hash", 4, 8, 3) },
    Shape { flags: ARRAY_FLAGS, ..shape("array", 4, 6, 3) },
    Shape { flags: &["BPF_F_MMAPABLE", "BPF_F_INNER_MAP"], ..shape("array", 4, 16, 2) },
    fds("prog_array", 3, &["$xdp", "$xdp", "$cls", "$plain"]),
    fds("perf_event_array", 3, &["$xdp", "$plain"]),
    Shape { flags: HASH_FLAGS, values: Values::PerCpu, ..shape("percpu_hash", 4, 8, 3) },
    Shape { flags: ARRAY_FLAGS, values: Values::PerCpu, ..shape("percpu_array", 4, 6, 3) },
    shape("stack_trace", 4, 16, 4),
    fds("cgroup_array", 3, &["$xdp", "$plain"]),
    Shape { flags: SEED_FLAGS, ..shape("lru_hash", 4, 8, 3) },
    Shape { flags: &["BPF_F_ZERO_SEED|BPF_F_NO_COMMON_LRU"], ..shape("lru_hash", 4, 8, 4) },
    Shape { flags: SEED_FLAGS, values: Values::PerCpu, ..shape("lru_percpu_hash", 4, 8, 3) },
    Shape {
        flags: &["BPF_F_NO_PREALLOC", "BPF_F_NO_PREALLOC|BPF_F_RDONLY", "BPF_F_NO_PREALLOC|BPF_F_WRONLY"],
        keys: Keys::Prefix,
        ..shape("lpm_trie", 8, 4, 3)
    },
    Shape {
        flags: PLAIN_FLAGS,
        ..fds("array_of_maps", 3, &["$inner", "$inner", "$plain", "$other", "$xdp"])
    },
    Shape {
        flags: &["BPF_F_ZERO_SEED", "BPF_F_ZERO_SEED|BPF_F_NO_PREALLOC"],
        ..fds("hash_of_maps", 3, &["$inner", "$inner", "$plain", "$other", "$xdp"])
    },
    Shape { values: Values::Device, ..shape("devmap", 4, 4, 3) },
    Shape { values: Values::Device, ..shape("devmap", 4, 8, 3) },
    Shape { values: Values::Fd(&["$xdp", "$plain"]), ..shape("sockmap", 4, 4, 3) },
    Shape { values: Values::Queue, ..shape("cpumap", 4, 4, 3) },
    Shape { values: Values::Queue, ..shape("cpumap", 4, 8, 3) },
    Shape { values: Values::Fd(&["$xdp", "$plain"]), ..shape("xskmap", 4, 4, 3) },
    Shape { values: Values::Fd(&["$xdp", "$plain"]), ..shape("sockhash", 4, 4, 3) },
    Shape { values: Values::Fd(&["$xdp", "$plain"]), ..shape("reuseport_sockarray", 4, 8, 3) },
    Shape { keys: Keys::None, ..shape("queue", 0, 8, 2) },
    Shape { keys: Keys::None, ..shape("stack", 0, 8, 2) },
    Shape { values: Values::Device, ..shape("devmap_hash", 4, 4, 3) },
    Shape { flags: &["0"], keys: Keys::None, ..shape("ringbuf", 0, 0, 4096) },
    Shape { flags: SEED_FLAGS, keys: Keys::None, ..shape("bloom_filter", 0, 8, 2) },
    Shape { flags: &["0"], keys: Keys::None, ..shape("user_ringbuf", 0, 0, 4096) },
    Shape { flags: &["BPF_F_MMAPABLE"], keys: Keys::None, ..shape("arena", 0, 0, 2) },
];

/// Possible CPUs of the machine that the recordings are of.
const CPUS: u32 = 2;

/// Sequences of element calls: for every type and flags, a sequence of `steps` calls from each seed.
pub fn elements(seeds: Range<u64>, steps: usize) -> String {
    let mut text = String::new();
    for (which, shape) in SHAPES.iter().enumerate() {
        for (variant, flags) in shape.flags.iter().enumerate() {
            for seed in seeds.clone() {
                let seed = seed << 32 | (which as u64) << 8 | variant as u64;
                element_case(shape, flags, seed, steps, &mut text);
            }
        }
    }
    text
}

fn element_case(shape: &Shape, flags: &str, seed: u64, steps: usize, text: &mut String) {
    let _ = writeln!(text, "case {}:{} {flags} {:x}", shape.kind, shape.value, seed >> 32);
    let fds = matches!(shape.values, Values::Fd(_));
    if fds {
        text.push_str(
            "xdp = PROG_LOAD prog_type=xdp prog={r0 = 2; exit} license=\"GPL\"\n\
             cls = PROG_LOAD prog_type=sched_cls prog={r0 = 0; exit} license=\"GPL\"\n\
             plain = MAP_CREATE map_type=array key_size=4 value_size=4 max_entries=1\n",
        );
    }
    let mut inner = "";
    if shape.kind.ends_with("_of_maps") {
        inner = " inner_map_fd=$inner";
        text.push_str(
            "inner = MAP_CREATE map_type=hash key_size=4 value_size=8 max_entries=2\n\
             other = MAP_CREATE map_type=hash key_size=4 value_size=8 max_entries=3\n",
        );
    }
    let Shape { kind, key, value, max, .. } = shape;
    let _ = writeln!(
        text,
        "m = MAP_CREATE map_type={kind} key_size={key} value_size={value} max_entries={max} map_flags={flags}{inner}"
    );
    let mut writer = Writer { numbers: Numbers(seed ^ 0x6d61_7073), shape, frozen: false };
    for _ in 0..steps {
        let line = writer.call();
        text.push_str(&line);
        text.push('\n');
    }
}

/// Writes calls.
struct Writer<'a> {
    numbers: Numbers,
    shape: &'a Shape,
    frozen: bool,
}

impl Writer<'_> {
    fn draw(&mut self, below: u64) -> u64 {
        self.numbers.draw() % below
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.draw(from.len() as u64) as usize]
    }

    fn call(&mut self) -> String {
        let fd = if self.draw(40) == 0 { self.pick(&["-1", "0", "77"]) } else { "$m" };
        match self.draw(64) {
            0..=20 => self.update(fd),
            21..=32 => self.lookup("MAP_LOOKUP_ELEM", fd),
            33..=40 => format!("MAP_DELETE_ELEM map_fd={fd} key={}{}", self.key(), self.noise("flags=1", 16)),
            41..=47 => self.next(fd),
            48..=51 => self.lookup("MAP_LOOKUP_AND_DELETE_ELEM", fd),
            52..=62 => self.batch(),
            _ if self.frozen || self.draw(4) != 0 => self.info(),
            _ => {
                self.frozen = true;
                format!("MAP_FREEZE map_fd={fd}{}", self.noise("flags=1", 4))
            }
        }
    }

    /// Something that does not belong there, now and then.
    fn noise(&mut self, field: &str, one_in: u64) -> String {
        if self.draw(one_in) == 0 { format!(" {field}") } else { String::new() }
    }

    fn number_key(&mut self) -> u64 {
        self.draw(u64::from(self.shape.max) + 2)
    }

    fn key(&mut self) -> String {
        if self.draw(30) == 0 {
            return self.pick(&["0", "0x1000", "[00*3]"]).to_string();
        }
        match self.shape.keys {
            Keys::None => if self.draw(8) == 0 { "[00*4]" } else { "0" }.to_string(),
            Keys::Number | Keys::Prefix => format!("[{}]", self.key_bytes()),
        }
    }

    fn key_bytes(&mut self) -> String {
        let keys = self.shape.keys;
        match keys {
            Keys::None => String::new(),
            Keys::Number if self.draw(24) == 0 => "ffffffff".to_string(),
            Keys::Number => format!("u32({})", self.number_key()),
            Keys::Prefix => {
                let len = self.pick(&["8", "16", "24", "32", "0", "17", "33"]);
                let network = self.pick(&["0a000000", "0a010000", "0a010100", "0a018000", "c0a80001"]);
                format!("u32({len}) {network}")
            }
        }
    }

    fn value_bytes(&mut self) -> String {
        let shape = self.shape;
        let draw = self.draw(200);
        match shape.values {
            Values::Bytes => format!("{draw:02x}*{}", shape.value.max(1)),
            Values::PerCpu => {
                let stride = shape.value.next_multiple_of(8);
                (0..CPUS).map(|cpu| format!("{:02x}*{stride} ", draw + u64::from(cpu))).collect()
            }
            Values::Fd(names) => {
                let name = if draw < 20 { "ffffffff" } else { self.pick(names) };
                let pad = if shape.value > 4 { " 00*4" } else { "" };
                format!("{name}{pad}")
            }
            Values::Device => {
                let device = self.pick(&["1", "1", "1", "0"]);
                let prog = if shape.value > 4 { self.pick(&[" 00*4", " ffffffff", " u32(0)"]) } else { "" };
                format!("u32({device}){prog}")
            }
            Values::Queue => {
                let length = self.pick(&["16", "1", "0", "16384", "16385"]);
                let prog = if shape.value > 4 { self.pick(&[" 00*4", " ffffffff"]) } else { "" };
                format!("u32({length}){prog}")
            }
        }
    }

    fn value(&mut self) -> String {
        if self.draw(30) == 0 {
            return self.pick(&["0", "0x1000", "[00*3]"]).to_string();
        }
        format!("[{}]", self.value_bytes())
    }

    /// Bytes of a value as user space sees them.
    fn value_len(&self) -> u32 {
        match self.shape.values {
            Values::PerCpu => self.shape.value.next_multiple_of(8) * CPUS,
            _ => self.shape.value,
        }
    }

    fn update(&mut self, fd: &str) -> String {
        let flags = self.pick(&["0", "0", "0", "0", "1", "1", "2", "2", "3", "4", "8", "5", "0x100000000"]);
        format!("MAP_UPDATE_ELEM map_fd={fd} key={} value={} flags={flags}", self.key(), self.value())
    }

    fn lookup(&mut self, name: &str, fd: &str) -> String {
        let len = self.value_len().max(1);
        let out = match self.draw(24) {
            0 => "0".to_string(),
            // Not of an id: what is left of one has no name.
            1 if !matches!(self.shape.values, Values::Fd(_)) => format!("[aa*{}]", len.max(2) - 1),
            _ => format!("[aa*{len}]"),
        };
        // A filter is asked for the value that is given.
        let out = if self.shape.kind == "bloom_filter" { self.value() } else { out };
        let flags = self.pick(&["0", "0", "0", "0", "0", "0", "4", "1"]);
        format!("{name} map_fd={fd} key={} value={out} flags={flags}", self.key())
    }

    fn next(&mut self, fd: &str) -> String {
        let key = if self.draw(3) == 0 { "0".to_string() } else { self.key() };
        let len = if self.draw(12) == 0 { 1 } else { self.shape.key.max(1) };
        format!("MAP_GET_NEXT_KEY map_fd={fd} key={key} next_key=[aa*{len}]{}", self.noise("flags=1", 24))
    }

    fn batch(&mut self) -> String {
        let flags =
            self.pick(&["", "", "", "", " elem_flags=4", " flags=1", " elem_flags=8", " elem_flags=1"]);
        let count = self.pick(&["0", "1", "2", "2", "3", "8"]);
        let count_number: u32 = count.parse().unwrap_or(0);
        let key_room = "[aa*64]";
        let value_room = format!("[aa*{}]", self.value_len().max(1) * 8);
        let input = |writer: &mut Self, value: bool| -> String {
            let bytes = |writer: &mut Self| if value { writer.value_bytes() } else { writer.key_bytes() };
            (0..count_number).map(|_| bytes(writer) + " ").collect()
        };
        match self.draw(8) {
            0..=2 => {
                let keys = input(self, false);
                let values = input(self, true);
                format!("MAP_UPDATE_BATCH map_fd=$m keys=[{keys}] values=[{values}] count={count}{flags}")
            }
            3 => {
                let keys = input(self, false);
                format!("MAP_DELETE_BATCH map_fd=$m keys=[{keys}] count={count}{flags}")
            }
            draw => {
                let name = if draw < 7 { "MAP_LOOKUP_BATCH" } else { "MAP_LOOKUP_AND_DELETE_BATCH" };
                let from = self.pick(&["0", "0", "0", "[00*4]", "[01000000]", "0x1000"]);
                let to = if self.draw(10) == 0 { "0" } else { "[aa*8]" };
                format!(
                    "{name} map_fd=$m in_batch={from} out_batch={to} keys={key_room} values={value_room} \
                     count={count}{flags}"
                )
            }
        }
    }

    fn info(&mut self) -> String {
        let len = self.pick(&["96", "96", "88", "80", "24", "8"]);
        format!("OBJ_GET_INFO_BY_FD bpf_fd=$m info_len={len} info=[00*{len}]")
    }
}

/// Creation of maps of every type with sizes, flags and other fields around what is allowed.
pub fn creations() -> String {
    let mut text = String::new();
    for kind in 0..=34 {
        let creation = Creation::of(kind);
        creation.case("key sizes", &creation.key_sizes(), &mut text);
        creation.case("value sizes", &creation.value_sizes(), &mut text);
        creation.case("entries", &creation.entries(), &mut text);
        creation.case("flags", &creation.flags(), &mut text);
        creation.case("other fields", &creation.others(), &mut text);
    }
    text
}

/// How a map of a type is created when all is as it should be.
struct Creation {
    kind: u32,
    key: u32,
    value: u32,
    max: u32,
    flags: &'static str,
}

impl Creation {
    fn of(kind: u32) -> Creation {
        let number = |it: &&Shape| skep_abi::MapType::from_name(it.kind).map(skep_abi::MapType::to_u32);
        let shape = SHAPES.iter().find(|it| number(it) == Some(kind));
        let (key, value, max) = shape.map_or((4, 8, 4), |it| (it.key, it.value, it.max));
        Creation { kind, key, value, max, flags: shape.map_or("0", |it| it.flags[0]) }
    }

    /// A case of fields that replace or follow the usual ones; each map is looked at and closed.
    fn case(&self, what: &str, variants: &[String], text: &mut String) {
        let Creation { kind, key, value, max, flags } = self;
        let _ = writeln!(
            text,
            "case create {kind}: {what}\ninner = MAP_CREATE map_type=array key_size=4 value_size=4 max_entries=1"
        );
        let inner = if matches!(kind, 12 | 13) { " inner_map_fd=$inner" } else { "" };
        for variant in variants {
            let _ = writeln!(
                text,
                "m = MAP_CREATE map_type={kind} key_size={key} value_size={value} max_entries={max} \
                 map_flags={flags}{inner} {variant}\n\
                 OBJ_GET_INFO_BY_FD bpf_fd=$m info_len=96 info=[00*96]\n\
                 close $m"
            );
        }
    }

    fn key_sizes(&self) -> Vec<String> {
        [0, 1, 3, 4, 5, 8, 12, 64, 260, 261, 512, 513].map(|size| format!("key_size={size}")).to_vec()
    }

    fn value_sizes(&self) -> Vec<String> {
        let sizes = [0, 1, 3, 4, 5, 8, 9, 12, 16, 64, 1024, 1025, 32768, 32769, 1 << 22, u32::MAX];
        sizes.map(|size| format!("value_size={size}")).to_vec()
    }

    fn entries(&self) -> Vec<String> {
        [0, 1, 3, 5, 4096, 8192, 4097].map(|entries| format!("max_entries={entries}")).to_vec()
    }

    fn flags(&self) -> Vec<String> {
        let bits = (0..=20).map(|bit| format!("map_flags={}|{:#x}", self.flags, 1u32 << bit));
        let pairs = [
            "BPF_F_RDONLY|BPF_F_WRONLY",
            "BPF_F_RDONLY_PROG|BPF_F_WRONLY_PROG",
            "BPF_F_RDONLY|BPF_F_MMAPABLE",
            "BPF_F_NO_PREALLOC|BPF_F_NO_COMMON_LRU",
            "BPF_F_RDONLY_PROG|BPF_F_INNER_MAP",
        ];
        bits.chain(pairs.map(|pair| format!("map_flags={}|{pair}", self.flags))).collect()
    }

    fn others(&self) -> Vec<String> {
        let node = format!("map_flags={}|BPF_F_NUMA_NODE", self.flags);
        let token = format!("map_flags={}|BPF_F_TOKEN_FD", self.flags);
        [
            "numa_node=1",
            &format!("{node} numa_node=0"),
            &format!("{node} numa_node=99"),
            &format!("{node} numa_node=-1"),
            "map_extra=3",
            "map_extra=16",
            "map_extra=0x100000",
            "map_ifindex=1",
            "map_name=\"a_B.9\"",
            "map_name=\"a b\"",
            "map_name=\"0123456789abcdef\"",
            "map_name=[61 00 62]",
            "btf_key_type_id=1 btf_value_type_id=1",
            "btf_fd=99 btf_key_type_id=1 btf_value_type_id=1",
            "btf_vmlinux_value_type_id=1",
            "map_token_fd=3",
            &format!("{token} map_token_fd=3"),
            "excl_prog_hash_size=32",
            "inner_map_fd=$inner",
            "inner_map_fd=88",
        ]
        .map(str::to_string)
        .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::{creations, elements};

    #[test]
    fn scripts_can_be_read() {
        assert!(parse(&elements(0..4, 20)).unwrap().len() > 300);
        assert!(parse(&creations()).unwrap().len() == 175);
        assert_eq!(elements(7..8, 8), elements(7..8, 8));
        assert_ne!(elements(7..8, 8), elements(8..9, 8));
    }
}
