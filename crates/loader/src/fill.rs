//! What maps hold from the start: programs in PROG_ARRAYs, maps in maps of maps.

use std::sync::Arc;

use skep_kernel::{Fd, Kernel};
use skep_object::ValueRef;

use crate::error::Error;
use crate::load::Loaded;

impl Loaded {
    /// Puts maps into the maps of maps that name them in their definition (`init_map_in_map_slots`). libbpf does so as
    /// it creates each map, and fails if an inner map is defined behind the outer one; here the order does not matter.
    pub(crate) fn fill_maps_of_maps(&mut self, kernel: &mut Kernel) {
        self.fill(kernel, |loaded, value| match value {
            ValueRef::Map(index) => loaded.maps.get(index).map(|map| (map.name.clone(), map.fd.clone())),
            _ => None,
        });
    }

    /// Puts programs into the PROG_ARRAYs that name them in their definition (`bpf_object_init_prog_arrays`).
    pub(crate) fn fill_program_arrays(&mut self, kernel: &mut Kernel) {
        self.fill(kernel, |loaded, value| match value {
            ValueRef::Program(program) => {
                let found = loaded.programs.iter().find(|it| it.index == program);
                Some(match found {
                    Some(program) => (program.name.clone(), program.fd.clone()),
                    None => {
                        let missing = Error::bad_input("", "what it is initialised with is no program");
                        (String::new(), Err(missing))
                    }
                })
            }
            _ => None,
        });
    }

    /// Stores what `target` makes of the values that definitions name.
    fn fill(
        &mut self,
        kernel: &mut Kernel,
        target: impl Fn(&Loaded, ValueRef) -> Option<(String, Result<Fd, Error>)>,
    ) {
        let object = Arc::clone(&self.object);
        for (index, def) in object.maps.iter().enumerate() {
            for (key, value) in &def.values {
                let Some((name, fd)) = target(self, *value) else { continue };
                // libbpf fills a PROG_ARRAY that was there before, and no map of maps.
                if self.maps[index].reused && matches!(value, ValueRef::Map(_)) {
                    continue;
                }
                let Ok(map) = self.maps[index].fd.clone() else { continue };
                if let Err(error) = self.put(kernel, index, *key, &name, fd) {
                    // The map is no longer what its definition says, and neither is whoever uses it.
                    let _ = kernel.close(map);
                    self.maps[index].fd = Err(error);
                }
            }
        }
    }

    fn put(
        &self,
        kernel: &mut Kernel,
        map: usize,
        key: u32,
        name: &str,
        value: Result<Fd, Error>,
    ) -> Result<(), Error> {
        let map = &self.maps[map];
        let Ok(fd) = map.fd.clone() else { return Ok(()) };
        let place = || format!("map {}, slot {key}", map.name);
        let value = value.map_err(|error| match name {
            "" => Error::new(error.class, place(), error.message),
            name => Error::new(error.class, place(), format!("{name}: {}", error.message)),
        })?;
        kernel
            .map_update_elem(fd, &key.to_ne_bytes(), &value.0.to_ne_bytes(), 0)
            .map_err(|errno| Error::bad_input(place(), format!("{name} cannot be put there ({errno})")))
    }
}
