//! What the file of a link in `/proc/PID/fdinfo` says of it (`bpf_link_show_fdinfo`, `kernel/bpf/syscall.c`).

use super::{IterInfo, LinkDetails, LinkInfo, PerfLinkInfo};
use std::fmt::{self, Write};

/// The names of `BPF_CGROUP_ITER_*`; all others are of the first one.
const ORDERS: [(u32, &str); 4] =
    [(2, "descendants_pre"), (3, "descendants_post"), (4, "ancestors_up"), (5, "children")];

impl LinkInfo {
    /// The word for its type there: not that of `bpftool` for perf events, and other words for returns.
    fn word(&self) -> &'static str {
        match &self.details {
            LinkDetails::PerfEvent(_) => "perf",
            LinkDetails::KprobeMulti { flags: 1, .. } => "kretprobe_multi",
            LinkDetails::UprobeMulti { flags: 1, .. } => "uretprobe_multi",
            _ => self.kind.name(),
        }
    }

    /// The lines of a link: `tag` is its program's, `cgroup` the path of the cgroup of an iterator.
    pub(crate) fn show(&self, tag: Option<[u8; 8]>, cgroup: &str) -> String {
        let mut out = format!("link_type:\t{}\nlink_id:\t{}\n", self.word(), self.id);
        if let Some(tag) = tag {
            out.push_str("prog_tag:\t");
            for byte in tag {
                let _ = write!(out, "{byte:02x}");
            }
            let _ = writeln!(out, "\nprog_id:\t{}", self.prog_id);
        }
        let _ = details(&mut out, &self.details, cgroup);
        out
    }
}

fn details(out: &mut String, it: &LinkDetails, cgroup: &str) -> fmt::Result {
    match it {
        LinkDetails::RawTracepoint { name, cookie } => {
            writeln!(out, "tp_name:\t{name}\ncookie:\t{cookie}")
        }
        LinkDetails::Tracing { attach_type, target_obj_id, target_btf_id, cookie } => {
            writeln!(out, "attach_type:\t{attach_type}\ntarget_obj_id:\t{target_obj_id}")?;
            writeln!(out, "target_btf_id:\t{target_btf_id}\ncookie:\t{cookie}")
        }
        LinkDetails::Cgroup { cgroup_id, attach_type } => {
            writeln!(out, "cgroup_id:\t{cgroup_id}\nattach_type:\t{attach_type}")
        }
        LinkDetails::Iter { target, over } => {
            writeln!(out, "target_name:\t{target}")?;
            iterator(out, over, cgroup)
        }
        LinkDetails::Netns { ino, attach_type } => {
            writeln!(out, "netns_ino:\t{ino}\nattach_type:\t{attach_type}")
        }
        LinkDetails::Xdp { ifindex } => writeln!(out, "ifindex:\t{ifindex}"),
        LinkDetails::PerfEvent(perf) => event(out, perf),
        LinkDetails::KprobeMulti { functions, missed, .. } => {
            writeln!(out, "kprobe_cnt:\t{}\nmissed:\t{missed}\ncookie\t func", functions.len())?;
            // Functions have no sizes here: those of the simulated kernel's are all the same.
            let size = crate::symbols::STRIDE;
            functions
                .iter()
                .try_for_each(|(name, _, cookie)| writeln!(out, "{cookie}\t {name}+0x0/{size:#x}"))
        }
        LinkDetails::UprobeMulti { path, probes, pid, .. } => {
            writeln!(out, "uprobe_cnt:\t{}\npid:\t{pid}\npath:\t{path}", probes.len())?;
            writeln!(out, "cookie\t offset\t ref_ctr_offset")?;
            probes.iter().try_for_each(|&(offset, counter, cookie)| {
                writeln!(out, "{cookie}\t {}\t {}", Hex(offset), Hex(counter))
            })
        }
        LinkDetails::StructOps { map_id } => {
            map_id.map_or(Ok(()), |map_id| writeln!(out, "map_id:\t{map_id}"))
        }
        LinkDetails::Netfilter { pf, hooknum, priority, .. } => {
            writeln!(out, "pf:\t{pf}\thooknum:\t{hooknum}\tprio:\t{priority}")
        }
        LinkDetails::Tcx { ifindex, attach_type } => {
            let word = if *attach_type == 46 { "ingress" } else { "egress" };
            writeln!(out, "ifindex:\t{ifindex}\nattach_type:\t{attach_type} ({word})")
        }
        LinkDetails::Netkit { ifindex, attach_type } => {
            let word = if *attach_type == 54 { "primary" } else { "peer" };
            writeln!(out, "ifindex:\t{ifindex}\nattach_type:\t{attach_type} ({word})")
        }
        LinkDetails::Sockmap { map_id, attach_type } => {
            writeln!(out, "map_id:\t{map_id}\nattach_type:\t{attach_type}")
        }
    }
}

fn iterator(out: &mut String, over: &IterInfo, cgroup: &str) -> fmt::Result {
    match over {
        IterInfo::Plain => Ok(()),
        IterInfo::Map { map_id } => writeln!(out, "map_id:\t{map_id}"),
        IterInfo::Cgroup { order, .. } => {
            let order = ORDERS.iter().find(|it| it.0 == *order).map_or("self_only", |it| it.1);
            writeln!(out, "cgroup_path:\t{cgroup}\norder: {order}")
        }
        IterInfo::Tasks => writeln!(out, "task_type:\tALL"),
        IterInfo::Tid(tid) => writeln!(out, "task_type:\tTID\ntid:\t{tid}"),
        IterInfo::Pid(pid) => writeln!(out, "task_type:\tPID\npid:\t{pid}"),
    }
}

