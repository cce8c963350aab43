//! `struct bpf_prog_info` (`bpf_prog_get_info_by_fd`).
//!
//! There is no machine code: its lengths are 0. Its functions have addresses all the same, those that pointers to them
//! have.

use super::Info;
use crate::bpf::Call;
use crate::bpf::prog_info::{FUNC_RECORD, LINE_RECORD};
use crate::files::Cap;
use crate::prog::{Told, Xlated, digest, xlate};
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::ctx::Field;
use skep_abi::info::bpf_prog_info as info;
use skep_isa::Insn;
use skep_maps::ObjRef;

/// Bytes of a tag.
const TAG: usize = 8;
/// `BPF_LD | BPF_IMM | BPF_DW`, `BPF_JMP | BPF_CALL`.
const LD_IMM64: u8 = 0x18;
const CALL: u8 = 0x85;

/// Tells of a program.
pub(super) fn fill(sys: &mut Sys<'_>, call: &mut Call<'_>, id: ObjRef) -> Result<(), Errno> {
    let mut out = Info::given(call, &info::LAYOUT)?;
    let Shown { xlated, insns } = shown(sys, id)?;
    let prog = sys.core.objects.prog(id).ok_or(Errno::EINVAL)?;
    let (told, number) = (&prog.told, |id: ObjRef| sys.core.objects.number(id));
    out.put(&info::r#type, prog.info.prog_type.to_u32().into());
    out.put(&info::id, number(id).into());
    out.put(&info::load_time, told.load_time);
    out.put(&info::created_by_uid, told.uid.into());
    out.put(&info::gpl_compatible, prog.info.gpl_compatible.into());
    out.put_bytes(&info::tag, &told.digest[..TAG]);
    out.put_name(&info::name, &prog.info.name);
    let maps: Vec<u8> = told.maps.iter().flat_map(|it| number(*it).to_le_bytes()).collect();
    list(&mut out, call, &info::nr_map_ids, &info::map_ids, &maps, 4)?;
    record_sizes(&mut out)?;
    out.put(&info::run_time_ns, told.run_time_ns);
    out.put(&info::run_cnt, told.run_cnt);
    out.put(&info::recursion_misses, 0);
    out.put(&info::verified_insns, told.verified_insns.into());
    if let Some(btf) = told.btf {
        out.put(&info::btf_id, number(btf).into());
    }
    if !sys.core.capable(Cap::Bpf) {
        let hidden = [
            &info::jited_prog_len,
            &info::xlated_prog_len,
            &info::nr_jited_ksyms,
            &info::nr_jited_func_lens,
            &info::nr_func_info,
            &info::nr_line_info,
            &info::nr_jited_line_info,
        ];
        hidden.iter().for_each(|it| out.put(it, 0));
        return out.give(call);
    }
    list(&mut out, call, &info::xlated_prog_len, &info::xlated_prog_insns, &insns, 1)?;
    out.put(&info::jited_prog_len, 0);
    let starts = || xlated.starts.iter().map(|start| xlated.slots.get(*start).copied().unwrap_or(0));
    let addresses: Vec<u8> =
        starts().flat_map(|slot| (prog.text_base + 8 * slot as u64).to_le_bytes()).collect();
    list(&mut out, call, &info::nr_jited_ksyms, &info::jited_ksyms, &addresses, 8)?;
    let lengths = vec![0; 4 * xlated.starts.len()];
    list(&mut out, call, &info::nr_jited_func_lens, &info::jited_func_lens, &lengths, 4)?;
    out.put(&info::attach_btf_id, told.attach_btf_id.into());
    if let Some(btf) = told.attach_btf {
        out.put(&info::attach_btf_obj_id, number(btf).into());
    }
    list(&mut out, call, &info::nr_func_info, &info::func_info, &xlated.funcs, FUNC_RECORD)?;
    list(&mut out, call, &info::nr_line_info, &info::line_info, &xlated.lines, LINE_RECORD)?;
    out.put(&info::nr_jited_line_info, 0);
    let tags = tags(told, &xlated);
    list(&mut out, call, &info::nr_prog_tags, &info::prog_tags, &tags, TAG)?;
    out.give(call)
}

/// A program as it is shown, and the bytes of its instructions.
struct Shown {
    xlated: Xlated,
    insns: Vec<u8>,
}

fn shown(sys: &mut Sys<'_>, id: ObjRef) -> Result<Shown, Errno> {
    let prog = sys.core.objects.prog(id).ok_or(Errno::EINVAL)?;
    let told = &prog.told;
    let facts = match &prog.info.verdict {
        crate::prog::Verdict::Accepted { facts, .. } => Some(facts),
        _ => None,
    };
    let mut xlated = xlate(&told.insns, facts, &told.func_records, &told.line_records);
    let mut helpers = Vec::new();
    for at in 0..xlated.insns.len() {
        let slot = xlated.slots[at];
        let insn = xlated.insns[at];
        if insn.code == CALL && insn.src == 0 {
            helpers.push(at);
        }
        if insn.code != LD_IMM64 {
            continue;
        }
        match told.map_uses.binary_search_by_key(&slot, |it| it.0).ok().map(|at| &told.map_uses[at]) {
            Some(&(_, map)) => {
                // `BPF_PSEUDO_MAP_IDX` and `_IDX_VALUE` are `MAP_FD` and `MAP_VALUE` by now.
                let kind = if matches!(insn.src, 2 | 6) { 2 } else { 1 };
                let number = sys.core.objects.number(map) as i32;
                xlated.insns[at] = Insn { src: kind, imm: number, ..insn };
            }
            None if insn.src == 3 => {
                for (at, slot) in [(at, slot), (at + 1, slot + 1)] {
                    let imm = prog.program.insns().get(slot).map_or(0, |it| it.imm);
                    xlated.insns[at] = Insn { src: 0, imm, ..xlated.insns[at] };
                }
            }
            None => {}
        }
    }
    for at in helpers {
        xlated.insns[at].imm = relative(sys, xlated.insns[at].imm);
    }
    let insns = Insn::to_vec(&xlated.insns);
    Ok(Shown { xlated, insns })
}

/// Where a helper is, from `__bpf_call_base` on: how instructions name it once they are verified.
fn relative(sys: &mut Sys<'_>, helper: i32) -> i32 {
    let base = sys.core.symbols.address("__bpf_call_base");
    let known = u32::try_from(helper).ok().and_then(skep_abi::helpers::helper);
    let address = known.map_or(base, |it| sys.core.symbols.address(&format!("bpf_{}", it.name)));
    address.wrapping_sub(base) as i32
}

/// The tags of functions: of a program without others, its own.
fn tags(told: &Told, xlated: &Xlated) -> Vec<u8> {
    if xlated.starts.len() < 2 {
        return told.digest[..TAG].to_vec();
    }
    let ends = xlated.starts.iter().copied().skip(1).chain([xlated.insns.len()]);
    let of = |(start, end): (&usize, usize)| digest(&xlated.insns[*start..end])[..TAG].to_vec();
    xlated.starts.iter().zip(ends).flat_map(of).collect()
}

/// Gives the caller as many of some things as it has room for, and says how many there are.
fn list(
    out: &mut Info,
    call: &mut Call<'_>,
    count: &Field,
    addr: &Field,
    bytes: &[u8],
    size: usize,
) -> Result<(), Errno> {
    let (room, there) = (out.get(count) as usize, bytes.len() / size);
    out.put(count, there as u64);
    let given = room.min(there) * size;
    call.write(out.get(addr), &bytes[..given])
}

/// The sizes of records are the kernel's; a caller that names others has to mean these (`set_info_rec_size`).
fn record_sizes(out: &mut Info) -> Result<(), Errno> {
    let kinds = [
        (&info::nr_func_info, &info::func_info_rec_size, FUNC_RECORD),
        (&info::nr_line_info, &info::line_info_rec_size, LINE_RECORD),
        (&info::nr_jited_line_info, &info::jited_line_info_rec_size, 8),
    ];
    for (count, field, size) in kinds {
        let said = out.get(field);
        if (out.get(count) != 0 || said != 0) && said != size as u64 {
            return Err(Errno::EINVAL);
        }
    }
    kinds.iter().for_each(|it| out.put(it.1, it.2 as u64));
    Ok(())
}
