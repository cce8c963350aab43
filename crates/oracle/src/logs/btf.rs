//! The BTF of a program: its functions, and a line of C for each instruction.

use skep_btf::{Btf, BtfBuilder, Def, Error, IntEncoding, Linkage, TypeId};
use skep_isa::Insn;

use super::FuncText;

/// BTF, and the records of functions and lines.
pub(super) struct Info {
    pub(super) bytes: Vec<u8>,
    pub(super) funcs: Vec<u8>,
    pub(super) lines: Vec<u8>,
}

impl Info {
    /// Of a program with these functions; `None` if it has no BTF.
    pub(super) fn of(funcs: &[FuncText], lines: bool, insns: &[Insn]) -> Result<Option<Info>, Error> {
        if funcs.is_empty() {
            return Ok(None);
        }
        let mut builder = BtfBuilder::new();
        let int = builder.int("int", 4, IntEncoding::Signed);
        let starts = starts(insns);
        let mut records = Vec::new();
        for (func, start) in funcs.iter().zip(&starts) {
            let id = add(&mut builder, func, int);
            records.extend([*start as u32, id.0].iter().flat_map(|word| word.to_le_bytes()));
        }
        let mut line_records = Vec::new();
        if lines {
            let file = builder.string("dir/case.c");
            let mut wide = false;
            for (i, insn) in insns.iter().enumerate() {
                let second_half = wide;
                wide = insn.code == 0x18 && !wide;
                if second_half {
                    continue;
                }
                // Two instructions to a line, so that some lines are not printed again.
                let number = i as u32 / 2 + 1;
                let text = builder.string(&format!("\tstep({number});"));
                let record = [i as u32, file.0, text.0, number << 10 | (i as u32 % 7 + 1)];
                line_records.extend(record.iter().flat_map(|word| word.to_le_bytes()));
            }
        }
        let btf: Btf = builder.build()?;
        Ok(Some(Info { bytes: btf.to_bytes(), funcs: records, lines: line_records }))
    }
}

fn add(builder: &mut BtfBuilder, func: &FuncText, int: TypeId) -> TypeId {
    let linkage = if func.global { Linkage::Global } else { Linkage::Static };
    let params: Vec<TypeId> = func.params.iter().map(|param| type_of(builder, param, int)).collect();
    let params: Vec<(&str, TypeId)> = params.into_iter().map(|id| ("a", id)).collect();
    builder.func(&func.name, linkage, int, &params)
}

fn type_of(builder: &mut BtfBuilder, param: &str, int: TypeId) -> TypeId {
    if let Some(name) = param.strip_prefix("ctx:") {
        let context = builder.structure(name, 4, &[("a", int, 0)]);
        return builder.add("", Def::Ptr(context));
    }
    if param == "mem" { builder.add("", Def::Ptr(int)) } else { int }
}

/// Where functions begin: what is called, and the first instruction.
fn starts(insns: &[Insn]) -> Vec<usize> {
    let target = |(i, insn): (usize, &Insn)| {
        let is_func = insn.code == 0x85 && insn.src == 1 || insn.code == 0x18 && insn.src == 4;
        is_func.then(|| (i as i64 + i64::from(insn.imm) + 1) as usize)
    };
    let mut starts: Vec<usize> = insns.iter().enumerate().filter_map(target).collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    starts
}
