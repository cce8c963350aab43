//! QUEUE and STACK: values without keys (kernel/bpf/queue_stack_maps.c).
//!
//! Programs see copies only, so that the values need no place in the simulated address space.

use std::collections::VecDeque;

use skep_abi::flags::{BPF_EXIST, BPF_F_NUMA_NODE, BPF_NOEXIST};
use skep_abi::{Errno, MapType};
use skep_memory::Memory;

use crate::backing::Backing;
use crate::handle::Displaced;
use crate::rules::{self, ACCESS, invalid};
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Side, Storage};

/// The largest value: `KMALLOC_MAX_SIZE`.
const VALUE_MAX: u32 = 4 << 20;

/// The most bytes of values that one map keeps. The kernel takes room for all when the map is made; here a value beyond
/// these is -ENOMEM.
const BYTES_MAX: usize = 64 << 20;

/// A queue, or a stack.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    /// Oldest first.
    values: VecDeque<Box<[u8]>>,
    max_entries: usize,
    last_in_first_out: bool,
}

impl Storage for Queue {
    const TAKES: bool = true;

    /// `queue_stack_map_alloc_check`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        rules::not_empty("max_entries", spec.max_entries)?;
        if spec.key_size != 0 {
            return Err(invalid(format!("key_size {}: {} maps have no keys", spec.key_size, spec.kind)));
        }
        rules::not_empty("value_size", spec.value_size)?;
        rules::flags_within(spec, BPF_F_NUMA_NODE | ACCESS)?;
        if spec.value_size > VALUE_MAX {
            let text = format!("value_size {}: more than {VALUE_MAX} bytes", spec.value_size);
            return Err(CreateError::new(Errno::E2BIG, text));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, _cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Queue, CreateError> {
        let max_entries = spec.max_entries as usize;
        Ok(Queue { values: VecDeque::new(), max_entries, last_in_first_out: spec.kind == MapType::Stack })
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Ok(None)
    }

    fn read(&self, _cx: &Cx<'_>, _key: &[u8]) -> Result<Vec<u8>, Errno> {
        let next = if self.last_in_first_out { self.values.back() } else { self.values.front() };
        next.map(|value| value.to_vec()).ok_or(Errno::ENOENT)
    }

    fn update(&mut self, _cx: &Cx<'_>, change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        match change.side {
            Side::User => self.push(change.value, change.flags),
            Side::Program => Err(Errno::EINVAL),
        }
    }

    fn delete(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn take(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<Vec<u8>, Errno> {
        self.pop()
    }

    fn next_key(&self, _key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        Err(Errno::EINVAL)
    }

    /// `queue_stack_map_push_elem`: with `BPF_EXIST` the oldest value makes room.
    fn push(&mut self, value: &[u8], flags: u64) -> Result<(), Errno> {
        if flags & BPF_NOEXIST != 0 || flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        if self.values.len() == self.max_entries {
            if flags & BPF_EXIST == 0 {
                return Err(Errno::E2BIG);
            }
            self.values.pop_front();
        }
        if (self.values.len() + 1).saturating_mul(value.len()) > BYTES_MAX {
            return Err(Errno::ENOMEM);
        }
        self.values.push_back(value.into());
        Ok(())
    }

    fn pop(&mut self) -> Result<Vec<u8>, Errno> {
        let next = if self.last_in_first_out { self.values.pop_back() } else { self.values.pop_front() };
        next.map(Vec::from).ok_or(Errno::ENOENT)
    }

    fn keyless(&self) -> Option<Vec<Vec<u8>>> {
        let in_order = self.values.iter().map(|value| value.to_vec());
        Some(if self.last_in_first_out { in_order.rev().collect() } else { in_order.collect() })
    }

    fn release(&mut self, _memory: &Memory, _out: &mut Displaced) {
        self.values.clear();
    }
}
