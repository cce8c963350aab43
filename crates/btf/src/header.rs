//! What the headers of `.BTF` and `.BTF.ext` share.

use crate::reader::Reader;
use crate::{Error, Reason};

/// The magic number both sections start with.
pub(crate) const MAGIC: u16 = 0xeb9f;

/// The part of a section that follows its header, and the header's own fields.
pub(crate) struct Header<'a> {
    /// The fields behind `hdr_len`.
    pub(crate) fields: Reader<'a>,
    /// Everything behind the header.
    body: &'a [u8],
    body_start: usize,
}

impl<'a> Header<'a> {
    /// Reads magic, version, flags and length. The header must hold `fixed` bytes of fields behind its length.
    pub(crate) fn parse(bytes: &'a [u8], fixed: usize) -> Result<Header<'a>, Error> {
        let mut reader = Reader::new(bytes);
        let at = |offset, reason| Err(Error { offset, reason });
        match reader.u16()? {
            MAGIC => {}
            magic if magic.swap_bytes() == MAGIC => return at(0, Reason::BigEndian),
            magic => return at(0, Reason::Magic(magic)),
        }
        match reader.u8()? {
            1 => {}
            version => return at(2, Reason::Version(version)),
        }
        match reader.u8()? {
            0 => {}
            flags => return at(3, Reason::Flags(flags)),
        }
        let header_len = reader.u32()?;
        let own = (header_len as usize).checked_sub(reader.offset()).filter(|own| *own >= fixed);
        let Some((own, body)) = own.and_then(|own| Some((own, bytes.get(header_len as usize..)?))) else {
            return at(4, Reason::HeaderLength(header_len));
        };
        Ok(Header { fields: reader.sub(own)?, body, body_start: header_len as usize })
    }

    /// Fields of a longer header than ours must be zero, as the kernel and libbpf have it.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        while !self.fields.is_empty() {
            let here = self.fields.clone();
            if self.fields.u8()? != 0 {
                return Err(here.error(Reason::UnknownHeader));
            }
        }
        Ok(())
    }

    /// Reads an offset and a length from the header; gives the part of the body they name.
    pub(crate) fn part(&mut self, part: &'static str, align: u32) -> Result<Reader<'a>, Error> {
        let here = self.fields.offset();
        let (offset, len) = (self.fields.u32()?, self.fields.u32()?);
        let fail = |reason| Error { offset: here, reason };
        if offset % align != 0 {
            return Err(fail(Reason::Misaligned { part, value: offset }));
        }
        if len % align != 0 {
            return Err(fail(Reason::Misaligned { part, value: len }));
        }
        let mut body = Reader::at(self.body, self.body_start);
        let skipped = body.take(offset as usize);
        match skipped.and_then(|_| body.sub(len as usize)) {
            Ok(reader) => Ok(reader),
            Err(_) => Err(fail(Reason::OutOfSection { part, offset, len })),
        }
    }
}