fn event(out: &mut String, it: &PerfLinkInfo) -> fmt::Result {
    match it {
        PerfLinkInfo::Uprobe { name, offset, ref_ctr_offset, cookie, ret } => {
            let word = if *ret { "uretprobe" } else { "uprobe" };
            writeln!(out, "name:\t{name}\noffset:\t{}", Hex(*offset))?;
            writeln!(out, "ref_ctr_offset:\t{}\nevent_type:\t{word}\ncookie:\t{cookie}", Hex(*ref_ctr_offset))
        }
        PerfLinkInfo::Kprobe { name, offset, addr, missed, cookie, ret } => {
            let word = if *ret { "kretprobe" } else { "kprobe" };
            let name = name.as_deref().unwrap_or("(null)");
            writeln!(out, "name:\t{name}\noffset:\t{}\nmissed:\t{missed}", Hex(*offset))?;
            writeln!(out, "addr:\t{}\nevent_type:\t{word}\ncookie:\t{cookie}", Hex(*addr))
        }
        PerfLinkInfo::Tracepoint { name, cookie } => {
            writeln!(out, "tp_name:\t{name}\nevent_type:\ttracepoint\ncookie:\t{cookie}")
        }
        PerfLinkInfo::Event { kind, config, cookie } => {
            writeln!(out, "type:\t{kind}\nconfig:\t{config}\nevent_type:\tevent\ncookie:\t{cookie}")
        }
    }
}

/// A number as `%#llx` prints it: 0 has no prefix.
struct Hex(u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("0") } else { write!(f, "{:#x}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use skep_abi::LinkType;

    fn check(kind: LinkType, details: LinkDetails, want: Expect) {
        let prog_id = u32::from(kind != LinkType::StructOps) * 9;
        let info = LinkInfo { kind, id: 3, prog_id, details };
        let tag = (prog_id != 0).then_some([0xa0, 4, 0xf5, 0xee, 0xf0, 0x6a, 0x7f, 0x55]);
        let text = info.show(tag, "/a");
        let common = "link_id:\t3\nprog_tag:\ta004f5eef06a7f55\nprog_id:\t9\n";
        want.assert_eq(&text.replace(common, "...\n").replace('\t', "|"));
    }

    #[test]
    fn every_type() {
        use LinkDetails as D;
        let tracing = D::Tracing { attach_type: 24, target_obj_id: 1, target_btf_id: 12345, cookie: 7 };
        check(
            LinkType::Tracing,
            tracing,
            expect![[r#"
                link_type:|tracing
                ...
                attach_type:|24
                target_obj_id:|1
                target_btf_id:|12345
                cookie:|7
            "#]],
        );
        check(
            LinkType::RawTracepoint,
            D::RawTracepoint { name: "sys_enter".to_owned(), cookie: 0 },
            expect![[r#"
                link_type:|raw_tracepoint
                ...
                tp_name:|sys_enter
                cookie:|0
            "#]],
        );
        check(
            LinkType::Tcx,
            D::Tcx { ifindex: 2, attach_type: 47 },
            expect![[r#"
                link_type:|tcx
                ...
                ifindex:|2
                attach_type:|47 (egress)
            "#]],
        );
        check(
            LinkType::Netfilter,
            D::Netfilter { pf: 2, hooknum: 1, priority: -5, flags: 0 },
            expect![[r#"
                link_type:|netfilter
                ...
                pf:|2|hooknum:|1|prio:|-5
            "#]],
        );
        check(
            LinkType::StructOps,
            D::StructOps { map_id: Some(4) },
            expect![[r#"
                link_type:|struct_ops
                link_id:|3
                map_id:|4
            "#]],
        );
        check(
            LinkType::Iter,
            D::Iter { target: "cgroup".to_owned(), over: IterInfo::Cgroup { cgroup_id: 1, order: 1 } },
            expect![[r#"
                link_type:|iter
                ...
                target_name:|cgroup
                cgroup_path:|/a
                order: self_only
            "#]],
        );
    }

    #[test]
    fn probes() {
        use LinkDetails as D;
        let functions = vec![("vfs_read".to_owned(), 0xffff_ffff_4100_0000, 5)];
        check(
            LinkType::KprobeMulti,
            D::KprobeMulti { functions, flags: 1, missed: 0 },
            expect![[r#"
                link_type:|kretprobe_multi
                ...
                kprobe_cnt:|1
                missed:|0
                cookie| func
                5| vfs_read+0x0/0x100
            "#]],
        );
        let path = "/usr/bin/true".to_owned();
        check(
            LinkType::UprobeMulti,
            D::UprobeMulti { path, probes: vec![(0x40, 0, 1)], flags: 0, pid: 0 },
            expect![[r#"
                link_type:|uprobe_multi
                ...
                uprobe_cnt:|1
                pid:|0
                path:|/usr/bin/true
                cookie| offset| ref_ctr_offset
                1| 0x40| 0
            "#]],
        );
        let kprobe = PerfLinkInfo::Kprobe {
            name: Some("vfs_read".to_owned()),
            offset: 0,
            addr: 0x10,
            missed: 2,
            cookie: 3,
            ret: true,
        };
        check(
            LinkType::PerfEvent,
            D::PerfEvent(kprobe),
            expect![[r#"
                link_type:|perf
                ...
                name:|vfs_read
                offset:|0
                missed:|2
                addr:|0x10
                event_type:|kretprobe
                cookie:|3
            "#]],
        );
    }
}
