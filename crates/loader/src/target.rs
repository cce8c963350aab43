//! What a section says about where its program is attached, by libbpf's rules and in its words.
//!
//! The rules are those of the `attach_*` functions in libbpf's `libbpf.c`, which read a section with `sscanf`: what is
//! behind a name that ends early is not looked at. What the kernel's types name is found as
//! `libbpf_find_attach_btf_id` does.

use skep_abi::{AttachType, Errno, ProgType};
use skep_btf::{Btf, Kind};
use skep_kernel::{Class, Target, TargetBtf};

use crate::error::Error;
use crate::sec::{self, SecDef};

/// A section that does not say what it should: a sentence.
type Malformed = String;

/// What the section of a program says.
pub(crate) fn parse(section: &str, def: &SecDef, name: &str) -> Result<Target, Malformed> {
    let (stem, rest) = section.split_once('/').unwrap_or((section, ""));
    let is_return = stem.starts_with("kret") || stem.starts_with("uret");
    if !section.contains('/') && def.flags & sec::flags::ATTACH_BTF == 0 {
        return Ok(Target::Unsaid);
    }
    match stem {
        "kprobe" | "kretprobe" => kprobe(rest, is_return),
        "kprobe.multi" | "kretprobe.multi" => {
            pattern(rest, "multi").map(|pattern| Target::KprobeMulti { pattern, ret: is_return })
        }
        "kprobe.session" => pattern(rest, "session").map(|pattern| Target::KprobeSession { pattern }),
        "uprobe" | "uprobe.s" | "uretprobe" | "uretprobe.s" => uprobe(section, rest, is_return, name),
        "uprobe.multi" | "uprobe.multi.s" | "uretprobe.multi" | "uretprobe.multi.s" => {
            uprobe_multi(section, rest, is_return, name)
        }
        "usdt" | "usdt.s" => usdt(section, rest),
        "ksyscall" | "kretsyscall" => Ok(Target::Syscall { name: rest.to_owned(), ret: is_return }),
        "tracepoint" | "tp" => match rest.split_once('/') {
            Some((category, event)) => {
                Ok(Target::Tracepoint { category: category.to_owned(), name: event.to_owned() })
            }
            None => Err(format!("prog '{name}': section '{section}' names no <category>/<name>")),
        },
        "raw_tp" | "raw_tracepoint" | "raw_tp.w" | "raw_tracepoint.w" => {
            Ok(Target::RawTracepoint { name: rest.to_owned() })
        }
        "freplace" => Ok(Target::Freplace { func: rest.to_owned() }),
        _ => match def.attach_type {
            Some(attach) if def.flags & sec::flags::ATTACH_BTF != 0 => Ok(by_id(attach, rest)),
            _ => Ok(Target::Unsaid),
        },
    }
}

/// A target that the kernel's types name, not looked for yet. `module:function` says where to look.
fn by_id(attach: AttachType, name: &str) -> Target {
    let (module, name) = match name.split_once(':') {
        Some((module, name)) => (Some(module).filter(|it| *it != "vmlinux"), name),
        None => (None, name),
    };
    Target::Btf { attach, name: name.to_owned(), id: 0, module: module.map(str::to_owned) }
}

