//! Which structs of a program's BTF have a record (`btf_parse_struct_metas`), and which a map's value has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use skep_abi::Errno;
use skep_btf::{Btf, Kind, TypeId};

use super::find::{Kinds, kptr};
use super::parse::{is_container, parse_fields};
use super::{FieldKind, Record, RecordNr, Records};
use crate::state::reg::{BtfNr, MapNr};
use crate::verifier::Verifier;

/// Special structs that make a struct one that has a record.
const SPECIAL: [FieldKind; 6] = [
    FieldKind::SpinLock,
    FieldKind::ListHead,
    FieldKind::ListNode,
    FieldKind::RbRoot,
    FieldKind::RbNode,
    FieldKind::Refcount,
];

/// The records of all structs of a BTF that have one, by id.
///
/// # Errors
/// Those of `BPF_BTF_LOAD`: the whole of it is refused.
fn struct_metas(btf: &Btf, nr: BtfNr, kernel: Option<&Btf>) -> Result<Vec<(TypeId, Record)>, Errno> {
    let mut special: HashSet<TypeId> =
        SPECIAL.iter().filter_map(|kind| btf.find(Kind::Struct, kind.name())).collect();
    special.extend(
        btf.types().filter(|(_, ty)| matches!(kptr(btf, ty, Kinds::KPTR), Ok(Some(_)))).map(|(id, _)| id),
    );
    if special.is_empty() {
        return Ok(Vec::new());
    }
    let mut metas = Vec::new();
    for (id, ty) in btf.types() {
        let Some(c) = ty.composite() else { continue };
        if !c.members.iter().any(|member| special.contains(&member.type_id)) {
            continue;
        }
        let record = parse_fields(btf, nr, id, Kinds::STRUCT, c.size, kernel)?;
        metas.push((id, record.ok_or(Errno::EFAULT)?));
    }
    Ok(metas)
}

impl Records {
    /// Gives list heads and tree roots the records of what they own (`btf_check_and_fixup_fields`).
    fn link(&mut self, records: &[RecordNr], structs: &HashMap<TypeId, RecordNr>) {
        for nr in records {
            for field in &mut self.all[nr.0 as usize].fields {
                if field.kind.is_graph_root() {
                    field.value_record = field.target.and_then(|(_, id)| structs.get(&id).copied());
                }
            }
        }
    }

    fn load_structs(&mut self, btf: &Btf, nr: BtfNr, kernel: Option<&Btf>) {
        if self.of_structs.contains_key(&nr) {
            return;
        }
        // A BTF with an error here is one that the kernel did not load: it has no structs to speak of.
        let metas = struct_metas(btf, nr, kernel).unwrap_or_default();
        let structs: HashMap<_, _> = metas.into_iter().map(|(id, record)| (id, self.add(record))).collect();
        let records: Vec<_> = structs.values().copied().collect();
        self.link(&records, &structs);
        self.of_structs.insert(nr, structs);
    }
}

impl Verifier<'_> {
    /// The number of a BTF; a new one if it was not seen yet.
    pub(crate) fn btf_nr(&mut self, btf: &Arc<Btf>, name: &Arc<str>) -> BtfNr {
        let known = self.btfs.iter().position(|it| Arc::ptr_eq(it, btf));
        let index = known.unwrap_or_else(|| {
            self.btfs.push(Arc::clone(btf));
            self.btf_names.push(Arc::clone(name));
            self.btfs.len() - 1
        });
        BtfNr(index as u16)
    }

    /// The special fields of a struct of the program's BTF (`btf_find_struct_meta`).
    pub(crate) fn struct_record(&mut self, btf: BtfNr, id: TypeId) -> Option<RecordNr> {
        if btf == BtfNr::KERNEL {
            return None;
        }
        if !self.records.of_structs.contains_key(&btf) {
            let (own, kernel) = (Arc::clone(self.btf(btf)), Arc::clone(self.btf(BtfNr::KERNEL)));
            self.records.load_structs(&own, btf, Some(&kernel));
        }
        self.records.of_structs.get(&btf)?.get(&id).copied()
    }

    /// The special fields of a map's value.
    pub(crate) fn map_record(&mut self, map: MapNr) -> Option<RecordNr> {
        if let Some(known) = self.records.of_maps.get(&map) {
            return *known;
        }
        let record = self.parse_map_record(map);
        self.records.of_maps.insert(map, record);
        record
    }

    fn parse_map_record(&mut self, map: MapNr) -> Option<RecordNr> {
        let info = self.map(map);
        let (btf, value, size) = (Arc::clone(info.btf.as_ref()?), info.value_type, info.value_size);
        let value = btf.resolve(value);
        if !is_container(&btf, value) {
            return None;
        }
        let nr = self.btf_nr(&btf, &Arc::from(""));
        let kernel = Arc::clone(self.btf(BtfNr::KERNEL));
        // A map whose value has a malformed field was not made.
        let record = parse_fields(&btf, nr, value, Kinds::MAP, size, Some(&kernel)).ok()??;
        let roots = record.has_graph_root();
        let added = self.records.add(record);
        if roots {
            self.records.load_structs(&btf, nr, Some(&kernel));
            let structs = std::mem::take(self.records.of_structs.get_mut(&nr)?);
            self.records.link(&[added], &structs);
            self.records.of_structs.insert(nr, structs);
        }
        Some(added)
    }
}
