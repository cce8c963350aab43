//! `.BTF` bytes to types.
//!
//! Layout and rules: the kernel's `uapi/linux/btf.h` and `Documentation/bpf/btf.rst`; what is refused follows
//! `btf_check_meta` and the `*_check_meta` functions of `kernel/bpf/btf.c`, except that names need not be C
//! identifiers and unfinished data sections (size and offsets 0) pass, as they do in libbpf.

use std::sync::Arc;

use crate::header::Header;
use crate::reader::Reader;
use crate::strings::Strings;
use crate::types::*;
use crate::{Btf, Error, Kind, Reason, StrOff};

pub(crate) fn parse(bytes: &[u8], base: Option<Arc<Btf>>) -> Result<Btf, Error> {
    let mut header = Header::parse(bytes, 16)?;
    let types = header.part("type section", 4)?;
    let strings = header.part("string section", 1)?;
    header.finish()?;
    let strings = parse_strings(strings, base.is_some())?;
    let mut btf = Btf::empty(base, strings).ok_or(Error { offset: 0, reason: Reason::TooMuch })?;
    let offsets = parse_types(types, &mut btf)?;
    btf.types.shrink_to_fit();
    btf.guess_pointer_size();
    btf.layouts = crate::check::check(&btf, &offsets)?;
    Ok(btf)
}

fn parse_strings(mut section: Reader<'_>, split: bool) -> Result<Strings, Error> {
    let here = section.clone();
    let bytes = section.take(section.left())?;
    let good = match (bytes.first(), bytes.last()) {
        (Some(first), Some(0)) => split || *first == 0,
        (None, _) => split,
        _ => false,
    };
    if good { Ok(Strings::new(bytes)) } else { Err(here.error(Reason::StringTable)) }
}

/// Reads every type into `btf`; answers where each was.
fn parse_types(mut section: Reader<'_>, btf: &mut Btf) -> Result<Vec<u32>, Error> {
    let mut offsets = Vec::new();
    while !section.is_empty() {
        let offset = section.offset();
        let ty = Parser { reader: &mut section, btf }.parse_type()?;
        if btf.types.len() as u64 + u64::from(btf.first_id()) >= u64::from(u32::MAX) {
            return Err(Error { offset, reason: Reason::TooMuch });
        }
        offsets.push(offset as u32);
        btf.types.push(ty);
    }
    Ok(offsets)
}

/// The head of a type: name, kind, `kind_flag`, `vlen`, and the word that is a size or a type.
struct Head {
    offset: usize,
    kflag: bool,
    vlen: u32,
    word: u32,
}

impl Head {
    fn fail<T>(&self, reason: Reason) -> Result<T, Error> {
        Err(Error { offset: self.offset, reason })
    }
}

struct Parser<'p, 'b> {
    reader: &'p mut Reader<'b>,
    btf: &'p Btf,
}

impl Parser<'_, '_> {
    fn parse_type(&mut self) -> Result<Type, Error> {
        let offset = self.reader.offset();
        let name = self.name()?;
        let info = self.reader.u32()?;
        let word = self.reader.u32()?;
        let head = Head { offset, kflag: info >> 31 != 0, vlen: info & 0xffff, word };
        if info & 0x60ff_0000 != 0 {
            return head.fail(Reason::ReservedBits(info));
        }
        let number = (info >> 24) & 0x1f;
        match Kind::from_number(number) {
            None | Some(Kind::Void) => head.fail(Reason::UnknownKind(number)),
            Some(kind) => Ok(Type { name, def: self.def(kind, &head)? }),
        }
    }

    fn def(&mut self, kind: Kind, head: &Head) -> Result<Def, Error> {
        if head.kflag && !kind.has_flag() {
            return head.fail(Reason::ReservedBits(1 << 31));
        }
        if head.vlen != 0 && !kind.has_vlen() {
            return head.fail(Reason::Field { field: "vlen", value: head.vlen });
        }
        let target = TypeId(head.word);
        Ok(match kind {
            Kind::Void => Def::Void,
            Kind::Int => Def::Int(self.int(head)?),
            Kind::Ptr => Def::Ptr(target),
            Kind::Array => Def::Array(self.array(head)?),
            Kind::Struct => Def::Struct(self.composite(head)?),
            Kind::Union => Def::Union(self.composite(head)?),
            Kind::Enum => Def::Enum(self.enumeration(head, false)?),
            Kind::Enum64 => Def::Enum64(self.enumeration(head, true)?),
            Kind::Fwd => Def::Fwd(if head.kflag { FwdKind::Union } else { FwdKind::Struct }),
            Kind::Typedef => Def::Typedef(target),
            Kind::Volatile => Def::Volatile(target),
            Kind::Const => Def::Const(target),
            Kind::Restrict => Def::Restrict(target),
            Kind::Func => Def::Func(Func { proto: target, linkage: linkage(head, head.vlen)? }),
            Kind::FuncProto => Def::FuncProto(FuncProto { ret: target, params: self.params(head)? }),
            Kind::Var => {
                let number = self.reader.u32()?;
                Def::Var(Var { type_id: target, linkage: linkage(head, number)? })
            }
            Kind::DataSec => Def::DataSec(DataSec { size: head.word, vars: self.secvars(head)? }),
            Kind::Float => match head.word {
                2 | 4 | 8 | 12 | 16 => Def::Float(head.word),
                value => return head.fail(Reason::Field { field: "size of a float", value }),
            },
            Kind::DeclTag => Def::DeclTag(self.decl_tag(head)?),
            Kind::TypeTag => Def::TypeTag(TypeTag { target, attribute: head.kflag }),
        })
    }

