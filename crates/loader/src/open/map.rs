//! What a map is going to be.

use skep_abi::{Errno, MapType, flags};
use skep_btf::{Def, Linkage};
use skep_kernel::{Fd, Kernel};
use skep_maps::MapSpec;
use skep_object::{DataKind, DataSection, MapDef, Object, Pinning};

use crate::error::Error;

/// Where objects are pinned if nothing else is said.
const BPFFS: &str = "/sys/fs/bpf";

/// What a map is going to be.
#[derive(Clone, Debug)]
pub struct MapPlan {
    /// The variable's name; of a data section, the section's.
    pub name: String,
    /// What is created.
    pub spec: MapSpec,
    /// The map type's number in the object, if it is none that Linux 6.18 knows: then there is no such map, unless
    /// this is cleared and `spec` set to something that exists.
    pub unknown_kind: Option<u32>,
    /// Where it comes from.
    pub source: MapSource,
    /// Whether it is created.
    pub autocreate: bool,
    /// Whether it is attached when all of the object is: a struct_ops map.
    pub autoattach: bool,
    /// The network interface whose hardware holds it; 0: none.
    pub ifindex: u32,
    /// Where it is pinned, and a map that is pinned there taken for it.
    pub pin_path: Option<String>,
    /// The first value: what a data section or struct_ops variable starts with.
    pub(crate) initial: Option<Vec<u8>>,
    /// The map that is taken in place of a new one.
    pub(crate) reused: Option<Fd>,
    /// Whether that was found where it is to be pinned.
    pub(crate) pinned: bool,
    /// The map that says what the inner maps of a map of maps are like.
    pub(crate) inner_fd: Option<Fd>,
    /// What it holds has no types any more that could be told.
    pub(crate) untyped: bool,
}

/// Where a map comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapSource {
    /// The definition with this index in [`Object::maps`].
    Definition(usize),
    /// The section with this index in [`Object::data`].
    Section(usize),
}

impl MapPlan {
    pub(crate) fn of_definition(object: &Object, index: usize, def: &MapDef) -> MapPlan {
        let spec = spec_of(object, def);
        MapPlan {
            name: def.name.clone(),
            unknown_kind: def.map_type().is_none().then_some(def.kind),
            spec,
            source: MapSource::Definition(index),
            autocreate: def.struct_ops.as_ref().is_none_or(|ops| ops.autocreate),
            autoattach: true,
            ifindex: 0,
            pin_path: (def.pinning == Pinning::ByName).then(|| format!("{BPFFS}/{}", def.name)),
            initial: def.struct_ops.as_ref().map(|ops| ops.bytes.clone()),
            reused: None,
            pinned: false,
            inner_fd: None,
            untyped: false,
        }
    }

    /// The map of a data section (`bpf_object__init_internal_map`).
    pub(crate) fn of_section(object: &Object, index: usize, data: &DataSection) -> MapPlan {
        let mut flags = match data.kind {
            DataKind::RoData | DataKind::Kconfig => flags::BPF_F_RDONLY_PROG,
            _ => 0,
        };
        if is_seen(object, data) {
            flags |= flags::BPF_F_MMAPABLE;
        }
        // A section is at most MAX_ZEROED or the file's size long: both fit.
        let spec = MapSpec::new(MapType::Array, 4, data.bytes.len() as u32, 1)
            .with_flags(flags)
            .with_name(&data.name);
        let emulated =
            matches!(data.kind, DataKind::Data | DataKind::RoData | DataKind::Bss | DataKind::Kconfig);
        MapPlan {
            name: data.name.clone(),
            unknown_kind: None,
            spec,
            source: MapSource::Section(index),
            autocreate: emulated && !data.bytes.is_empty(),
            autoattach: true,
            ifindex: 0,
            pin_path: None,
            initial: Some(data.bytes.clone()),
            reused: None,
            pinned: false,
            inner_fd: None,
            untyped: false,
        }
    }

    /// Whether it is a data section (`bpf_map__is_internal`).
    pub fn is_section(&self) -> bool {
        matches!(self.source, MapSource::Section(_))
    }

    /// Whether it is a struct_ops variable.
    pub fn is_struct_ops(&self) -> bool {
        !self.is_section() && self.spec.kind == MapType::StructOps
    }

