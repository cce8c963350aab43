//! Commands of `bpf(2)` on maps, by their attributes.

use skep_abi::attr::{self, Cmd};
use skep_abi::ctx::Field;
use skep_abi::flags::BPF_F_ZERO_SEED;
use skep_abi::info::bpf_map_info;
use skep_abi::{Errno, MapType};
use skep_kernel::{Config, Fd, Kernel, MapSpec};
use skep_memory::UserRanges;

const KEYS: u64 = 0x1_0000;
const VALUES: u64 = 0x2_0000;
const IN: u64 = 0x3_0000;
const OUT: u64 = 0x4_0000;

/// A machine, and a process with some memory.
struct Process {
    kernel: Kernel,
    user: UserRanges,
}

impl Process {
    fn new() -> Process {
        let mut user = UserRanges::new();
        for at in [KEYS, VALUES, IN, OUT] {
            user.insert(at, vec![0; 256]).unwrap();
        }
        Process { kernel: Kernel::new(Config::default()).unwrap(), user }
    }

    /// Makes a call; what it answers, and the attributes behind it.
    fn bpf(&mut self, cmd: Cmd, fields: &[(&Field, u64)]) -> (Result<i32, Errno>, [u8; attr::SIZE]) {
        let mut bytes = [0; attr::SIZE];
        for (field, value) in fields {
            bytes[field.range()].copy_from_slice(&value.to_le_bytes()[..field.size()]);
        }
        let answer = self.kernel.bpf(cmd as u32, &mut bytes, &mut self.user);
        (answer, bytes)
    }

    fn words(&self, at: u64, count: usize) -> Vec<u32> {
        let mut bytes = vec![0; 4 * count];
        self.user.read(at, &mut bytes).unwrap();
        bytes.chunks_exact(4).map(|it| u32::from_le_bytes(it.try_into().unwrap())).collect()
    }

    fn set_words(&mut self, at: u64, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|it| it.to_le_bytes()).collect();
        self.user.write(at, &bytes).unwrap();
    }

    fn batch(&mut self, cmd: Cmd, map: Fd, from: u64, count: u32) -> (Result<i32, Errno>, u32) {
        use attr::batch::{count as field, in_batch, keys, map_fd, out_batch, values};
        let fields = [
            (&in_batch, from),
            (&out_batch, OUT),
            (&keys, KEYS),
            (&values, VALUES),
            (&field, count.into()),
            (&map_fd, map.0 as u64),
        ];
        let (answer, bytes) = self.bpf(cmd, &fields);
        (answer, u32::from_le_bytes(bytes[field.range()].try_into().unwrap()))
    }
}

