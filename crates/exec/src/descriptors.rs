//! Descriptors of the host that stand for emulated ones.
//!
//! An emulated descriptor has the number of a real one, a *placeholder* that does nothing, so that it can never be
//! mistaken for another file of the process, and so that `poll(2)` and `epoll(7)` have something to wait for. Each is
//! one end of a pair of sockets whose other end is kept here: the placeholder is readable or not, and writable or not,
//! as we say, and when it is closed behind our back, the end that we kept hangs up.
#![expect(
    unsafe_code,
    reason = "a placeholder is a number that its user owns, as with every file descriptor in C"
)]

use rustix::event::{Timespec, epoll};
use rustix::fs::fstat;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
use skep_abi::Errno;
use std::collections::BTreeMap;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers from here on are not given out: who asks whether a number is an emulated one looks at one bit.
const LIMIT: usize = 1 << 16;

/// Which numbers are placeholders, of whatever process value: there is one table of descriptors in a process.
static KNOWN: [AtomicU64; LIMIT / 64] = [const { AtomicU64::new(0) }; LIMIT / 64];

/// Whether a number of this process is a placeholder. It costs next to nothing, takes no lock and calls nothing.
///
/// One that was closed behind our back counts until that was noticed.
pub fn is_placeholder(number: RawFd) -> bool {
    bit(number).is_some_and(|(word, mask)| word.load(Ordering::Acquire) & mask != 0)
}

fn bit(number: RawFd) -> Option<(&'static AtomicU64, u64)> {
    let index = usize::try_from(number).ok()?;
    Some((KNOWN.get(index / 64)?, 1 << (index % 64)))
}

fn mark(number: RawFd) {
    if let Some((word, mask)) = bit(number) {
        word.fetch_or(mask, Ordering::AcqRel);
    }
}

fn unmark(number: RawFd) {
    if let Some((word, mask)) = bit(number) {
        word.fetch_and(!mask, Ordering::AcqRel);
    }
}

/// The placeholders of one process value.
#[derive(Debug)]
pub(crate) struct Descriptors {
    open: BTreeMap<RawFd, Placeholder>,
    /// Tells which of our ends hung up.
    hangups: OwnedFd,
}

/// What is kept of a placeholder.
#[derive(Debug)]
struct Placeholder {
    ours: OwnedFd,
    /// Of the end that was given out, to know it again.
    inode: u64,
    readable: bool,
    writable: bool,
}

