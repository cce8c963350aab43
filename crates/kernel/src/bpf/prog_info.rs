//! What `BPF_PROG_LOAD` is told of a program's functions and lines: its types, and records of any size
//! (`check_btf_func`, `check_btf_line`, `kernel/bpf/verifier.c`).

use super::Call;
use crate::prog::{Asked, FuncInfo, LineInfo, ProgLoad, Records};
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::prog_load as field;
use skep_abi::ctx::Field;
use skep_btf::core::{self, Relocator, Target};
use skep_btf::{Btf, CoreRelo, StrOff, TypeId};
use skep_verifier::{Refusal, Stage};
use std::sync::Arc;

/// The largest record that is taken (`MAX_FUNCINFO_REC_SIZE`, `MAX_LINEINFO_REC_SIZE`).
const MAX_RECORD: u32 = 252;
/// Bytes of `struct bpf_func_info` and `struct bpf_line_info`.
pub(super) const FUNC_RECORD: usize = 8;
pub(super) const LINE_RECORD: usize = 16;
/// Bytes of `struct bpf_core_relo`.
const RELO_RECORD: usize = 16;

/// What was read.
#[derive(Default)]
pub(super) struct Infos {
    pub(super) records: Records,
    /// The size of records that the caller should use, and where it is told of it: theirs said more than we know.
    pub(super) known_size: Option<(&'static Field, u64)>,
}

/// One kind of records.
struct Kind {
    stage: Stage,
    count: &'static Field,
    size: &'static Field,
    at: &'static Field,
    /// Bytes of one in this kernel.
    known: usize,
    /// What the log says of a size that there is none of.
    bad_size: &'static str,
    /// What the log says of more in one than this kernel knows.
    unknown: &'static str,
}

const FUNCS: Kind = Kind {
    stage: Stage::FuncInfo,
    count: &field::func_info_cnt,
    size: &field::func_info_rec_size,
    at: &field::func_info,
    known: FUNC_RECORD,
    bad_size: "invalid func info rec size {}\n",
    unknown: "nonzero tailing record in func info",
};

const LINES: Kind = Kind {
    stage: Stage::LineInfo,
    count: &field::line_info_cnt,
    size: &field::line_info_rec_size,
    at: &field::line_info,
    known: LINE_RECORD,
    bad_size: "",
    unknown: "nonzero tailing record in line_info",
};

const RELOS: Kind = Kind {
    stage: Stage::CoreRelos,
    count: &field::core_relo_cnt,
    size: &field::core_relo_rec_size,
    at: &field::core_relos,
    known: RELO_RECORD,
    bad_size: "",
    unknown: "nonzero tailing record in core_relo",
};

impl Infos {
    /// Reads what there is. What is wrong with it is for the verifier to say when it comes to it.
    pub(super) fn read(sys: &Sys<'_>, call: &mut Call<'_>, load: &mut ProgLoad, asked: &mut Asked) -> Infos {
        let mut infos = Infos::default();
        if call.u32(&field::func_info_cnt) == 0 && call.u32(&field::line_info_cnt) == 0 {
            return infos;
        }
        let fd = call.fd(&field::prog_btf_fd);
        let btf = match types(sys, fd) {
            Ok(btf) => btf,
            Err(errno) => {
                asked.refusals.push((Stage::FuncInfo, Refusal { errno, text: String::new() }));
                return infos;
            }
        };
        (load.btf, load.btf_fd) = (Some(Arc::clone(&btf)), Some(fd));
        infos.records.funcs = infos.take(call, &FUNCS, asked);
        let (funcs, _) = infos.records.funcs.as_chunks::<FUNC_RECORD>();
        load.funcs = funcs.iter().map(|it| func(it, &btf)).collect();
        infos.records.lines = infos.take(call, &LINES, asked);
        let (lines, _) = infos.records.lines.as_chunks::<LINE_RECORD>();
        let named = lines.iter().position(|it| has_no_text(it, &btf));
        if let Some(at) = named {
            let text = format!("Invalid line_info[{at}].line_off or .file_name_off\n");
            asked.refusals.push((Stage::LineInfo, Refusal { errno: Errno::EINVAL, text }));
        }
        let good = named.map_or(lines.len(), |at| at + 1);
        load.lines = lines[..good].iter().map(|it| line(it, &btf)).collect();
        let relos = infos.take(call, &RELOS, asked);
        if let Err(refusal) = relocate(sys, load, &btf, &relos) {
            asked.refusals.insert(0, (Stage::CoreRelos, refusal));
        }
        infos
    }

