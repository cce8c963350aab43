//! Putting addresses where wide loads name maps (`resolve_pseudo_ldimm64`, `kernel/bpf/verifier.c`).

use super::ProgLoad;
use crate::files::{Fd, Files};
use crate::object::{Object, Objects, handle};
use crate::report::{LoadError, over_limit};
use skep_abi::flags::BPF_F_SLEEPABLE;
use skep_abi::{Errno, MapType, ProgType};
use skep_isa::{Imm64, Insn, Op, decode};
use skep_maps::{Cx, ObjRef, SpecialKind};
use std::collections::BTreeMap;

/// `BPF_LD | BPF_IMM | BPF_DW`: the only instruction of two slots.
const LD_IMM64: u8 = 0x18;
/// `BPF_JMP | BPF_CALL`.
const CALL: u8 = 0x85;
/// `BPF_PSEUDO_KFUNC_CALL`.
const PSEUDO_KFUNC_CALL: u8 = 2;
/// `MAX_USED_MAPS`.
const MAX_MAPS: usize = 64;
/// `BPF_MAX_VAR_OFF`: offsets into a map's value from here on are refused.
const MAX_OFFSET: u32 = 1 << 29;

/// A program whose wide loads are numbers, and the maps it uses.
pub(super) struct Resolved {
    pub(super) insns: Vec<Insn>,
    /// Each once, in the order of first use, with the slot of that.
    pub(super) maps: Vec<(ObjRef, usize)>,
    /// The ARENA among them.
    pub(super) arena: Option<ObjRef>,
}

/// Resolves every wide load of a program.
pub(super) fn resolve(
    load: &ProgLoad,
    bound: &[(ObjRef, usize)],
    named: &BTreeMap<usize, u64>,
    files: &Files,
    objects: &Objects,
    cx: &Cx<'_>,
) -> Result<Resolved, LoadError> {
    let mut resolver = Resolver { load, named, files, objects, cx, maps: Vec::new(), arena: None };
    bound.iter().try_for_each(|it| resolver.add(it.1, it.0).map(|_| ()))?;
    let mut insns = load.insns.clone();
    let mut slot = 0;
    while slot < insns.len() {
        if insns[slot].code != LD_IMM64 {
            resolver.kfunc(slot, &mut insns[slot])?;
            slot += 1;
            continue;
        }
        let op = decode(&insns, slot)
            .map_err(|error| LoadError::rejected(Errno::EINVAL, Some(slot), error.kernel_message()))?;
        if let Op::LoadImm64 { dst, value } = op
            && let Some(address) = resolver.value(slot, value)?
        {
            let (first, second) = Op::LoadImm64 { dst, value: Imm64::Const(address) }.encode();
            insns[slot] = first;
            insns[slot + 1] = second.unwrap_or_default();
        }
        slot += 2;
    }
    Ok(Resolved { insns, maps: resolver.maps, arena: resolver.arena })
}

struct Resolver<'a> {
    load: &'a ProgLoad,
    /// Addresses of kernel symbols that are named by BTF id, by slot.
    named: &'a BTreeMap<usize, u64>,
    files: &'a Files,
    objects: &'a Objects,
    cx: &'a Cx<'a>,
    maps: Vec<(ObjRef, usize)>,
    arena: Option<ObjRef>,
}

