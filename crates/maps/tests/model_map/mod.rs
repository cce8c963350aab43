//! The model: what `bpf(2)` and the helpers promise about elements, in the fewest lines.

use skep_abi::flags::{BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST};
use skep_abi::{Errno, MapType};
use skep_maps::{MapSpec, Side};

/// The sorts of maps that the model knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Hash,
    PercpuHash,
    Array,
    PercpuArray,
}

impl Kind {
    pub(crate) const ALL: &'static [Kind] = &[Kind::Hash, Kind::PercpuHash, Kind::Array, Kind::PercpuArray];

    pub(crate) fn map_type(self) -> MapType {
        match self {
            Kind::Hash => MapType::Hash,
            Kind::PercpuHash => MapType::PercpuHash,
            Kind::Array => MapType::Array,
            Kind::PercpuArray => MapType::PercpuArray,
        }
    }

    pub(crate) fn is_array(self) -> bool {
        matches!(self, Kind::Array | Kind::PercpuArray)
    }

    pub(crate) fn is_hash(self) -> bool {
        !self.is_array()
    }

    fn is_percpu(self) -> bool {
        matches!(self, Kind::PercpuHash | Kind::PercpuArray)
    }
}

/// Keys in the order they were created, each with a padded value for every CPU (or one).
pub(crate) struct Model {
    kind: Kind,
    value_size: usize,
    stride: usize,
    copies: u32,
    max: usize,
    cells: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl Model {
    pub(crate) fn new(kind: Kind, spec: &MapSpec, cpus: u32) -> Model {
        let value_size = spec.value_size as usize;
        let stride = value_size.next_multiple_of(8);
        let copies = if kind.is_percpu() { cpus } else { 1 };
        let max = spec.max_entries as usize;
        let mut model = Model { kind, value_size, stride, copies, max, cells: Vec::new() };
        if kind.is_array() {
            model.cells =
                (0..spec.max_entries).map(|at| (at.to_le_bytes().to_vec(), model.zeroes())).collect();
        }
        model
    }

    fn zeroes(&self) -> Vec<Vec<u8>> {
        vec![vec![0; self.stride]; self.copies as usize]
    }

    fn at(&self, key: &[u8]) -> Option<usize> {
        self.cells.iter().position(|(it, _)| it == key)
    }

    fn copy_of(&self, cpu: u32) -> usize {
        if self.kind.is_percpu() { cpu as usize } else { 0 }
    }

    pub(crate) fn update(
        &mut self,
        cpu: u32,
        key: &[u8],
        value: &[u8],
        flags: u64,
        side: Side,
    ) -> Result<(), Errno> {
        if flags > BPF_EXIST {
            // With `BPF_F_LOCK` some get further, and fail for want of a lock, with the same errno unless an array's
            // index or flags are wrong as well; `bpf(2)` looks for the lock first.
            let lock = flags & !BPF_F_LOCK <= BPF_EXIST && side == Side::Program && self.kind.is_array();
            return Err(match self.at(key) {
                None if lock => Errno::E2BIG,
                Some(_) if lock && flags & BPF_NOEXIST != 0 => Errno::EEXIST,
                _ => Errno::EINVAL,
            });
        }
        let at = match (self.at(key), flags) {
            (None, _) if self.kind.is_array() => return Err(Errno::E2BIG),
            (Some(_), BPF_NOEXIST) => return Err(Errno::EEXIST),
            (None, BPF_EXIST) => return Err(Errno::ENOENT),
            (None, _) if self.cells.len() == self.max => return Err(Errno::E2BIG),
            (None, _) => {
                self.cells.push((key.to_vec(), self.zeroes()));
                self.cells.len() - 1
            }
            (Some(at), _) => at,
        };
        let (stride, size, copy) = (self.stride, self.value_size, self.copy_of(cpu));
        let cell = &mut self.cells[at].1;
        if self.kind.is_percpu() && side == Side::User {
            cell.iter_mut().zip(value.chunks(stride)).for_each(|(to, from)| to.copy_from_slice(from));
        } else {
            cell[copy][..size].copy_from_slice(value);
        }
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        if self.kind.is_array() {
            return Err(Errno::EINVAL);
        }
        let at = self.at(key).ok_or(Errno::ENOENT)?;
        self.cells.remove(at);
        Ok(())
    }

    pub(crate) fn take(&mut self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        if self.kind.is_array() {
            return Err(Errno::ENOTSUPP);
        }
        let value = self.read(key)?;
        self.delete(key).map(|()| value)
    }

    pub(crate) fn value_on(&self, cpu: u32, key: &[u8]) -> Option<Vec<u8>> {
        let at = self.at(key)?;
        Some(self.cells[at].1[self.copy_of(cpu)][..self.value_size].to_vec())
    }

    pub(crate) fn percpu(&self, cpu: u32, key: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        if !self.kind.is_percpu() {
            return Err(Errno::EINVAL);
        }
        Ok(if cpu < self.copies { self.value_on(cpu, key) } else { None })
    }

    pub(crate) fn read(&self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let at = self.at(key).ok_or(Errno::ENOENT)?;
        let cell = &self.cells[at].1;
        Ok(if self.kind.is_percpu() { cell.concat() } else { cell[0][..self.value_size].to_vec() })
    }

    pub(crate) fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        let next = key.and_then(|key| self.at(key)).map_or(0, |at| at + 1);
        self.cells.get(next).map(|(key, _)| key.clone()).ok_or(Errno::ENOENT)
    }

    pub(crate) fn walk(&self, cpu: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
        let copy = self.copy_of(cpu);
        self.cells.iter().map(|(key, cell)| (key.clone(), cell[copy][..self.value_size].to_vec())).collect()
    }
}
