//! How libbpf attaches a program to what its section says (the `attach_*` functions of its `libbpf.c`).

use skep_abi::{AttachType, Errno, flags};
use skep_btf::Kind;
use skep_kernel::{Class, Functions, Kernel, KprobeMulti, LinkCreate, LinkWith, Target};

use super::Link;
use crate::error::Error;
use crate::load::LoadedProgram;
use crate::sec::AutoAttach;

impl LoadedProgram {
    /// Attaches it by the function of its row in libbpf's table; `None` if its section names nothing.
    pub(super) fn attach_by(&self, kernel: &mut Kernel, how: AutoAttach) -> Result<Option<Link>, Error> {
        if let AutoAttach::Trace | AutoAttach::Lsm | AutoAttach::Iter = how {
            // To what it was loaded for.
            return self.attach_trace(kernel, 0).map(Some);
        }
        match self.target.clone()? {
            Target::Unsaid => Ok(None),
            Target::RawTracepoint { name } => self.attach_raw_tracepoint(kernel, &name, 0).map(Some),
            Target::Tracepoint { category, name } => {
                self.attach_tracepoint(kernel, &category, &name, 0).map(Some)
            }
            Target::Kprobe { func, offset, ret } => {
                self.attach_kprobe(kernel, &func, offset, ret, 0).map(Some)
            }
            Target::Syscall { name, ret } => self.attach_ksyscall(kernel, &name, ret, 0).map(Some),
            Target::KprobeMulti { pattern, ret } => {
                let flags = if ret { flags::BPF_F_KPROBE_MULTI_RETURN } else { 0 };
                self.attach_kprobe_multi(kernel, &pattern, AttachType::TraceKprobeMulti, flags).map(Some)
            }
            Target::KprobeSession { pattern } => {
                self.attach_kprobe_multi(kernel, &pattern, AttachType::TraceKprobeSession, 0).map(Some)
            }
            Target::Uprobe { binary, func, offset, ret, multi: false } if func.is_empty() => {
                self.attach_uprobe(kernel, &binary, offset, ret, -1, 0).map(Some)
            }
            Target::Uprobe { binary, .. } | Target::Usdt { binary, .. } => Err(self.not_emulated(format!(
                "{binary} is a file of the host's, which nothing here looks into: attach_uprobe attaches it at an offset"
            ))),
            target => Err(self.not_emulated(format!("{target} is nothing to attach it to by itself"))),
        }
    }

    /// Attaches it to all kernel functions whose names match a pattern (`bpf_program__attach_kprobe_multi_opts`).
    fn attach_kprobe_multi(
        &self,
        kernel: &mut Kernel,
        pattern: &str,
        attach_type: AttachType,
        flags: u32,
    ) -> Result<Link, Error> {
        let names = functions(kernel, pattern);
        if names.is_empty() {
            let text = format!("prog '{}': no kernel function matches '{pattern}'", self.name);
            return Err(Error::bad_input(self.place(), text).with_errno(Errno::ENOENT));
        }
        let multi = KprobeMulti { flags, functions: Functions::Names(names), cookies: Vec::new() };
        self.attach_with(kernel, pattern, |prog| {
            LinkCreate::new(prog, attach_type).with(LinkWith::KprobeMulti(multi))
        })
    }

    fn not_emulated(&self, text: String) -> Error {
        Error::new(Class::NotEmulated, self.place(), text).with_errno(Errno::EOPNOTSUPP)
    }
}

/// The kernel's functions whose names match a pattern, each once.
fn functions(kernel: &Kernel, pattern: &str) -> Vec<String> {
    let Some(btf) = kernel.btf() else { return Vec::new() };
    let all = std::iter::once(&btf.vmlinux).chain(btf.modules.iter().map(|it| &it.1));
    let mut names: Vec<String> = all
        .flat_map(|types| {
            types.own_types().filter(|it| it.1.kind() == Kind::Func).map(|it| types.str(it.1.name))
        })
        .filter(|name| glob_match(name, pattern))
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether a name matches a pattern of `*` and `?` (`glob_match`).
fn glob_match(name: &str, pattern: &str) -> bool {
    let (name, pattern) = (name.as_bytes(), pattern.as_bytes());
    let (mut at, mut of) = (0, 0);
    // Where the last `*` was, and up to where it reaches: if what follows does not match, it reaches further.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (name.get(at), pattern.get(of)) {
            (_, Some(b'*')) => {
                star = Some((of, at));
                of += 1;
            }
            (Some(have), Some(want)) if *want == b'?' || have == want => (at, of) = (at + 1, of + 1),
            (None, None) => return true,
            _ => match star {
                Some((star_of, reached)) if reached < name.len() => {
                    star = Some((star_of, reached + 1));
                    (at, of) = (reached + 1, star_of + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// libbpf's, which goes back by recursion.
    fn by_recursion(name: &[u8], pattern: &[u8]) -> bool {
        match (name, pattern) {
            (_, [b'*', rest @ ..]) => (0..=name.len()).any(|at| by_recursion(&name[at..], rest)),
            ([_, name @ ..], [b'?', rest @ ..]) => by_recursion(name, rest),
            ([have, name @ ..], [want, rest @ ..]) => have == want && by_recursion(name, rest),
            (name, pattern) => name.is_empty() && pattern.is_empty(),
        }
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("tcp_*", "tcp_", true),
            ("tcp_*", "tcp", false),
            ("*_v?", "connect_v4", true),
            ("*_v?", "connect_v", false),
            ("*a*b", "aab", true),
            ("", "x", false),
        ] {
            assert_eq!(glob_match(name, pattern), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn the_same_as_by_recursion(name in "[ab]{0,8}", pattern in "[ab*?]{0,8}") {
            prop_assert_eq!(glob_match(&name, &pattern), by_recursion(name.as_bytes(), pattern.as_bytes()));
        }
    }
}
