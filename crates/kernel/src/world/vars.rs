//! Variables of the kernel: one each, or one for every CPU.
//!
//! Per-CPU variables are laid out as the linker has them: a section with the initial values, which is what the address
//! of a variable is in, and a copy of all of it for every CPU at a distance that is the same for all variables
//! (`__per_cpu_offset`). Each variable is an object of its own once somebody asked for it.

use super::error::Problem;
use super::scene::Scene;
use super::value::FieldValue;
use skep_btf::{Def, Kind, TypeId};
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use std::collections::BTreeMap;

/// The section of per-CPU variables.
const SECTION: &str = ".data..percpu";
/// Copies start at a page.
const PAGE: u64 = 4096;

/// The bytes of a variable.
type Fill = fn(&Scene<'_>) -> Vec<u8>;

/// Variables that are not in the BTF, the type of which they are (or their elements), and how they are filled.
const PLAIN: [(&str, &str, Fill); 2] = [
    ("nr_cpu_ids", "unsigned int", |scene| scene.cpus.to_le_bytes().to_vec()),
    ("__per_cpu_offset", "long unsigned int", |scene| {
        let stride = scene.world.vars.section.map_or(0, |it| it.1);
        (1..=u64::from(scene.cpus)).flat_map(|copy| (copy * stride).to_le_bytes()).collect()
    }),
];

/// Variables that were asked for.
#[derive(Default)]
pub(crate) struct Vars {
    /// Those that there is one of, by name.
    single: BTreeMap<Box<str>, u64>,
    /// The section of per-CPU variables: address, bytes of a copy.
    section: Option<(u64, u64)>,
    /// Those of it that were asked for: address of the first copy, by name.
    per_cpu: BTreeMap<Box<str>, u64>,
}

/// A variable in the BTF.
struct Found {
    type_id: TypeId,
    size: u64,
    /// Bytes from the start of the section, if it is per CPU.
    offset: Option<u64>,
}

impl Scene<'_> {
    /// The address of a variable: of a per-CPU one, the address that [`per_cpu`](Scene::per_cpu) takes. `None` if there
    /// is none of this name.
    pub(crate) fn variable(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        let known = self.world.vars.single.get(name).or_else(|| self.world.vars.per_cpu.get(name));
        if let Some(addr) = known {
            return Ok(Some(*addr));
        }
        if Self::is_symbol(name) {
            return self.named(name);
        }
        if let Some((name, _, bytes)) = PLAIN.iter().find(|it| it.0 == name) {
            self.section()?;
            let bytes = bytes(self);
            let addr = self.put_kernel(name, &bytes)?;
            self.world.vars.single.insert((*name).into(), addr);
            return Ok(Some(addr));
        }
        match self.find_variable(name) {
            Some(Found { size, offset: Some(offset), type_id }) => {
                self.per_cpu_variable(name, type_id, size, offset).map(Some)
            }
            Some(Found { type_id, .. }) => {
                let addr = self.alloc(type_id, false)?;
                self.world.vars.single.insert(name.into(), addr);
                Ok(Some(addr))
            }
            None => Ok(None),
        }
    }

    /// The type of a variable.
    pub(crate) fn variable_type(&self, name: &str) -> Option<TypeId> {
        if let Some((_, type_name)) = Self::symbols().find(|it| it.0 == name) {
            return super::types::find(&self.btf, type_name).ok();
        }
        if let Some((_, type_name, _)) = PLAIN.iter().find(|it| it.0 == name) {
            return super::types::find(&self.btf, type_name).ok();
        }
        self.find_variable(name).map(|it| it.type_id)
    }

    fn find_variable(&self, name: &str) -> Option<Found> {
        let btf = &self.btf;
        let section = btf.find(Kind::DataSec, SECTION);
        if let Some(var) = section.and_then(|id| btf.vars(id).find(|it| it.name == name)) {
            let size = btf.size_of(var.type_id).unwrap_or(0).max(var.size.into());
            return Some(Found { type_id: var.type_id, size, offset: Some(var.offset.into()) });
        }
        let Def::Var(var) = btf.type_by_id(btf.find(Kind::Var, name)?)?.def else { return None };
        Some(Found { type_id: var.type_id, size: btf.size_of(var.type_id).ok()?, offset: None })
    }

    /// The section of per-CPU variables and its copies.
    fn section(&mut self) -> Result<(u64, u64), Problem> {
        if let Some(section) = self.world.vars.section {
            return Ok(section);
        }
        let btf = &self.btf;
        let id = btf.find(Kind::DataSec, SECTION);
        // Every variable has its place, whatever the section's own size says.
        let ends = id.into_iter().flat_map(|id| btf.vars(id)).map(|var| {
            let size = btf.size_of(var.type_id).unwrap_or(0).max(var.size.into());
            size.saturating_add(var.offset.into())
        });
        let size = ends.max().unwrap_or(0).max(PAGE).saturating_add(PAGE).next_multiple_of(PAGE);
        let all = size.saturating_mul(u64::from(self.cpus) + 1);
        super::scene::check_size(all)?;
        let origin = Origin::new(ObjectKind::KernelObject, "per-CPU variables");
        let addr = self.memory.alloc(Arena::Kernel, all as usize, PAGE as usize, Rights::NONE, origin)?;
        self.world.vars.section = Some((addr, size));
        Ok((addr, size))
    }

    fn per_cpu_variable(
        &mut self,
        name: &str,
        type_id: TypeId,
        size: u64,
        offset: u64,
    ) -> Result<u64, Problem> {
        let (start, stride) = self.section()?;
        let addr = start + offset;
        for cpu in 0..self.cpus {
            let copy = addr + stride * (u64::from(cpu) + 1);
            let origin = Origin::new(ObjectKind::KernelObject, format!("{name} of CPU {cpu}"));
            // Variables of a section that overlap, in BTF that nothing made, have the bytes of the first.
            if !self.memory.carve(copy, size as usize, Rights::RO, origin)
                && let Some(refused) = self.memory.take_refused()
            {
                return Err(Problem::NoRoom(crate::report::over_limit(&refused)));
            }
            self.initial(name, type_id, copy, cpu)?;
        }
        self.world.vars.per_cpu.insert(name.into(), addr);
        Ok(addr)
    }

    /// What is in a CPU's copy of a variable from the start.
    fn initial(&mut self, name: &str, type_id: TypeId, addr: u64, cpu: u32) -> Result<(), Problem> {
        let offset = self.world.vars.section.map_or(0, |it| it.1 * (u64::from(cpu) + 1));
        let fields: &[(&str, u64)] = match name {
            "cpu_number" => &[("", cpu.into())],
            "x86_cpu_to_apicid" => &[("", cpu.into())],
            "idle_threads" => &[("", self.idle_task(cpu)?.unwrap_or(0))],
            "this_cpu_off" => &[("", offset)],
            "current_task" => &[("", self.current(cpu)?)],
            // From Linux 6.2 to 6.14.
            "pcpu_hot" => &[("cpu_number", cpu.into()), ("current_task", self.current(cpu)?)],
            "runqueues" => {
                let idle = self.idle_task(cpu)?.unwrap_or(0);
                let running = self.world.on_cpu.get(&cpu).copied().unwrap_or(idle);
                &[("cpu", cpu.into()), ("idle", idle), ("curr", running)]
            }
            _ => &[],
        };
        for (path, value) in fields {
            match self.set(addr, type_id, path, &FieldValue::Addr(*value)) {
                Err(Problem::NoRoom(text)) => return Err(Problem::NoRoom(text)),
                _ => continue,
            }
        }
        Ok(())
    }

    /// Has the variables of a CPU that were asked for say which task runs on it.
    pub(crate) fn now_runs(&mut self, cpu: u32, task: u64) -> Result<(), Problem> {
        for (name, path) in [("runqueues", "curr"), ("current_task", ""), ("pcpu_hot", "current_task")] {
            let known = self.world.vars.per_cpu.get(name).and_then(|addr| self.per_cpu(*addr, cpu));
            if let (Some(copy), Some(id)) = (known, self.variable_type(name)) {
                self.set(copy, id, path, &FieldValue::Addr(task))?;
            }
        }
        Ok(())
    }

    /// The address of a CPU's copy of what is at an address in the section of per-CPU variables; `None` for other
    /// addresses and CPUs that there are not.
    pub(crate) fn per_cpu(&self, addr: u64, cpu: u32) -> Option<u64> {
        let (start, stride) = self.world.vars.section?;
        let inside = addr.wrapping_sub(start) < stride && cpu < self.cpus;
        inside.then(|| addr + stride * (u64::from(cpu) + 1))
    }
}
