//! Types as C declarations, in the form of `bpftool btf dump file X format c`.

mod decl;
mod def;
mod pad;
mod raw;

use crate::types::*;
use crate::{Btf, TypeError};

/// Longest text that is made of one type. Anonymous structures that contain each other many times could grow
/// without bound; the largest structure of a kernel takes some 50 KB.
const MAX_TEXT: usize = 16 << 20;

/// How deep declarations may nest: structures in structures, parameters of function pointers in parameters.
const MAX_DEPTH: u32 = 64;

impl Btf {
    /// C text that declares a type, a variable or a function, as `bpftool btf dump ... format c` writes it for one
    /// type (but for the `___2` that it appends to names that occur twice). Any other type is named
    /// as in a cast: `struct task *[4]`.
    ///
    /// # Errors
    /// There is no such type, or it has no declaration in C: a tag, a structure nested in ways that C cannot
    /// write, or one whose text would be over 16 MiB.
    pub fn declare(&self, id: impl Into<TypeId>) -> Result<String, TypeError> {
        let id = id.into();
        let mut writer = Writer::new(self);
        writer.declare(id)?;
        Ok(writer.out)
    }

    /// C text of a type as in a cast: `const char *`, `int (*)(void)`, `struct task`. Anonymous structures,
    /// unions and enumerations show as `struct {...}`.
    ///
    /// # Errors
    /// As [`Btf::declare`].
    pub fn c_type(&self, id: impl Into<TypeId>) -> Result<String, TypeError> {
        self.c_declaration(id, "")
    }

    /// C text of a variable or member of a type: `const char *name[4]`.
    ///
    /// # Errors
    /// As [`Btf::declare`].
    pub fn c_declaration(&self, id: impl Into<TypeId>, name: &str) -> Result<String, TypeError> {
        let mut writer = Writer::new(self);
        writer.elide = true;
        writer.decl(id.into(), name, 0)?;
        Ok(writer.out)
    }
}

struct Writer<'b> {
    btf: &'b Btf,
    out: String,
    depth: u32,
    /// Whether bodies of anonymous types are left out.
    elide: bool,
}

impl<'b> Writer<'b> {
    fn new(btf: &'b Btf) -> Writer<'b> {
        Writer { btf, out: String::new(), depth: 0, elide: false }
    }

    fn get(&self, id: TypeId) -> Result<&'b Type, TypeError> {
        self.btf.type_by_id(id).ok_or(TypeError::NoSuchType(id))
    }

    fn indent(&mut self, level: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n('\t', level));
    }

    fn check_len(&self, id: TypeId) -> Result<(), TypeError> {
        if self.out.len() > MAX_TEXT { Err(TypeError::TooComplex(id)) } else { Ok(()) }
    }

    /// Runs `body` one level deeper, if that is not too deep and the text not too long.
    fn nested(
        &mut self,
        id: TypeId,
        body: impl FnOnce(&mut Self) -> Result<(), TypeError>,
    ) -> Result<(), TypeError> {
        if self.depth >= MAX_DEPTH {
            return Err(TypeError::TooComplex(id));
        }
        self.check_len(id)?;
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        result
    }

    fn declare(&mut self, id: TypeId) -> Result<(), TypeError> {
        let btf = self.btf;
        let ty = self.get(id)?;
        let name = btf.str(ty.name);
        match &ty.def {
            Def::Struct(c) => self.composite(id, "struct", name, c, 0)?,
            Def::Union(c) => self.composite(id, "union", name, c, 0)?,
            Def::Enum(e) | Def::Enum64(e) => self.enumeration(id, ty, e, 0)?,
            Def::Fwd(_) => self.decl(id, "", 0)?,
            // GCC before 10 writes the built-in list of arguments as a typedef of nothing.
            Def::Typedef(TypeId::VOID) if name == "__gnuc_va_list" => {
                self.out.push_str("typedef __builtin_va_list __gnuc_va_list");
            }
            Def::Typedef(target) => {
                self.out.push_str("typedef ");
                self.decl(*target, name, 0)?;
            }
            Def::Var(Var { type_id, linkage }) | Def::Func(Func { proto: type_id, linkage }) => {
                self.out.push_str(match linkage {
                    Linkage::Static => "static ",
                    Linkage::Global => "",
                    Linkage::Extern => "extern ",
                });
                self.decl(*type_id, name, 0)?;
            }
            Def::DataSec(section) => return self.section(section),
            Def::DeclTag(_) => return Err(TypeError::NotC(id)),
            _ => return self.decl(id, "", 0),
        }
        self.out.push(';');
        Ok(())
    }

    fn section(&mut self, section: &DataSec) -> Result<(), TypeError> {
        for (index, var) in section.vars.iter().enumerate() {
            self.out.push_str(if index == 0 { "" } else { "\n" });
            self.nested(var.type_id, |w| w.declare(var.type_id))?;
        }
        Ok(())
    }
}
