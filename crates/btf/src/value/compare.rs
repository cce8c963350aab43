//! Values beside what a test expects: `value["comm"] == "bash"`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Index;

use super::Value;

/// The part that a path names, as [`Value::get`] finds it.
///
/// ```
/// use skep_btf::Value;
///
/// let event: Value = [("pid", 42u32.into()), ("comm", "bash".into())].into_iter().collect();
/// assert_eq!(event["pid"], 42);
/// assert_eq!(event["comm"], "bash");
/// ```
impl Index<&str> for Value {
    type Output = Value;

    /// # Panics
    /// There is no such part. [`Value::get`] does not panic.
    fn index(&self, path: &str) -> &Value {
        match self.get(path) {
            Some(part) => part,
            None => panic!("there is no {path:?} in {self}"),
        }
    }
}

macro_rules! as_numbers {
    ($($number:ty)*) => {$(
        /// The same number, whatever its type is.
        impl PartialEq<$number> for Value {
            fn eq(&self, number: &$number) -> bool {
                match self {
                    Value::Uint(own) => u128::try_from(*number).is_ok_and(|it| it == *own),
                    _ => i128::try_from(*number).is_ok_and(|it| self.as_i128() == Some(it)),
                }
            }
        }
    )*};
}

as_numbers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// The same truth value, of a `bool` or as 0 or 1.
impl PartialEq<bool> for Value {
    fn eq(&self, truth: &bool) -> bool {
        self.as_i128() == Some((*truth).into())
    }
}

/// An array of `char` with that string in it, or an enumeration's value of that name.
impl PartialEq<str> for Value {
    fn eq(&self, text: &str) -> bool {
        match self {
            Value::Enum { name, .. } => name.as_deref() == Some(text),
            Value::Chars(bytes) => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                bytes[..end] == *text.as_bytes()
            }
            _ => false,
        }
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, text: &&str) -> bool {
        self == *text
    }
}

impl PartialEq<String> for Value {
    fn eq(&self, text: &String) -> bool {
        self == text.as_str()
    }
}

/// As many elements, and each the same.
impl<T, const N: usize> PartialEq<[T; N]> for Value
where
    Value: PartialEq<T>,
{
    fn eq(&self, elements: &[T; N]) -> bool {
        let same = |own: &mut dyn Iterator<Item = Value>| own.zip(elements).all(|(own, other)| own == *other);
        match self {
            Value::Array(own) => own.len() == N && own.iter().zip(elements).all(|(own, other)| own == other),
            Value::Chars(own) | Value::Bytes(own) => {
                own.len() == N && same(&mut own.iter().map(|byte| Value::Uint((*byte).into())))
            }
            _ => false,
        }
    }
}

/// The address in network byte order, as the kernel keeps it: in a `__be32` or in four bytes.
impl PartialEq<Ipv4Addr> for Value {
    fn eq(&self, addr: &Ipv4Addr) -> bool {
        match self.as_bytes() {
            Some(bytes) => bytes == addr.octets(),
            None => *self == u32::from_le_bytes(addr.octets()),
        }
    }
}

/// The address in network byte order, as the kernel keeps it: in 16 bytes, or in four `__be32`.
impl PartialEq<Ipv6Addr> for Value {
    fn eq(&self, addr: &Ipv6Addr) -> bool {
        let octets = addr.octets();
        match self {
            Value::Array(words) => {
                words.len() == 4
                    && words.iter().zip(octets.chunks_exact(4)).all(|(word, part)| {
                        part.try_into().is_ok_and(|part| *word == u32::from_le_bytes(part))
                    })
            }
            _ => self.as_bytes() == Some(&octets[..]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn numbers_are_the_same_whatever_their_types() {
        assert_eq!(Value::Uint(7), 7i8);
        assert_eq!(Value::Int(-7), -7);
        assert_eq!(Value::Uint(u64::MAX.into()), u64::MAX);
        assert_eq!(Value::Ptr(16), 16);
        assert_eq!(Value::Bool(true), true);
        assert_eq!(Value::Uint(1), true);
        assert_ne!(Value::Uint(u128::MAX), -1);
        assert_ne!(Value::Uint(2), true);
        assert_ne!(Value::from("7"), 7);
    }

    #[test]
    fn strings_end_with_their_first_nul_and_enumerators_have_names() {
        assert_eq!(Value::Chars((*b"ls\0junk").into()), "ls");
        assert_ne!(Value::Chars((*b"ls").into()), "ls\0");
        assert_eq!(Value::Enum { name: Some(Arc::from("EXITED")), value: 2 }, "EXITED");
        assert_eq!(Value::Enum { name: Some(Arc::from("EXITED")), value: 2 }, 2);
        assert_ne!(Value::Enum { name: None, value: 2 }, "EXITED");
    }

    #[test]
    fn arrays_have_the_same_elements() {
        let array = Value::Array(vec![1u8.into(), 2u64.into()]);
        assert_eq!(array, [1, 2]);
        assert_ne!(array, [1]);
        assert_eq!(Value::Bytes((*b"\x01\x02").into()), [1, 2]);
        assert_ne!(Value::Bytes((*b"\x01\x02").into()), [1, 3]);
    }

    #[test]
    fn addresses_are_in_network_order() {
        let (four, six) = (Ipv4Addr::new(10, 0, 0, 1), Ipv6Addr::LOCALHOST);
        assert_eq!(Value::Uint(0x0100_000a), four);
        assert_eq!(Value::Bytes([10, 0, 0, 1].into()), four);
        assert_eq!(Value::Bytes(six.octets().into()), six);
        let words = [0u32, 0, 0, 0x0100_0000].map(Value::from);
        assert_eq!(Value::Array(words.to_vec()), six);
        assert_ne!(Value::Uint(1), six);
    }

    #[test]
    #[should_panic(expected = "there is no \"pod\" in {pid = 42}")]
    fn a_part_that_there_is_not_is_named() {
        let event: Value = [("pid", 42u32.into())].into_iter().collect();
        let _ = &event["pod"];
    }
}
