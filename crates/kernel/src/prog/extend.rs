//! EXT programs: they replace a function of another program (`freplace`).
//!
//! The kernel patches a jump into the function's beginning. Here the target is made anew, with the EXT program's code
//! behind its own and the calls of the function going there; a program whose entry is replaced is the EXT program's code
//! alone.

use super::{FuncInfo, ProgInfo, ProgLoad};
use crate::files::Fd;
use crate::kernel::Kernel;
use crate::report::LoadError;
use crate::state::Core;
use skep_abi::{AttachType, Errno, ProgType};
use skep_isa::{Callee, Imm64, Insn, Op, decode};
use skep_maps::ObjRef;
use skep_vm::Program;
use std::sync::Arc;

/// A program that was extended, as it was before.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    program: Arc<Program>,
    info: Arc<ProgInfo>,
    text_base: u64,
    /// The EXT programs, each with a reference, and where the functions start that they replace.
    by: Vec<(ObjRef, usize)>,
}

/// The program that another one is to be attached to, and where the function starts that it is attached to, if there is
/// such a function.
pub(super) fn target(core: &Core, load: &ProgLoad) -> Result<Option<(ObjRef, Option<usize>)>, LoadError> {
    let Some(fd) = load.attach_prog else { return Ok(None) };
    let refused = |errno| Err(LoadError::rejected(errno, None, "attach_prog_fd is no program"));
    let id = match core.prog_of(fd) {
        Ok(id) => id,
        Err(errno) => return refused(errno),
    };
    let Some(prog) = core.objects.prog(id) else { return refused(Errno::EINVAL) };
    let slot = match &load.attach_func {
        Some(func) => slot_of(&prog.info.funcs, func, &prog.info.name),
        None => prog.info.funcs.iter().find(|it| it.type_id == load.attach_btf_id).map(|it| it.slot),
    };
    Ok(Some((id, slot)))
}

/// Checks the target of a program that is loaded to be attached to another (`bpf_check_attach_target`).
pub(super) fn check_target(
    core: &Core,
    load: &ProgLoad,
    (id, slot): (ObjRef, Option<usize>),
) -> Result<(), LoadError> {
    let prog_type = load.prog_type;
    let refused = |errno, text: &str| Err(LoadError::rejected(errno, None, text));
    let Some(prog) = core.objects.prog(id) else {
        return refused(Errno::EINVAL, "attach_prog_fd is no program");
    };
    if slot.is_none() {
        let func = load.attach_func.as_deref().unwrap_or_default();
        return refused(Errno::EINVAL, &format!("Subprog {func} doesn't exist"));
    }
    let target_type = prog.info.prog_type;
    if prog_type != ProgType::Tracing && target_type == prog_type {
        return refused(Errno::EINVAL, "Cannot recursively attach");
    }
    let attach = AttachType::from_u32(prog.info.expected_attach_type);
    if prog_type == ProgType::Ext
        && target_type == ProgType::Tracing
        && matches!(attach, Some(AttachType::TraceFentry | AttachType::TraceFexit))
    {
        return refused(Errno::EINVAL, "Cannot extend fentry/fexit");
    }
    Ok(())
}

/// Where a function starts. A program without function info has its entry alone.
fn slot_of(funcs: &[FuncInfo], func: &str, name: &str) -> Option<usize> {
    let found = funcs.iter().find(|it| &*it.name == func).map(|it| it.slot);
    found.or_else(|| (funcs.is_empty() && func == name).then_some(0))
}

impl Core {
    /// The function of a target that an EXT program is to replace: where it starts (`bpf_check_attach_target`).
    ///
    /// # Errors
    /// `EINVAL`: there is no such function, or the target is none of those that programs extend.
    pub(crate) fn slot_to_extend(&self, target: ObjRef, btf_id: u32) -> Result<usize, Errno> {
        let info = &self.objects.prog(target).ok_or(Errno::EINVAL)?.info;
        let attach = AttachType::from_u32(info.expected_attach_type);
        let traces = info.prog_type == ProgType::Tracing
            && matches!(attach, Some(AttachType::TraceFentry | AttachType::TraceFexit));
        if info.prog_type == ProgType::Ext || traces {
            return Err(Errno::EINVAL);
        }
        info.funcs.iter().find(|it| it.type_id == btf_id).map(|it| it.slot).ok_or(Errno::EINVAL)
    }