/// What `%m[...]` reads: the longest beginning of such characters, and what is left. `None`: there is none.
fn scan(text: &str, takes: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let end = text.find(|c| !takes(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What `+%li` reads: a number in C's notation, and what is left.
fn scan_offset(text: &str) -> Option<(i64, &str)> {
    let text = text.strip_prefix('+')?.trim_start_matches([' ', '\t']);
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None if digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let (number, rest) = scan(digits, |c| c.is_digit(radix))?;
    // strtol stops at its limits.
    let number = i64::from_str_radix(number, radix).unwrap_or(i64::MAX);
    Some((if negative { -number } else { number }, rest))
}

fn is_symbol(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn kprobe(spec: &str, ret: bool) -> Result<Target, Malformed> {
    let (func, rest) = scan(spec, is_symbol).ok_or_else(|| format!("kprobe name is invalid: {spec}"))?;
    let offset = scan_offset(rest).map_or(0, |(offset, _)| offset);
    if offset < 0 {
        return Err(format!("kprobe offset must be a non-negative integer: {offset}"));
    }
    if ret && offset != 0 {
        return Err("kretprobes do not support offset specification".to_owned());
    }
    Ok(Target::Kprobe { func: func.to_owned(), offset: offset as u64, ret })
}

fn pattern(spec: &str, what: &str) -> Result<String, Malformed> {
    let (pattern, _) = scan(spec, |c| is_symbol(c) || c == '*' || c == '?')
        .ok_or_else(|| format!("kprobe {what} pattern is invalid: {spec}"))?;
    Ok(pattern.to_owned())
}

fn uprobe(section: &str, spec: &str, ret: bool, name: &str) -> Result<Target, Malformed> {
    if spec.is_empty() || spec.starts_with(':') {
        return Ok(Target::Unsaid);
    }
    let Some((binary, func)) = spec.split_once(':').filter(|(_, func)| !func.is_empty()) else {
        let what = "missing ':function[+offset]' specification";
        return Err(format!("prog '{name}': section '{section}' {what}"));
    };
    // An offset is one only at the very end: a C++ symbol may have a plus too.
    let at = func.rfind('+').and_then(|at| Some((at, scan_offset(&func[at..])?)));
    let (func, offset) = match at {
        Some((at, (offset, ""))) => (&func[..at], offset),
        _ => (func, 0),
    };
    if ret && offset != 0 {
        return Err(format!("prog '{name}': uretprobes do not support offset specification"));
    }
    let offset = offset as u64;
    Ok(Target::Uprobe { binary: binary.to_owned(), func: func.to_owned(), offset, ret, multi: false })
}

fn uprobe_multi(section: &str, spec: &str, ret: bool, name: &str) -> Result<Target, Malformed> {
    if spec.is_empty() || spec.starts_with(':') {
        return Ok(Target::Unsaid);
    }
    let Some((binary, func)) = spec.split_once(':').filter(|(_, func)| !func.is_empty()) else {
        return Err(format!("prog '{name}': invalid format of section definition '{section}'"));
    };
    Ok(Target::Uprobe { binary: binary.to_owned(), func: func.to_owned(), offset: 0, ret, multi: true })
}

fn usdt(section: &str, spec: &str) -> Result<Target, Malformed> {
    let mut parts = spec.split(':').filter(|it| !it.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(binary), Some(provider), Some(name)) => Ok(Target::Usdt {
            binary: binary.to_owned(),
            provider: provider.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err(format!("invalid section '{section}', expected SEC(\"usdt/<path>:<provider>:<name>\")")),
    }
}

/// What a name is called in the kernel's types (`btf_get_kernel_prefix_kind`).
fn prefix(attach: AttachType) -> (&'static str, Kind) {
    match attach {
        AttachType::TraceRawTp => ("btf_trace_", Kind::Typedef),
        AttachType::LsmMac | AttachType::LsmCgroup => ("bpf_lsm_", Kind::Func),
        AttachType::TraceIter => ("bpf_iter_", Kind::Func),
        _ => ("", Kind::Func),
    }
}

/// Finds what a target names in the kernel's types, where it is attached by id: the number, and the module whose it is.
pub(crate) fn resolve(
    target: &mut Target,
    btf: Option<&TargetBtf>,
    name: &str,
    place: &str,
) -> Result<(), Error> {
    let Target::Btf { attach, name: what, id, module } = target else { return Ok(()) };
    if what.is_empty() {
        let text = format!(
            "prog '{name}': no BTF-based attach target is specified, use bpf_program__set_attach_target() \
             (Builder::attach_target)"
        );
        return Err(Error::bad_input(place, text).with_errno(Errno::EINVAL));
    }
    let (prefix, kind) = prefix(*attach);
    let full = format!("{prefix}{what}");
    let Some(btf) = btf else {
        let text =
            format!("{full} has to be found in the kernel's types, and the machine has none: give it some");
        return Err(Error::bad_input(place, text));
    };
    let found = |types: &Btf| types.find(kind, &full).map(|it| it.0);
    if module.is_none()
        && let Some(type_id) = found(&btf.vmlinux)
    {
        *id = type_id;
        return Ok(());
    }
    let modules = btf.modules.iter().filter(|it| module.as_deref().is_none_or(|name| it.0.starts_with(name)));
    // Types of its own alone: the base was searched.
    let of_module =
        |types: &Btf| types.find_all(kind, &full).find(|it| it.0 >= types.first_id()).map(|it| it.0);
    for (of, types) in modules {
        if let Some(type_id) = of_module(types) {
            (*id, *module) = (type_id, Some(of.to_string()));
            return Ok(());
        }
    }
    let written = match module {
        Some(module) => format!("{module}:{what}"),
        None => what.clone(),
    };
    let kind = if kind == Kind::Func { "function" } else { "typedef" };
    let text = format!(
        "prog '{name}': failed to find kernel BTF type ID of '{written}': -3: the {} BTF has no {kind} {full}; \
         give the BTF of a kernel that has it, or do not load this program",
        btf.origin
    );
    Err(Error::bad_input(place, text).with_errno(Errno::ESRCH))
}

/// What a program is attached to when its loader says it, and not its section: `what` is what a section would say
/// behind its slash.
pub(crate) fn of_type(def: &SecDef, what: &str, name: &str) -> Result<Target, Malformed> {
    let stem = def.sec.trim_end_matches(['+', '/']);
    let section = format!("{stem}/{what}");
    match def.prog_type {
        ProgType::Kprobe
        | ProgType::Tracepoint
        | ProgType::RawTracepoint
        | ProgType::RawTracepointWritable
        | ProgType::Tracing
        | ProgType::Lsm
        | ProgType::Ext => parse(&section, def, name),
        other => Err(format!("{} programs have no target", other.name())),
    }
}

/// The same for a program that no row of the table takes care of: its types alone say what it can be attached to.
pub(crate) fn of_types(
    prog_type: Option<ProgType>,
    attach: Option<AttachType>,
    what: &str,
) -> Result<Target, Malformed> {
    match (prog_type, attach) {
        (Some(ProgType::Tracing | ProgType::Lsm), Some(attach)) => Ok(by_id(attach, what)),
        (Some(ProgType::Tracing | ProgType::Lsm), None) => {
            Err("its attach type has to be set for a target to be found".to_owned())
        }
        (Some(ProgType::Ext), _) => Ok(Target::Freplace { func: what.to_owned() }),
        (Some(other), _) => Err(format!("{} programs have no target that a name stands for", other.name())),
        (None, _) => Err("its program type has to be set for a target to be found".to_owned()),
    }
}

/// The error of a malformed section.
pub(crate) fn malformed(place: String, why: Malformed) -> Error {
    Error::new(Class::BadInput, place, why).with_errno(Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn say(section: &str) -> String {
        let def = sec::find(section).expect("a section");
        match parse(section, def, "prog") {
            Ok(target) => format!("{section}: {target}"),
            Err(why) => format!("{section}: ! {why}"),
        }
    }

    fn check(sections: &[&str], expected: Expect) {
        expected.assert_eq(&sections.iter().map(|it| say(it) + "\n").collect::<String>());
    }

    #[test]
    fn kernel_probes() {
        check(
            &[
                "kprobe",
                "kprobe/do_unlinkat",
                "kprobe/do_unlinkat+0x10",
                "kprobe/do_unlinkat+010",
                "kprobe/do_unlinkat+x",
                "kprobe/a.isra.0+8junk",
                "kprobe/",
                "kprobe/do_unlinkat+-1",
                "kretprobe/do_unlinkat",
                "kretprobe/do_unlinkat+1",
                "kprobe.multi/bpf_fentry_test*",
                "kretprobe.multi/x?",
                "kprobe.multi/",
                "kprobe.session/tcp_*",
                "kprobe.session/-",
                "ksyscall/openat",
                "kretsyscall/openat",
            ],
            expect![[r#"
                kprobe: no target
                kprobe/do_unlinkat: kprobe/do_unlinkat
                kprobe/do_unlinkat+0x10: kprobe/do_unlinkat+0x10
                kprobe/do_unlinkat+010: kprobe/do_unlinkat+0x8
                kprobe/do_unlinkat+x: kprobe/do_unlinkat
                kprobe/a.isra.0+8junk: kprobe/a.isra.0+0x8
                kprobe/: ! kprobe name is invalid: 
                kprobe/do_unlinkat+-1: ! kprobe offset must be a non-negative integer: -1
                kretprobe/do_unlinkat: kretprobe/do_unlinkat
                kretprobe/do_unlinkat+1: ! kretprobes do not support offset specification
                kprobe.multi/bpf_fentry_test*: kprobe.multi/bpf_fentry_test*
                kretprobe.multi/x?: kretprobe.multi/x?
                kprobe.multi/: ! kprobe multi pattern is invalid: 
                kprobe.session/tcp_*: kprobe.session/tcp_*
                kprobe.session/-: ! kprobe session pattern is invalid: -
                ksyscall/openat: ksyscall/openat
                kretsyscall/openat: kretsyscall/openat
            "#]],
        );
    }

    #[test]
    fn user_probes() {
        check(
            &[
                "uprobe",
                "uprobe//usr/bin/x:main",
                "uprobe/libc.so.6:malloc+0x4",
                "uprobe/x:operator+",
                "uprobe/x:a+1b",
                "uprobe/libc.so.6",
                "uretprobe.s/x:f",
                "uretprobe/x:f+4",
                "uprobe.multi/x:f*",
                "uretprobe.multi.s/x:f",
                "uprobe.multi/x",
                "usdt",
                "usdt/libc.so.6:libc:setjmp",
                "usdt/libc.so.6:libc",
            ],
            expect![[r#"
                uprobe: no target
                uprobe//usr/bin/x:main: uprobe//usr/bin/x:main
                uprobe/libc.so.6:malloc+0x4: uprobe/libc.so.6:malloc+0x4
                uprobe/x:operator+: uprobe/x:operator+
                uprobe/x:a+1b: uprobe/x:a+1b
                uprobe/libc.so.6: ! prog 'prog': section 'uprobe/libc.so.6' missing ':function[+offset]' specification
                uretprobe.s/x:f: uretprobe/x:f
                uretprobe/x:f+4: ! prog 'prog': uretprobes do not support offset specification
                uprobe.multi/x:f*: uprobe.multi/x:f*
                uretprobe.multi.s/x:f: uretprobe.multi/x:f
                uprobe.multi/x: ! prog 'prog': invalid format of section definition 'uprobe.multi/x'
                usdt: no target
                usdt/libc.so.6:libc:setjmp: usdt/libc.so.6:libc:setjmp
                usdt/libc.so.6:libc: ! invalid section 'usdt/libc.so.6:libc', expected SEC("usdt/<path>:<provider>:<name>")
            "#]],
        );
    }

    #[test]
    fn events_and_what_types_name() {
        check(
            &[
                "tp/sched/sched_switch",
                "tracepoint/x",
                "raw_tp/sys_enter",
                "raw_tp.w/bpf_test",
                "tp_btf/sched_switch",
                "fentry",
                "fentry/vfs_read",
                "fexit.s/mod:func",
                "fmod_ret/vmlinux:f",
                "lsm/file_open",
                "lsm_cgroup/socket_bind",
                "iter.s/task",
                "freplace/handler",
                "xdp",
                "cgroup/connect4",
                "struct_ops/init",
            ],
            expect![[r#"
                tp/sched/sched_switch: tracepoint/sched/sched_switch
                tracepoint/x: ! prog 'prog': section 'tracepoint/x' names no <category>/<name>
                raw_tp/sys_enter: raw_tp/sys_enter
                raw_tp.w/bpf_test: raw_tp/bpf_test
                tp_btf/sched_switch: tp_btf/sched_switch
                fentry: fentry/
                fentry/vfs_read: fentry/vfs_read
                fexit.s/mod:func: fexit/mod:func
                fmod_ret/vmlinux:f: fmod_ret/f
                lsm/file_open: lsm/file_open
                lsm_cgroup/socket_bind: lsm_cgroup/socket_bind
                iter.s/task: iter/task
                freplace/handler: freplace/handler
                xdp: no target
                cgroup/connect4: no target
                struct_ops/init: no target
            "#]],
        );
    }
}