impl Descriptors {
    /// None yet.
    pub(crate) fn new() -> io::Result<Descriptors> {
        Ok(Descriptors { open: BTreeMap::new(), hangups: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Takes the lowest number from `min` on that is free in this process.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`: the host gives none. `EINVAL`: no process has so many.
    pub(crate) fn reserve(&mut self, min: RawFd) -> Result<RawFd, Errno> {
        // Numbers that were closed and given out again before that was noticed stay taken until it is.
        let mut unnoticed = Vec::new();
        loop {
            let (mut theirs, placeholder) = pair().map_err(host)?;
            if theirs.as_raw_fd() < min {
                theirs = rustix::io::fcntl_dupfd_cloexec(&theirs, min).map_err(host)?;
            }
            if self.open.contains_key(&theirs.as_raw_fd()) {
                unnoticed.push(theirs);
                continue;
            }
            return self.keep(theirs, placeholder);
        }
    }

    /// Puts a placeholder at a number that is taken: what is open there is closed.
    ///
    /// # Errors
    /// As [`reserve`](Descriptors::reserve), and `EBADF`: not a number of a descriptor.
    pub(crate) fn replace(&mut self, number: RawFd) -> Result<(), Errno> {
        if bit(number).is_none() {
            return Err(Errno::EBADF);
        }
        let (theirs, placeholder) = pair().map_err(host)?;
        self.forget(number);
        // SAFETY: it is not -1. Nothing is closed through it unless `dup3` opened it; that takes any number, open or not.
        let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
        rustix::io::dup3(&theirs, &mut place, rustix::io::DupFlags::CLOEXEC).map_err(host)?;
        drop(theirs);
        self.keep(ManuallyDrop::into_inner(place), placeholder).map(|_| ())
    }

    fn keep(&mut self, theirs: OwnedFd, placeholder: Placeholder) -> Result<RawFd, Errno> {
        if bit(theirs.as_raw_fd()).is_none() {
            return Err(Errno::EMFILE);
        }
        let data = epoll::EventData::new_u64(u64::from(theirs.as_raw_fd().cast_unsigned()));
        epoll::add(&self.hangups, &placeholder.ours, data, epoll::EventFlags::empty()).map_err(host)?;
        let number = theirs.into_raw_fd();
        self.open.insert(number, placeholder);
        mark(number);
        Ok(number)
    }

    /// Whether it is one of these.
    pub(crate) fn has(&self, number: RawFd) -> bool {
        self.open.contains_key(&number)
    }

    /// No longer has a number. It is still open on the host, where its user may close it.
    pub(crate) fn forget(&mut self, number: RawFd) {
        if self.open.remove(&number).is_some() {
            unmark(number);
        }
    }

    /// Closes one of these.
    pub(crate) fn close(&mut self, number: RawFd) {
        if self.open.remove(&number).is_some() {
            unmark(number);
            // SAFETY: it was given out as a number of ours to close when its user says so, which is now.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }

    /// Forgets the numbers that were closed without telling us, and says which.
    pub(crate) fn hung_up(&mut self) -> Vec<RawFd> {
        let mut gone = Vec::new();
        loop {
            let mut events = Vec::with_capacity(16);
            let wait = Timespec { tv_sec: 0, tv_nsec: 0 };
            let spare = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.hangups, spare, Some(&wait)) {
                Ok(0) | Err(_) => return gone,
                Ok(_) => {}
            }
            for event in events {
                let number = event.data.u64() as RawFd;
                self.forget(number);
                gone.push(number);
            }
        }
    }

    /// Says whether `poll(2)` of a number answers that it can be read.
    pub(crate) fn set_readable(&mut self, number: RawFd, readable: bool) {
        if let Some(placeholder) = self.open.get_mut(&number).filter(|it| it.readable != readable) {
            placeholder.set_readable(number, readable);
        }
    }

    /// Says whether `poll(2)` of a number answers that it can be written. New ones can.
    pub(crate) fn set_writable(&mut self, number: RawFd, writable: bool) {
        if let Some(placeholder) = self.open.get_mut(&number).filter(|it| it.writable != writable) {
            placeholder.set_writable(number, writable);
        }
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        for number in self.open.keys() {
            unmark(*number);
        }
    }
}

impl Placeholder {
    fn set_readable(&mut self, number: RawFd, readable: bool) {
        let done = if readable {
            send(&self.ours, &[1], SendFlags::DONTWAIT).is_ok()
        } else {
            self.theirs(number).is_some_and(drain)
        };
        if done {
            self.readable = readable;
        }
    }

    /// It is writable while its buffer is not full.
    fn set_writable(&mut self, number: RawFd, writable: bool) {
        let done = if writable { drain(&self.ours) } else { self.theirs(number).is_some_and(fill) };
        if done {
            self.writable = writable;
        }
    }

    /// The end that was given out, if that is what is at the number still.
    fn theirs(&self, number: RawFd) -> Option<BorrowedFd<'_>> {
        if number < 0 {
            return None;
        }
        // SAFETY: it lives as long as this call of ours; were it closed by another thread in this moment, the host's kernel
        // would say so. What is at a number is looked at before anything is done to it.
        let theirs = unsafe { BorrowedFd::borrow_raw(number) };
        (fstat(theirs).ok()?.st_ino == self.inode).then_some(theirs)
    }
}

fn pair() -> rustix::io::Result<(OwnedFd, Placeholder)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (theirs, ours) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let inode = fstat(&theirs)?.st_ino;
    Ok((theirs, Placeholder { ours, inode, readable: false, writable: true }))
}

/// Reads what is there. Whether nothing is left.
fn drain(from: impl std::os::fd::AsFd) -> bool {
    let mut bytes = [0; 4096];
    loop {
        match recv(&from, &mut bytes, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return false,
            Ok(_) => {}
            Err(error) => return error == rustix::io::Errno::AGAIN,
        }
    }
}

/// Writes until nothing more fits. Whether that was the reason to end.
fn fill(into: impl std::os::fd::AsFd) -> bool {
    let bytes = [0; 65536];
    loop {
        if let Err(error) = send(&into, &bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            return error == rustix::io::Errno::AGAIN;
        }
    }
}

fn host(error: rustix::io::Errno) -> Errno {
    Errno::from_code(error.raw_os_error()).unwrap_or(Errno::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};

    /// The table of descriptors is the process's: these tests close numbers and look who gets them.
    static TABLE: std::sync::Mutex<()> = std::sync::Mutex::new(());

    fn alone() -> std::sync::MutexGuard<'static, ()> {
        TABLE.lock().unwrap_or_else(|it| it.into_inner())
    }

    fn close(number: RawFd) {
        // SAFETY: a placeholder, whose user these tests are.
        drop(unsafe { OwnedFd::from_raw_fd(number) });
    }

    fn ready(number: RawFd) -> (bool, bool) {
        // SAFETY: a placeholder that is open.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let mut fds = [PollFd::new(&fd, PollFlags::IN | PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).unwrap();
        (fds[0].revents().contains(PollFlags::IN), fds[0].revents().contains(PollFlags::OUT))
    }

    #[test]
    fn a_number_is_known_until_it_is_forgotten() {
        let _alone = alone();
        let mut them = Descriptors::new().unwrap();
        let number = them.reserve(0).unwrap();
        assert!(is_placeholder(number) && them.has(number));
        for other in [-1, 0, 1, 2, i32::MAX, i32::MIN] {
            assert!(!is_placeholder(other), "{other}");
        }
        them.forget(number);
        assert!(!is_placeholder(number) && !them.has(number));
        close(number);
        assert_eq!(them.hung_up(), []);
    }

    #[test]
    fn it_is_ready_as_we_say() {
        let _alone = alone();
        let mut them = Descriptors::new().unwrap();
        let number = them.reserve(0).unwrap();
        let states =
            [(false, true), (true, true), (true, false), (false, false), (false, true), (true, false)];
        // Twice, since every state has to be left again.
        for state in states.iter().chain(&states) {
            them.set_readable(number, state.0);
            them.set_writable(number, state.1);
            assert_eq!(ready(number), *state);
        }
        close(number);
    }

    #[test]
    fn closing_behind_our_back_is_noticed() {
        let _alone = alone();
        let mut them = Descriptors::new().unwrap();
        let numbers: Vec<RawFd> = (0..40).map(|_| them.reserve(0).unwrap()).collect();
        assert_eq!(them.hung_up(), []);
        for number in &numbers[3..33] {
            close(*number);
        }
        let mut gone = them.hung_up();
        gone.sort_unstable();
        assert_eq!(gone, &numbers[3..33]);
        assert_eq!(them.hung_up(), []);
        assert!(numbers.iter().all(|it| is_placeholder(*it) != gone.contains(it)));
        for number in numbers.iter().filter(|it| !gone.contains(it)) {
            close(*number);
        }
    }

    #[test]
    fn a_number_that_was_closed_unnoticed_is_not_given_out_twice() {
        let _alone = alone();
        let mut them = Descriptors::new().unwrap();
        let first = them.reserve(0).unwrap();
        close(first);
        let second = them.reserve(0).unwrap();
        assert_ne!(first, second);
        assert_eq!(them.hung_up(), [first]);
        close(second);
    }

    #[test]
    fn another_file_at_the_number_is_left_alone() {
        let _alone = alone();
        let mut them = Descriptors::new().unwrap();
        let number = them.reserve(0).unwrap();
        let (other, peer) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        // SAFETY: the placeholder is closed by this, as its user may.
        let mut place = unsafe { OwnedFd::from_raw_fd(number) };
        rustix::io::dup2(&other, &mut place).unwrap();
        them.set_readable(number, true);
        them.set_writable(number, false);
        assert_eq!(recv(&peer, &mut [0; 8], RecvFlags::DONTWAIT).unwrap_err(), rustix::io::Errno::AGAIN);
        assert_eq!(them.hung_up(), [number]);
    }

    #[test]
    fn from_a_number_on() {
        let _alone = alone();
        let mut them = Descriptors::new().unwrap();
        let numbers = [them.reserve(200).unwrap(), them.reserve(200).unwrap()];
        assert!(numbers[0] >= 200 && numbers[1] > numbers[0], "{numbers:?}");
        assert_eq!(them.hung_up(), [], "the number that was too low is closed, and its duplicate is not");
        assert_eq!(them.reserve(i32::MAX), Err(Errno::EINVAL));
        let _ = numbers.map(close);
    }

    #[test]
    fn a_taken_number_can_become_one() {
        let _alone = alone();
        let mut them = Descriptors::new().unwrap();
        let (other, _peer) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let number = other.into_raw_fd();
        them.replace(number).unwrap();
        assert!(is_placeholder(number));
        them.set_readable(number, true);
        assert_eq!(ready(number), (true, true));
        // Over one of ours as well.
        them.replace(number).unwrap();
        assert_eq!(ready(number), (false, true));
        assert_eq!(them.hung_up(), []);
        assert_eq!(them.replace(-1), Err(Errno::EBADF));
        close(number);
    }
}