    /// From now on, runs of a target run an EXT program instead of the function that starts at a slot. The target keeps
    /// it for as long.
    ///
    /// # Errors
    /// `EBUSY`: that function is replaced already, or the target is in a PROG_ARRAY. `ENOMEM`: no room. `EINVAL`: one of them is no
    /// program.
    pub(crate) fn extend(&mut self, id: ObjRef, target_id: ObjRef, slot: usize) -> Result<(), Errno> {
        let ext = self.objects.prog(id).ok_or(Errno::EINVAL)?;
        let maps = ext.maps.clone();
        let target = self.objects.prog(target_id).ok_or(Errno::EINVAL)?;
        let mut by = target.original.as_ref().map(|it| it.by.clone()).unwrap_or_default();
        if target.memberships > 0 || by.iter().any(|it| it.1 == slot || it.0 == id) {
            return Err(Errno::EBUSY);
        }
        by.push((id, slot));
        self.rebuild(target_id, by)?;
        for map in &maps {
            self.objects.retain(*map);
        }
        self.objects.retain(id);
        if let Some(target) = self.objects.prog_mut(target_id) {
            target.maps.extend(maps);
            target.extended = true;
        }
        Ok(())
    }

    /// A target has that function again.
    ///
    /// # Errors
    /// `ENOENT`: it is not extended by this program.
    pub(crate) fn unextend(&mut self, id: ObjRef, target_id: ObjRef) -> Result<(), Errno> {
        let target = self.objects.prog_mut(target_id).ok_or(Errno::ENOENT)?;
        let by = target.original.as_ref().map(|it| it.by.clone()).unwrap_or_default();
        let left: Vec<_> = by.iter().copied().filter(|it| it.0 != id).collect();
        if left.len() == by.len() {
            return Err(Errno::ENOENT);
        }
        if left.is_empty() {
            if let Some(original) = target.original.take() {
                let text_base = std::mem::replace(&mut target.text_base, original.text_base);
                (target.program, target.info) = (original.program, original.info);
                self.text.free(text_base);
            }
            // The maps of the EXT program stay with the target until it ends: nothing runs differently for that.
            if let Some(target) = self.objects.prog_mut(target_id) {
                target.extended = false;
            }
        } else {
            self.rebuild(target_id, left)?;
        }
        self.objects.release(id);
        Ok(())
    }

    /// Makes a target anew, with these EXT programs in the place of its functions.
    fn rebuild(&mut self, target_id: ObjRef, by: Vec<(ObjRef, usize)>) -> Result<(), Errno> {
        let target = self.objects.prog(target_id).ok_or(Errno::EINVAL)?;
        let (own, own_info) = match &target.original {
            Some(original) => (&original.program, &original.info),
            None => (&target.program, &target.info),
        };
        let (mut insns, mut info) = (own.insns().to_vec(), (**own_info).clone());
        for &(ext, slot) in &by {
            let ext = self.objects.prog(ext).ok_or(Errno::EINVAL)?;
            (insns, info) = joined(insns, info, slot, &ext.program, &ext.info);
            // Nothing of the target's own is left then.
            if slot == 0 {
                break;
            }
        }
        let text_base = self.text.take(insns.len()).ok_or(Errno::ENOMEM)?;
        let program = match Program::new(&insns, text_base) {
            Ok(program) => program.with_tag(u64::from(target_id.0)),
            Err(_) => {
                self.text.free(text_base);
                return Err(Errno::EINVAL);
            }
        };
        let target = self.objects.prog_mut(target_id).ok_or(Errno::EINVAL)?;
        let program = std::mem::replace(&mut target.program, Arc::new(program));
        let info = std::mem::replace(&mut target.info, Arc::new(info));
        let text_base = std::mem::replace(&mut target.text_base, text_base);
        match &mut target.original {
            Some(original) => {
                original.by = by;
                self.text.free(text_base);
            }
            None => target.original = Some(Box::new(Original { program, info, text_base, by })),
        }
        Ok(())
    }
}

