//! Values as a test writes them down: for arguments of functions and for fields of kernel objects.

/// A value for an argument or a field. What it becomes depends on the type of the place that it goes to.
///
/// ```
/// use skep_kernel::FieldValue;
///
/// assert_eq!(FieldValue::from(-1), FieldValue::Int(-1));
/// assert_eq!(FieldValue::from("bash"), FieldValue::Str("bash".to_owned()));
/// assert_eq!(FieldValue::user("x"), FieldValue::User(Box::new(FieldValue::from("x"))));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FieldValue {
    /// A number: an integer, a truth value, an enumerator, or an address.
    Int(i128),
    /// Text. A character array holds its bytes and NULs; a pointer points to a fresh string that ends with a NUL: in
    /// user memory if the pointer is `__user`, else in kernel memory.
    Str(String),
    /// Bytes. An array or a struct holds them; a pointer points to a fresh copy of them.
    Bytes(Vec<u8>),
    /// Several values: the elements of an array; a pointer points to a fresh array of them that ends with a zero
    /// element, as `argv` does.
    List(Vec<FieldValue>),
    /// A struct, field by field; a pointer points to a fresh one. What is not named is zero.
    Fields(Args),
    /// An address as it is.
    Addr(u64),
    /// The value; what a pointer points to lies in user memory whatever its type says.
    User(Box<FieldValue>),
    /// The value; what a pointer points to lies in kernel memory whatever its type says.
    Kernel(Box<FieldValue>),
}

impl FieldValue {
    /// The value, put into user memory if it goes to a pointer.
    pub fn user(value: impl Into<FieldValue>) -> FieldValue {
        FieldValue::User(Box::new(value.into()))
    }

    /// The value, put into kernel memory if it goes to a pointer.
    pub fn kernel(value: impl Into<FieldValue>) -> FieldValue {
        FieldValue::Kernel(Box::new(value.into()))
    }
}

macro_rules! from_integers {
    ($($int:ty)*) => { $(
        impl From<$int> for FieldValue {
            fn from(value: $int) -> FieldValue {
                FieldValue::Int(value as i128)
            }
        }
    )* };
}

from_integers! { bool u8 u16 u32 u64 usize i8 i16 i32 i64 isize }

macro_rules! from_others {
    ($($value:ident: $from:ty => $to:expr;)*) => { $(
        impl From<$from> for FieldValue {
            fn from($value: $from) -> FieldValue {
                $to
            }
        }
    )* };
}

from_others! {
    text: &str => FieldValue::Str(text.to_owned());
    text: &String => FieldValue::Str(text.clone());
    text: String => FieldValue::Str(text);
    bytes: &[u8] => FieldValue::Bytes(bytes.to_vec());
    bytes: Vec<u8> => FieldValue::Bytes(bytes);
    list: Vec<FieldValue> => FieldValue::List(list);
    fields: Args => FieldValue::Fields(fields);
}

impl<const N: usize> From<&[u8; N]> for FieldValue {
    fn from(bytes: &[u8; N]) -> FieldValue {
        FieldValue::Bytes(bytes.to_vec())
    }
}

impl<T: Into<FieldValue>, const N: usize> From<[T; N]> for FieldValue {
    fn from(list: [T; N]) -> FieldValue {
        FieldValue::List(list.into_iter().map(Into::into).collect())
    }
}

/// Values by name, in the order in which they were written down: arguments of a function, fields of a struct.
///
/// [`args!`](crate::args!) writes them as they are meant to be read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Args(Vec<(String, FieldValue)>);

impl Args {
    /// None.
    pub fn new() -> Args {
        Args::default()
    }

    /// The same, and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<FieldValue>) -> Args {
        self.0.push((name.into(), value.into()));
        self
    }

    /// The value of this name; of several, the last one.
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.0.iter().rev().find(|it| it.0 == name).map(|it| &it.1)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FieldValue)> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, FieldValue)> for Args {
    fn from_iter<I: IntoIterator<Item = (String, FieldValue)>>(values: I) -> Args {
        Args(values.into_iter().collect())
    }
}

/// [`Args`] by name. A name that is no word is written as a string; braces make a struct.
///
/// ```
/// use skep_kernel::{FieldValue, args};
///
/// let args = args! { filename: "/etc/passwd", flags: 0, file: { "f_path.mnt": 0u64, f_flags: 2 } };
/// assert_eq!(args.get("flags"), Some(&FieldValue::Int(0)));
/// assert_eq!(args.get("file"), Some(&args! { "f_path.mnt": 0u64, f_flags: 2 }.into()));
/// ```
#[macro_export]
macro_rules! args {
    (@name $name:ident) => { ::core::stringify!($name) };
    (@name $name:literal) => { $name };
    (@from $args:expr;) => { $args };
    (@from $args:expr; $name:tt : { $($fields:tt)* } $(, $($rest:tt)*)?) => {
        $crate::args!(
            @from $args.with($crate::args!(@name $name), $crate::args! { $($fields)* });
            $($($rest)*)?
        )
    };
    (@from $args:expr; $name:tt : $value:expr $(, $($rest:tt)*)?) => {
        $crate::args!(@from $args.with($crate::args!(@name $name), $value); $($($rest)*)?)
    };
    ($($args:tt)*) => { $crate::args!(@from $crate::Args::new(); $($args)*) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_or_strings_and_braces_are_structs() {
        let made = args! { a: 1, type: "x", "b.c": [1u8, 2], d: { e: true }, };
        let plain = Args::new()
            .with("a", 1)
            .with("type", "x")
            .with("b.c", FieldValue::List(vec![1.into(), 2.into()]))
            .with("d", Args::new().with("e", 1));
        assert_eq!(made, plain);
        assert!(args! {}.is_empty());
    }

    #[test]
    fn the_last_value_of_a_name_counts() {
        assert_eq!(args! { a: 1, a: 2 }.get("a"), Some(&FieldValue::Int(2)));
    }

    #[test]
    fn integers_keep_their_sign() {
        assert_eq!(FieldValue::from(u64::MAX), FieldValue::Int(u64::MAX.into()));
        assert_eq!(FieldValue::from(-1i8), FieldValue::Int(-1));
    }
}
