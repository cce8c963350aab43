//! System calls: their numbers, and what their arguments are called.
//!
//! ```
//! use skep_abi::syscalls;
//!
//! let openat = syscalls::find("openat").unwrap();
//! assert_eq!((openat.x86_64(), openat.arm64()), (Some(257), Some(56)));
//! let names: Vec<&str> = openat.args().map(|it| it.name).collect();
//! assert_eq!(names, ["dfd", "filename", "flags", "mode"]);
//! ```

mod table;

/// No such call on this architecture.
const NO: i16 = -1;

/// A system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Syscall {
    /// The kernel's name of it, that of its tracepoints: `newfstat` where user space says `fstat`.
    pub name: &'static str,
    x86_64: i16,
    arm64: i16,
    args: &'static str,
}

/// An argument of a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyscallArg {
    /// Its name.
    pub name: &'static str,
    /// Whether it is an address in user memory.
    pub pointer: bool,
    /// The struct that lies there.
    pub of: Option<&'static str>,
}

const fn row(name: &'static str, x86_64: i16, arm64: i16, args: &'static str) -> Syscall {
    Syscall { name, x86_64, arm64, args }
}

impl Syscall {
    /// The number on x86-64.
    pub fn x86_64(&self) -> Option<u32> {
        u32::try_from(self.x86_64).ok()
    }

    /// The number on arm64.
    pub fn arm64(&self) -> Option<u32> {
        u32::try_from(self.arm64).ok()
    }

    /// The arguments in order, at most six.
    pub fn args(&self) -> impl Iterator<Item = SyscallArg> {
        self.args.split_ascii_whitespace().map(|text| {
            let (name, of) = text.split_once(':').map_or((text, None), |(name, of)| (name, Some(of)));
            let pointer = name.starts_with('*');
            SyscallArg { name: name.trim_start_matches('*'), pointer, of }
        })
    }
}

/// Calls whose handler has another name than user space knows.
const RENAMED: &[(&str, &str)] = &[
    ("stat", "newstat"),
    ("fstat", "newfstat"),
    ("lstat", "newlstat"),
    ("fstatat", "newfstatat"),
    ("sendfile", "sendfile64"),
    ("uname", "newuname"),
    ("umount2", "umount"),
];

/// The call of this name: the kernel's, or that of user space.
pub fn find(name: &str) -> Option<&'static Syscall> {
    let of_kernel = |name: &str| table::TABLE.iter().find(|it| it.name == name);
    of_kernel(name).or_else(|| RENAMED.iter().find(|it| it.0 == name).and_then(|it| of_kernel(it.1)))
}

/// The call with this number on x86-64.
pub fn by_x86_64(number: u32) -> Option<&'static Syscall> {
    table::TABLE.iter().find(|it| it.x86_64() == Some(number))
}

/// The call with this number on arm64.
pub fn by_arm64(number: u32) -> Option<&'static Syscall> {
    table::TABLE.iter().find(|it| it.arm64() == Some(number))
}

/// Every call, by number on x86-64; then those that x86-64 does not have.
pub fn all() -> &'static [Syscall] {
    table::TABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_arguments_are_six_at_most() {
        for (index, call) in all().iter().enumerate() {
            assert!(call.args().count() <= 6, "{call:?}");
            assert!(call.x86_64().is_some() || call.arm64().is_some(), "{call:?}");
            for other in &all()[index + 1..] {
                assert_ne!(call.name, other.name);
                assert!(call.x86_64().is_none() || call.x86_64() != other.x86_64(), "{call:?} {other:?}");
                assert!(call.arm64().is_none() || call.arm64() != other.arm64(), "{call:?} {other:?}");
            }
            let names: Vec<&str> = call.args().map(|it| it.name).collect();
            assert!(names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)), "{call:?}");
        }
    }

    #[test]
    fn well_known_calls_are_what_they_are() {
        let known = [
            ("read", Some(0), Some(63), "fd buf count"),
            ("execve", Some(59), Some(221), "filename argv envp"),
            ("connect", Some(42), Some(203), "fd uservaddr addrlen"),
            ("kill", Some(62), Some(129), "pid sig"),
            ("stat", Some(4), None, "filename statbuf"),
            ("bpf", Some(321), Some(280), "cmd uattr size"),
            ("clone", Some(56), Some(220), "clone_flags newsp parent_tidptr child_tidptr tls"),
        ];
        for (name, x86_64, arm64, args) in known {
            let call = find(name).unwrap();
            let names: Vec<&str> = call.args().map(|it| it.name).collect();
            assert_eq!((call.x86_64(), call.arm64(), names.join(" ").as_str()), (x86_64, arm64, args));
        }
        let addr = find("connect").unwrap().args().nth(1).unwrap();
        assert_eq!((addr.pointer, addr.of), (true, Some("sockaddr")));
        assert_eq!(by_x86_64(257), find("openat"));
        assert_eq!(by_arm64(56), find("openat"));
    }
}
