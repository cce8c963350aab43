//! Loading: maps are created, programs linked, relocated and handed to the kernel.

mod loaded;
mod maps;
mod program;

use std::collections::HashSet;

use skep_abi::ProgType;
use skep_kernel::{Kernel, TargetBtf};
use skep_object::{DataKind, Object};

use crate::core::{self, Relocated};
use crate::error::Error;
use crate::ksyms::Symbols;
use crate::map_types;
use crate::open::{MapPlan, OpenObject, ProgramPlan};
use crate::own_types;
use crate::struct_ops;
use maps::{configured, create};
use program::Outside;

pub use loaded::{Loaded, LoadedMap, LoadedProgram, Request};

impl OpenObject {
    /// Creates the maps and loads the programs, as `bpf_object__load` does.
    ///
    /// libbpf gives up at the first failure. Here each program and map that cannot be loaded keeps its error, and the
    /// rest goes on: ask [`Loaded::complete`] for libbpf's verdict.
    pub fn load(self, kernel: &mut Kernel) -> Loaded {
        let OpenObject { object, mut programs, maps, kconfig, btf_custom, log_level } = self;
        let btf = own_types::for_kernel(&object);
        let in_arena = arena_bytes(&object, &maps);
        let maps: Vec<LoadedMap> = maps
            .into_iter()
            .map(|plan| match configured(plan, &object, &kconfig, kernel) {
                Ok(plan) => {
                    let types = btf.as_ref().and_then(|btf| map_types::of(&object, btf, &plan));
                    create(kernel, plan, types)
                }
                Err(map) => *map,
            })
            .collect();
        let relocated = relocate_core(&object, btf_custom.as_ref().or(kernel.btf()), &programs);
        let mut loaded = Loaded { object, programs: Vec::new(), maps, btf };
        if let Some(bytes) = in_arena {
            loaded.fill_arena(kernel, &bytes);
        }
        loaded.fill_maps_of_maps(kernel);
        let symbols = Symbols::new(&loaded.object, kernel);
        let outside = Outside { relocated: &relocated, symbols: &symbols };
        for plan in &mut programs {
            plan.log_level |= log_level;
            plan.autoload = struct_ops::autoload(&loaded.object, &loaded.maps, plan);
        }
        for plan in programs {
            let mut target = plan.target(&loaded.object);
            if plan.prog_type == Some(ProgType::StructOps)
                && let Some(member) = struct_ops::target_of(&loaded.object, plan.index, kernel.btf())
            {
                target = member;
            }
            let program = loaded.load_program(kernel, &outside, plan, target);
            loaded.programs.push(program);
        }
        symbols.close(kernel);
        loaded.fill_program_arrays(kernel);
        loaded
    }
}

impl OpenObject {
    /// Loads all of the object or nothing: if a map or program cannot be, those that could are taken away again, and
    /// their pins too (`bpf_object__load`).
    ///
    /// # Errors
    /// What could not be loaded first, and why.
    pub fn load_all(self, kernel: &mut Kernel) -> Result<Loaded, Error> {
        let mut loaded = self.load(kernel);
        match loaded.complete() {
            Ok(()) => Ok(loaded),
            Err(error) => {
                for map in loaded.maps.iter_mut().filter(|it| it.pinned && !it.reused) {
                    // The error that is told is the first.
                    let _ = map.unpin(kernel, None);
                }
                loaded.close(kernel);
                Err(error)
            }
        }
    }
}

/// What the variables of the arena start with.
fn arena_bytes(object: &Object, maps: &[MapPlan]) -> Option<Vec<u8>> {
    let section = object.data.iter().position(|it| it.kind == DataKind::Arena)?;
    maps.get(object.maps.len() + section)?.initial.clone()
}

/// Resolves the CO-RE relocations of the programs that are to be loaded, and of what they may call.
fn relocate_core(object: &Object, target: Option<&TargetBtf>, programs: &[ProgramPlan]) -> Relocated {
    let off: HashSet<usize> = programs.iter().filter(|it| !it.autoload).map(|it| it.index).collect();
    match target {
        Some(target) => core::relocate(object, target, |program| !off.contains(&program), |_| {}),
        None => Relocated::without_types(object),
    }
}