impl Kernel {
    /// Attaches an EXT program: from now on, runs of its target run it instead of the function that it replaces.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no EXT program, or its target is gone. `EBUSY`: it is attached already, the target is extended
    /// already, or is in a PROG_ARRAY.
    pub fn attach_ext(&mut self, fd: Fd) -> Result<(), Errno> {
        let id = self.core.prog_of(fd)?;
        let ext = self.core.objects.prog(id).filter(|it| it.info.prog_type == ProgType::Ext);
        let (target, slot) = ext.and_then(|it| it.replaces).ok_or(Errno::EINVAL)?;
        self.core.extend(id, target, slot)
    }

    /// Detaches an EXT program: its target is what it was.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no EXT program. `ENOENT`: it is not attached.
    pub fn detach_ext(&mut self, fd: Fd) -> Result<(), Errno> {
        let id = self.core.prog_of(fd)?;
        let ext = self.core.objects.prog(id).ok_or(Errno::EINVAL)?;
        let (target, _) = ext.replaces.ok_or(Errno::EINVAL)?;
        self.core.unextend(id, target)?;
        self.core.sweep(&self.memory);
        Ok(())
    }
}

/// The code of a target with a function replaced, and what is known of it.
fn joined(
    own: Vec<Insn>,
    own_info: ProgInfo,
    slot: usize,
    ext: &Program,
    ext_info: &ProgInfo,
) -> (Vec<Insn>, ProgInfo) {
    if slot == 0 {
        let info = ProgInfo {
            prog_type: own_info.prog_type,
            expected_attach_type: own_info.expected_attach_type,
            // It sees what its target sees.
            typed_pointers: own_info.typed_pointers,
            ..ext_info.clone()
        };
        return (ext.insns().to_vec(), info);
    }
    let base = own.len();
    let mut insns = own;
    redirect(&mut insns, slot, base);
    insns.extend_from_slice(ext.insns());
    let mut info = own_info;
    info.lines.extend(ext_info.lines.iter().cloned().map(|line| moved(line, base, |it| &mut it.slot)));
    let name: Arc<str> = Arc::from(ext_info.name.as_str());
    if ext_info.funcs.is_empty() {
        info.funcs.push(FuncInfo { slot: base, name, type_id: 0 });
    }
    info.funcs.extend(ext_info.funcs.iter().cloned().map(|func| moved(func, base, |it| &mut it.slot)));
    info.poisoned.extend(ext_info.poisoned.iter().cloned().map(|at| moved(at, base, |it| &mut it.0)));
    (insns, info)
}

fn moved<T>(mut what: T, by: usize, slot: impl Fn(&mut T) -> &mut usize) -> T {
    *slot(&mut what) += by;
    what
}

/// Makes calls of and pointers to the function at a slot go elsewhere.
fn redirect(insns: &mut [Insn], from: usize, to: usize) {
    let mut slot = 0;
    while slot < insns.len() {
        let Ok(op) = decode(insns, slot) else { break };
        let next = slot as i64 + 1;
        let goes = |off: i32| next + i64::from(off) == from as i64;
        match op {
            Op::Call(Callee::Local(off)) if goes(off) => insns[slot].imm = (to as i64 - next) as i32,
            Op::LoadImm64 { value: Imm64::Func(off), .. } if goes(off) => {
                insns[slot].imm = (to as i64 - next) as i32;
            }
            _ => {}
        }
        slot += op.slots();
    }
}
