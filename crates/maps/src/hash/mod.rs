//! HASH, PERCPU_HASH, LRU_HASH and LRU_PERCPU_HASH (kernel/bpf/hashtab.c).
//!
//! A table from keys to slots ([`index`]), values of slots in simulated memory (`slab`), and a policy that says which
//! slot a new element gets: a free list ([`free_list`]) or an LRU ([`lru`]).

mod buckets;
mod core;
mod free_list;
mod index;
mod key;
mod lru;
mod lru_hash;
mod lru_list;
mod lru_percpu;
mod maps;
mod order;
mod percpu;
mod plain;

pub(crate) use core::check_flags;
pub(crate) use index::{Index, buckets_of};
pub(crate) use lru_hash::LruHash;
pub(crate) use lru_percpu::LruPercpuHash;
pub(crate) use maps::HashOfMaps;
pub(crate) use percpu::PercpuHash;
pub(crate) use plain::Hash;
