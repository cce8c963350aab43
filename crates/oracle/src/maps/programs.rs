//! Programs that do one map operation each, with arguments and results in an array map.

use std::collections::HashMap;
use std::io;

use skep_isa::asm::assemble;

use crate::sys::{Map, MapCreate, Prog, ProgLoad, TestRun};

/// Offsets in the argument value: two keys, what the helper returned, the value given, the value seen.
const KEY: usize = 0;
const KEY2: usize = 256;
const RESULT: usize = 512;
const VALUE: usize = 1024;
const SEEN: usize = 9216;
const SIZE: usize = 10240;

/// A `BPF_PROG_TYPE_SOCKET_FILTER`.
const SOCKET_FILTER: u32 = 1;

/// Two helpers that give a value.
#[derive(Clone, Copy)]
pub(super) enum PopOrPeek {
    Pop,
    Peek,
}

/// A `BPF_PROG_TYPE_XDP`.
const XDP: u32 = 6;

/// The programs of one map, made when they are first asked for.
pub(super) struct Programs<'m> {
    map: &'m Map,
    args: Map,
    value_size: usize,
    loaded: HashMap<String, Prog>,
}

impl<'m> Programs<'m> {
    pub(super) fn new(map: &'m Map, value_size: u32) -> io::Result<Programs<'m>> {
        let args = MapCreate {
            kind: 2,
            key_size: 4,
            value_size: SIZE as u32,
            max_entries: 1,
            ..MapCreate::default()
        };
        Ok(Programs { map, args: args.create()?, value_size: value_size as usize, loaded: HashMap::new() })
    }

    /// The bytes that a lookup shows, `None` for NULL.
    pub(super) fn lookup(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let body =
            format!("{}call 1\nif r0 == 0 goto out\n{}out:\n", self.map_and_key(KEY), self.copy_seen("r0"));
        self.seen(&body, &[(KEY, key)])
    }

    /// What `bpf_map_update_elem` returns.
    pub(super) fn update(&mut self, key: &[u8], value: &[u8], flags: u64) -> io::Result<i64> {
        let body = self.update_text(KEY, flags);
        Ok(self.run(&body, &[(KEY, key), (VALUE, value)])?.0)
    }

    /// What `bpf_map_delete_elem` returns.
    pub(super) fn delete(&mut self, key: &[u8]) -> io::Result<i64> {
        let body = format!("{}call 3\n", self.map_and_key(KEY));
        Ok(self.run(&body, &[(KEY, key)])?.0)
    }

    /// Looks `key` up, updates it, and reads through the pointer of the lookup.
    pub(super) fn stale(&mut self, key: &[u8], value: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let change = self.update_text(KEY, 0);
        self.seen(&self.through_old_pointer(&change), &[(KEY, key), (VALUE, value)])
    }

    /// Looks `key` up, deletes it, creates `other`, and reads through the pointer of the lookup.
    pub(super) fn reuse(&mut self, key: &[u8], other: &[u8], value: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let change = format!("{}call 3\n{}", self.map_and_key(KEY), self.update_text(KEY2, 0));
        self.seen(&self.through_old_pointer(&change), &[(KEY, key), (KEY2, other), (VALUE, value)])
    }

    /// What `bpf_redirect_map` returns, in an XDP program.
    pub(super) fn redirect(&mut self, key: u64, flags: u64) -> io::Result<u32> {
        let fd = self.map.raw_fd();
        let text = format!("r1 = map[fd:{fd}] ll\nr2 = {key} ll\nr3 = {flags} ll\ncall 51\nexit\n");
        let insns = assemble(&text).map_err(io::Error::other)?;
        let load = ProgLoad { prog_type: XDP, insns: &insns, license: "GPL", ..ProgLoad::default() };
        let prog = load.load().map_err(|rejected| io::Error::other(format!("{rejected}")))?;
        Ok(prog.test_run(&TestRun { data_in: &[0; 64], repeat: 1, ..TestRun::default() })?.retval)
    }

    /// What `bpf_map_push_elem` returns.
    pub(super) fn push(&mut self, value: &[u8], flags: u64) -> io::Result<i64> {
        let body = format!("{}r3 = {flags} ll\ncall 87\n", self.map_and_key(VALUE));
        Ok(self.run(&body, &[(VALUE, value)])?.0)
    }

    /// What `bpf_map_peek_elem` of a bloom filter returns.
    pub(super) fn contains(&mut self, value: &[u8]) -> io::Result<i64> {
        let body = format!("{}call 89\n", self.map_and_key(VALUE));
        Ok(self.run(&body, &[(VALUE, value)])?.0)
    }

    /// What `bpf_map_pop_elem` or `bpf_map_peek_elem` returns, and the value after it, which was all ones before.
    pub(super) fn take(&mut self, how: PopOrPeek) -> io::Result<(i64, Vec<u8>)> {
        let call = match how {
            PopOrPeek::Pop => 88,
            PopOrPeek::Peek => 89,
        };
        let body = format!("{}call {call}\n", self.map_and_key(SEEN));
        let (returned, args) = self.run(&body, &[(SEEN, &vec![0xff; self.value_size])])?;
        Ok((returned, args[SEEN..SEEN + self.value_size].to_vec()))
    }

    /// Looks an inner map up and a key in it: the value, `null`, or `none` if there is no inner map.
    pub(super) fn inner(&mut self, key: &[u8], inner: &[u8]) -> io::Result<String> {
        let args = self.args.raw_fd();
        let body = format!(
            "{}call 1\nif r0 == 0 goto none\nr1 = r0\nr2 = map[fd:{args}][0]+{KEY2} ll\ncall 1\n\
             if r0 == 0 goto out\n{}r0 = 1\ngoto out\nnone:\nr0 = 2\nout:\n",
            self.map_and_key(KEY),
            self.copy_seen("r0")
        );
        let (result, args) = self.run(&body, &[(KEY, key), (KEY2, inner)])?;
        Ok(match result {
            0 => "null".to_string(),
            1 => super::hex(&args[SEEN..SEEN + self.value_size]),
            _ => "none".to_string(),
        })
    }

    /// What `bpf_ringbuf_output` returns.
    pub(super) fn output(&mut self, data: &[u8], flags: u64) -> io::Result<i64> {
        let (map, args, len) = (self.map.raw_fd(), self.args.raw_fd(), data.len());
        let body = format!(
            "r1 = map[fd:{map}] ll\nr2 = map[fd:{args}][0]+{VALUE} ll\nr3 = {len}\nr4 = {flags} ll\ncall 130\n"
        );
        Ok(self.run(&body, &[(VALUE, data)])?.0)
    }

    /// What `bpf_ringbuf_query` returns.
    pub(super) fn query(&mut self, flag: u64) -> io::Result<i64> {
        let body = format!("r1 = map[fd:{}] ll\nr2 = {flag} ll\ncall 134\n", self.map.raw_fd());
        Ok(self.run(&body, &[])?.0)
    }

    /// Reserves records of these sizes, fills record `i` with bytes `i + 1`, then submits or discards them in the
    /// order of `ends`. When one cannot be reserved, discards those before it and answers its number, else -1.
    pub(super) fn records(&mut self, sizes: &[u32], ends: &[(usize, bool)]) -> io::Result<i64> {
        let mut text = String::new();
        let saved = |at: usize| format!("*(u64 *)(r10 - {})", 8 * (at + 1));
        let end = |at: usize, discard: bool| {
            format!("r1 = {}\nr2 = 0\ncall {}\n", saved(at), if discard { 133 } else { 132 })
        };
        for (at, size) in sizes.iter().enumerate() {
            let fd = self.map.raw_fd();
            text +=
                &format!("r1 = map[fd:{fd}] ll\nr2 = {size}\nr3 = 0\ncall 131\nif r0 == 0 goto none{at}\n");
            text += &format!("{} = r0\nr1 = {:#x} ll\n", saved(at), 0x0101_0101_0101_0101 * (at as u64 + 1));
            for off in (0..*size).step_by(8) {
                text += &format!("*(u64 *)(r0 + {off}) = r1\n");
            }
        }
        for &(at, discard) in ends {
            text += &end(at, discard);
        }
        text += "r0 = -1\ngoto out\n";
        for at in 0..sizes.len() {
            text += &format!("none{at}:\n");
            text += &(0..at).map(|before| end(before, true)).collect::<String>();
            text += &format!("r0 = {at}\ngoto out\n");
        }
        Ok(self.run(&format!("{text}out:\n"), &[])?.0)
    }

    fn map_and_key(&self, key: usize) -> String {
        format!("r1 = map[fd:{}] ll\nr2 = map[fd:{}][0]+{key} ll\n", self.map.raw_fd(), self.args.raw_fd())
    }

    fn update_text(&self, key: usize, flags: u64) -> String {
        let args = self.args.raw_fd();
        format!("{}r3 = map[fd:{args}][0]+{VALUE} ll\nr4 = {flags} ll\ncall 2\n", self.map_and_key(key))
    }

    /// A lookup, `change`, and a copy of what the lookup's pointer shows then.
    fn through_old_pointer(&self, change: &str) -> String {
        format!(
            "{}call 1\nif r0 == 0 goto out\nr9 = r0\n{change}{}r0 = 1\nout:\n",
            self.map_and_key(KEY),
            self.copy_seen("r9")
        )
    }

    /// Copies the value behind a register to the arguments.
    fn copy_seen(&self, from: &str) -> String {
        let mut text = format!("r7 = map[fd:{}][0]+{SEEN} ll\n", self.args.raw_fd());
        for at in 0..self.value_size {
            text += &format!("r8 = *(u8 *)({from} + {at})\n*(u8 *)(r7 + {at}) = r8\n");
        }
        text
    }

    fn seen(&mut self, body: &str, input: &[(usize, &[u8])]) -> io::Result<Option<Vec<u8>>> {
        let (result, args) = self.run(body, input)?;
        Ok((result != 0).then(|| args[SEEN..SEEN + self.value_size].to_vec()))
    }

    /// Runs `body`, which leaves its result in r0: that result, and the arguments afterwards.
    fn run(&mut self, body: &str, input: &[(usize, &[u8])]) -> io::Result<(i64, Vec<u8>)> {
        let mut args = vec![0; SIZE];
        for (at, bytes) in input {
            args[*at..*at + bytes.len()].copy_from_slice(bytes);
        }
        self.args.update(&[0; 4], &args, 0)?;
        if !self.loaded.contains_key(body) {
            let prog = self.load(body)?;
            self.loaded.insert(body.to_string(), prog);
        }
        if let Some(prog) = self.loaded.get(body) {
            prog.test_run(&TestRun { data_in: &[0; 64], repeat: 1, ..TestRun::default() })?;
        }
        let args = self.args.lookup(&[0; 4], 0)?;
        let mut result = [0; 8];
        result.copy_from_slice(&args[RESULT..RESULT + 8]);
        Ok((i64::from_ne_bytes(result), args))
    }

    fn load(&self, body: &str) -> io::Result<Prog> {
        let result = format!(
            "r1 = map[fd:{}][0]+{RESULT} ll\n*(u64 *)(r1 + 0) = r0\nr0 = 0\nexit\n",
            self.args.raw_fd()
        );
        let text = format!("{body}{result}");
        let insns = assemble(&text).map_err(io::Error::other)?;
        let load = ProgLoad {
            prog_type: SOCKET_FILTER,
            insns: &insns,
            license: "GPL",
            log_level: 1,
            ..ProgLoad::default()
        };
        load.load().map_err(|rejected| io::Error::other(format!("{rejected}\n{}\n{text}", rejected.log)))
    }
}