    /// Reads the records of a kind, cut to the size that is known here.
    fn take(&mut self, call: &mut Call<'_>, kind: &'static Kind, asked: &mut Asked) -> Vec<u8> {
        let mut refuse = |errno, text: String| asked.refusals.push((kind.stage, Refusal { errno, text }));
        let mut records = Vec::new();
        let (count, size) = (call.u32(kind.count), call.u32(kind.size));
        if count == 0 {
            return records;
        }
        let fits = size >= kind.known as u32 && size <= MAX_RECORD && size.is_multiple_of(4);
        if !fits || count > i32::MAX as u32 / kind.known as u32 {
            refuse(Errno::EINVAL, kind.bad_size.replace("{}", &size.to_string()));
            return records;
        }
        let start = call.u64(kind.at);
        for index in 0..u64::from(count) {
            let Ok(record) = call.read(start.wrapping_add(index * u64::from(size)), size as usize) else {
                refuse(Errno::EFAULT, String::new());
                break;
            };
            if record[kind.known..].iter().any(|it| *it != 0) {
                self.known_size = Some((kind.size, kind.known as u64));
                refuse(Errno::E2BIG, kind.unknown.to_owned());
                break;
            }
            records.extend_from_slice(&record[..kind.known]);
        }
        records
    }
}

/// Patches what depends on the kernel's types, for programs whose loader leaves that to the kernel (`check_core_relo`,
/// `bpf_core_apply`).
fn relocate(sys: &Sys<'_>, load: &mut ProgLoad, btf: &Btf, relos: &[u8]) -> Result<(), Refusal> {
    let refusal = |text: String| Refusal { errno: Errno::EINVAL, text };
    let (relos, _) = relos.as_chunks::<RELO_RECORD>();
    if relos.is_empty() {
        return Ok(());
    }
    let kernel = sys.core.btf.as_ref().ok_or_else(|| refusal(String::new()))?;
    let mut target = Target::new(&kernel.vmlinux);
    for (name, module) in &kernel.modules {
        target = target.with_module(name, module);
    }
    let mut relocator = Relocator::new(btf, target);
    for (index, record) in relos.iter().enumerate() {
        let relo = CoreRelo {
            insn_off: word(record, 0),
            type_id: TypeId(word(record, 1)),
            access: StrOff(word(record, 2)),
            kind: word(record, 3),
        };
        let (slot, len) = (relo.insn_off as usize / 8, load.insns.len());
        if !relo.insn_off.is_multiple_of(8) || slot >= len {
            let off = relo.insn_off;
            let text = format!("Invalid core_relo[{index}].insn_off:{off} prog->len:{len}\n");
            return Err(refusal(text));
        }
        if btf.type_by_id(relo.type_id).is_none() {
            return Err(refusal(format!("relo #{index}: bad type id {}\n", relo.type_id.0)));
        }
        let failed = |error: core::Error| refusal(format!("prog '': relo #{index}: {error}\n"));
        let outcome = relocator.relocate(&relo).map_err(failed)?;
        core::patch(&mut load.insns, slot, &outcome).map_err(failed)?;
    }
    Ok(())
}

/// The types of a program: of user space, not the kernel's.
fn types(sys: &Sys<'_>, fd: crate::files::Fd) -> Result<Arc<Btf>, Errno> {
    let id = sys.core.files.get(fd)?;
    let btf = sys.core.objects.btf(id).ok_or(Errno::EINVAL)?;
    if btf.kernel { Err(Errno::EACCES) } else { Ok(Arc::clone(&btf.btf)) }
}

fn word(record: &[u8], index: usize) -> u32 {
    record.as_chunks::<4>().0.get(index).map_or(0, |it| u32::from_le_bytes(*it))
}

fn func(record: &[u8; FUNC_RECORD], btf: &Btf) -> FuncInfo {
    let type_id = word(record, 1);
    FuncInfo { slot: word(record, 0) as usize, name: Arc::from(btf.name(type_id)), type_id }
}

fn has_no_text(record: &[u8; LINE_RECORD], btf: &Btf) -> bool {
    [1, 2].iter().any(|at| btf.string(StrOff(word(record, *at))).is_none())
}

fn line(record: &[u8; LINE_RECORD], btf: &Btf) -> LineInfo {
    let text = |at| Arc::from(btf.str(StrOff(word(record, at))));
    let position = word(record, 3);
    LineInfo {
        slot: word(record, 0) as usize,
        file: text(1),
        text: text(2),
        line: position >> 10,
        column: position & 0x3ff,
    }
}
