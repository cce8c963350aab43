//! The types that stay, with new numbers.

use super::{Dedup, DedupError, Deduped, Mapped};
use crate::{BtfBuilder, BtfExt, TypeId};

impl Dedup {
    pub(super) fn compact(self, text: String, ext: Option<BtfExt>) -> Result<Deduped, DedupError> {
        let mut ids = vec![TypeId::VOID; self.types.len()];
        let kept = self.ids().filter(|id| self.mapped(*id) == Mapped::To(*id));
        for (new, old) in (1..).zip(kept) {
            ids[old as usize] = TypeId(new);
        }
        for id in self.ids() {
            let kept = self.resolve(id)?;
            ids[id as usize] = ids[kept as usize];
        }
        let mut builder = BtfBuilder::new();
        builder.strings = text;
        if builder.strings.is_empty() {
            builder.strings.push('\0');
        }
        for (id, mut ty) in self.types.into_iter().enumerate().skip(1) {
            if self.map[id] == Mapped::To(id as u32) {
                ty.def.for_each_id(&mut |it| *it = ids.get(it.0 as usize).copied().unwrap_or_default());
                builder.types.push(ty);
            }
        }
        let btf = builder.build().map_err(DedupError::Invalid)?;
        let ext = ext.map(|mut ext| {
            ext.for_each_id(&mut |it| *it = ids.get(it.0 as usize).copied().unwrap_or_default());
            ext
        });
        Ok(Deduped { btf, ext, ids })
    }
}
