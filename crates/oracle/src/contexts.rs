//! Which bytes of its context each program type may load and store, as the running kernel's verifier says.
//!
//! One tiny program per access: `r0 = *(size *)(r1 + off)`, or a store there.

use std::collections::BTreeMap;
use std::fmt::Write;

use skep_abi::{AttachType, ProgType, ctx};
use skep_isa::{Insn, asm};

use crate::sys::ProgLoad;

const LOG_STATES: u32 = 2;
const SIZES: [i32; 4] = [1, 2, 4, 8];

/// What is tried at every offset: as it stands in a recording, and the instruction without its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A load.
    Load,
    /// A load that extends the sign.
    LoadSigned,
    /// A store of a register.
    Store,
}

impl Kind {
    const ALL: [(Kind, char); 3] = [(Kind::Load, 'r'), (Kind::LoadSigned, 's'), (Kind::Store, 'w')];

    fn program(self, size: i32, off: i32) -> Result<Vec<Insn>, asm::AsmError> {
        let bits = size * 8;
        let access = match self {
            Kind::Load => format!("r0 = *(u{bits} *)(r1 + {off})"),
            Kind::LoadSigned => format!("r0 = *(s{bits} *)(r1 + {off})"),
            Kind::Store => format!("r0 = 1\n*(u{bits} *)(r1 + {off}) = r0"),
        };
        asm::assemble(&format!("{}\nr0 = 1\nexit", access.replace("+ -", "- ")))
    }
}

/// A program type with an attach type, and the offsets to try.
#[derive(Clone, Debug)]
pub struct Subject {
    prog: ProgType,
    attach: Option<AttachType>,
    offsets: Vec<i32>,
}

/// Every program type that the kernel loads without a target from BTF, with each attach type that matters to it.
pub fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for prog in ProgType::ALL {
        let constrained = !loads(*prog, Some(AttachType::TraceKprobeMulti));
        let matters = |attach: &AttachType| match prog {
            ProgType::Xdp => attach.name().starts_with("xdp"),
            _ => constrained,
        };
        let every = AttachType::ALL.iter().copied().filter(matters);
        let attaches = every.map(Some).chain([None]).filter(|attach| loads(*prog, *attach));
        for attach in attaches {
            // The kernel cannot tell attach type 0 from none.
            if attach.is_none_or(|it| it.to_u32() != 0) {
                subjects.push(Subject { prog: *prog, attach, offsets: offsets(*prog, attach) });
            }
        }
    }
    subjects
}

fn loads(prog: ProgType, attach: Option<AttachType>) -> bool {
    asm::assemble("r0 = 1\nexit").is_ok_and(|insns| ask(prog, attach, &insns, 0).is_ok())
}

fn offsets(prog: ProgType, attach: Option<AttachType>) -> Vec<i32> {
    let size = match prog {
        // Too large to try everything: both ends.
        ProgType::Tracepoint => return (-8..32).chain(8170..8210).collect(),
        ProgType::Syscall => return (-8..32).chain(32_740..32_767).collect(),
        _ => ctx::context(prog, attach).map_or(64, |it| it.layout.size),
    };
    (-8..size as i32 + 16).collect()
}

fn ask(prog: ProgType, attach: Option<AttachType>, insns: &[Insn], log_level: u32) -> Result<String, String> {
    let load = ProgLoad {
        prog_type: prog.to_u32(),
        insns,
        license: "GPL",
        log_level,
        flags: if prog == ProgType::Syscall { skep_abi::flags::BPF_F_SLEEPABLE } else { 0 },
        expected_attach_type: attach.map_or(0, AttachType::to_u32),
        ..ProgLoad::default()
    };
    load.load().map(|it| it.log).map_err(|it| it.message().to_string())
}

impl Subject {
    /// A recording: `# PROG ATTACH`, then a line for every kind of access and what it gives: `r4 pkt 76`. `a..b` stands
    /// for `a`, `a + size` and so on to `b`.
    pub fn record(&self) -> Result<String, asm::AsmError> {
        let attach = self.attach.map_or("-", AttachType::name);
        let mut text = format!("# {} {attach}\n", self.prog.name());
        for (kind, letter) in Kind::ALL {
            for size in SIZES.into_iter().filter(|it| kind != Kind::LoadSigned || *it < 8) {
                let mut given: BTreeMap<String, Vec<i32>> = BTreeMap::new();
                for off in &self.offsets {
                    if let Some(what) = self.try_access(kind, size, *off)? {
                        given.entry(what).or_default().push(*off);
                    }
                }
                for (what, offsets) in given {
                    let _ = writeln!(text, "{letter}{size} {what}{}", runs(&offsets, size));
                }
            }
        }
        Ok(text)
    }

