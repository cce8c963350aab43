//! Contexts that are a struct of the UAPI, field by field, with data that some of the fields point to.

use skep_abi::ctx::{Context, Field, FieldKind};

/// A struct of a context, in its UAPI form.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct StructCtx {
    /// The struct's bytes; missing ones are zero. Where the data is, the kernel writes.
    pub bytes: Vec<u8>,
    /// What the fields for the start and the end of data are about: the payload of a message, the value of a socket
    /// option. A program may write it where the kernel lets it.
    pub data: Vec<u8>,
}

impl StructCtx {
    /// The same, with the first bytes of a field set.
    pub(crate) fn put(&mut self, field: &Field, bytes: &[u8]) {
        let len = bytes.len().min(field.size());
        let end = field.offset + len;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[field.offset..end].copy_from_slice(&bytes[..len]);
    }
}

/// The fields of a context that say where its data starts and ends.
pub(crate) fn data_fields(context: &Context) -> Option<(&'static Field, &'static Field)> {
    let of = |kind| context.layout.fields.iter().find(|it| it.kind == kind);
    of(FieldKind::PacketStart).zip(of(FieldKind::PacketEnd))
}
