//! Creating maps.

use skep_abi::{Errno, MapType};
use skep_kernel::{Class, Fd, Kernel, MapTypes};
use skep_maps::{CreateClass, CreateError, MapSpec};
use skep_object::{DataKind, Object};

use super::loaded::{Loaded, LoadedMap};
use crate::error::Error;
use crate::kconfig::Kconfig;
use crate::open::{MapPlan, MapSource, round_ring};

impl Loaded {
    /// Puts the variables of the arena at its start, as libbpf does.
    pub(super) fn fill_arena(&mut self, kernel: &mut Kernel, bytes: &[u8]) {
        let Some(map) = self.maps.iter_mut().find(|it| it.spec.kind == MapType::Arena) else { return };
        let Ok(fd) = map.fd else { return };
        if let Err(errno) = kernel.arena_write(fd, 0, bytes) {
            let place = format!("map {}", map.name);
            let text = format!("the arena has no room for its variables ({errno})");
            map.fd = Err(no_memory(kernel, &place).unwrap_or_else(|| Error::bad_input(place, text)));
        }
    }
}

/// Puts the configuration into the map for it; a map that is not there when that makes no sense.
pub(super) fn configured(
    mut plan: MapPlan,
    object: &Object,
    kconfig: &Kconfig,
    kernel: &Kernel,
) -> Result<MapPlan, Box<LoadedMap>> {
    let MapSource::Section(index) = plan.source else { return Ok(plan) };
    let Some(section) = object.data.get(index).filter(|it| it.kind == DataKind::Kconfig) else {
        return Ok(plan);
    };
    match kconfig.fill(section, &object.externs, kernel.btf()) {
        Ok(bytes) => {
            plan.initial = Some(bytes);
            Ok(plan)
        }
        Err(error) => Err(Box::new(LoadedMap::of(plan, Err(error)))),
    }
}

/// Creates a map and gives it its first value; or takes the one that is there.
pub(super) fn create(kernel: &mut Kernel, mut plan: MapPlan, types: Option<MapTypes>) -> LoadedMap {
    let fd = created(kernel, &mut plan, types);
    let mut map = LoadedMap::of(plan, fd);
    if map.fd.is_ok()
        && map.pin_path.is_some()
        && let Err(error) = map.pin(kernel, None)
    {
        let text = format!("failed to auto-pin it: {}", error.message);
        let failed = Error { message: text, ..error };
        if let Ok(fd) = std::mem::replace(&mut map.fd, Err(failed)) {
            // Nobody has seen it yet.
            let _ = kernel.close(fd);
        }
    }
    map
}

fn created(kernel: &mut Kernel, plan: &mut MapPlan, types: Option<MapTypes>) -> Result<Fd, Error> {
    let place = format!("map {}", plan.name);
    if !plan.autocreate {
        return Err(Error::skipped(place, "it is not created"));
    }
    as_libbpf_adjusts(&mut plan.spec, kernel.cpus());
    if let Some(inner) = plan.spec.inner.as_mut() {
        as_libbpf_adjusts(inner, kernel.cpus());
    }
    if let Some(path) = plan.pin_path.clone() {
        reuse_pinned(kernel, plan, &path)?;
    }
    if let Some(fd) = plan.reused {
        return Ok(fd);
    }
    if plan.spec.kind == MapType::StructOps {
        let text = "the struct itself is not created: its members are programs that can be called";
        return Err(Error::skipped(place, text));
    }
    if let Some(kind) = plan.unknown_kind {
        let text = format!("map type {kind} is none that Linux 6.18 knows");
        return Err(Error::bad_input(place, text).with_errno(Errno::EINVAL));
    }
    if plan.ifindex != 0 {
        // `bpf_map_offload_map_alloc`: no device here runs programs itself.
        let text =
            format!("the network interface {} holds no maps: it cannot run programs itself", plan.ifindex);
        return Err(Error::bad_input(place, text).with_errno(Errno::EOPNOTSUPP));
    }
    if let Some(inner) = plan.inner_fd {
        let spec = kernel.map_info(inner).map_err(|errno| {
            let text = format!("its inner maps are to be as fd {inner}, which is no map ({errno})");
            Error::bad_input(&place, text).with_errno(errno)
        })?;
        plan.spec.inner = Some(Box::new(spec.clone()));
    }
    let initial = plan.initial.as_deref().filter(|_| matches!(plan.source, MapSource::Section(_)));
    create_filled(kernel, &mut plan.spec, types, initial, &place)
}