    /// What an access gives: what a load makes of R0; `None`: it is refused.
    fn try_access(&self, kind: Kind, size: i32, off: i32) -> Result<Option<String>, asm::AsmError> {
        let insns = kind.program(size, off)?;
        Ok(match ask(self.prog, self.attach, &insns, LOG_STATES) {
            Ok(_) if kind == Kind::Store => Some("ok".into()),
            Ok(log) => Some(loaded(&log).unwrap_or("?").into()),
            Err(message) if message.starts_with("invalid bpf_context access") => None,
            Err(message) => Some(format!("refused:{}", message.replace(' ', "_"))),
        })
    }
}

/// Sockets as programs see them: name, bytes to try, how R6 comes to point to one.
const SOCKETS: [(&str, i32, &str); 3] = [
    ("sock_common", 80, "r6 = *(u64 *)(r1 + 168)\nif r6 == 0 goto out"),
    ("sock", 80, "r1 = *(u64 *)(r1 + 168)\nif r1 == 0 goto out\ncall 95\nif r0 == 0 goto out\nr6 = r0"),
    ("tcp_sock", 112, "r1 = *(u64 *)(r1 + 168)\nif r1 == 0 goto out\ncall 96\nif r0 == 0 goto out\nr6 = r0"),
];

/// Which bytes of sockets may be loaded, in the same form: `# socket NAME`, then `r4 0..8`.
pub fn record_sockets() -> Result<String, asm::AsmError> {
    let mut text = String::new();
    for (name, end, prologue) in SOCKETS {
        let _ = writeln!(text, "# socket {name}");
        for size in SIZES {
            let mut offsets = Vec::new();
            for off in -8..end + 16 {
                let load = format!("r1 = *(u{} *)(r6 + {off})", size * 8).replace("+ -", "- ");
                let insns = asm::assemble(&format!("{prologue}\n{load}\nout:\nr0 = 0\nexit"))?;
                if ask(ProgType::SchedCls, None, &insns, 1).is_ok() {
                    offsets.push(off);
                }
            }
            if !offsets.is_empty() {
                let _ = writeln!(text, "r{size}{}", runs(&offsets, size));
            }
        }
    }
    Ok(text)
}

/// `0: (61) r0 = *(u32 *)(r1 +76)   ; R0=pkt(r=0) R1=ctx()`: `pkt`.
fn loaded(log: &str) -> Option<&str> {
    let (_, state) = log.lines().find(|line| line.starts_with("0: ("))?.split_once("; R0=")?;
    let end = state.find(['(', ' ']).unwrap_or(state.len());
    Some(&state[..end])
}

/// ` 0..8 12`: offsets in steps of `size`.
fn runs(offsets: &[i32], size: i32) -> String {
    let mut text = String::new();
    let mut rest = offsets;
    while let [first, ..] = rest {
        let steps = rest.iter().zip(0..).take_while(|(off, i)| **off == first + i * size).count();
        let _ = match steps {
            1 => write!(text, " {first}"),
            _ => write!(text, " {first}..{}", rest[steps - 1]),
        };
        rest = &rest[steps..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_in_steps() {
        assert_eq!(runs(&[0, 4, 8, 16, 24, 28], 4), " 0..8 16 24..28");
        assert_eq!(runs(&[-1, 0, 1], 1), " -1..1");
        assert_eq!(runs(&[], 8), "");
    }

    #[test]
    fn what_a_load_gives() {
        let log = "0: R1=ctx() R10=fp0\n0: (61) r0 = *(u32 *)(r1 +76)         ; R0=pkt(r=0) R1=ctx()\n1: (b7) r0 = 1\n";
        assert_eq!(loaded(log), Some("pkt"));
        assert_eq!(loaded("0: (61) r0 = *(u32 *)(r1 +0) ; R0=5 R1=ctx()\n"), Some("5"));
        assert_eq!(loaded(""), None);
    }
}
