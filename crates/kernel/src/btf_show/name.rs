//! Names of members and types (`btf_show_name`): `.member = (struct type *)[]{`.

use super::{NONAME, Show};
use skep_btf::{Def, TypeId};

/// Pointers, arrays and typedefs looked through; there is no name behind more of them.
const MAX_ITER: usize = 10;
/// `BTF_SHOW_NAME_SIZE`, less the NUL: what is longer is cut off.
const MAX_LEN: usize = 79;

/// A type with its pointers, arrays and typedefs looked through.
struct Named<'b> {
    pointers: usize,
    arrays: usize,
    is_typedef: bool,
    name: &'b str,
    prefix: &'static str,
    /// What opens the value.
    opens: &'static str,
}

impl Show<'_> {
    /// What stands in front of a value.
    pub(super) fn name(&self) -> Vec<u8> {
        if self.in_array {
            return Vec::new();
        }
        let (member, id) = match self.member {
            Some((name, id)) => (self.btf.str(name), id),
            None => ("", self.type_id),
        };
        let Some(named) = self.named(id) else { return Vec::new() };
        let mut text =
            if self.has(NONAME) { named.opens.to_owned() } else { named.text(member) }.into_bytes();
        text.truncate(MAX_LEN);
        text
    }

    fn named(&self, id: TypeId) -> Option<Named<'_>> {
        let (mut pointers, mut arrays, mut typedef) = (0, 0, None);
        let mut found = self.btf.type_by_id(id)?;
        for _ in 0..MAX_ITER {
            let next = match found.def {
                Def::Typedef(next) => {
                    typedef.get_or_insert(found.name);
                    next
                }
                Def::Array(array) => {
                    arrays += 1;
                    array.element
                }
                Def::Ptr(next) => {
                    pointers += 1;
                    next
                }
                _ => TypeId(0),
            };
            if next != TypeId(0) {
                found = self.btf.type_by_id(self.btf.unqualified(next))?;
                continue;
            }
            let is_aggregate = matches!(found.def, Def::Struct(_) | Def::Union(_));
            return Some(Named {
                pointers,
                arrays,
                is_typedef: typedef.is_some(),
                name: self.btf.str(typedef.unwrap_or(found.name)),
                prefix: match found.def {
                    Def::Struct(_) => "struct",
                    Def::Union(_) => "union",
                    Def::Enum(_) | Def::Enum64(_) => "enum",
                    _ => "",
                },
                opens: match (pointers, arrays) {
                    (1.., _) => "",
                    (0, 1..) => "[",
                    (0, 0) if is_aggregate => "{",
                    (0, 0) => "",
                },
            });
        }
        None
    }
}

impl Named<'_> {
    fn text(&self, member: &str) -> String {
        let mut text = String::new();
        if !member.is_empty() {
            text += &format!(".{member} = ");
        }
        let prefix = if self.is_typedef { "" } else { self.prefix };
        let space = if prefix.is_empty() || self.name.is_empty() { "" } else { " " };
        text += &format!("({prefix}{space}{}", self.name);
        if self.pointers > 0 {
            text += &format!(" {}", "*".repeat(self.pointers));
        }
        text + &"[]".repeat(self.arrays) + ")" + self.opens
    }
}
