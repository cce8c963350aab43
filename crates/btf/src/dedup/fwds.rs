//! Forward declarations that only one structure or union of the same name can be meant by (`btf_dedup_resolve_fwds`).

use std::collections::HashMap;

use super::{Dedup, DedupError, Mapped};
use crate::{Def, FwdKind, Kind, StrOff};

impl Dedup {
    pub(super) fn fwds(&mut self) -> Result<(), DedupError> {
        // `None` for names that several have.
        let mut by_name: HashMap<StrOff, Option<u32>> = HashMap::new();
        for id in self.ids().filter(|id| self.is_kept_composite(*id)) {
            by_name.entry(self.ty(id).name).and_modify(|it| *it = None).or_insert(Some(id));
        }
        for id in self.ids() {
            let Def::Fwd(fwd) = self.ty(id).def else { continue };
            let meant = by_name.get(&self.ty(id).name).copied().flatten();
            let wanted = if fwd == FwdKind::Union { Kind::Union } else { Kind::Struct };
            match meant {
                Some(meant) if self.mapped(id) == Mapped::To(id) && self.ty(meant).kind() == wanted => {
                    self.set(id, Mapped::To(meant));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
