//! The plugin protocol of the bpf_conformance project: a program and memory in hex, r0 out.

use skep::Result;

use crate::raw::{RawRequest, run_raw};

/// What a plugin is asked to run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conformance {
    /// The instructions, 8 bytes each.
    pub code: Vec<u8>,
    /// The memory that r1 points to.
    pub memory: Vec<u8>,
}

/// Bytes from hex digits; white space between them is free.
///
/// # Errors
/// There is something else, or an odd number of digits; the message says where.
pub fn hex(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, c) in text.chars().enumerate().filter(|(_, c)| !c.is_whitespace()) {
        let digit =
            c.to_digit(16).ok_or_else(|| format!("character {} ({c:?}) is no hex digit", at + 1))? as u8;
        high = match high {
            None => Some(digit),
            Some(high) => {
                out.push(high << 4 | digit);
                None
            }
        };
    }
    if high.is_some() { Err("an odd number of hex digits".into()) } else { Ok(out) }
}

impl Conformance {
    /// Reads the plugin's arguments and standard input: the first argument is the memory if it is hex, and whatever else
    /// stands there is an option for somebody else.
    ///
    /// # Errors
    /// The program is not hex.
    pub fn parse(arguments: &[String], input: &str) -> Result<Conformance, String> {
        let memory = arguments.first().and_then(|first| hex(first).ok()).unwrap_or_default();
        let code = hex(input).map_err(|why| format!("the program on standard input: {why}"))?;
        Ok(Conformance { code, memory })
    }
}

/// Runs it and returns r0.
///
/// # Errors
/// The program is none, or faulted; the text says why.
pub fn conformance(case: &Conformance) -> Result<u64, String> {
    let request =
        RawRequest { code: case.code.clone(), memory: case.memory.clone(), ..RawRequest::default() };
    let report = run_raw(&request).map_err(|error| error.to_string())?;
    match (report.retval, report.fault) {
        (Some(r0), _) => Ok(r0),
        (None, Some(fault)) => {
            Err(format!("{}, at instruction {}: {}", fault.message, fault.insn, fault.text))
        }
        (None, None) => Err("the program came to no end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(arguments: &[&str], input: &str) -> Result<u64, String> {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        conformance(&Conformance::parse(&arguments, input)?)
    }

    #[test]
    fn white_space_and_options_are_free() {
        let exit = "95 00 00 00 00 00 00 00";
        assert_eq!(case(&[], &format!("b7 00 00 00 2a 00 00 00\n{exit}\n")), Ok(42));
        assert_eq!(case(&["--cpu", "v4"], &format!("b700000007000000{exit}")), Ok(7));
        // r0 = *(u8 *)(r1 + 1)
        assert_eq!(case(&["aa bb", "--elf"], &format!("7110010000000000{exit}")), Ok(0xbb));
    }

    #[test]
    fn what_fails_says_why() {
        assert!(case(&[], "9500").unwrap_err().contains("multiple of 8"), "{:?}", case(&[], "9500"));
        assert_eq!(
            case(&[], "xyz").unwrap_err(),
            "the program on standard input: character 1 ('x') is no hex digit"
        );
        let fault = case(&["aabb"], "7910000000000000 9500000000000000").unwrap_err();
        assert!(fault.contains("at instruction 0"), "{fault}");
    }
}