impl Resolver<'_> {
    /// The address that a wide load stands for; `None` if it stays as it is.
    fn value(&mut self, slot: usize, value: Imm64) -> Result<Option<u64>, LoadError> {
        match value {
            Imm64::Const(_) | Imm64::Func(_) => Ok(None),
            Imm64::MapFd(fd) => self.map(slot, fd).map(|id| Some(handle(id))),
            Imm64::MapIdx(index) => self.map_at(slot, index).map(|id| Some(handle(id))),
            Imm64::MapValue { fd, off } => {
                let id = self.map(slot, fd)?;
                self.value_addr(slot, id, off).map(Some)
            }
            Imm64::MapIdxValue { idx, off } => {
                let id = self.map_at(slot, idx)?;
                self.value_addr(slot, id, off).map(Some)
            }
            Imm64::BtfId { id, .. } => {
                let addr = self.named.get(&slot).copied();
                addr.map(Some).ok_or_else(|| {
                    LoadError::not_emulated(
                        Some(slot),
                        format!("BTF id {id} of another BTF than the kernel's"),
                    )
                })
            }
        }
    }

    /// Has a call of a module's function name the module by its number, plus one (`__find_kfunc_desc_btf`).
    fn kfunc(&self, slot: usize, insn: &mut Insn) -> Result<(), LoadError> {
        if (insn.code, insn.src) != (CALL, PSEUDO_KFUNC_CALL) || insn.off == 0 {
            return Ok(());
        }
        let refused = |errno, text: &str| Err(LoadError::rejected(errno, Some(slot), text));
        let Ok(index) = usize::try_from(insn.off) else {
            return refused(Errno::EINVAL, "negative offset disallowed for kernel module function call");
        };
        if self.load.fd_array.is_empty() {
            return refused(Errno::EPROTO, "kfunc offset > 0 without fd_array is invalid");
        }
        let Some(fd) = self.load.fd_array.get(index) else {
            return refused(Errno::EFAULT, "fd_array has no such index");
        };
        let btf = self.files.get(Fd(*fd)).ok().and_then(|id| self.objects.btf(id));
        match btf.and_then(|it| it.module) {
            Some(number) => {
                insn.off = i16::try_from(number + 1).unwrap_or(i16::MAX);
                Ok(())
            }
            _ => refused(Errno::EINVAL, "invalid module BTF fd specified"),
        }
    }

    fn map_at(&mut self, slot: usize, index: i32) -> Result<ObjRef, LoadError> {
        if self.load.fd_array.is_empty() {
            return Err(LoadError::rejected(Errno::EPROTO, Some(slot), "fd_idx without fd_array is invalid"));
        }
        let fd = usize::try_from(index).ok().and_then(|it| self.load.fd_array.get(it).copied());
        match fd {
            Some(fd) => self.map(slot, fd),
            None => {
                let text = format!("fd_array has no index {index}");
                Err(LoadError::rejected(Errno::EFAULT, Some(slot), text))
            }
        }
    }

    /// Adds a map to those that the program uses.
    fn map(&mut self, slot: usize, fd: i32) -> Result<ObjRef, LoadError> {
        let refused = |errno, text: String| Err(LoadError::rejected(errno, Some(slot), text));
        let id = match self.files.get(Fd(fd)) {
            Ok(id) if self.objects.map(id).is_some() => id,
            Ok(_) => return refused(Errno::EINVAL, format!("fd {fd} is not pointing to valid bpf_map")),
            Err(errno) => return refused(errno, format!("fd {fd} is not pointing to valid bpf_map")),
        };
        self.add(slot, id)
    }

    fn add(&mut self, slot: usize, id: ObjRef) -> Result<ObjRef, LoadError> {
        let refused = |errno, text: String| Err(LoadError::rejected(errno, Some(slot), text));
        if self.maps.iter().any(|it| it.0 == id) {
            return Ok(id);
        }
        if self.maps.len() >= MAX_MAPS {
            let text = format!("The total number of maps per program has reached the limit of {MAX_MAPS}");
            return refused(Errno::E2BIG, text);
        }
        if let Some(text) = self.incompatible(id) {
            return refused(Errno::EINVAL, text.to_owned());
        }
        if self.objects.map(id).is_some_and(|it| it.map.arena().is_some()) {
            if self.arena.is_some() {
                return refused(Errno::EBUSY, "Only one arena per program".to_owned());
            }
            self.arena = Some(id);
        }
        self.maps.push((id, slot));
        Ok(id)
    }

    /// Why the program may not use a map (`check_map_prog_compatibility`).
    fn incompatible(&self, id: ObjRef) -> Option<&'static str> {
        let spec = self.objects.map(id)?.map.spec();
        let has = |kinds: &[SpecialKind]| spec.special.iter().any(|it| kinds.contains(&it.kind));
        let tracing = is_tracing(self.load.prog_type);
        if tracing && has(&[SpecialKind::ListHead, SpecialKind::RbRoot]) {
            return Some("tracing progs cannot use bpf_{list_head,rb_root} yet");
        }
        if has(&[SpecialKind::SpinLock]) && self.load.prog_type == ProgType::SocketFilter {
            return Some("socket filter progs cannot use bpf_spin_lock yet");
        }
        if tracing && has(&[SpecialKind::SpinLock]) {
            return Some("tracing progs cannot use bpf_spin_lock yet");
        }
        if tracing && has(&[SpecialKind::Timer]) {
            return Some("tracing progs cannot use bpf_timer yet");
        }
        if tracing && has(&[SpecialKind::Workqueue]) {
            return Some("tracing progs cannot use bpf_wq yet");
        }
        if spec.kind == MapType::StructOps {
            return Some("bpf_struct_ops map cannot be used in prog");
        }
        if self.load.flags & BPF_F_SLEEPABLE != 0 && !may_sleep_with(spec.kind) {
            return Some("Sleepable programs can only use array, hash, ringbuf and local storage maps");
        }
        None
    }

    /// The address inside a map's only value.
    fn value_addr(&self, slot: usize, id: ObjRef, off: u32) -> Result<u64, LoadError> {
        let refused = |errno, text: String| Err(LoadError::rejected(errno, Some(slot), text));
        if off >= MAX_OFFSET {
            return refused(Errno::EINVAL, format!("direct value offset of {off} is not allowed"));
        }
        let Some(Object::Map(object)) = self.objects.get(id) else {
            return refused(Errno::EBADF, "the map is gone".to_owned());
        };
        let spec = object.map.spec();
        if !matches!(spec.kind, MapType::Array | MapType::Arena) {
            return refused(Errno::EINVAL, "no direct value access support for this map type".to_owned());
        }
        object.map.value_addr(self.cx, off).or_else(|errno| {
            if let Some(refused) = self.cx.memory.take_refused() {
                return Err(LoadError::host_limit(Some(slot), over_limit(&refused)));
            }
            let size = spec.value_size;
            refused(errno, format!("invalid access to map value pointer, value_size={size} off={off}"))
        })
    }
}

/// `is_tracing_prog_type`.
fn is_tracing(kind: ProgType) -> bool {
    use ProgType::*;
    matches!(kind, Kprobe | Tracepoint | PerfEvent | RawTracepoint | RawTracepointWritable)
}

/// The maps whose memory is not freed under a program that sleeps.
fn may_sleep_with(kind: MapType) -> bool {
    use MapType::*;
    matches!(
        kind,
        Hash | LruHash
            | Array
            | PercpuHash
            | PercpuArray
            | LruPercpuHash
            | ArrayOfMaps
            | HashOfMaps
            | Ringbuf
            | UserRingbuf
            | InodeStorage
            | SkStorage
            | TaskStorage
            | CgrpStorage
            | Queue
            | Stack
            | Arena
    )
}
