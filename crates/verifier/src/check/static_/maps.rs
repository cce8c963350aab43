//! The maps that a program uses, and whether it may use them.

use skep_abi::flags::BPF_F_RDONLY_PROG;
use skep_abi::{MapType, ProgType};

use crate::input::{MapInfo, Stage};
use crate::record::FieldKind;
use crate::state::reg::MapNr;
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

/// The most maps of a program (`MAX_USED_MAPS`).
const MAX_USED_MAPS: usize = 64;
/// `BPF_F_SLEEPABLE`.
const SLEEPABLE: u32 = 1 << 4;

impl Verifier<'_> {
    /// The maps that the loader binds to the program (`process_fd_array`).
    pub(crate) fn bind_maps(&mut self) -> Check {
        self.env.bound_maps().into_iter().try_for_each(|map| self.use_map(map).map(|_| ()))?;
        self.check_request(Stage::FdArray)
    }

    /// Stops at what is wrong with the request itself.
    pub(crate) fn check_request(&mut self, stage: Stage) -> Check {
        self.env.request(stage).map_err(|refusal| {
            self.log.write(format_args!("{}", refusal.text));
            Stop::new(refusal.errno)
        })
    }

    /// Adds a map to those that the program uses, if it is not there yet (`add_used_map`).
    pub(crate) fn use_map(&mut self, map: MapInfo) -> Check<MapNr> {
        if let Some(known) = self.maps.iter().position(|it| it.handle == map.handle) {
            return Ok(MapNr(known as u16));
        }
        if self.maps.len() >= MAX_USED_MAPS {
            return refuse!(
                self,
                E2BIG,
                "The total number of maps per program has reached the limit of {MAX_USED_MAPS}\n"
            );
        }
        let nr = MapNr(self.maps.len() as u16);
        // A lookup gives a pointer into the device: the kernel forbids programs to write (`dev_map_alloc`).
        let no_writes = matches!(map.kind, MapType::Devmap | MapType::DevmapHash);
        let flags = map.flags | if no_writes { BPF_F_RDONLY_PROG } else { 0 };
        self.maps.push(MapInfo { flags, ..map });
        self.check_map_fields(nr)?;
        self.check_map_kind(nr)?;
        self.check_map_alone(nr)?;
        Ok(nr)
    }

    /// Special fields that a program type may not have (first part of `check_map_prog_compatibility`).
    fn check_map_fields(&mut self, map: MapNr) -> Check {
        let record = self.map_record(map);
        let has = |v: &Self, kinds: &[FieldKind]| {
            record.is_some_and(|record| kinds.iter().any(|kind| v.records.get(record).has(*kind)))
        };
        let tracing = is_tracing(self.prog_type);
        if tracing && has(self, &[FieldKind::ListHead, FieldKind::RbRoot]) {
            return refuse!(self, EINVAL, "tracing progs cannot use bpf_{{list_head,rb_root}} yet\n");
        }
        if has(self, &[FieldKind::SpinLock, FieldKind::ResSpinLock]) {
            if self.prog_type == ProgType::SocketFilter {
                return refuse!(self, EINVAL, "socket filter progs cannot use bpf_spin_lock yet\n");
            }
            if tracing {
                return refuse!(self, EINVAL, "tracing progs cannot use bpf_spin_lock yet\n");
            }
        }
        if tracing && has(self, &[FieldKind::Timer]) {
            return refuse!(self, EINVAL, "tracing progs cannot use bpf_timer yet\n");
        }
        if tracing && has(self, &[FieldKind::Wq]) {
            return refuse!(self, EINVAL, "tracing progs cannot use bpf_wq yet\n");
        }
        Ok(())
    }

    /// Map types that a program may not use.
    fn check_map_kind(&mut self, map: MapNr) -> Check {
        let kind = self.map(map).kind;
        if kind == MapType::StructOps {
            return refuse!(self, EINVAL, "bpf_struct_ops map cannot be used in prog\n");
        }
        if self.prog.flags & SLEEPABLE != 0 && !is_for_sleepable(kind) {
            return refuse!(
                self,
                EINVAL,
                "Sleepable programs can only use array, hash, ringbuf and local storage maps\n"
            );
        }
        Ok(())
    }

    /// Maps of which a program may have one.
    fn check_map_alone(&mut self, map: MapNr) -> Check {
        let kind = self.map(map).kind;
        let first = self.maps.iter().filter(|it| it.kind == kind).count() == 1;
        if matches!(kind, MapType::CgroupStorage | MapType::PercpuCgroupStorage) && !first {
            return refuse!(self, EBUSY, "only one cgroup storage of each type is allowed\n");
        }
        if kind != MapType::Arena {
            return Ok(());
        }
        if !first {
            return refuse!(self, EBUSY, "Only one arena per program\n");
        }
        if !self.allow_ptr_leaks || !self.bpf_capable {
            return refuse!(self, EPERM, "CAP_BPF and CAP_PERFMON are required to use arena\n");
        }
        if self.map(map).arena.0 == 0 {
            return refuse!(self, EINVAL, "arena's user address must be set via map_extra or mmap()\n");
        }
        Ok(())
    }
}

/// `is_tracing_prog_type`.
fn is_tracing(kind: ProgType) -> bool {
    matches!(
        kind,
        ProgType::Kprobe
            | ProgType::Tracepoint
            | ProgType::PerfEvent
            | ProgType::RawTracepoint
            | ProgType::RawTracepointWritable
    )
}

/// Map types that do not need RCU around every access.
fn is_for_sleepable(kind: MapType) -> bool {
    matches!(
        kind,
        MapType::Hash
            | MapType::LruHash
            | MapType::Array
            | MapType::PercpuHash
            | MapType::PercpuArray
            | MapType::LruPercpuHash
            | MapType::ArrayOfMaps
            | MapType::HashOfMaps
            | MapType::Ringbuf
            | MapType::UserRingbuf
            | MapType::InodeStorage
            | MapType::SkStorage
            | MapType::TaskStorage
            | MapType::CgrpStorage
            | MapType::Queue
            | MapType::Stack
            | MapType::Arena
    )
}
