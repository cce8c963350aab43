//! Maps with other calls than lookup, update and delete.

use bytemuck::{AnyBitPattern, NoUninit};
use skep_abi::{Errno, MapType, flags};
use skep_kernel::Fd;

use crate::error::{Error, Result};
use crate::map::{Map, as_pod};

impl Map<'_> {
    /// Puts another map of the object into this map of maps.
    ///
    /// # Errors
    /// There is no such map; it is not like the inner map that this one was created with; the key has another size
    /// than the map's.
    pub fn put_map<K: NoUninit>(&mut self, key: &K, inner: &str) -> Result<()> {
        let (_, fd) = self.loaded.map(inner)?;
        self.put_fd(bytemuck::bytes_of(key), fd)
    }

    /// Puts a map that was made by [`Map::new_inner`] or by the kernel into this map of maps.
    ///
    /// # Errors
    /// As for [`Map::put_map`].
    pub fn put_fd(&mut self, key: &[u8], inner: Fd) -> Result<()> {
        self.check("key", key.len(), self.map.spec.key_size as usize)?;
        let value = inner.0.to_le_bytes();
        self.kernel
            .map_update_elem(self.fd, key, &value, flags::BPF_ANY)
            .map_err(|errno| self.failed("update", errno))
    }

    /// Makes a map like the inner maps of this map of maps and puts it at a key: its fd, for calls on the kernel.
    ///
    /// # Errors
    /// This is no map of maps; the key has another size than the map's; there is no room.
    pub fn new_inner<K: NoUninit>(&mut self, key: &K) -> Result<Fd> {
        let spec = self.kernel.map_info(self.fd).ok().and_then(|spec| spec.inner.clone());
        let spec =
            spec.ok_or_else(|| Error::bad_input(format!("{}: it holds no maps", self.place("update"))))?;
        let inner = self
            .kernel
            .map_create(&spec)
            .map_err(|error| Error::bad_input(format!("{}: {error}", self.place("inner map"))))?;
        self.put_fd(bytemuck::bytes_of(key), inner)?;
        Ok(inner)
    }

    /// Adds a value to a QUEUE, STACK or BLOOM_FILTER.
    ///
    /// # Errors
    /// The type has another size than the map's values; the map is full, or of another type.
    pub fn push<V: NoUninit>(&mut self, value: &V) -> Result<()> {
        self.update_bytes(&[], bytemuck::bytes_of(value), flags::BPF_ANY)
    }

    /// Takes the next value out of a QUEUE or STACK.
    ///
    /// # Errors
    /// The type has another size than the map's values; the map is of another type.
    pub fn pop<V: AnyBitPattern>(&mut self) -> Result<Option<V>> {
        match self.kernel.map_lookup_and_delete_elem(self.fd, &[]) {
            Ok(bytes) => as_pod(&bytes, || self.place("value")).map(Some),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.failed("lookup and delete", errno)),
        }
    }

    /// Looks at the next value of a QUEUE or STACK.
    ///
    /// # Errors
    /// As for [`Map::pop`].
    pub fn peek<V: AnyBitPattern>(&self) -> Result<Option<V>> {
        let bytes = self.lookup_bytes(&[])?;
        bytes.map(|bytes| as_pod(&bytes, || self.place("value"))).transpose()
    }

    /// Whether a BLOOM_FILTER may have a value.
    ///
    /// # Errors
    /// The type has another size than the map's values; the map is of another type.
    pub fn contains<V: NoUninit>(&self, value: &V) -> Result<bool> {
        let value = bytemuck::bytes_of(value);
        self.check("value", value.len(), self.map.spec.value_size as usize)?;
        match self.kernel.map_contains(self.fd, value) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) if self.map.spec.kind == MapType::BloomFilter => Ok(false),
            Err(errno) => Err(self.failed("lookup", errno)),
        }
    }

    /// Sends a record to the programs that drain this USER_RINGBUF.
    ///
    /// # Errors
    /// It is full (`ENOSPC`), the record is larger than it, or the map is of another type.
    pub fn send(&mut self, record: &[u8]) -> Result<()> {
        let ring = self.kernel.map(self.fd).ok().and_then(|map| map.user_ring());
        let ring = ring.ok_or_else(|| self.failed("send", Errno::EINVAL))?;
        ring.push(self.kernel.memory(), record).map_err(|errno| self.failed("send", errno))
    }
}
