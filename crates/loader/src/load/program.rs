//! Loading a program: it is linked, what lies outside of it is filled in, and the kernel gets it.

use skep_abi::{AttachType, Errno, MapType, ProgType};
use skep_kernel::{Class, Fd, Kernel, ProgLoad, Target as AttachTarget};
use skep_object::{DataKind, ExternKind, Target};

use super::loaded::{Loaded, LoadedMap, LoadedProgram, Request};
use crate::core::Relocated;
use crate::error::{Error, Refused};
use crate::ksyms::Symbols;
use crate::link::{self, Linked};
use crate::open::ProgramPlan;
use crate::sec;
use crate::target;

/// What a program's code needs from outside of it, for all programs of an object.
pub(super) struct Outside<'a> {
    pub(super) relocated: &'a Relocated,
    pub(super) symbols: &'a Symbols,
}

impl Loaded {
    /// Loads a program that is to be loaded.
    pub(super) fn load_program(
        &self,
        kernel: &mut Kernel,
        outside: &Outside<'_>,
        plan: ProgramPlan,
        mut target: Result<AttachTarget, Error>,
    ) -> LoadedProgram {
        let mut log = String::new();
        let mut request = None;
        let fd = self.prepare(kernel, outside, &plan, &mut target).and_then(|load| {
            request = Some(Request {
                prog_type: load.prog_type,
                expected_attach_type: load.expected_attach_type,
                flags: load.flags,
                insns: load.insns.clone(),
                funcs: load.funcs.clone(),
                lines: load.lines.clone(),
            });
            self.ask(kernel, load, &plan, &mut log)
        });
        let is_usdt = plan.sec().is_some_and(|def| def.flags & sec::flags::USDT != 0);
        LoadedProgram {
            name: plan.name,
            section: plan.section,
            handler: plan.handler,
            prog_type: plan.prog_type,
            attach_type: if is_usdt { Some(AttachType::TraceUprobeMulti) } else { plan.attach_type },
            index: plan.index,
            autoload: plan.autoload,
            autoattach: plan.autoattach,
            request,
            log,
            target,
            fd,
        }
    }

    /// What `BPF_PROG_LOAD` is going to get (`bpf_object_load_prog`).
    fn prepare(
        &self,
        kernel: &mut Kernel,
        outside: &Outside<'_>,
        plan: &ProgramPlan,
        target: &mut Result<AttachTarget, Error>,
    ) -> Result<ProgLoad, Error> {
        let place = || format!("program {}", plan.name);
        if !plan.autoload {
            return Err(Error::skipped(place(), "it is not loaded unless it is asked for (SEC(\"?...\"))"));
        }
        let prog_type = plan.prog_type.ok_or_else(|| {
            Error::bad_input(place(), unknown_section(&plan.section)).with_errno(Errno::EINVAL)
        })?;
        if plan.ifindex != 0 {
            let text = format!("the network interface {} does not run programs itself", plan.ifindex);
            return Err(Error::new(Class::NotEmulated, place(), text).with_errno(Errno::EOPNOTSUPP));
        }
        // What is of another program is not of the kernel.
        if let Ok(target) = target
            && plan.attach_prog.is_none()
        {
            target::resolve(target, kernel.btf(), &plan.name, &place())?;
        }
        let mut linked = match plan.rewritten {
            true => Linked { insns: plan.insns.to_vec(), ..Linked::default() },
            false => link::link(&self.object, outside.relocated, plan.index)?,
        };
        self.relocate(kernel, outside.symbols, &mut linked, &place())?;
        let Linked { insns, lines, funcs, poisoned, .. } = linked;
        let mut load = ProgLoad::new(&plan.name, prog_type, insns);
        load.license = self.object.license.clone();
        load.expected_attach_type = plan.attach_type.map_or(0, |it| it.to_u32());
        load.flags = plan.load_flags();
        if plan.sec().is_some_and(|def| def.flags & sec::flags::USDT != 0) {
            // It is attached by a link to many places, which the kernel has (`FEAT_UPROBE_MULTI_LINK`).
            load.expected_attach_type = AttachType::TraceUprobeMulti.to_u32();
        }
        aim(&mut load, plan, target)?;
        load.btf = self.btf.clone();
        load.fd_array.clone_from(&outside.symbols.fd_array);
        load.lines = lines;
        load.funcs = funcs;
        load.poisoned = poisoned;
        plan.prepare(&mut load)?;
        Ok(load)
    }