/// As Linux 6.18.44 did it: tokens are numbers of buckets, and a bucket comes as a whole.
#[test]
fn a_hash_table_is_taken_bucket_by_bucket() {
    let mut process = Process::new();
    let spec = MapSpec::new(MapType::Hash, 4, 4, 8).with_flags(BPF_F_ZERO_SEED);
    let map = process.kernel.map_create(&spec).unwrap();
    process.set_words(KEYS, &[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(process.batch(Cmd::MapUpdateBatch, map, 0, 8), (Ok(0), 8));

    assert_eq!(process.batch(Cmd::MapLookupBatch, map, 0, 3), (Ok(0), 2));
    assert_eq!((process.words(KEYS, 2), process.words(OUT, 1)), (vec![0, 4], vec![2]));
    process.set_words(IN, &[2]);
    assert_eq!(process.batch(Cmd::MapLookupBatch, map, IN, 3), (Ok(0), 3));
    assert_eq!((process.words(KEYS, 3), process.words(OUT, 1)), (vec![7, 2, 1], vec![6]));
    process.set_words(IN, &[6]);
    assert_eq!(process.batch(Cmd::MapLookupBatch, map, IN, 3), (Err(Errno::ENOENT), 3));
    assert_eq!(process.words(OUT, 1), [8]);
    process.set_words(IN, &[8]);
    assert_eq!(process.batch(Cmd::MapLookupBatch, map, IN, 3), (Err(Errno::ENOENT), 0));

    assert_eq!(process.batch(Cmd::MapLookupAndDeleteBatch, map, 0, 8), (Err(Errno::ENOENT), 8));
    assert_eq!(process.kernel.map_get_next_key(map, None), Err(Errno::ENOENT));
    assert_eq!(process.batch(Cmd::MapDeleteBatch, map, 0, 1), (Err(Errno::ENOENT), 0));
}

/// The third bucket of this table has more than three elements.
#[test]
fn a_bucket_that_does_not_fit_is_no_space() {
    let mut process = Process::new();
    let spec = MapSpec::new(MapType::Hash, 3, 4, 16).with_flags(BPF_F_ZERO_SEED);
    let map = process.kernel.map_create(&spec).unwrap();
    for key in [9, 8, 7, 6, 5, 4, 3, 2, 1] {
        process.kernel.map_update_elem(map, &[key, 0, 0], &[0; 4], 0).unwrap();
    }
    assert_eq!(process.batch(Cmd::MapLookupBatch, map, 0, 3), (Ok(0), 2));
    assert_eq!(process.words(OUT, 1), [3]);
    process.set_words(IN, &[3]);
    assert_eq!(process.batch(Cmd::MapLookupAndDeleteBatch, map, IN, 3), (Err(Errno::ENOSPC), 0));
    assert_eq!(process.words(OUT, 1), [3]);
}

#[test]
fn an_array_is_taken_key_by_key() {
    let mut process = Process::new();
    let map = process.kernel.map_create(&MapSpec::new(MapType::Array, 4, 4, 4)).unwrap();
    process.set_words(KEYS, &[0, 2, 9, 1]);
    process.set_words(VALUES, &[10, 12, 19, 11]);
    // Those in front of the one that fails are there.
    assert_eq!(process.batch(Cmd::MapUpdateBatch, map, 0, 4), (Err(Errno::E2BIG), 2));
    assert_eq!(process.batch(Cmd::MapLookupBatch, map, 0, 3), (Ok(0), 3));
    assert_eq!(process.words(VALUES, 3), [10, 0, 12]);
    assert_eq!(process.words(OUT, 1), [2]);
    process.set_words(IN, &[2]);
    assert_eq!(process.batch(Cmd::MapLookupBatch, map, IN, 3), (Err(Errno::ENOENT), 1));
    assert_eq!(process.batch(Cmd::MapLookupBatch, map, IN, 0), (Ok(0), 0));
    for cmd in [Cmd::MapLookupAndDeleteBatch, Cmd::MapDeleteBatch] {
        assert_eq!(process.batch(cmd, map, 0, 1), (Err(Errno::ENOTSUPP), 1), "{cmd:?}");
    }
}

#[test]
fn a_map_is_created_and_described() {
    use attr::map_create::*;
    let mut process = Process::new();
    let name = u64::from_le_bytes(*b"counts\0\0");
    let fields = [
        (&map_type, 1),
        (&key_size, 4),
        (&value_size, 8),
        (&max_entries, 5),
        (&map_flags, u64::from(skep_abi::flags::BPF_F_RDONLY)),
    ];
    let mut bytes = [0; 72];
    for (field, value) in fields {
        bytes[field.range()].copy_from_slice(&u64::to_le_bytes(value)[..field.size()]);
    }
    bytes[28..36].copy_from_slice(&name.to_le_bytes());
    let fd = process.kernel.bpf(Cmd::MapCreate as u32, &mut bytes, &mut process.user).unwrap();

    use attr::info::{bpf_fd, info, info_len};
    let ask = [(&bpf_fd, fd as u64), (&info_len, 60), (&info, OUT)];
    let (answer, bytes) = process.bpf(Cmd::ObjGetInfoByFd, &ask);
    assert_eq!((answer, bytes[4]), (Ok(0), 60));
    let mut told = [0; 60];
    process.user.read(OUT, &mut told).unwrap();
    let word = |field: &Field| u32::from_le_bytes(told[field.range()].try_into().unwrap());
    let words =
        [&bpf_map_info::r#type, &bpf_map_info::id, &bpf_map_info::max_entries, &bpf_map_info::map_flags];
    assert_eq!(words.map(word), [1, 1, 5, 0]);
    assert_eq!(&told[bpf_map_info::name.range()][..7], b"counts\0");
    // The descriptor is read-only.
    assert_eq!(process.kernel.map_update_elem(Fd(fd), &[0; 4], &[0; 8], 0), Err(Errno::EPERM));
    // What this kernel does not know has to be zero.
    process.set_words(OUT + 104, &[1]);
    let ask = [(&bpf_fd, fd as u64), (&info_len, 112), (&info, OUT)];
    assert_eq!(process.bpf(Cmd::ObjGetInfoByFd, &ask).0, Err(Errno::E2BIG));
    bytes_beyond_a_command_are_zero(&mut process, fd);
}

fn bytes_beyond_a_command_are_zero(process: &mut Process, fd: i32) {
    let fields = [(&attr::elem::map_fd, fd as u64), (&attr::elem::flags, 1)];
    assert_eq!(process.bpf(Cmd::MapFreeze, &fields).0, Err(Errno::EINVAL));
    assert_eq!(process.kernel.bpf(99, &mut [], &mut process.user), Err(Errno::EINVAL));
}