    /// Has the kernel know a data section by the object's name (`internal_map_name`).
    pub(crate) fn name_for_kernel(&mut self, object: &str) {
        const LONGEST: usize = 15;
        let section = &self.name;
        let own = section.len().clamp(7, LONGEST);
        let of_object = if section.chars().skip(1).any(|c| c == '.') { 0 } else { LONGEST - own };
        let name = object.chars().take(of_object).chain(section.chars().take(own));
        let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
        self.spec.name = name.map(allowed).collect();
    }

    /// Has it pinned under its name in a directory.
    pub(crate) fn pin_by_name(&mut self, root: &str) {
        self.pin_path = Some(format!("{root}/{}", self.name));
    }

    /// What is created, to change it.
    ///
    /// # Errors
    /// `EBUSY`: the map is there already: [`MapPlan::reuse_fd`].
    pub fn spec_mut(&mut self) -> Result<&mut MapSpec, Error> {
        match self.reused {
            None => Ok(&mut self.spec),
            Some(_) => {
                Err(self.error(Errno::EBUSY, "it is a map that is there already: it cannot be changed"))
            }
        }
    }

    /// Sets the map type (`bpf_map__set_type`).
    ///
    /// # Errors
    /// As for [`MapPlan::spec_mut`].
    pub fn set_type(&mut self, kind: MapType) -> Result<(), Error> {
        self.spec_mut()?.kind = kind;
        self.unknown_kind = None;
        Ok(())
    }

    /// Sets the size of a key (`bpf_map__set_key_size`).
    ///
    /// # Errors
    /// As for [`MapPlan::spec_mut`].
    pub fn set_key_size(&mut self, size: u32) -> Result<(), Error> {
        self.spec_mut()?.key_size = size;
        Ok(())
    }

    /// Sets `map_flags` (`bpf_map__set_map_flags`).
    ///
    /// # Errors
    /// As for [`MapPlan::spec_mut`].
    pub fn set_map_flags(&mut self, flags: u32) -> Result<(), Error> {
        self.spec_mut()?.flags = flags;
        Ok(())
    }

    /// Sets `map_extra` (`bpf_map__set_map_extra`).
    ///
    /// # Errors
    /// As for [`MapPlan::spec_mut`].
    pub fn set_map_extra(&mut self, map_extra: u64) -> Result<(), Error> {
        self.spec_mut()?.map_extra = map_extra;
        Ok(())
    }

    /// Sets the memory node (`bpf_map__set_numa_node`).
    ///
    /// # Errors
    /// As for [`MapPlan::spec_mut`].
    pub fn set_numa_node(&mut self, node: u32) -> Result<(), Error> {
        self.spec_mut()?.numa_node = node;
        Ok(())
    }

    /// Sets how many elements it has room for; a ring buffer's size becomes a power of two of pages
    /// (`bpf_map__set_max_entries`).
    pub fn set_max_entries(&mut self, max_entries: u32) {
        self.spec.max_entries = max_entries;
        round_ring(&mut self.spec);
    }

    /// Says whether a struct_ops map is attached when all of the object is (`bpf_map__set_autoattach`).
    ///
    /// # Errors
    /// `EINVAL`: it is no struct_ops map.
    pub fn set_autoattach(&mut self, autoattach: bool) -> Result<(), Error> {
        if !self.is_struct_ops() {
            return Err(self.error(Errno::EINVAL, "only struct_ops maps are attached"));
        }
        self.autoattach = autoattach;
        Ok(())
    }

    /// Says what the inner maps of a map of maps are like: as this one (`bpf_map__set_inner_map_fd`). It is a map of the
    /// kernel that the object is going to be loaded into.
    ///
    /// # Errors
    /// `EINVAL`: it is no map of maps, or that was said before.
    pub fn set_inner_map_fd(&mut self, fd: Fd) -> Result<(), Error> {
        if !matches!(self.spec.kind, MapType::ArrayOfMaps | MapType::HashOfMaps) {
            return Err(self.error(Errno::EINVAL, "it is no map of maps"));
        }
        if self.inner_fd.is_some() {
            return Err(self.error(Errno::EINVAL, "what its inner maps are like was said before"));
        }
        self.spec.inner = None;
        self.inner_fd = Some(fd);
        Ok(())
    }

