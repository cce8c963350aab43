//! What a verifier is shown of a program that is being loaded.

use super::attach::Attached;
use super::uses::Uses;
use super::{Asked, AttachView, MapView, ModuleView, ProgLoad, ProgView, check};
use crate::state::Core;
use skep_abi::MapType;
use skep_btf::TypeId;
use skep_isa::{Imm64, Op, decode};
use skep_maps::ObjRef;
use skep_memory::Memory;

/// What has been found out about a program before a verifier sees it.
pub(super) struct Front<'a> {
    pub(super) load: &'a ProgLoad,
    /// The attach type, where an old program leaves it out.
    pub(super) attach_type: u32,
    pub(super) attached: &'a Attached,
    /// The program whose function it is attached to, and where that starts if there is such a function.
    pub(super) target: Option<(ObjRef, Option<usize>)>,
    pub(super) uses: &'a Uses,
    pub(super) asked: Option<&'a Asked>,
}

impl Front<'_> {
    /// Shows a verifier's `look` the program.
    pub(super) fn show<T>(&self, core: &Core, memory: &Memory, look: impl FnOnce(&ProgView<'_>) -> T) -> T {
        let load = self.load;
        let bound = self.uses.bound;
        let maps = self.uses.maps.iter().enumerate();
        let maps: Vec<_> = maps.filter_map(|(at, it)| map(core, memory, it, at < bound)).collect();
        let modules = modules(core, load);
        // Both are about the program's types (`check_btf_func`, `check_btf_line`): without these a kernel is told neither.
        let typed = load.btf.is_some();
        look(&ProgView {
            name: &load.name,
            prog_type: load.prog_type,
            expected_attach_type: self.attach_type,
            flags: load.flags,
            gpl_compatible: check::is_gpl_compatible(&load.license),
            insns: &load.insns,
            maps: &maps,
            map_uses: &self.uses.by_slot,
            lines: if typed { &load.lines } else { &[] },
            funcs: if typed { &load.funcs } else { &[] },
            btf: load.btf.as_ref(),
            kernel: core.btf.as_ref(),
            poisoned: &load.poisoned,
            modules: &modules,
            fd_array: &load.fd_array,
            other_fds: &self.uses.other_fds,
            attach: self.attach(core),
            asked: self.asked,
        })
    }

    fn attach<'a>(&'a self, core: &'a Core) -> AttachView<'a> {
        let load = self.load;
        let module = load.attach_module.as_deref();
        let kernel = core.btf.as_ref();
        let prog = self.target.and_then(|it| core.objects.prog(it.0)).map(|it| &*it.info);
        let slot = self.target.and_then(|it| it.1);
        let func = prog.zip(slot).and_then(|(prog, slot)| prog.funcs.iter().find(|it| it.slot == slot));
        let btf = match (prog, module) {
            (Some(prog), _) => prog.btf.as_ref(),
            (None, None) => kernel.map(|it| &it.vmlinux),
            (None, Some(name)) => kernel.and_then(|it| it.module(name)),
        };
        let id = func.map_or(load.attach_btf_id, |it| it.type_id);
        let name = self.attached.name.as_deref().or_else(|| func.map(|it| &*it.name));
        AttachView {
            btf_id: TypeId(id),
            btf: btf.filter(|_| id != 0 || func.is_some()),
            module,
            name,
            prog,
            func,
        }
    }
}

fn map<'a>(
    core: &'a Core,
    memory: &Memory,
    &(id, slot): &(ObjRef, usize),
    bound: bool,
) -> Option<MapView<'a>> {
    let object = core.objects.map(id)?;
    let spec = object.map.spec();
    let constant = (spec.kind == MapType::Array && spec.max_entries == 1 && object.map.is_constant())
        .then(|| object.map.value_addr(&core.cx(memory), 0).ok())
        .flatten()
        .and_then(|addr| {
            let mut bytes = vec![0; spec.value_size as usize];
            memory.peek(addr, &mut bytes).ok().map(|()| bytes)
        });
    let unplaced = object.map.arena().is_some_and(|it| !it.is_known());
    let (id, types) = (core.objects.number(id), object.types.as_ref());
    Some(MapView { slot, id, spec, types, bound, constant, unplaced })
}

/// The modules whose fds a program names: in `fd_array`, and in the second slots of wide loads.
fn modules<'a>(core: &'a Core, load: &ProgLoad) -> Vec<ModuleView<'a>> {
    let mut fds = load.fd_array.clone();
    let mut slot = 0;
    while let Ok(op) = decode(&load.insns, slot) {
        if let Op::LoadImm64 { value: Imm64::BtfId { obj_fd, .. }, .. } = op
            && obj_fd != 0
        {
            fds.push(obj_fd);
        }
        slot += op.slots();
    }
    fds.sort_unstable();
    fds.dedup();
    fds.into_iter().filter_map(|fd| module(core, fd)).collect()
}

fn module(core: &Core, fd: i32) -> Option<ModuleView<'_>> {
    let (name, btf) = core.btf.as_ref()?.modules.get(core.module_of(fd)?)?;
    Some(ModuleView { fd, name, btf })
}
