//! What a pointer that might have been NULL is once it is known not to be.

use crate::input::MapInfo;
use crate::record::FieldKind;
use crate::state::reg::{Extra, MapNr, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::verifier::Verifier;
use skep_abi::MapType;

impl Verifier<'_> {
    /// A pointer that is not NULL after all (`mark_ptr_not_null_reg`). A value of an outer map is then the inner map,
    /// a value of a map of sockets the socket.
    pub(crate) fn not_null(&mut self, reg: Reg) -> Reg {
        let Extra::Map { map, .. } = reg.extra else { return without_null(reg) };
        if reg.ty.base != Base::PtrToMapValue {
            return without_null(reg);
        }
        if let Some(inner) = self.inner_map(map) {
            let record = self.map_record(inner);
            let told_apart = [FieldKind::Timer, FieldKind::Wq, FieldKind::TaskWork];
            let has_uid = told_apart.iter().any(|kind| self.record_has(record, *kind));
            let uid = if has_uid { reg.id } else { 0 };
            let ty = RegType::of(Base::ConstPtrToMap);
            return Reg { ty, extra: Extra::Map { map: inner, uid }, ..reg };
        }
        let base = match self.map(map).kind {
            MapType::Xskmap => Base::PtrToXdpSock,
            MapType::Sockmap | MapType::Sockhash => Base::PtrToSocket,
            _ => Base::PtrToMapValue,
        };
        Reg { ty: RegType::of(base), ..reg }
    }

    /// What the inner maps of a map are like (`inner_map_meta`).
    pub(crate) fn inner_map(&mut self, outer: MapNr) -> Option<MapNr> {
        if let Some((_, inner)) = self.inner_maps.iter().find(|(of, _)| *of == outer) {
            return Some(*inner);
        }
        // The kernel keeps what they are like, not their name.
        let inner = MapInfo { name: String::new(), ..(**self.map(outer).inner.as_ref()?).clone() };
        self.maps.push(inner);
        let nr = MapNr(self.maps.len() as u16 - 1);
        self.inner_maps.push((outer, nr));
        Some(nr)
    }
}

fn without_null(reg: Reg) -> Reg {
    Reg { ty: RegType { flags: reg.ty.flags - Flags::MAYBE_NULL, ..reg.ty }, ..reg }
}
