//! The verifier of `BPF_PROG_LOAD`: [`skep_verifier`], and what it asks of the kernel.

use super::{Examined, MapView, ProgView, Rejection, Verdict, Verify, check};
use crate::types::MapTypes;
use skep_abi::flags::BPF_F_RDONLY_PROG;
use skep_abi::{AttachType, Errno, KernelVersion, MapType, ProgType};
use skep_btf::{Btf, TypeId};
use skep_maps::MapSpec;
use skep_verifier::{
    Attach, Caps, Env, Func, Line, MapInfo, Options, Outcome, Program, Refusal, Stage, Target,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Verifies programs as Linux does.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    /// How.
    pub options: Options,
    /// As which kernel.
    pub kernel: KernelVersion,
}

impl Default for Verifier {
    fn default() -> Verifier {
        Verifier { options: Options::default(), kernel: KernelVersion::new(6, 18) }
    }
}

impl Verify for Verifier {
    fn verify(&self, prog: &ProgView<'_>) -> Verdict {
        self.examine(prog).verdict
    }

    fn examine(&self, prog: &ProgView<'_>) -> Examined {
        let outcome = self.outcome(prog);
        let (log_extent, processed) = (outcome.log_extent.clone(), outcome.stats.insns);
        let max_ctx_offset = outcome.max_ctx_offset;
        let verdict = match outcome.errno {
            None => Verdict::Accepted { log: outcome.log, facts: outcome.facts },
            Some(errno) => Verdict::Rejected(Rejection {
                errno,
                slot: outcome.insn_idx,
                message: outcome.message,
                log: outcome.log,
            }),
        };
        Examined { verdict, log_extent, processed, max_ctx_offset }
    }
}

impl Verifier {
    /// All that the verifier says of a program.
    pub fn outcome(&self, prog: &ProgView<'_>) -> Outcome {
        let options = match prog.asked {
            Some(asked) => Options {
                log_level: asked.log_level,
                caps: asked.caps.unwrap_or(self.options.caps),
                ..self.options
            },
            None => self.options,
        };
        if let Err(errno) = may_load(prog, options.caps) {
            return Outcome::refused(errno);
        }
        let funcs = funcs(prog.funcs);
        let lines: Vec<Line<'_>> = prog
            .lines
            .iter()
            .map(|it| Line {
                slot: it.slot as u32,
                file: &it.file,
                text: &it.text,
                line: it.line,
                column: it.column,
            })
            .collect();
        let target_funcs = prog.attach.prog.map(|it| self::funcs(&it.funcs)).unwrap_or_default();
        let target = prog.attach.prog.map(|it| Target {
            name: &it.name,
            prog_type: it.prog_type,
            attach_type: AttachType::from_u32(it.expected_attach_type),
            funcs: &target_funcs,
            sleepable: it.sleepable,
            changes_pkt_data: &[],
            might_sleep: &[],
        });
        let struct_ops = prog.prog_type == ProgType::StructOps;
        let program = Program {
            name: prog.name,
            prog_type: prog.prog_type,
            attach_type: AttachType::from_u32(prog.expected_attach_type).filter(|_| !struct_ops),
            flags: prog.flags,
            gpl: prog.gpl_compatible,
            insns: prog.insns,
            btf: prog.btf,
            funcs: &funcs,
            lines: &lines,
            attach: prog.attach.btf.map(|btf| Attach {
                btf,
                id: prog.attach.btf_id,
                prog: target,
                member: prog.expected_attach_type,
            }),
        };
        let mut outcome = skep_verifier::verify(&program, &Known::new(prog, self.kernel), options);
        name_poison(&mut outcome, prog);
        outcome
    }
}

fn funcs(funcs: &[super::FuncInfo]) -> Vec<Func> {
    funcs.iter().map(|it| Func { slot: it.slot as u32, type_id: TypeId(it.type_id) }).collect()
}

/// A call that stands where the loader could not resolve something is told as that, in libbpf's words
/// (`fixup_verifier_log`).
fn name_poison(outcome: &mut Outcome, prog: &ProgView<'_>) {
    let Some(slot) = outcome.insn_idx.filter(|_| outcome.message.starts_with("invalid func unknown#")) else {
        return;
    };
    let Ok(at) = prog.poisoned.binary_search_by_key(&slot, |it| it.0) else { return };
    let text = &prog.poisoned[at].1;
    let what = if text.starts_with("kfunc ") { "kfunc call" } else { "CO-RE relocation" };
    let told = format!("{slot}: <invalid {what}>\n{text}\n");
    let refusal = format!("{}\n", outcome.message);
    if let Some(end) = outcome.log.rfind(&refusal) {
        let insn = format!("{slot}: (85) call unknown#");
        let start = outcome.log[..end].rfind(&insn).unwrap_or(end);
        outcome.log.replace_range(start..end + refusal.len(), &told);
    }
    outcome.message = text.to_string();
}

/// Who may load a program at all (`bpf_prog_load`, `kernel/bpf/syscall.c`).
fn may_load(prog: &ProgView<'_>, caps: Caps) -> Result<(), Errno> {
    check::may_load(Some(prog.prog_type), prog.insns.len(), caps)
}

