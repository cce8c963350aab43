//! Special fields of structs and map values (`struct btf_record`).

use skep_btf::TypeId;

use crate::state::reg::BtfNr;

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
#[expect(missing_docs, reason = "BPF_SPIN_LOCK and so on, one to one")]
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
}
