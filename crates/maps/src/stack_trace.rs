//! STACK_TRACE: stacks by a hash of themselves (kernel/bpf/stackmap.c).

use skep_abi::Errno;
use skep_abi::flags::{
    BPF_F_FAST_STACK_CMP, BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_REUSE_STACKID, BPF_F_STACK_BUILD_ID,
    BPF_F_WRONLY,
};
use skep_memory::Memory;

use crate::array::index_of;
use crate::backing::Backing;
use crate::handle::Displaced;
use crate::jhash::jhash;
use crate::rules::{self, invalid};
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};

/// `sysctl_perf_event_max_stack`: the most entries of a stack.
const DEPTH_MAX: u32 = 127;
/// `struct bpf_stack_build_id`.
const BUILD_ID: u32 = 32;

/// A stack that was stored.
#[derive(Clone, Debug)]
struct Bucket {
    hash: u32,
    /// Addresses, or build ids.
    data: Box<[u8]>,
}

/// Stacks of a STACK_TRACE map.
#[derive(Clone, Debug)]
pub struct StackTrace {
    buckets: Vec<Option<Bucket>>,
    /// Number of buckets: a power of two. `buckets` grows to it.
    count: u64,
    live: u32,
    max_entries: u32,
    value_size: usize,
    build_ids: bool,
}

impl StackTrace {
    /// How many entries of a stack fit.
    pub fn depth(&self) -> usize {
        self.value_size / self.entry_size()
    }

    /// Whether stacks are stored as `struct bpf_stack_build_id`, 32 bytes for each entry.
    pub fn has_build_ids(&self) -> bool {
        self.build_ids
    }

    fn entry_size(&self) -> usize {
        if self.build_ids { BUILD_ID as usize } else { 8 }
    }

    /// Stores a stack (`__bpf_get_stackid`), innermost entry first, what is to be skipped left out, and answers its id.
    /// What is deeper than [`StackTrace::depth`] is cut off.
    ///
    /// `ids` are the entries as `struct bpf_stack_build_id`, for maps that store those: called when they are needed.
    ///
    /// # Errors
    /// -EFAULT: no entries. -EEXIST: another stack has the id, and `BPF_F_REUSE_STACKID` is not given. -ENOMEM: all
    /// places are in use, one more for the time of a replacement included.
    pub fn store(
        &mut self,
        ips: &[u64],
        flags: u64,
        ids: impl FnOnce(&[u64]) -> Vec<[u8; BUILD_ID as usize]>,
    ) -> Result<u32, Errno> {
        let ips = &ips[..ips.len().min(self.depth())];
        if ips.is_empty() {
            return Err(Errno::EFAULT);
        }
        let addresses: Vec<u8> = ips.iter().flat_map(|ip| ip.to_le_bytes()).collect();
        let hash = jhash(&addresses, 0);
        let id = u64::from(hash) & (self.count - 1);
        let old = self.bucket(id as u32);
        let same_hash = old.is_some_and(|old| old.hash == hash);
        if same_hash && flags & BPF_F_FAST_STACK_CMP != 0 {
            return Ok(id as u32);
        }
        let full = self.live >= self.max_entries;
        // The kernel takes a place for build ids before it compares them.
        if self.build_ids && full {
            return Err(Errno::ENOMEM);
        }
        let data = if self.build_ids { ids(ips).concat() } else { addresses };
        if same_hash && old.is_some_and(|old| *old.data == *data) {
            return Ok(id as u32);
        }
        if old.is_some() && flags & BPF_F_REUSE_STACKID == 0 {
            return Err(Errno::EEXIST);
        }
        if full {
            return Err(Errno::ENOMEM);
        }
        self.live += u32::from(old.is_none());
        let at = id as usize;
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, None);
        }
        self.buckets[at] = Some(Bucket { hash, data: data.into() });
        Ok(id as u32)
    }

    fn bucket(&self, id: u32) -> Option<&Bucket> {
        self.buckets.get(id as usize)?.as_ref()
    }
}

impl Storage for StackTrace {
    /// Since 6.18.
    const TAKES: bool = true;

    /// `stack_map_alloc`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        rules::flags_within(spec, BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID)?;
        rules::not_empty("max_entries", spec.max_entries)?;
        if spec.key_size != 4 {
            return Err(invalid(format!("key_size {}: a stack id is a u32", spec.key_size)));
        }
        let entry = if spec.has(BPF_F_STACK_BUILD_ID) { BUILD_ID } else { 8 };
        let whole = spec.value_size >= 8 && spec.value_size.is_multiple_of(8);
        if !whole || !spec.value_size.is_multiple_of(entry) || spec.value_size / entry > DEPTH_MAX {
            let text = format!(
                "value_size {}: a stack has up to {DEPTH_MAX} entries of {entry} bytes",
                spec.value_size
            );
            return Err(invalid(text));
        }
        if spec.max_entries > 1 << 31 {
            let text = format!("max_entries {}: more than 2^31", spec.max_entries);
            return Err(CreateError::new(Errno::E2BIG, text));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, _cx: &Cx<'_>, _backing: Backing<'_>) -> Result<StackTrace, CreateError> {
        // As many as the kernel could keep in 2 GiB, with its 24 bytes of a bucket's head.
        if u64::from(spec.max_entries) * (u64::from(spec.value_size) + 24) > 2 << 30 {
            let text = format!("{} map {:?}: 2 GiB of stacks at most are emulated", spec.kind, spec.name);
            return Err(CreateError::no_room(text));
        }
        Ok(StackTrace {
            buckets: Vec::new(),
            count: u64::from(spec.max_entries).next_power_of_two(),
            live: 0,
            max_entries: spec.max_entries,
            value_size: spec.value_size as usize,
            build_ids: spec.has(BPF_F_STACK_BUILD_ID),
        })
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// `bpf_stackmap_copy`.
    fn read(&self, _cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let bucket = self.bucket(index_of(key)?).ok_or(Errno::ENOENT)?;
        let mut value = bucket.data.to_vec();
        value.resize(self.value_size, 0);
        Ok(value)
    }

    fn update(&mut self, _cx: &Cx<'_>, _change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&mut self, _cx: &Cx<'_>, key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        let id = index_of(key)?;
        if u64::from(id) >= self.count {
            return Err(Errno::E2BIG);
        }
        let bucket = self.buckets.get_mut(id as usize).and_then(Option::take);
        bucket.ok_or(Errno::ENOENT)?;
        self.live -= 1;
        Ok(())
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        let first = match key.map(index_of).transpose()? {
            Some(id) if self.bucket(id).is_some() => id as usize + 1,
            _ => 0,
        };
        let behind = self.buckets.iter().enumerate().skip(first);
        let next = behind.filter(|(_, bucket)| bucket.is_some()).map(|(id, _)| id as u32).next();
        next.map(|id| id.to_le_bytes().to_vec()).ok_or(Errno::ENOENT)
    }

    fn stacks(&mut self) -> Option<&mut StackTrace> {
        Some(self)
    }

    fn release(&mut self, _memory: &Memory, _out: &mut Displaced) {
        self.buckets.clear();
    }
}
