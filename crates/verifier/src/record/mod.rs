//! Special fields of structs and map values (`struct btf_record`).

mod find;
mod metas;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use skep_btf::TypeId;

use crate::state::reg::{BtfNr, MapNr};

/// A record, by its place in [`Records`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecordNr(pub u32);

/// A field of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FieldNr {
    /// The record.
    pub record: RecordNr,
    /// The index of the field in it.
    pub index: u32,
}

/// What a special field is (`enum btf_field_type`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FieldKind {
    SpinLock,
    ResSpinLock,
    Timer,
    Wq,
    TaskWork,
    KptrUnref,
    KptrRef,
    KptrPercpu,
    Uptr,
    ListHead,
    ListNode,
    RbRoot,
    RbNode,
    Refcount,
}

impl FieldKind {
    /// The kernel's name for it (`btf_field_type_name`).
    pub const fn name(self) -> &'static str {
        match self {
            FieldKind::SpinLock => "bpf_spin_lock",
            FieldKind::ResSpinLock => "bpf_res_spin_lock",
            FieldKind::Timer => "bpf_timer",
            FieldKind::Wq => "bpf_wq",
            FieldKind::TaskWork => "bpf_task_work",
            FieldKind::KptrUnref | FieldKind::KptrRef => "kptr",
            FieldKind::KptrPercpu => "percpu_kptr",
            FieldKind::Uptr => "uptr",
            FieldKind::ListHead => "bpf_list_head",
            FieldKind::ListNode => "bpf_list_node",
            FieldKind::RbRoot => "bpf_rb_root",
            FieldKind::RbNode => "bpf_rb_node",
            FieldKind::Refcount => "bpf_refcount",
        }
    }

    /// Bytes of it (`btf_field_type_size`).
    pub const fn size(self) -> u32 {
        match self {
            FieldKind::SpinLock | FieldKind::ResSpinLock | FieldKind::Refcount => 4,
            FieldKind::TaskWork
            | FieldKind::KptrUnref
            | FieldKind::KptrRef
            | FieldKind::KptrPercpu
            | FieldKind::Uptr => 8,
            FieldKind::Timer | FieldKind::Wq | FieldKind::ListHead | FieldKind::RbRoot => 16,
            FieldKind::ListNode => 24,
            FieldKind::RbNode => 32,
        }
    }

    /// Its alignment (`btf_field_type_align`).
    pub const fn align(self) -> u32 {
        if self.size() < 8 { 4 } else { 8 }
    }

    /// Whether it is a kptr of any sort (`BPF_KPTR`); a uptr is none.
    pub const fn is_kptr(self) -> bool {
        matches!(self, FieldKind::KptrUnref | FieldKind::KptrRef | FieldKind::KptrPercpu)
    }

    /// Whether it owns objects (`BPF_GRAPH_ROOT`).
    pub const fn is_graph_root(self) -> bool {
        matches!(self, FieldKind::ListHead | FieldKind::RbRoot)
    }

    /// Whether it makes an object one that can be owned (`BPF_GRAPH_NODE`).
    pub const fn is_graph_node(self) -> bool {
        matches!(self, FieldKind::ListNode | FieldKind::RbNode)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A special field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpecialField {
    /// What it is.
    pub kind: FieldKind,
    /// Bytes from the start.
    pub offset: u32,
    /// Its bytes.
    pub size: u32,
    /// Of a kptr: what it points to. Of a list head or tree root: the struct of its nodes.
    pub target: Option<(BtfNr, TypeId)>,
    /// Of a list head or tree root: where the node is in that struct.
    pub node_offset: u32,
    /// Of a list head or tree root: the record of that struct.
    pub value_record: Option<RecordNr>,
}

/// The special fields of one type, by offset.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// The fields.
    pub fields: Vec<SpecialField>,
}

/// All records that were looked at.
#[derive(Debug, Default)]
pub struct Records {
    pub(crate) all: Vec<Record>,
    of_maps: HashMap<MapNr, Option<RecordNr>>,
    of_structs: HashMap<BtfNr, HashMap<TypeId, RecordNr>>,
}

impl Records {
    /// A record.
    pub fn get(&self, nr: RecordNr) -> &Record {
        &self.all[nr.0 as usize]
    }

    /// A field of a record.
    pub fn field(&self, nr: FieldNr) -> SpecialField {
        self.get(nr.record).fields[nr.index as usize]
    }

    fn add(&mut self, record: Record) -> RecordNr {
        self.all.push(record);
        RecordNr(self.all.len() as u32 - 1)
    }
}

impl Record {
    /// The field of a kind, for kinds that are there once at most.
    pub fn first(&self, kind: FieldKind) -> Option<&SpecialField> {
        self.fields.iter().find(|it| it.kind == kind)
    }

    /// Whether a field of this kind is there (`btf_record_has_field`).
    pub fn has(&self, kind: FieldKind) -> bool {
        self.first(kind).is_some()
    }

    /// Whether a list head or tree root is there.
    pub fn has_graph_root(&self) -> bool {
        self.fields.iter().any(|it| it.kind.is_graph_root())
    }

    /// The index of the field at this offset (`btf_record_find`); any kind.
    pub fn at(&self, offset: u32) -> Option<u32> {
        self.fields.binary_search_by_key(&offset, |it| it.offset).ok().map(|index| index as u32)
    }

    /// The field of this kind at this offset.
    pub fn find(&self, offset: u32, kind: FieldKind) -> Option<SpecialField> {
        let field = self.fields[self.at(offset)? as usize];
        (field.kind == kind).then_some(field)
    }
}
