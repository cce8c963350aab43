//! The text form of a sample and what the kernel said of it.
//!
//! A sample is a line `p TYPE FLAGS SLOT,SLOT HEX`: the number of the program's type, `BPF_F_*`, where functions begin (`-`: it has no
//! types; `g` behind those that are global), its instructions. A line `s ERRNO PROCESSED MESSAGE` follows. Lines that begin with `#` are remarks.

use skep_abi::ProgType;
use skep_isa::Insn;

use super::{Function, Said, Sample};

/// One sample and what was said of it, as two lines.
pub fn write(sample: &Sample, said: &Said) -> String {
    let funcs: Vec<String> = sample.funcs.iter().map(Function::to_string).collect();
    let funcs = if funcs.is_empty() { "-".to_owned() } else { funcs.join(",") };
    let bytes: String = Insn::to_vec(&sample.insns).iter().map(|byte| format!("{byte:02x}")).collect();
    let prog_type = sample.prog_type as u32;
    let flags = sample.flags;
    format!("p {prog_type} {flags} {funcs} {bytes}\ns {} {} {}\n", said.errno, said.processed, said.message)
}

/// All samples of a text; `None` if it is not of this form.
pub fn read(text: &str) -> Option<Vec<(Sample, Said)>> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        all.push((sample(line)?, said(lines.next()?)?));
    }
    Some(all)
}

fn function(text: &str) -> Option<Function> {
    let slot = text.trim_end_matches('g');
    Some(Function { slot: slot.parse().ok()?, global: slot != text })
}

fn sample(line: &str) -> Option<Sample> {
    let mut words = line.strip_prefix("p ")?.split(' ');
    let prog_type = ProgType::from_u32(words.next()?.parse().ok()?)?;
    let flags = words.next()?.parse().ok()?;
    let funcs = match words.next()? {
        "-" => Vec::new(),
        list => list.split(',').map(function).collect::<Option<Vec<Function>>>()?,
    };
    let hex = words.next()?;
    let byte = |at: usize| hex.get(at..at + 2).and_then(|it| u8::from_str_radix(it, 16).ok());
    let bytes = (0..hex.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
    Some(Sample { prog_type, flags, insns: Insn::from_slice(&bytes).ok()?, funcs })
}

fn said(line: &str) -> Option<Said> {
    let mut words = line.strip_prefix("s ")?.splitn(3, ' ');
    let errno = words.next()?.parse().ok()?;
    let processed = words.next()?.parse().ok()?;
    Some(Said { errno, processed, message: words.next().unwrap_or_default().to_owned() })
}
