//! Out of what BTF comes packed in: gzip, xz, zstd, tar, and kernels to boot.

use std::borrow::Cow;
use std::io::Read;

/// The most bytes that unpacking makes, all steps taken together: a kernel image twice over.
const MAX_UNPACKED: usize = 160 << 20;
/// The most memory that a decoder may take for its window, in KiB: what `xz -9` and `zstd --ultra` use, and some more.
const MAX_WINDOW_KIB: u32 = 136 << 10;
/// A kernel holds a compressed image, an archive a file; nothing holds more than that.
const MAX_STEPS: usize = 4;

/// What the bytes are packed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Packing {
    Gzip,
    Xz,
    Zstd,
    Tar,
    /// A bzImage.
    Kernel,
    /// Something that this cannot open.
    Other(&'static str),
}

/// The first bytes of each packing.
const MAGIC: &[(&[u8], Packing)] = &[
    (b"\x1f\x8b", Packing::Gzip),
    (b"\xfd7zXZ\0", Packing::Xz),
    (b"\x28\xb5\x2f\xfd", Packing::Zstd),
    (b"BZh", Packing::Other("bzip2")),
    (b"\x02\x21\x4c\x18", Packing::Other("lz4")),
    (b"\x89LZO", Packing::Other("LZO")),
    (b"\x5d\0\0", Packing::Other("lzma")),
    (b"PK\x03\x04", Packing::Other("zip")),
];

/// The innermost bytes. What is not packed stays as it is.
///
/// # Errors
/// What is wrong with the packing, in a sentence.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let mut left = MAX_UNPACKED;
    let mut bytes = Cow::Borrowed(bytes);
    for _ in 0..MAX_STEPS {
        let Some(packing) = packing(&bytes) else { return Ok(bytes) };
        let inner = open(packing, &bytes, left)?;
        left -= inner.len();
        bytes = Cow::Owned(inner);
    }
    Err(format!("it is packed more than {MAX_STEPS} times over"))
}

fn packing(bytes: &[u8]) -> Option<Packing> {
    let magic = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, packing)| *packing);
    let is_kernel = || bytes.get(0x202..0x206) == Some(b"HdrS".as_slice());
    let is_tar = || bytes.get(257..262) == Some(b"ustar".as_slice());
    magic.or_else(|| is_kernel().then_some(Packing::Kernel)).or_else(|| is_tar().then_some(Packing::Tar))
}

/// Takes one packing away.
fn open(packing: Packing, bytes: &[u8], left: usize) -> Result<Vec<u8>, String> {
    match packing {
        Packing::Gzip => decode("gzip", flate2::read::GzDecoder::new(bytes), left),
        Packing::Xz => decode("xz", lzma_rust2::XzReader::new_mem_limit(bytes, false, MAX_WINDOW_KIB), left),
        Packing::Zstd => {
            // Its window is limited by default.
            let reader = ruzstd::decoding::StreamingDecoder::new(bytes);
            decode("zstd", reader.map_err(|error| format!("it is no zstd data: {error}"))?, left)
        }
        Packing::Tar => archive(bytes, left),
        Packing::Kernel => kernel(bytes).map(<[u8]>::to_vec),
        Packing::Other(name) => Err(format!("it is packed with {name}, which is not read: unpack it first")),
    }
}

fn decode(name: &str, reader: impl Read, left: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = reader.take(left as u64 + 1).read_to_end(&mut bytes);
    if bytes.len() > left {
        return Err(format!("it holds more than {} MiB", MAX_UNPACKED >> 20));
    }
    read.map_err(|error| format!("its {name} data is damaged: {error}"))?;
    Ok(bytes)
}

/// The file of an archive that has types: `.btf` in BTFHub's, `vmlinux` in others.
fn archive(bytes: &[u8], left: usize) -> Result<Vec<u8>, String> {
    let damaged = |error: std::io::Error| format!("the archive is damaged: {error}");
    let mut archive = tar::Archive::new(bytes);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let path = entry.path_bytes().into_owned();
        let is_file = entry.header().entry_type().is_file();
        if is_file && (path.ends_with(b".btf") || path.ends_with(b"vmlinux")) {
            return decode("archived", entry, left);
        }
    }
    Err("the archive has no file called *.btf or vmlinux".to_owned())
}

/// The compressed image in a bzImage (Documentation/arch/x86/boot.rst: `setup_sects`, `payload_offset`,
/// `payload_length`).
fn kernel(bytes: &[u8]) -> Result<&[u8], String> {
    let word = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let image = || {
        // Zero stands for four sectors.
        let sectors = match *bytes.get(0x1f1)? {
            0 => 4,
            count => usize::from(count),
        };
        let start = ((sectors + 1) * 512).checked_add(word(0x248)?)?;
        bytes.get(start..start.checked_add(word(0x24c)?)?)
    };
    image().ok_or_else(|| "the kernel's compressed image lies outside of the file".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_packed_stays() {
        assert_eq!(&*unpack(b"hello").unwrap(), b"hello");
        assert_eq!(&*unpack(b"").unwrap(), b"");
    }

    #[test]
    fn unknown_packings_are_named() {
        let text = unpack(b"BZh91AY").unwrap_err();
        assert_eq!(text, "it is packed with bzip2, which is not read: unpack it first");
    }

    #[test]
    fn damage_is_an_error() {
        for magic in [&b"\x1f\x8b\x08"[..], b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"] {
            let mut bytes = magic.to_vec();
            bytes.extend([0xff; 64]);
            assert!(unpack(&bytes).is_err(), "{magic:x?}");
            assert!(unpack(magic).is_err(), "{magic:x?}");
        }
        let mut kernel = vec![0; 0x300];
        kernel[0x202..0x206].copy_from_slice(b"HdrS");
        kernel[0x248..0x24c].copy_from_slice(&[0xff; 4]);
        assert_eq!(unpack(&kernel).unwrap_err(), "the kernel's compressed image lies outside of the file");
    }
}
