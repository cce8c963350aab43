//! The kernel's configuration, as programs see it in their `.kconfig` section.

use std::collections::BTreeMap;

use skep_btf::{Btf, Kind};
use skep_object::{DataSection, Extern, ExternKind, KconfigType};

use crate::error::Error;

/// What a kernel like Debian's 6.12 is built with, of the options that programs ask for.
const PROFILE: &str = include_str!("kconfig.profile");
/// `KERNEL_VERSION(6, 12, 0)`: the kernel that is simulated.
const VERSION: u64 = 6 << 16 | 12 << 8;

/// The values of `CONFIG_*` and of what libbpf makes up (`LINUX_KERNEL_VERSION`, `LINUX_HAS_*`).
///
/// They are written as in a configuration file: `y`, `n`, `m`, a number, or text in quotes.
///
/// ```
/// let mut config = skep_loader::Kconfig::default();
/// config.set("CONFIG_HZ", "1000");
/// assert_eq!(config.get("CONFIG_HZ"), Some("1000"));
/// assert_eq!(config.get("CONFIG_X86_64"), Some("y"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kconfig {
    values: BTreeMap<String, String>,
}

impl Default for Kconfig {
    /// Of a kernel like Debian's 6.12 on x86-64.
    fn default() -> Kconfig {
        Kconfig::parse(PROFILE)
    }
}

impl Kconfig {
    /// The options of a configuration file, and no others. Lines that set none are passed over, as libbpf does.
    pub fn parse(text: &str) -> Kconfig {
        let options = text.lines().filter(|line| line.starts_with("CONFIG_"));
        let pairs = options.filter_map(|line| line.split_once('='));
        let values = pairs.map(|(name, value)| (name.to_owned(), value.trim_end().to_owned()));
        Kconfig { values: values.collect() }
    }

    /// The options of a file, which gzip may have packed (`/boot/config-*`, `/proc/config.gz`).
    ///
    /// # Errors
    /// The bytes are no text, or damaged.
    pub fn read(bytes: &[u8]) -> Result<Kconfig, String> {
        let bytes = crate::types::unpack(bytes)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| format!("it is no text: {error}"))?;
        Ok(Kconfig::parse(text))
    }

    /// Sets a value, as it would stand in a configuration file.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// A value, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The bytes of the `.kconfig` section (`bpf_object__resolve_externs`).
    pub(crate) fn fill(
        &self,
        section: &DataSection,
        externs: &[Extern],
        btf: Option<&Btf>,
    ) -> Result<Vec<u8>, Error> {
        let mut bytes = section.bytes.clone();
        for external in externs {
            let ExternKind::Kconfig { value: kind, size, offset } = external.kind else { continue };
            let (start, size) = (offset as usize, size as usize);
            let Some(place) = bytes.get_mut(start..start.saturating_add(size)) else { continue };
            let name = &external.name;
            let error = |text: String| Error::bad_input("", text);
            match self.get(name).map(str::to_owned).or_else(|| made_up(name, btf)) {
                Some(text) => write(name, kind, &text, place).map_err(error)?,
                None if external.weak => {}
                None if !name.starts_with("CONFIG_") => {
                    return Err(error(format!("extern (kcfg) '{name}': unrecognized virtual extern")));
                }
                None => {
                    return Err(error(format!(
                        "extern '{name}' (strong): not resolved; the configuration does not set it"
                    )));
                }
            }
        }
        Ok(bytes)
    }
}

/// What libbpf finds out itself.
fn made_up(name: &str, btf: Option<&Btf>) -> Option<String> {
    // libbpf's probe_kern_syscall_wrapper looks for this symbol.
    let wrapper = || btf.is_none_or(|it| it.find(Kind::Func, "__x64_sys_bpf").is_some());
    match name {
        "LINUX_KERNEL_VERSION" => Some(VERSION.to_string()),
        "LINUX_HAS_BPF_COOKIE" => Some("1".to_owned()),
        "LINUX_HAS_SYSCALL_WRAPPER" => Some(u8::from(wrapper()).to_string()),
        _ => None,
    }
}

/// Stores a value in the form that the program declares (`bpf_object__process_kconfig_line`).
fn write(name: &str, kind: KconfigType, text: &str, place: &mut [u8]) -> Result<(), String> {
    let wrong = |what: String| Err(format!("extern (kcfg) '{name}': {what}"));
    match text.as_bytes() {
        [] => wrong("empty value".to_owned()),
        [letter @ (b'y' | b'n' | b'm')] => switch(kind, *letter, place).or_else(&wrong),
        [b'"', ..] => string(kind, text, place).or_else(&wrong),
        _ => match number(text) {
            Some(value) => integer(kind, value, place).or_else(&wrong),
            None => wrong(format!("value '{text}' isn't a valid integer")),
        },
    }
}

/// `set_kcfg_value_tri`.
fn switch(kind: KconfigType, letter: u8, place: &mut [u8]) -> Result<(), String> {
    // enum libbpf_tristate: no, yes, module.
    let state = match letter {
        b'n' => 0,
        b'y' => 1,
        _ => 2,
    };
    let value = char::from(letter);
    match kind {
        KconfigType::Bool if letter == b'm' => {
            return Err(format!("value '{value}' implies tristate or char type"));
        }
        KconfigType::Bool | KconfigType::Tristate => store(state, place),
        KconfigType::Char => store(letter.into(), place),
        _ => return Err(format!("value '{value}' implies bool, tristate, or char type")),
    }
    Ok(())
}