    fn int(&mut self, head: &Head) -> Result<Int, Error> {
        let word = self.reader.u32()?;
        // Bits 8 to 15 are not used; the kernel does not look at them (`BTF_INT_MASK`).
        if word & 0xf000_0000 != 0 {
            return head.fail(Reason::ReservedBits(word));
        }
        let (bits, offset) = (word & 0xff, (word >> 16) & 0xff);
        if bits + offset > 128 || u64::from(bits + offset) > u64::from(head.word) * 8 {
            return head.fail(Reason::Field { field: "bits of an integer", value: bits });
        }
        let encoding = (word >> 24) & 0xf;
        let Some(encoding) = IntEncoding::from_number(encoding) else {
            return head.fail(Reason::Field { field: "encoding of an integer", value: encoding });
        };
        Ok(Int { size: head.word, bits: bits as u8, offset: offset as u8, encoding })
    }

    fn array(&mut self, head: &Head) -> Result<Array, Error> {
        if head.word != 0 {
            return head.fail(Reason::Field { field: "size of an array", value: head.word });
        }
        Ok(Array { element: self.type_id()?, index: self.type_id()?, len: self.reader.u32()? })
    }

    fn composite(&mut self, head: &Head) -> Result<Composite, Error> {
        let members = self.list(head, 12, |p| {
            let (name, type_id, offset) = (p.name()?, p.type_id()?, p.reader.u32()?);
            let (bit_offset, bit_size) =
                if head.kflag { (offset & 0xff_ffff, (offset >> 24) as u8) } else { (offset, 0) };
            Ok(Member { name, type_id, bit_offset, bit_size })
        })?;
        Ok(Composite { size: head.word, kflag: head.kflag, members })
    }

    fn enumeration(&mut self, head: &Head, wide: bool) -> Result<Enum, Error> {
        if !matches!(head.word, 1 | 2 | 4 | 8) {
            return head.fail(Reason::Field { field: "size of an enum", value: head.word });
        }
        let values = self.list(head, if wide { 12 } else { 8 }, |p| {
            let (name, low) = (p.name()?, p.reader.u32()?);
            let value = match (wide, head.kflag) {
                (true, _) => (u64::from(p.reader.u32()?) << 32 | u64::from(low)) as i64,
                (false, true) => (low as i32).into(),
                (false, false) => low.into(),
            };
            Ok(EnumValue { name, value })
        })?;
        Ok(Enum { size: head.word, signed: head.kflag, values })
    }

    fn params(&mut self, head: &Head) -> Result<Box<[Param]>, Error> {
        self.list(head, 8, |p| Ok(Param { name: p.name()?, type_id: p.type_id()? }))
    }

    fn secvars(&mut self, head: &Head) -> Result<Box<[SecVar]>, Error> {
        self.list(head, 12, |p| {
            Ok(SecVar { type_id: p.type_id()?, offset: p.reader.u32()?, size: p.reader.u32()? })
        })
    }

    fn decl_tag(&mut self, head: &Head) -> Result<DeclTag, Error> {
        let component = match self.reader.u32()? {
            u32::MAX => None,
            // The kernel reads it as an int and refuses other negative ones (`btf_decl_tag_check_meta`).
            index if index > i32::MAX as u32 => {
                return head.fail(Reason::Field { field: "component of a tag", value: index });
            }
            index => Some(index),
        };
        Ok(DeclTag { target: TypeId(head.word), component, attribute: head.kflag })
    }

    /// `vlen` items of `size` bytes. That they are all there is known before room is made for them.
    fn list<T>(
        &mut self,
        head: &Head,
        size: usize,
        mut item: impl FnMut(&mut Parser<'_, '_>) -> Result<T, Error>,
    ) -> Result<Box<[T]>, Error> {
        let mut reader = self.reader.sub(head.vlen as usize * size)?;
        let mut parser = Parser { reader: &mut reader, btf: self.btf };
        (0..head.vlen).map(|_| item(&mut parser)).collect()
    }

    fn type_id(&mut self) -> Result<TypeId, Error> {
        self.reader.u32().map(TypeId)
    }

    fn name(&mut self) -> Result<StrOff, Error> {
        let here = self.reader.clone();
        let name = StrOff(self.reader.u32()?);
        self.btf.check_name(name).map_err(|reason| here.error(reason))
    }
}

fn linkage(head: &Head, number: u32) -> Result<Linkage, Error> {
    match Linkage::from_number(number) {
        Some(linkage) => Ok(linkage),
        None => head.fail(Reason::Field { field: "linkage", value: number }),
    }
}