/// Takes the map that is pinned where this one is to be, if there is one (`bpf_object__reuse_map`).
fn reuse_pinned(kernel: &mut Kernel, plan: &mut MapPlan, path: &str) -> Result<(), Error> {
    let fd = match kernel.obj_get(path) {
        Ok(fd) => fd,
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => {
            return Err(plan.error(errno, &format!("couldn't retrieve pinned map '{path}' ({errno})")));
        }
    };
    let is_alike = kernel.map_info(fd).is_ok_and(|there| is_alike(there, &plan.spec));
    let reused = match is_alike {
        true => plan.reuse_fd(kernel, fd),
        false => {
            let text = format!("couldn't reuse pinned map at '{path}': parameter mismatch");
            Err(plan.error(Errno::EINVAL, &text))
        }
    };
    // It was opened here, and the map that is reused has an fd of its own.
    let _ = kernel.close(fd);
    plan.pinned = reused.is_ok();
    reused
}

/// Whether a map is what another was going to be (`map_is_reuse_compat`).
fn is_alike(there: &MapSpec, wanted: &MapSpec) -> bool {
    let mut flags = there.flags;
    if matches!(wanted.kind, MapType::Devmap | MapType::DevmapHash) {
        // The kernel adds it.
        flags &= !skep_abi::flags::BPF_F_RDONLY_PROG;
    }
    (there.kind, there.key_size, there.value_size) == (wanted.kind, wanted.key_size, wanted.value_size)
        && (there.max_entries, flags, there.map_extra) == (wanted.max_entries, wanted.flags, wanted.map_extra)
}

fn create_filled(
    kernel: &mut Kernel,
    spec: &mut MapSpec,
    types: Option<MapTypes>,
    initial: Option<&[u8]>,
    place: &str,
) -> Result<Fd, Error> {
    let fd = create_typed(kernel, spec, types).map_err(|error| {
        let class = match error.class() {
            CreateClass::BadInput => Class::BadInput,
            CreateClass::NotEmulated => Class::NotEmulated,
            CreateClass::HostLimit => Class::HostLimit,
        };
        let hint = match spec.max_entries {
            0 if class == Class::BadInput => {
                "; the object leaves max_entries to its loader: set it before loading"
            }
            _ if spec.inner.is_none() && matches!(spec.kind, MapType::ArrayOfMaps | MapType::HashOfMaps) => {
                "; the object leaves the inner map to its loader: set one before loading"
            }
            _ => "",
        };
        Error::new(class, place, format!("{error}{hint}")).with_errno(error.errno())
    })?;
    if let Some(bytes) = initial {
        kernel
            .map_update_elem(fd, &0u32.to_ne_bytes(), bytes, 0)
            .and_then(|()| match spec.flags & skep_abi::flags::BPF_F_RDONLY_PROG {
                0 => Ok(()),
                _ => kernel.map_freeze(fd),
            })
            .map_err(|errno| {
                let text = format!("its content cannot be set ({errno})");
                no_memory(kernel, place).unwrap_or_else(|| Error::bad_input(place, text)).with_errno(errno)
            })?;
    }
    Ok(fd)
}

/// Creates a map; without types, if it cannot be with them, as libbpf does.
fn create_typed(kernel: &mut Kernel, spec: &mut MapSpec, types: Option<MapTypes>) -> Result<Fd, CreateError> {
    let typed = types.is_some();
    match kernel.map_create_typed(spec, types) {
        Err(error) if typed && error.class() == CreateClass::BadInput => {
            let plain = MapSpec { special: Vec::new(), typed: false, ..spec.clone() };
            // What is wrong with it is for the first attempt to say.
            let fd = kernel.map_create(&plain).map_err(|_| error)?;
            *spec = plain;
            Ok(fd)
        }
        answer => answer,
    }
}

/// The error of a call that the machine's limit on memory refused, if that is what happened.
pub(super) fn no_memory(kernel: &Kernel, place: &str) -> Option<Error> {
    kernel.refused().map(|text| Error::new(Class::HostLimit, place, text))
}

/// What libbpf makes of sizes that the object leaves open (`map_set_def_max_entries`, `adjust_ringbuf_sz`).
fn as_libbpf_adjusts(spec: &mut MapSpec, cpus: u32) {
    if spec.kind == MapType::PerfEventArray && spec.max_entries == 0 {
        spec.max_entries = cpus;
    }
    round_ring(spec);
}
