//! HASH, PERCPU_HASH and LRU_HASH (kernel/bpf/hashtab.c).
//!
//! A table from keys to slots ([`index`]), values of slots in simulated memory ([`slab`]), and a policy that says which
//! slot a new element gets: a free list ([`free_list`]) or an LRU ([`lru`]).

mod core;
mod free_list;
mod index;
mod key;
mod lru;
mod lru_hash;
mod lru_list;
mod order;
mod percpu;
mod plain;
mod slab;

pub(crate) use lru_hash::LruHash;
pub(crate) use percpu::PercpuHash;
pub(crate) use plain::Hash;