    /// Takes a map that is there already, in place of a new one: it is what that is, and keeps its content
    /// (`bpf_map__reuse_fd`). The fd stays the caller's.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: the kernel has no such map. `EMFILE`: no fds are left.
    pub fn reuse_fd(&mut self, kernel: &mut Kernel, fd: Fd) -> Result<(), Error> {
        let refused = |errno: Errno| self.error(errno, &format!("fd {fd} is no map to be reused ({errno})"));
        let spec = kernel.map_info(fd).map_err(refused)?.clone();
        let own = kernel.dup(fd).map_err(refused)?;
        if let Some(before) = self.reused.replace(own) {
            // It was a descriptor of ours, and nobody else knows it.
            let _ = kernel.close(before);
        }
        self.spec = spec;
        self.unknown_kind = None;
        Ok(())
    }

    /// What it starts with: a data section's bytes, or a struct_ops variable's.
    pub fn initial_value(&self) -> Option<&[u8]> {
        self.initial.as_deref()
    }

    /// Sets what a data section starts with (`bpf_map__set_initial_value`).
    ///
    /// # Errors
    /// `EINVAL`: it is none, or `.kconfig`, or has another size. `EBUSY`: it is a map that is there already.
    pub fn set_initial_value(&mut self, value: &[u8]) -> Result<(), Error> {
        self.spec_mut()?;
        if !self.is_section() || self.name == ".kconfig" {
            let text = "only data sections have an initial value that can be set";
            return Err(self.error(Errno::EINVAL, text));
        }
        match self.initial.as_mut().filter(|it| it.len() == value.len()) {
            Some(initial) => {
                initial.copy_from_slice(value);
                Ok(())
            }
            None => {
                Err(self.error(Errno::EINVAL, &format!("it has another size than {} bytes", value.len())))
            }
        }
    }

    pub(crate) fn error(&self, errno: Errno, text: &str) -> Error {
        Error::bad_input(format!("map {}", self.name), text).with_errno(errno)
    }
}

/// Makes a ring buffer's size one that the kernel takes, if there is one (`adjust_ringbuf_sz`).
pub(crate) fn round_ring(spec: &mut MapSpec) {
    const PAGE: u32 = 4096;
    if matches!(spec.kind, MapType::Ringbuf | MapType::UserRingbuf) && spec.max_entries > 0 {
        let pages = spec.max_entries.div_ceil(PAGE).checked_next_power_of_two();
        if let Some(size) = pages.and_then(|pages| pages.checked_mul(PAGE)) {
            spec.max_entries = size;
        }
    }
}

/// What is created for a definition, and for the template in it.
fn spec_of(object: &Object, def: &MapDef) -> MapSpec {
    let mut spec = MapSpec {
        kind: def.map_type().unwrap_or(MapType::Hash),
        key_size: def.key_size,
        value_size: def.value_size,
        max_entries: def.max_entries,
        flags: def.map_flags,
        map_extra: def.map_extra,
        numa_node: def.numa_node,
        name: def.name.clone(),
        special: match (&object.btf, def.value_type) {
            (Some(btf), Some(value)) => skep_kernel::special_fields(btf, value),
            _ => Vec::new(),
        },
        inner: def.inner.as_ref().map(|inner| Box::new(spec_of(object, inner))),
        typed: def.key_type.is_some() && def.value_type.is_some(),
    };
    round_ring(&mut spec);
    spec
}

/// Whether user space has a use for a section's memory: a variable that is not static (`map_is_mmapable`).
fn is_seen(object: &Object, data: &DataSection) -> bool {
    let Some((btf, id)) = object.btf.as_ref().zip(data.btf_datasec) else { return false };
    let Some(Def::DataSec(list)) = btf.type_by_id(id).map(|it| &it.def) else { return false };
    let mut vars = list.vars.iter().filter_map(|it| match btf.type_by_id(it.type_id).map(|it| &it.def) {
        Some(Def::Var(var)) => Some(var.linkage),
        _ => None,
    });
    vars.any(|linkage| linkage != Linkage::Static)
}
