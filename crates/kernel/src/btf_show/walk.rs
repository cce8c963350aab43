//! Walking a value by its type.

use super::{MAX_DEPTH, Show, ZERO};
use skep_btf::{Array, Btf, Composite, Def, IntEncoding, Kind, TypeId};

impl Show<'_> {
    /// Shows a value of type `id`, which was named as `named`.
    pub(super) fn value(&mut self, id: TypeId, named: TypeId, addr: u64, bit: u32) {
        self.steps += 1;
        let btf: &Btf = self.btf;
        let Some(found) = btf.type_by_id(id) else { return };
        if self.depth > MAX_DEPTH || !self.target.may_go_on(self.steps) {
            return;
        }
        match &found.def {
            Def::Int(int) => self.int(*int, id, named, addr, bit),
            Def::Ptr(_) => self.pointer(id, named, addr),
            Def::Enum(of) => self.enumeration(of, false, id, named, addr),
            Def::Enum64(of) => self.enumeration(of, true, id, named, addr),
            Def::Array(array) => self.found(|show| show.array(*array, id, named, addr, bit)),
            Def::Struct(of) | Def::Union(of) => self.found(|show| show.composite(of, id, named, addr)),
            Def::Typedef(_) | Def::Volatile(_) | Def::Const(_) | Def::Restrict(_) | Def::TypeTag(_) => {
                let behind = btf.resolve(id);
                match btf.type_by_id(behind).map(|it| it.kind()) {
                    Some(Kind::Void) => self.unsupported(Kind::Void),
                    _ => self.value(behind, named, addr, bit),
                }
            }
            Def::Var(var) => {
                let behind = btf.resolve(var.type_id);
                self.value(behind, behind, addr, bit);
            }
            // The kernel knows no size of sections, so that it shows none.
            Def::DataSec(_) => self.no_size(),
            _ => self.unsupported(found.kind()),
        }
    }

    /// Shows an aggregate, if it is the outermost one, or zeroes are wanted, or something in it is not zero. To find
    /// out, it is walked a first time in silence; those in it are not asked again on the way.
    fn found(&mut self, mut walk: impl FnMut(&mut Self)) {
        if self.depth > 0 && !self.has(ZERO) {
            let member = self.member;
            if self.depth_check == 0 {
                (self.depth_check, self.depth_to_show) = (self.depth + 1, 0);
            }
            walk(self);
            self.member = member;
            if self.depth_check != self.depth + 1 {
                return;
            }
            self.depth_check = 0;
            if self.depth_to_show <= self.depth {
                return;
            }
        }
        walk(self);
    }

    fn open(&mut self, id: TypeId, named: TypeId, addr: u64) -> bool {
        if self.start(id, named, addr).is_none() {
            return false;
        }
        if self.depth_check == 0 {
            let mut text = vec![b' '; self.indent()];
            text.extend_from_slice(&self.name());
            text.extend_from_slice(self.newline().as_bytes());
            self.print(&text);
        }
        self.depth += 1;
        true
    }

    fn close(&mut self, with: char) {
        self.depth -= 1;
        let text = format!("{:1$}{with}{2}{3}", "", self.indent(), self.delimiter(), self.newline());
        self.print(text.as_bytes());
        self.end();
    }

    fn composite(&mut self, of: &Composite, id: TypeId, named: TypeId, addr: u64) {
        if !self.open(id, named, addr) {
            return;
        }
        for member in &of.members {
            self.member = Some((member.name, member.type_id));
            let (bits, bit) = (u32::from(member.bit_size), member.bit_offset % 8);
            let at = addr.wrapping_add(u64::from(member.bit_offset / 8));
            if of.kflag && bits > 0 {
                if let Some(at) = self.start(member.type_id, member.type_id, at) {
                    self.bitfield(at, bit, bits);
                }
                self.end();
            } else {
                self.value(member.type_id, member.type_id, at, bit);
            }
            self.member = None;
        }
        self.close('}');
    }

    fn array(&mut self, array: Array, id: TypeId, named: TypeId, addr: u64, bit: u32) {
        let element = self.btf.resolve(array.element);
        let (mut size, mut chars) = (0, false);
        match self.btf.type_by_id(element).map(|it| &it.def) {
            Some(Def::Int(int)) => {
                size = u64::from(int.size);
                // Compilers do not say which bytes are characters; the kernel takes all for such.
                chars = size == 1 || int.encoding == IntEncoding::Char;
            }
            Some(Def::Struct(_) | Def::Union(_) | Def::Enum(_) | Def::Enum64(_) | Def::Float(_)) => {
                size = self.btf.size_of(element).unwrap_or(0);
            }
            _ => {}
        }
        (self.chars, self.terminated) = (chars, false);
        if !self.open(id, named, addr) {
            return;
        }
        let mut at = addr;
        for _ in 0..array.len {
            (self.in_array, self.member) = (true, None);
            self.value(element, array.element, at, bit);
            at = at.wrapping_add(size);
            (self.in_array, self.member) = (false, None);
            if self.terminated || !self.target.may_go_on(self.steps) {
                break;
            }
        }
        (self.chars, self.terminated) = (false, false);
        self.close(']');
    }
}
