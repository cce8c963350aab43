//! A map of a loaded object, from the side of user space.

use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};
use skep_abi::{Errno, MapType, flags};
use skep_btf::{TypeId, Value};
use skep_kernel::{Class, Fd, Kernel};
use skep_loader::{Loaded, LoadedMap, MapSource};
use skep_maps::MapSpec;
use skep_object::{Object, Var};

use crate::error::{Error, Result};
use crate::render;

/// A map, by typed calls on plain values or by bytes.
#[derive(Debug)]
pub struct Map<'a> {
    pub(crate) kernel: &'a mut Kernel,
    pub(crate) loaded: &'a Loaded,
    pub(crate) map: &'a LoadedMap,
    pub(crate) fd: Fd,
}

/// One element.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// The value; of a per-CPU map, one for each cpu.
    pub values: Vec<Vec<u8>>,
}

impl<'a> Map<'a> {
    pub(crate) fn new(kernel: &'a mut Kernel, loaded: &'a Loaded, map: &'a LoadedMap, fd: Fd) -> Map<'a> {
        Map { kernel, loaded, map, fd }
    }

    /// What it was created from.
    pub fn spec(&self) -> &MapSpec {
        &self.map.spec
    }

    /// Its fd, for calls on the kernel.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// The value of a key.
    ///
    /// # Errors
    /// The types have other sizes than the map's key and value.
    pub fn lookup<K: NoUninit, V: AnyBitPattern>(&self, key: &K) -> Result<Option<V>> {
        let bytes = self.lookup_bytes(bytemuck::bytes_of(key))?;
        bytes.map(|bytes| as_pod(&bytes, || self.place("value"))).transpose()
    }

    /// The values of a key in a per-CPU map, by cpu.
    ///
    /// # Errors
    /// The types have other sizes than the map's key and value.
    pub fn lookup_percpu<K: NoUninit, V: AnyBitPattern>(&self, key: &K) -> Result<Option<Vec<V>>> {
        let Some(bytes) = self.lookup_bytes(bytemuck::bytes_of(key))? else { return Ok(None) };
        self.split(&bytes)
            .into_iter()
            .map(|value| as_pod(value, || self.place("value")))
            .collect::<Result<_>>()
            .map(Some)
    }

    /// The value of a key, as `bpf(2)` copies it out: of a per-CPU map all values, each padded to 8 bytes.
    ///
    /// # Errors
    /// The key has another size than the map's.
    pub fn lookup_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.check("key", key.len(), self.map.spec.key_size as usize)?;
        match self.kernel.map_lookup_elem(self.fd, key) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.failed("lookup", errno)),
        }
    }

    /// Creates or replaces an element.
    ///
    /// # Errors
    /// The types have other sizes than the map's key and value; the map is full or constant.
    pub fn update<K: NoUninit, V: NoUninit>(&mut self, key: &K, value: &V) -> Result<()> {
        self.update_bytes(bytemuck::bytes_of(key), bytemuck::bytes_of(value), flags::BPF_ANY)
    }

    /// Creates or replaces an element of a per-CPU map: a value for each cpu.
    ///
    /// # Errors
    /// As [`Map::update`]; or there are not as many values as cpus.
    pub fn update_percpu<K: NoUninit, V: NoUninit>(&mut self, key: &K, values: &[V]) -> Result<()> {
        self.check("value", size_of::<V>(), self.map.spec.value_size as usize)?;
        self.check("list of values", values.len(), self.kernel.cpus() as usize)?;
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend_from_slice(bytemuck::bytes_of(value));
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        self.update_bytes(bytemuck::bytes_of(key), &bytes, flags::BPF_ANY)
    }

    /// Creates or replaces an element: the same value for every cpu, if the map is per-CPU.
    ///
    /// # Errors
    /// Key and value have other sizes than the map's; the map is full or constant.
    pub fn update_all(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.check("value", value.len(), self.map.spec.value_size as usize)?;
        let mut bytes = value.to_vec();
        if self.is_percpu() {
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            bytes = bytes.repeat(self.kernel.cpus() as usize);
        }
        self.update_bytes(key, &bytes, flags::BPF_ANY)
    }

    /// `bpf_map_update_elem` as it is: bytes and `BPF_ANY`, `BPF_NOEXIST` or `BPF_EXIST`. The value has the form that
    /// [`Map::lookup_bytes`] returns.
    ///
    /// # Errors
    /// Those of `bpf(2)`; see [`Error::errno`].
    pub fn update_bytes(&mut self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        self.check("key", key.len(), self.map.spec.key_size as usize)?;
        self.check("value", value.len(), self.user_value_size())?;
        self.kernel.map_update_elem(self.fd, key, value, flags).map_err(|errno| self.failed("update", errno))
    }

    /// Deletes an element and says whether it was there.
    ///
    /// # Errors
    /// The key has another size than the map's; elements of arrays cannot be deleted.
    pub fn delete<K: NoUninit>(&mut self, key: &K) -> Result<bool> {
        let key = bytemuck::bytes_of(key);
        self.check("key", key.len(), self.map.spec.key_size as usize)?;
        match self.kernel.map_delete_elem(self.fd, key) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(self.failed("delete", errno)),
        }
    }

    /// All elements of a map that is not per-CPU, as plain values.
    ///
    /// # Errors
    /// The types have other sizes than the map's key and value.
    pub fn elements<K: AnyBitPattern, V: AnyBitPattern>(&self) -> Result<Vec<(K, V)>> {
        let mut out = Vec::new();
        for entry in self.entries() {
            let value = entry.values.first().map_or(&[][..], |it| it);
            out.push((as_pod(&entry.key, || self.place("key"))?, as_pod(value, || self.place("value"))?));
        }
        Ok(out)
    }

    /// All elements as bytes, in the order of `BPF_MAP_GET_NEXT_KEY`; of a QUEUE or STACK, the next one first. None of
    /// a map whose values cannot be read.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let keyless = self.kernel.map(self.fd).ok().and_then(|map| map.values_in_order());
        let keyless =
            keyless.into_iter().flatten().map(|value| Entry { key: Vec::new(), values: vec![value] });
        keyless.chain(self.keyed())
    }

    fn keyed(&self) -> impl Iterator<Item = Entry> + '_ {
        let mut next = self.kernel.map_get_next_key(self.fd, None).ok();
        std::iter::from_fn(move || {
            loop {
                let key = next.take()?;
                next = self.kernel.map_get_next_key(self.fd, Some(&key)).ok();
                // A slot of a PROG_ARRAY or PERF_EVENT_ARRAY may be empty.
                if let Ok(bytes) = self.kernel.map_lookup_elem(self.fd, &key) {
                    let values = self.split(&bytes).into_iter().map(<[u8]>::to_vec).collect();
                    return Some(Entry { key, values });
                }
            }
        })
    }

    /// The key as a value of its BTF type, if the object has one that fits.
    pub fn decode_key(&self, key: &[u8]) -> Option<Value> {
        self.decode_key_within(key, &mut { usize::MAX })
    }

    /// The same, if it is made of no more values than are `left`: see [`skep_btf::Btf::decode_within`].
    pub fn decode_key_within(&self, key: &[u8], left: &mut usize) -> Option<Value> {
        match self.map.source {
            MapSource::Definition(index) => match self.object().maps[index].key_type {
                Some(id) => self.decode(id, key, left),
                // An index needs no type, and neither does the id of a stack.
                None if self.is_indexed() || self.is_stacks() => {
                    key.try_into().ok().map(|key| Value::Uint(u32::from_le_bytes(key).into()))
                }
                None => None,
            },
            MapSource::Section(_) => Some(Value::Uint(0)),
        }
    }

    /// A value as a value of its BTF type, if the object has one that fits.
    pub fn decode_value(&self, value: &[u8]) -> Option<Value> {
        self.decode_value_within(value, &mut { usize::MAX })
    }

    /// The same, if it is made of no more values than are `left`: see [`skep_btf::Btf::decode_within`].
    pub fn decode_value_within(&self, value: &[u8], left: &mut usize) -> Option<Value> {
        match self.map.source {
            MapSource::Definition(_) if self.is_stacks() => Some(self.decode_stack(value)),
            MapSource::Definition(index) => self.decode(self.object().maps[index].value_type?, value, left),
            MapSource::Section(index) => self.decode_variables(&self.object().data[index].vars, value, left),
        }
    }

    /// The names of the functions of a stack, or their addresses; innermost first.
    fn decode_stack(&self, stack: &[u8]) -> Value {
        let addresses = stack.chunks_exact(8).filter_map(|it| it.try_into().ok()).map(u64::from_le_bytes);
        let named = |addr| match self.kernel.symbol(addr) {
            Some(name) => Value::from(name.as_str()),
            None => Value::Ptr(addr),
        };
        Value::Array(addresses.take_while(|addr| *addr != 0).map(named).collect())
    }

    /// Whether it holds stacks as addresses.
    fn is_stacks(&self) -> bool {
        let spec = &self.map.spec;
        spec.kind == MapType::StackTrace && spec.flags & flags::BPF_F_STACK_BUILD_ID == 0
    }

    /// The variables of a data section. The section's BTF type is of no use here: clang leaves the offsets to the loader.
    fn decode_variables(&self, vars: &[Var], section: &[u8], left: &mut usize) -> Option<Value> {
        let typed = vars.iter().filter_map(|var| {
            let bytes = section.get(var.offset as usize..(var.offset + var.size) as usize)?;
            Some((Arc::from(var.name.as_str()), self.decode(var.type_id?, bytes, left)?))
        });
        let typed: Vec<_> = typed.collect();
        (!typed.is_empty()).then_some(Value::Struct(typed))
    }

    /// An element in one line: decoded by BTF, or in hex.
    pub fn show(&self, entry: &Entry) -> String {
        let decoded: Vec<_> = entry.values.iter().map(|value| self.decode_value(value)).collect();
        let values = decoded.iter().map(Option::as_ref).zip(entry.values.iter().map(Vec::as_slice));
        render::element((self.decode_key(&entry.key).as_ref(), &entry.key), values)
    }

    /// Whether it holds global variables: a data section of the object.
    pub fn is_section(&self) -> bool {
        matches!(self.map.source, MapSource::Section(_))
    }

    fn decode(&self, id: TypeId, bytes: &[u8], left: &mut usize) -> Option<Value> {
        self.object().btf.as_ref()?.decode_within(id, bytes, left).ok()
    }

    fn object(&self) -> &Object {
        self.loaded.object()
    }

    /// Whether its keys are indices, from 0 on.
    fn is_indexed(&self) -> bool {
        self.is_array()
            || matches!(
                self.map.spec.kind,
                MapType::ProgArray | MapType::PerfEventArray | MapType::CgroupArray | MapType::ArrayOfMaps
            )
    }

    /// Whether all its elements exist from the start.
    pub fn is_array(&self) -> bool {
        matches!(self.map.spec.kind, MapType::Array | MapType::PercpuArray)
    }

    /// Whether each cpu has a value of its own.
    pub fn is_percpu(&self) -> bool {
        matches!(
            self.map.spec.kind,
            MapType::PercpuHash
                | MapType::PercpuArray
                | MapType::LruPercpuHash
                | MapType::PercpuCgroupStorage
        )
    }

    /// Bytes of a value as `bpf(2)` copies it.
    fn user_value_size(&self) -> usize {
        let size = self.map.spec.value_size as usize;
        if self.is_percpu() { size.next_multiple_of(8) * self.kernel.cpus() as usize } else { size }
    }

    /// The values in what `bpf(2)` copied out.
    pub(crate) fn split<'b>(&self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let size = self.map.spec.value_size as usize;
        if !self.is_percpu() || size == 0 {
            return vec![bytes];
        }
        bytes.chunks(size.next_multiple_of(8)).map(|chunk| &chunk[..size.min(chunk.len())]).collect()
    }

    pub(crate) fn place(&self, what: &str) -> String {
        format!("map {}, {what}", self.map.name)
    }

    pub(crate) fn check(&self, what: &str, given: usize, wanted: usize) -> Result<()> {
        if given == wanted {
            return Ok(());
        }
        Err(Error::bad_input(format!("{}: the map's has {wanted} bytes, this one {given}", self.place(what))))
    }

    pub(crate) fn failed(&self, what: &str, errno: Errno) -> Error {
        match self.kernel.refused() {
            Some(text) if errno == Errno::ENOMEM => {
                Error::other(Class::HostLimit, format!("{}: {text}", self.place(what)))
            }
            _ => Error::call(self.place(what), errno),
        }
    }
}

/// Bytes as a plain value of the same size.
pub(crate) fn as_pod<T: AnyBitPattern>(bytes: &[u8], place: impl FnOnce() -> String) -> Result<T> {
    bytemuck::try_pod_read_unaligned(bytes).map_err(|_| {
        let (have, want) = (bytes.len(), size_of::<T>());
        Error::bad_input(format!("{}: it has {have} bytes, the type asked for {want}", place()))
    })
}