/// As much of a name as the kernel keeps (`BPF_OBJ_NAME_LEN` with its final zero).
fn kernel_name(name: &str) -> &str {
    let end = (0..=name.len().min(15)).rev().find(|at| name.is_char_boundary(*at));
    &name[..end.unwrap_or(0)]
}

/// What a program can name.
struct Known<'a> {
    prog: &'a ProgView<'a>,
    kernel: KernelVersion,
    /// Places in the program's maps, by fd.
    maps: HashMap<i32, usize>,
    /// The same, by index in `fd_array`.
    indexed: HashMap<i32, usize>,
}

impl<'a> Known<'a> {
    fn new(prog: &'a ProgView<'a>, kernel: KernelVersion) -> Known<'a> {
        let (mut maps, mut indexed) = (HashMap::new(), HashMap::new());
        for &(slot, place) in prog.map_uses {
            let Some(insn) = prog.insns.get(slot) else { continue };
            let by = if insn.src >= 5 { &mut indexed } else { &mut maps };
            by.insert(insn.imm, place);
        }
        Known { prog, kernel, maps, indexed }
    }

    fn map(&self, place: Option<&usize>, fd: i32) -> Result<MapInfo, Errno> {
        let other = self.prog.other_fds.contains(&fd);
        let none = if other { Errno::EINVAL } else { Errno::EBADF };
        place.and_then(|it| self.prog.maps.get(*it)).map(info).ok_or(none)
    }
}

fn info(map: &MapView<'_>) -> MapInfo {
    let info = map_info(map.spec, map.types, u64::from(map.id) + 1, map.constant.is_some());
    if map.unplaced { MapInfo { arena: (0, 0), ..info } } else { info }
}

fn map_info(spec: &MapSpec, types: Option<&MapTypes>, handle: u64, frozen: bool) -> MapInfo {
    let inner_types = types.and_then(|it| it.inner.as_deref());
    let arena = match spec.kind {
        MapType::Arena => (spec.map_extra.max(1 << 44), u64::from(spec.max_entries) << 12),
        _ => (0, 0),
    };
    MapInfo {
        kind: spec.kind,
        key_size: spec.key_size,
        value_size: spec.value_size,
        max_entries: spec.max_entries,
        flags: spec.flags,
        name: kernel_name(&spec.name).to_string(),
        frozen: frozen && spec.flags & BPF_F_RDONLY_PROG != 0,
        btf: types.map(|it| it.btf.clone()),
        key_type: TypeId(types.map_or(0, |it| it.key)),
        value_type: TypeId(types.map_or(0, |it| it.value)),
        inner: spec.inner.as_deref().map(|it| Box::new(map_info(it, inner_types, 0, false))),
        handle,
        arena,
    }
}

impl Env for Known<'_> {
    fn version(&self) -> KernelVersion {
        self.kernel
    }

    fn kernel_btf(&self) -> Option<Arc<Btf>> {
        self.prog.kernel.map(|it| it.vmlinux.clone())
    }

    fn module_btf(&self, fd: i32) -> Result<(Arc<str>, Arc<Btf>), Errno> {
        let module = self.prog.modules.iter().find(|it| it.fd == fd).ok_or(Errno::EBADF)?;
        Ok((Arc::from(module.name), module.btf.clone()))
    }

    fn module_btf_at(&self, index: i16) -> Result<(Arc<str>, Arc<Btf>), Errno> {
        if self.prog.fd_array.is_empty() {
            return Err(Errno::EPROTO);
        }
        let at = usize::try_from(index).map_err(|_| Errno::EINVAL)?;
        self.module_btf(*self.prog.fd_array.get(at).ok_or(Errno::EFAULT)?)
    }

    fn map_by_fd(&self, fd: i32) -> Result<MapInfo, Errno> {
        self.map(self.maps.get(&fd), fd)
    }

    fn map_by_index(&self, index: i32) -> Result<MapInfo, Errno> {
        if self.prog.fd_array.is_empty() {
            return Err(Errno::EPROTO);
        }
        let fd = self.fd_at(index).ok_or(Errno::EFAULT)?;
        self.map(self.indexed.get(&index), fd)
    }

    fn fd_at(&self, index: i32) -> Option<i32> {
        self.prog.fd_array.get(usize::try_from(index).ok()?).copied()
    }

    fn bound_maps(&self) -> Vec<MapInfo> {
        self.prog.maps.iter().take_while(|it| it.bound).map(info).collect()
    }

    fn request(&self, stage: Stage) -> Result<(), Refusal> {
        let refusals = self.prog.asked.map_or(&[][..], |it| &it.refusals);
        refusals.iter().find(|it| it.0 == stage).map_or(Ok(()), |it| Err(it.1.clone()))
    }

    fn map_bytes(&self, map: &MapInfo, off: u32, size: u32) -> Option<u64> {
        let found = self.prog.maps.iter().find(|it| u64::from(it.id) + 1 == map.handle)?;
        let from = off as usize;
        let bytes = found.constant.as_ref()?.get(from..from.checked_add(size as usize)?)?;
        let mut value = [0; 8];
        value.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(value))
    }
}