/// `set_kcfg_value_str`: what does not fit is cut off.
fn string(kind: KconfigType, text: &str, place: &mut [u8]) -> Result<(), String> {
    if kind != KconfigType::CharArray {
        return Err(format!("value '{text}' implies char array type"));
    }
    let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let inner = inner.ok_or_else(|| format!("invalid string config '{text}'"))?.as_bytes();
    place.fill(0);
    let len = inner.len().min(place.len().saturating_sub(1));
    place[..len].copy_from_slice(&inner[..len]);
    Ok(())
}

/// `set_kcfg_value_num`.
fn integer(kind: KconfigType, value: u64, place: &mut [u8]) -> Result<(), String> {
    match kind {
        KconfigType::Tristate | KconfigType::CharArray => {
            return Err(format!("value '{value}' implies integer, char, or boolean type"));
        }
        KconfigType::Bool if value > 1 => return Err(format!("value '{value}' isn't boolean compatible")),
        KconfigType::Int { signed } if !fits(value, place.len(), signed) => {
            return Err(format!("value '{value}' doesn't fit in {} bytes", place.len()));
        }
        KconfigType::Char if !fits(value, 1, false) => {
            return Err(format!("value '{value}' doesn't fit in 1 bytes"));
        }
        _ => store(value, place),
    }
    Ok(())
}

/// `is_kcfg_value_in_range`.
fn fits(value: u64, bytes: usize, signed: bool) -> bool {
    let bits = bytes as u32 * 8;
    match signed {
        _ if bits >= 64 => true,
        true => value.wrapping_add(1 << (bits - 1)) < 1 << bits,
        false => value >> bits == 0,
    }
}

/// A number as `strtoull(text, .., 0)` reads it.
fn number(text: &str) -> Option<u64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => u64::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    value.ok().map(|it| if negative { it.wrapping_neg() } else { it })
}

fn store(value: u64, place: &mut [u8]) {
    let bytes = value.to_le_bytes();
    let len = place.len().min(8);
    place[..len].copy_from_slice(&bytes[..len]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: KconfigType, size: usize, text: &str) -> Result<Vec<u8>, String> {
        let mut place = vec![0; size];
        write("CONFIG_X", kind, text, &mut place).map(|()| place)
    }

    #[test]
    fn values_take_the_form_that_is_declared() {
        use KconfigType::*;
        let int = |signed| Int { signed };
        let good: &[(KconfigType, usize, &str, &[u8])] = &[
            (Bool, 1, "y", &[1]),
            (Bool, 1, "n", &[0]),
            (Bool, 1, "1", &[1]),
            (Tristate, 4, "m", &[2, 0, 0, 0]),
            (Char, 1, "m", b"m"),
            (Char, 1, "7", &[7]),
            (int(false), 4, "250", &[250, 0, 0, 0]),
            (int(false), 2, "0xffff", &[255, 255]),
            (int(true), 2, "-2", &[254, 255]),
            (int(false), 8, "010", &[8, 0, 0, 0, 0, 0, 0, 0]),
            (CharArray, 4, "\"ab\"", b"ab\0\0"),
            (CharArray, 3, "\"abcd\"", b"ab\0"),
        ];
        for (kind, size, text, bytes) in good {
            assert_eq!(written(*kind, *size, text).unwrap(), *bytes, "{kind:?} {text}");
        }
    }

    #[test]
    fn what_does_not_go_is_said_as_libbpf_says_it() {
        use KconfigType::*;
        let bad = [
            (Bool, "m", "value 'm' implies tristate or char type"),
            (Bool, "2", "value '2' isn't boolean compatible"),
            (Int { signed: false }, "y", "value 'y' implies bool, tristate, or char type"),
            (Int { signed: false }, "\"a\"", "value '\"a\"' implies char array type"),
            (Int { signed: true }, "0x80", "value '128' doesn't fit in 1 bytes"),
            (CharArray, "\"a", "invalid string config '\"a'"),
            (CharArray, "1", "value '1' implies integer, char, or boolean type"),
            (Char, "hello", "value 'hello' isn't a valid integer"),
        ];
        for (kind, text, what) in bad {
            let message = written(kind, 1, text).unwrap_err();
            assert_eq!(message, format!("extern (kcfg) 'CONFIG_X': {what}"));
        }
    }

    #[test]
    fn files_are_read_line_by_line() {
        let config =
            Kconfig::parse("# CONFIG_A is not set\nCONFIG_B=y\n\nCONFIG_C=\"a=b\"\nOTHER=1\nCONFIG_D\n");
        assert_eq!((config.get("CONFIG_B"), config.get("CONFIG_C")), (Some("y"), Some("\"a=b\"")));
        assert_eq!(config.values.len(), 2);
    }

    #[test]
    fn the_clock_ticks_as_configured() {
        assert_eq!(Kconfig::default().get("CONFIG_HZ"), Some(skep_kernel::Clock::HZ.to_string().as_str()));
    }
}
