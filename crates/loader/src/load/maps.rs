//! Creating maps.

use skep_abi::MapType;
use skep_kernel::{Class, Fd, Kernel, MapTypes};
use skep_maps::{CreateClass, CreateError, MapSpec};
use skep_object::{DataKind, Object};

use super::loaded::{Loaded, LoadedMap};
use crate::error::Error;
use crate::kconfig::Kconfig;
use crate::open::{MapPlan, MapSource};

impl Loaded {
    /// Puts the variables of the arena at its start, as libbpf does.
    pub(super) fn fill_arena(&mut self, kernel: &mut Kernel) {
        let Some(section) = self.object.data.iter().find(|it| it.kind == DataKind::Arena) else { return };
        let Some(map) = self.maps.iter_mut().find(|it| it.spec.kind == MapType::Arena) else { return };
        let Ok(fd) = map.fd else { return };
        if let Err(errno) = kernel.arena_write(fd, 0, &section.bytes) {
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
        Err(error) => {
            let MapPlan { name, spec, source, .. } = plan;
            Err(Box::new(LoadedMap { name, spec, source, fd: Err(error) }))
        }
    }
}

/// Creates a map and gives it its first value.
pub(super) fn create(kernel: &mut Kernel, plan: MapPlan, types: Option<MapTypes>) -> LoadedMap {
    let MapPlan { name, mut spec, unknown_kind, source, autocreate, initial } = plan;
    let place = format!("map {name}");
    let fd = if !autocreate {
        Err(Error::skipped(&place, "it is not created"))
    } else if spec.kind == MapType::StructOps {
        let text = "the struct itself is not created: its members are programs that can be called";
        Err(Error::skipped(&place, text))
    } else if let Some(kind) = unknown_kind {
        Err(Error::bad_input(&place, format!("map type {kind} is none that Linux 6.18 knows")))
    } else {
        as_libbpf_adjusts(&mut spec, kernel.cpus());
        if let Some(inner) = spec.inner.as_mut() {
            as_libbpf_adjusts(inner, kernel.cpus());
        }
        create_filled(kernel, &mut spec, types, initial.as_deref(), &place)
    };
    LoadedMap { name, spec, source, fd }
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
        Error::new(class, place, format!("{error}{hint}"))
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
                no_memory(kernel, place).unwrap_or_else(|| Error::bad_input(place, text))
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

/// What libbpf makes of sizes that the object leaves open (`adjust_ringbuf_sz`, `bpf_object__create_map`).
fn as_libbpf_adjusts(spec: &mut MapSpec, cpus: u32) {
    const PAGE: u32 = 4096;
    match spec.kind {
        MapType::PerfEventArray if spec.max_entries == 0 => spec.max_entries = cpus,
        MapType::Ringbuf | MapType::UserRingbuf if spec.max_entries > 0 => {
            let pages = spec.max_entries.div_ceil(PAGE).checked_next_power_of_two();
            if let Some(size) = pages.and_then(|pages| pages.checked_mul(PAGE)) {
                spec.max_entries = size;
            }
        }
        _ => {}
    }
}
