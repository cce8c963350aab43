//! BLOOM_FILTER: a set that forgets nothing and may claim too much (kernel/bpf/bloom_filter.c).

use skep_abi::Errno;
use skep_abi::flags::{BPF_ANY, BPF_F_NUMA_NODE, BPF_F_ZERO_SEED};
use skep_memory::Memory;

use crate::backing::Backing;
use crate::handle::Displaced;
use crate::jhash::jhash;
use crate::rules::{self, ACCESS, invalid};
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Side, Storage};

/// The largest value: `KMALLOC_MAX_SIZE`.
const VALUE_MAX: u32 = 4 << 20;
/// Hash functions when the spec names no number.
const HASHES: u32 = 5;
/// The last bit of the largest set that is emulated: 64 MiB. The kernel has sets of 512 MiB.
const MASK_MAX: u32 = (64 << 23) - 1;
/// Words of one page of the set; pages exist once a bit in them is set.
const PAGE: usize = 512;

/// A bloom filter.
#[derive(Clone, Debug)]
pub(crate) struct Bloom {
    pages: Vec<Option<Box<[u64; PAGE]>>>,
    mask: u32,
    hashes: u32,
    seed: u32,
}

impl Bloom {
    /// Page, word and bit of each hash of a value.
    fn places(&self, value: &[u8]) -> impl Iterator<Item = (usize, usize, u64)> {
        (0..self.hashes).map(move |index| {
            let bit = jhash(value, self.seed.wrapping_add(index)) & self.mask;
            let word = bit as usize / 64;
            (word / PAGE, word % PAGE, 1 << (bit % 64))
        })
    }
}

/// The last bit's number: 7/5 bits for each element and hash, rounded up to a power of two; 2^32 bits at most.
fn mask_of(elements: u32, hashes: u32) -> u32 {
    let bits = elements.checked_mul(hashes).and_then(|bits| (bits / 5).checked_mul(7));
    match bits {
        Some(bits) if bits <= 1 << 31 => bits.max(64).next_power_of_two() - 1,
        _ => u32::MAX,
    }
}

impl Storage for Bloom {
    /// `bloom_map_alloc_check`, `bloom_map_alloc`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        if spec.value_size > VALUE_MAX {
            let text = format!("value_size {}: more than {VALUE_MAX} bytes", spec.value_size);
            return Err(CreateError::new(Errno::E2BIG, text));
        }
        if spec.key_size != 0 {
            return Err(invalid(format!("key_size {}: {} maps have no keys", spec.key_size, spec.kind)));
        }
        rules::not_empty("value_size", spec.value_size)?;
        rules::not_empty("max_entries", spec.max_entries)?;
        rules::flags_within(spec, BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | ACCESS)?;
        if spec.map_extra > 15 {
            let text = format!("map_extra {:#x}: a number of hash functions, 15 at most", spec.map_extra);
            return Err(invalid(text));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Bloom, CreateError> {
        let hashes = if spec.map_extra == 0 { HASHES } else { spec.map_extra as u32 };
        let seed = if spec.has(BPF_F_ZERO_SEED) { 0 } else { (cx.seed ^ cx.seed >> 32) as u32 };
        let mask = mask_of(spec.max_entries, hashes);
        if mask > MASK_MAX {
            let text = format!("{} map {:?}: sets of 64 MiB at most are emulated", spec.kind, spec.name);
            return Err(CreateError::no_room(text));
        }
        Ok(Bloom { pages: vec![None; mask as usize / (64 * PAGE) + 1], mask, hashes, seed })
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Err(Errno::EINVAL)
    }

    /// User space asks with a value, not with a key: see [`Map::contains`](crate::Map::contains).
    fn read(&self, _cx: &Cx<'_>, _key: &[u8]) -> Result<Vec<u8>, Errno> {
        Err(Errno::EINVAL)
    }

    fn update(&mut self, _cx: &Cx<'_>, change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        match change.side {
            Side::User => self.push(change.value, change.flags),
            Side::Program => Err(Errno::EINVAL),
        }
    }

    fn delete(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn next_key(&self, _key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn push(&mut self, value: &[u8], flags: u64) -> Result<(), Errno> {
        if flags != BPF_ANY {
            return Err(Errno::EINVAL);
        }
        for (page, word, bit) in self.places(value).collect::<Vec<_>>() {
            if let Some(page) = self.pages.get_mut(page) {
                page.get_or_insert_with(|| Box::new([0; PAGE]))[word] |= bit;
            }
        }
        Ok(())
    }

    fn contains(&self, value: &[u8]) -> Result<(), Errno> {
        let is_set = |(page, word, bit): (usize, usize, u64)| {
            self.pages.get(page).and_then(Option::as_ref).is_some_and(|page| page[word] & bit != 0)
        };
        if self.places(value).all(is_set) { Ok(()) } else { Err(Errno::ENOENT) }
    }

    fn release(&mut self, _memory: &Memory, _out: &mut Displaced) {
        self.pages.clear();
    }
}
