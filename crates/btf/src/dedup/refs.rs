//! Types that refer to others: pointers, qualifiers, typedefs, arrays, functions, tags (`btf_dedup_ref_type`).

use super::{Dedup, DedupError, Mapped, equiv, table};
use crate::TypeId;

/// A type whose references are being settled.
struct Frame {
    id: u32,
    references: Vec<u32>,
    next: usize,
}

impl Dedup {
    pub(super) fn refs(&mut self) -> Result<(), DedupError> {
        let mut open = Vec::new();
        for id in self.ids() {
            if self.mapped(id) != Mapped::Not {
                continue;
            }
            open.push(self.enter(id));
            while let Some(frame) = open.last_mut() {
                self.pay(1)?;
                match frame.references.get(frame.next).copied() {
                    Some(next) => {
                        frame.next += 1;
                        match self.mapped(next) {
                            Mapped::To(_) => {}
                            Mapped::Now => return Err(DedupError::Loop(TypeId(next))),
                            Mapped::Not => open.push(self.enter(next)),
                        }
                    }
                    None => {
                        let id = frame.id;
                        open.pop();
                        self.leave(id)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, id: u32) -> Frame {
        self.set(id, Mapped::Now);
        Frame { id, references: equiv::references(self.ty(id)), next: 0 }
    }

    /// All that it refers to is settled: it can be compared as a whole.
    fn leave(&mut self, id: u32) -> Result<(), DedupError> {
        let mut def = self.ty(id).def.clone();
        let mut result = Ok(());
        def.for_each_id(&mut |it| match self.resolve(it.0) {
            Ok(resolved) => it.0 = resolved,
            Err(error) => result = Err(error),
        });
        result?;
        self.types[id as usize].def = def;
        self.unite(id, table::whole(self.ty(id)))
    }
}
