//! How a configuration value is stored in a variable of a program.

use skep_object::KconfigType;

/// Stores a value in the form that the program declares (`bpf_object__process_kconfig_line`).
///
/// # Errors
/// It does not go, in libbpf's words.
pub(super) fn write(name: &str, kind: KconfigType, text: &str, place: &mut [u8]) -> Result<(), String> {
    let stored = match text.as_bytes() {
        [] => Err(format!("failed to parse '{name}=': no value")),
        // What follows the letter is not looked at.
        [letter @ (b'y' | b'n' | b'm'), ..] => switch(kind, *letter, place),
        [b'"', ..] => string(kind, text, place),
        _ => match number(text) {
            Some(value) if takes_numbers(name, kind) => integer(kind, value, place),
            Some(_) => Err(format!("value '{text}' implies integer type")),
            None => Err(format!("value '{text}' isn't a valid integer")),
        },
    };
    stored.map_err(|what| match text {
        "" => what,
        _ => format!("extern (kcfg) '{name}': {what}"),
    })
}

/// Of a configuration's options only numbers and characters may be numbers; libbpf's own values have no other form.
fn takes_numbers(name: &str, kind: KconfigType) -> bool {
    !name.starts_with("CONFIG_") || matches!(kind, KconfigType::Int { .. } | KconfigType::Char { .. })
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
        KconfigType::Char { .. } => store(letter.into(), place),
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
        KconfigType::Char { signed } if !fits(value, 1, signed) => {
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
        _ if bits == 0 => false,
        true => value.wrapping_add(1 << (bits - 1)) < 1 << bits,
        false => value >> bits == 0,
    }
}

/// A number as `strtoull(text, .., 0)` reads it, which passes over blanks before it and takes a sign.
fn number(text: &str) -> Option<u64> {
    let text = text.trim_start_matches([' ', '\t']);
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    // `from_str_radix` would take another sign.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
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
            (Tristate, 4, "m", &[2, 0, 0, 0]),
            (Char { signed: true }, 1, "m", b"m"),
            (Char { signed: true }, 1, "7", &[7]),
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
            (Bool, "2", "value '2' implies integer type"),
            (Bool, "1", "value '1' implies integer type"),
            (Tristate, "1", "value '1' implies integer type"),
            (Int { signed: false }, "y", "value 'y' implies bool, tristate, or char type"),
            (Int { signed: false }, "\"a\"", "value '\"a\"' implies char array type"),
            (Int { signed: true }, "0x80", "value '128' doesn't fit in 1 bytes"),
            (CharArray, "\"a", "invalid string config '\"a'"),
            (CharArray, "1", "value '1' implies integer type"),
            (Int { signed: false }, "+-1", "value '+-1' isn't a valid integer"),
            (Int { signed: false }, "09", "value '09' isn't a valid integer"),
            (Char { signed: true }, "hello", "value 'hello' isn't a valid integer"),
        ];
        for (kind, text, what) in bad {
            let message = written(kind, 1, text).unwrap_err();
            assert_eq!(message, format!("extern (kcfg) 'CONFIG_X': {what}"));
        }
    }

    #[test]
    fn what_libbpf_makes_up_is_a_number() {
        let mut place = [0; 1];
        write("LINUX_HAS_BPF_COOKIE", KconfigType::Bool, "1", &mut place).unwrap();
        assert_eq!(place, [1]);
        let message = write("LINUX_HAS_BPF_COOKIE", KconfigType::Bool, "2", &mut place).unwrap_err();
        assert_eq!(message, "extern (kcfg) 'LINUX_HAS_BPF_COOKIE': value '2' isn't boolean compatible");
        let message = write("LINUX_KERNEL_VERSION", KconfigType::CharArray, "2", &mut place).unwrap_err();
        assert!(message.ends_with("value '2' implies integer, char, or boolean type"), "{message}");
        assert_eq!(
            write("CONFIG_X", KconfigType::Bool, "", &mut place).unwrap_err(),
            "failed to parse 'CONFIG_X=': no value"
        );
    }

    proptest::proptest! {
        #[test]
        fn numbers_come_back(value: i64, hex: bool) {
            let text = if hex { format!("{:#x}", value as u64) } else { value.to_string() };
            let written = written(KconfigType::Int { signed: true }, 8, &text).unwrap();
            proptest::prop_assert_eq!(written, value.to_le_bytes());
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,12}", size in 0usize..9) {
            for kind in [KconfigType::Bool, KconfigType::Char { signed: true }, KconfigType::Int { signed: true }, KconfigType::CharArray] {
                let _ = written(kind, size, &text);
            }
        }
    }
}