    /// Has the kernel load a program.
    fn ask(
        &self,
        kernel: &mut Kernel,
        load: ProgLoad,
        plan: &ProgramPlan,
        log: &mut String,
    ) -> Result<Fd, Error> {
        kernel.prog_load_logged(load, plan.log_level, log).map_err(|error| {
            let message = error.to_string();
            let text = message.strip_prefix(&format!("{}: ", error.class)).unwrap_or(&message);
            let refused = Refused { errno: error.errno, message: error.message.clone(), slot: error.slot };
            let refused = Some(refused).filter(|_| error.class == Class::Rejected);
            let place = format!("program {}", plan.name);
            let error_of = Error::new(error.class, place, text).with_errno(error.errno);
            *log = error.log;
            Error { refused, ..error_of }
        })
    }

    /// The map that holds a data section: the arena, for variables in it.
    fn map_of_data(&self, section: usize) -> Option<&LoadedMap> {
        match self.object.data.get(section)?.kind {
            DataKind::Arena => self.maps.iter().find(|it| it.spec.kind == MapType::Arena),
            _ => self.maps.get(self.object.maps.len() + section),
        }
    }

    /// Fills in what lies outside of the code.
    fn relocate(
        &self,
        kernel: &mut Kernel,
        symbols: &Symbols,
        linked: &mut Linked,
        place: &str,
    ) -> Result<(), Error> {
        for (slot, target) in &linked.relocs {
            let at = || format!("{place}, instruction {slot}");
            let (map, offset) = match *target {
                Target::Map(index) => (self.maps.get(index), None),
                Target::Data { section, offset } => (self.map_of_data(section), Some(offset)),
                Target::Extern(index) => match self.config_value(index) {
                    Some((map, offset)) => (Some(map), Some(offset)),
                    None => {
                        let external = self.object.externs.get(index);
                        let external = external
                            .ok_or_else(|| Error::bad_input(at(), "the relocation's extern is not there"))?;
                        let poison = symbols.relocate(kernel, external, index, &mut linked.insns, *slot);
                        let poison = poison.map_err(|error| Error::bad_input(at(), error.message))?;
                        linked.poisoned.extend(poison.map(|message| (*slot, message)));
                        continue;
                    }
                },
                // link::link has left none.
                Target::Subprog { .. } => continue,
            };
            let map = map.ok_or_else(|| Error::bad_input(at(), "the relocation's map is not there"))?;
            let fd = map.fd.clone().map_err(|error| {
                Error::new(
                    error.class,
                    at(),
                    format!("it uses the map {:?}, which is not there: {error}", map.name),
                )
            })?;
            let Some([first, second]) = linked.insns.get_mut(*slot..*slot + 2) else {
                return Err(Error::bad_input(at(), "the relocated instruction is cut off"));
            };
            first.imm = fd.0;
            match offset {
                // BPF_PSEUDO_MAP_FD
                None => first.src = 1,
                Some(offset) => {
                    // BPF_PSEUDO_MAP_VALUE; libbpf computes the offset modulo 2^32 too.
                    first.src = 2;
                    second.imm = offset as u32 as i32;
                }
            }
        }
        linked.poisoned.sort_by_key(|it| it.0);
        Ok(())
    }

    /// The map of configuration values, and where in it one is, if an extern is one.
    fn config_value(&self, index: usize) -> Option<(&LoadedMap, u64)> {
        let ExternKind::Kconfig { offset, .. } = self.object.externs.get(index)?.kind else { return None };
        let section = self.object.data.iter().position(|it| it.kind == DataKind::Kconfig)?;
        Some((self.maps.get(self.object.maps.len() + section)?, offset.into()))
    }
}

/// Says what the program is attached to.
fn aim(load: &mut ProgLoad, plan: &ProgramPlan, target: &Result<AttachTarget, Error>) -> Result<(), Error> {
    match target {
        Ok(AttachTarget::Btf { id, module, .. }) => {
            load.attach_btf_id = *id;
            load.attach_module.clone_from(module);
        }
        Ok(AttachTarget::StructOps { id, index, .. }) => {
            load.attach_btf_id = *id;
            load.expected_attach_type = *index;
        }
        Err(error) if load.prog_type == ProgType::StructOps => return Err(error.clone()),
        _ => {}
    }
    load.attach_prog = plan.attach_prog;
    if let (Ok(AttachTarget::Freplace { func } | AttachTarget::Btf { name: func, .. }), Some(_)) =
        (target, plan.attach_prog)
    {
        load.attach_func = Some(func.clone());
    }
    if load.prog_type == ProgType::Ext && plan.attach_prog.is_none() {
        let text = format!(
            "prog '{}': attach program FD is not set: say whose function it replaces (Builder::attach_prog)",
            plan.name
        );
        return Err(Error::bad_input(format!("program {}", plan.name), text).with_errno(Errno::EINVAL));
    }
    Ok(())
}

fn unknown_section(section: &str) -> String {
    let hint = match sec::suggest(section) {
        Some(name) => format!("; did you mean {name:?}?"),
        None => String::new(),
    };
    format!("the section name {section:?} tells no program type{hint} (it can be set before loading)")
}
