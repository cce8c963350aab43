//! One call of `bpf(2)`: its attributes, and the memory of its caller.

use super::UserMemory;
use skep_abi::Errno;
use skep_abi::attr::{Cmd, SIZE};
use skep_abi::ctx::Field;

/// The most that attributes may be given as (a page).
pub(super) const MAX_SIZE: usize = 4096;
/// How much a copy moves at a time.
const CHUNK: usize = 4096;

/// What a command reads and writes.
pub(crate) struct Call<'a> {
    /// The attributes, zero where the caller gave none.
    attr: [u8; SIZE],
    /// The caller's own, for what is written back.
    given: &'a mut [u8],
    pub(crate) user: &'a mut dyn UserMemory,
}

#[allow(dead_code, reason = "commands to come use them")]
impl<'a> Call<'a> {
    /// Takes attributes in, whatever the command (`bpf_check_uarg_tail_zero`).
    ///
    /// # Errors
    /// `E2BIG`: more than a page, or something other than zero where this kernel knows no attributes.
    pub(crate) fn new(given: &'a mut [u8], user: &'a mut dyn UserMemory) -> Result<Call<'a>, Errno> {
        let beyond = given.get(SIZE..).unwrap_or_default();
        if given.len() > MAX_SIZE || beyond.iter().any(|it| *it != 0) {
            return Err(Errno::E2BIG);
        }
        let known = given.len().min(SIZE);
        let mut attr = [0; SIZE];
        attr[..known].copy_from_slice(&given[..known]);
        Ok(Call { attr, given, user })
    }

    /// `CHECK_ATTR`.
    ///
    /// # Errors
    /// `EINVAL`: something other than zero behind the command's last field.
    pub(super) fn check(&self, cmd: Cmd) -> Result<(), Errno> {
        if self.attr[cmd.used()..].iter().any(|it| *it != 0) { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// How many bytes of attributes the caller gave.
    pub(crate) fn size(&self) -> usize {
        self.given.len()
    }

    /// Whether the caller knows a field.
    pub(crate) fn has(&self, field: &Field) -> bool {
        self.size() >= field.range().end
    }

    /// The bytes of a field.
    pub(crate) fn bytes(&self, field: &Field) -> &[u8] {
        &self.attr[field.range()]
    }

    /// A number of up to eight bytes.
    pub(crate) fn u64(&self, field: &Field) -> u64 {
        self.bytes(field).iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// A number of four bytes.
    pub(crate) fn u32(&self, field: &Field) -> u32 {
        self.u64(field) as u32
    }

    /// A number of four bytes with a sign: a descriptor.
    pub(crate) fn i32(&self, field: &Field) -> i32 {
        self.u64(field) as i32
    }

    /// The descriptor in a field.
    pub(crate) fn fd(&self, field: &Field) -> crate::files::Fd {
        crate::files::Fd(self.i32(field))
    }

    /// Writes a number back into the caller's attributes. Where the caller's are too short for it, it is lost: the
    /// kernel would write over what lies behind them.
    pub(crate) fn put(&mut self, field: &Field, value: u64) {
        let bytes = value.to_le_bytes();
        let bytes = &bytes[..field.size().min(8)];
        self.attr[field.offset..field.offset + bytes.len()].copy_from_slice(bytes);
        if let Some(place) = self.given.get_mut(field.offset..field.offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Bytes of the caller's memory.
    ///
    /// # Errors
    /// `EFAULT`: they cannot be read.
    pub(crate) fn read(&mut self, addr: u64, len: usize) -> Result<Vec<u8>, Errno> {
        // A length that nobody checked must not make a buffer of its size before the first byte was read.
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let start = bytes.len();
            bytes.resize(len.min(start + CHUNK), 0);
            self.user.read(addr.wrapping_add(start as u64), &mut bytes[start..])?;
        }
        Ok(bytes)
    }

    /// A number of four bytes of the caller's memory.
    ///
    /// # Errors
    /// `EFAULT`: it cannot be read.
    pub(crate) fn read_u32(&mut self, addr: u64) -> Result<u32, Errno> {
        let mut bytes = [0; 4];
        self.user.read(addr, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Writes to the caller's memory.
    ///
    /// # Errors
    /// `EFAULT`: it cannot be written.
    pub(crate) fn write(&mut self, addr: u64, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.is_empty() { Ok(()) } else { self.user.write(addr, bytes) }
    }

    /// A text of up to `max` bytes with its NUL (`strncpy_from_user`): without it, or the first `max` bytes if there is
    /// none among them.
    ///
    /// # Errors
    /// `EFAULT`: it cannot be read.
    pub(crate) fn text(&mut self, addr: u64, max: usize) -> Result<Vec<u8>, Errno> {
        let mut text = Vec::new();
        let mut byte = [0];
        while text.len() < max {
            self.user.read(addr.wrapping_add(text.len() as u64), &mut byte)?;
            if byte[0] == 0 {
                break;
            }
            text.push(byte[0]);
        }
        Ok(text)
    }

    /// Writes a text with its NUL where there is room for so many bytes, or as much of it as fits before a NUL
    /// (`bpf_copy_to_user`).
    ///
    /// # Errors
    /// `ENOSPC`: not all of it did. `EFAULT`: it cannot be written.
    pub(crate) fn put_text(&mut self, addr: u64, room: u32, text: &[u8]) -> Result<i32, Errno> {
        let fits = text.len() < room as usize;
        let mut bytes = text[..text.len().min((room as usize).saturating_sub(1))].to_vec();
        bytes.push(0);
        self.write(addr, &bytes)?;
        if fits { Ok(0) } else { Err(Errno::ENOSPC) }
    }

    /// The bytes of a struct of user space's that may be longer or shorter than the kernel's
    /// (`bpf_check_uarg_tail_zero`): as many as both know.
    ///
    /// # Errors
    /// `E2BIG`: more than a page, or something other than zero where the kernel knows nothing. `EFAULT`: it cannot be read.
    pub(crate) fn tail_is_zero(&mut self, addr: u64, known: usize, given: usize) -> Result<Vec<u8>, Errno> {
        if given > MAX_SIZE {
            return Err(Errno::E2BIG);
        }
        if given > known {
            let tail = self.read(addr.wrapping_add(known as u64), given - known)?;
            if tail.iter().any(|it| *it != 0) {
                return Err(Errno::E2BIG);
            }
        }
        self.read(addr, given.min(known))
    }

    /// The name of an object (`bpf_obj_name_cpy`): letters, digits, `_` and `.`, and a NUL within the field.
    ///
    /// # Errors
    /// `EINVAL`: another character, or no NUL.
    pub(crate) fn name(&self, field: &Field) -> Result<String, Errno> {
        let bytes = self.bytes(field);
        let len = bytes.iter().position(|it| *it == 0).ok_or(Errno::EINVAL)?;
        let fits = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.');
        if !bytes[..len].iter().all(fits) {
            return Err(Errno::EINVAL);
        }
        String::from_utf8(bytes[..len].to_vec()).map_err(|_| Errno::EINVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_abi::attr::elem;
    use skep_memory::UserRanges;

    fn call<T>(given: &mut [u8], run: impl FnOnce(&mut Call<'_>) -> T) -> Result<T, Errno> {
        let mut user = UserRanges::new();
        user.insert(0x1000, b"name\0rest".to_vec()).unwrap();
        Call::new(given, &mut user).map(|mut it| run(&mut it))
    }

    #[test]
    fn short_attributes_go_on_with_zeros() {
        let mut given = [1, 0, 0, 0];
        assert_eq!(
            call(&mut given, |it| (it.u32(&elem::map_fd), it.u64(&elem::key), it.has(&elem::key))),
            Ok((1, 0, false))
        );
    }

    #[test]
    fn what_is_not_known_is_zero() {
        let mut given = vec![0; MAX_SIZE];
        assert_eq!(call(&mut given, |it| it.check(Cmd::MapFreeze)), Ok(Ok(())));
        given[SIZE - 1] = 1;
        assert_eq!(call(&mut given, |it| it.check(Cmd::MapFreeze)), Ok(Err(Errno::EINVAL)));
        given[SIZE] = 1;
        assert_eq!(call(&mut given, |_| ()), Err(Errno::E2BIG));
        assert_eq!(call(&mut vec![0; MAX_SIZE + 1], |_| ()), Err(Errno::E2BIG));
    }

    #[test]
    fn answers_are_written_where_there_is_room() {
        let mut given = [0; 12];
        call(&mut given, |it| {
            it.put(&elem::map_fd, 7);
            it.put(&elem::key, u64::MAX);
            assert_eq!(it.u64(&elem::key), u64::MAX);
        })
        .unwrap();
        assert_eq!(given, [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn memory() {
        let mut given = [];
        call(&mut given, |it| {
            assert_eq!(it.text(0x1000, 16), Ok(b"name".to_vec()));
            assert_eq!(it.text(0x1000, 2), Ok(b"na".to_vec()));
            assert_eq!(it.text(0x1005, 16), Err(Errno::EFAULT));
            assert_eq!(it.read(0x1000, 4), Ok(b"name".to_vec()));
            assert_eq!(it.read(0x1000, usize::MAX), Err(Errno::EFAULT));
            assert_eq!(it.write(0, &[]), Ok(()));
            assert_eq!(it.write(0, &[1]), Err(Errno::EFAULT));
        })
        .unwrap();
    }
}
