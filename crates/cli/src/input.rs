//! Reading what the command line names: files, `hex:` literals, stdin.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::exit::Failure;
use skep_runner::Global;

/// The largest input file that is read: four times the largest object that was seen in the field.
pub(crate) const MAX_INPUT: u64 = 64 << 20;

/// The bytes of a file, or of stdin for `-`.
pub(crate) fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let named = |error: io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(MAX_INPUT + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_INPUT + 1).read_to_end(&mut bytes))
    };
    read.map_err(named)?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Failure::usage(format!("{}: larger than {} MiB", path.display(), MAX_INPUT >> 20)));
    }
    Ok(bytes)
}

/// The text of a file, or of stdin for `-`.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(file(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("{}: byte {at} is not UTF-8 text", path.display()))
    })
}

/// `hex:0011..`, or the name of a file.
pub(crate) fn bytes(argument: &str) -> Result<Vec<u8>, Failure> {
    match argument.strip_prefix("hex:") {
        Some(digits) => hex(digits).map_err(|why| Failure::usage(format!("hex:{}: {why}", excerpt(digits)))),
        None => file(Path::new(argument)),
    }
}

/// The types of a kernel: `bundled`, `host`, or a file.
pub(crate) fn types(argument: &str) -> Result<skep::TargetBtf, Failure> {
    skep::target::named(argument).map_err(|error| Failure::usage(format!("--btf {error}")))
}

/// The configuration of a kernel: `host`, or a file.
pub(crate) fn kconfig(argument: Option<&str>) -> Result<Option<skep::Kconfig>, Failure> {
    let read =
        |name| skep::Kconfig::named(name).map_err(|error| Failure::usage(format!("--kconfig {error}")));
    argument.map(read).transpose()
}

/// Bytes from hex digits; white space and `:` between them are free.
pub(crate) fn hex(text: &str) -> Result<Vec<u8>, String> {
    // Colons become blanks, so that places in messages stay true.
    skep_runner::hex(&text.replace(':', " "))
}

/// A number of bytes: `1048576`, `1024K`, `1M`, `1G`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number = digits.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "write a number of bytes, or of KiB, MiB, GiB with K, M, G behind it".to_owned())
}

/// An integer (decimal or `0x..`), or `hex:..` for bytes.
pub(crate) fn value(text: &str) -> Result<Global, Failure> {
    if text.starts_with("hex:") {
        return bytes(text).map(Global::Bytes);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse::<u64>(),
    };
    match number {
        Ok(number) => Ok(Global::Number(i128::from(number) * sign)),
        Err(_) => {
            Err(Failure::usage(format!("{:?} is no integer of up to 64 bits, nor hex:..", excerpt(text))))
        }
    }
}

/// The two sides of a separator.
pub(crate) fn pair<'a>(text: &'a str, separator: char, form: &str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once(separator).ok_or_else(|| Failure::usage(format!("{:?}: write {form}", excerpt(text))))
}

/// The beginning of an argument, short enough for a message.
fn excerpt(text: &str) -> String {
    let mut start: String = text.chars().take(24).collect();
    if start.len() < text.len() {
        start.push_str("...");
    }
    start
}

/// Capabilities: `bpf,perfmon`, with or without `CAP_`.
pub(crate) fn caps(text: &str) -> Result<crate::args::CapList, String> {
    let mut caps = skep::kernel::Caps::NONE;
    for word in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let name = word.to_ascii_lowercase();
        match name.strip_prefix("cap_").unwrap_or(&name) {
            "bpf" => caps.bpf = true,
            "perfmon" => caps.perfmon = true,
            "net_admin" => caps.net_admin = true,
            "sys_admin" => caps = skep::kernel::Caps::ALL,
            _ => return Err(format!("{word}: known are bpf, perfmon, net_admin and sys_admin")),
        }
    }
    Ok(crate::args::CapList(caps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("0", 0), ("4096", 4096), ("3K", 3072), ("64m", 64 << 20), ("2G", 2 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "K", "-1", "1.5G", "1T", "1é", "é", "18446744073709551615K"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hex_is_lenient_in_form_and_strict_in_content() {
        assert_eq!(hex("00 1f:Ff\n"), Ok(vec![0, 0x1f, 0xff]));
        assert_eq!(hex(""), Ok(vec![]));
        assert_eq!(hex("123").unwrap_err(), "an odd number of hex digits");
        assert_eq!(hex("0g").unwrap_err(), "character 2 ('g') is no hex digit");
        assert!(hex("é").is_err());
    }

    #[test]
    fn values_are_integers_or_bytes() {
        assert_eq!(value("-5").ok(), Some(Global::Number(-5)));
        assert_eq!(value("0xffffffffffffffff").ok(), Some(Global::Number(u64::MAX.into())));
        assert_eq!(value("hex:01 02").ok(), Some(Global::Bytes(vec![1, 2])));
        assert!(value("").is_err() && value("0x").is_err() && value("--1").is_err() && value("1e3").is_err());
    }

    #[test]
    fn files_and_literals_say_what_is_wrong() {
        assert_eq!(bytes("hex:0102").unwrap(), [1, 2]);
        assert!(format!("{:?}", bytes("/nonexistent/x").unwrap_err()).contains("/nonexistent/x"));
        assert!(format!("{:?}", file(Path::new("/")).unwrap_err()).contains("/: "));
    }
}
