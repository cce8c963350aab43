//! The rules against what Linux 6.18.44 says of every offset (`fixtures/oracle/contexts-6.18.txt`; `record-contexts` of
//! `skep-oracle` wrote it).

use std::collections::BTreeMap;

use skep_abi::ctx::{self, FieldKind};
use skep_abi::structs::{bpf_tcp_sock, bpf_xdp_sock};
use skep_abi::{AttachType, ProgType};

use super::rules::{CtxRequest, Granted, Loaded, context_access, readable};
use crate::access::Access;

const RECORDING: &str = include_str!("../../../../fixtures/oracle/contexts-6.18.txt");

/// An offset, and a kind of access: `r4`.
type Question<'a> = (i32, &'a str);

/// One program type at one attach type: what each allowed access gives.
struct Section<'a> {
    prog: ProgType,
    attach: Option<AttachType>,
    given: BTreeMap<Question<'a>, &'a str>,
}

fn sections() -> Vec<Section<'static>> {
    let mut sections: Vec<Section<'static>> = Vec::new();
    let contexts = RECORDING.split("# socket ").next().unwrap_or_default();
    for line in contexts.lines().filter(|line| !line.starts_with("# linux")) {
        let mut words = line.split(' ');
        if let Some(head) = line.strip_prefix("# ") {
            let (prog, attach) = head.split_once(' ').expect("two names");
            let prog = ProgType::from_name(prog).expect("a program type");
            sections.push(Section { prog, attach: AttachType::from_name(attach), given: BTreeMap::new() });
            continue;
        }
        let section = sections.last_mut().expect("a section");
        let (kind, what) = (words.next().expect("a kind"), words.next().expect("what it gives"));
        section.given.extend(offsets(kind, words).map(|off| ((off, kind), what)));
    }
    sections
}

/// `0..8 12` of `r4`: 0, 4, 8, 12.
fn offsets<'a>(kind: &str, runs: impl Iterator<Item = &'a str>) -> impl Iterator<Item = i32> {
    let step: usize = kind[1..].parse().expect("a size");
    runs.flat_map(move |run| {
        let (first, last) = run.split_once("..").unwrap_or((run, run));
        let (first, last): (i32, i32) = (first.parse().expect("offset"), last.parse().expect("offset"));
        (first..=last).step_by(step)
    })
}

fn request(off: i32, kind: &str) -> CtxRequest {
    CtxRequest {
        off,
        size: kind[1..].parse().expect("a size"),
        access: if kind.starts_with('w') { Access::Write } else { Access::Read },
        is_ldsx: kind.starts_with('s'),
        bpf_capable: true,
    }
}

fn name(granted: Granted) -> String {
    match granted.loaded {
        Loaded::Number => "scalar".into(),
        Loaded::TpBuffer => "tp_buffer".into(),
        Loaded::Field(FieldKind::PacketStart) => "pkt".into(),
        Loaded::Field(FieldKind::PacketMeta) => "pkt_meta".into(),
        Loaded::Field(FieldKind::PacketEnd) => "pkt_end".into(),
        Loaded::Field(FieldKind::FlowKeys) => "flow_keys".into(),
        Loaded::Field(FieldKind::Socket) => "sock".into(),
        Loaded::Field(FieldKind::SocketOrNull) => "sock_or_null".into(),
        Loaded::Field(FieldKind::SockCommonOrNull) => "sock_common_or_null".into(),
        Loaded::Field(FieldKind::BtfId(name)) => format!("trusted_ptr_{name}"),
        Loaded::Field(other) => format!("{other:?}"),
    }
}

#[test]
fn every_offset_as_recorded() {
    let kinds = ["r1", "r2", "r4", "r8", "s1", "s2", "s4", "w1", "w2", "w4", "w8"];
    let (mut asked, mut wrong) = (0, Vec::new());
    let sections = sections();
    for section in &sections {
        // Only both ends of these were asked.
        let offsets: Vec<i32> = match section.prog {
            // Below zero the kernel allows loads from a tracepoint's record, for it compares without sign there
            // (`tp_prog_is_valid_access`). Nothing of the record is there: they are refused here.
            ProgType::Tracepoint => (0..32).chain(8170..8210).collect(),
            ProgType::Syscall => (-8..32).chain(32_740..32_767).collect(),
            _ => (-8..256).collect(),
        };
        for (off, kind) in offsets.iter().flat_map(|off| kinds.map(|kind| (*off, kind))) {
            let ours = context_access(section.prog, section.attach, request(off, kind)).map(name);
            let ours = ours.map(|it| if kind.starts_with('w') { "ok".into() } else { it });
            let theirs = section.given.get(&(off, kind)).copied();
            asked += 1;
            if ours.as_deref() != theirs {
                wrong.push(format!(
                    "{} {:?} {kind} {off}: {ours:?}, {theirs:?}",
                    section.prog, section.attach
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sections.len() > 45 && asked > 100_000, "{} sections, {asked}", sections.len());
}

#[test]
fn packets_of_a_cgroup_need_a_capability() {
    let ask = |off, size, access, bpf_capable| {
        let it = CtxRequest { off, size, access, is_ldsx: false, bpf_capable };
        context_access(ProgType::CgroupSkb, None, it).is_some()
    };
    for (off, size, access) in [(76, 4, Access::Read), (80, 4, Access::Read), (152, 8, Access::Write)] {
        assert!(ask(off, size, access, true), "{off}");
        assert!(!ask(off, size, access, false), "{off}");
    }
    assert!(ask(152, 8, Access::Read, false), "the time may be read");
    assert!(ask(8, 4, Access::Write, false), "the mark may be written");
}

#[test]
fn every_offset_of_sockets_as_recorded() {
    for part in RECORDING.split("# socket ").skip(1) {
        let mut lines = part.lines();
        let (layout, hidden): (_, &[ctx::Field]) = match lines.next().expect("a name") {
            "sock_common" => (&ctx::bpf_sock::LAYOUT, ctx::SOCK_COMMON_HIDDEN),
            "sock" => (&ctx::bpf_sock::LAYOUT, &[]),
            _ => (&bpf_tcp_sock::LAYOUT, &[]),
        };
        let rows: Vec<(&str, Vec<i32>)> = lines
            .map(|line| line.split_once(' ').expect("a kind"))
            .map(|(kind, runs)| (kind, offsets(kind, runs.split(' ')).collect()))
            .collect();
        for (kind, size) in [("r1", 1), ("r2", 2), ("r4", 4), ("r8", 8)] {
            let theirs = rows.iter().find(|row| row.0 == kind).map_or(&[][..], |row| &row.1);
            let ours: Vec<i32> =
                (-8..128).filter(|off| readable(layout, hidden, *off, size).is_some()).collect();
            assert_eq!(ours, theirs, "{kind} of {}", layout.name);
        }
    }
}

#[test]
fn fields_of_sockets() {
    let full = |off, size| readable(&ctx::bpf_sock::LAYOUT, &[], off, size);
    let common = |off, size| readable(&ctx::bpf_sock::LAYOUT, ctx::SOCK_COMMON_HIDDEN, off, size);
    assert_eq!((full(8, 4), common(8, 4)), (Some(4), None), "type");
    assert_eq!((full(16, 4), common(16, 4)), (Some(0), None), "mark");
    assert_eq!((full(4, 1), common(4, 1)), (Some(4), Some(4)), "family");
    assert_eq!((full(5, 1), full(0, 2)), (None, None), "not narrow there");
    assert_eq!((full(48, 2), full(48, 4), full(50, 2)), (Some(2), Some(4), None), "dst_port and padding");
    assert_eq!((full(72, 4), full(80, 4), full(-4, 4)), (Some(4), None, None), "the end");
    let tcp = |off, size| readable(&bpf_tcp_sock::LAYOUT, &[], off, size);
    assert_eq!(
        (tcp(0, 4), tcp(80, 8), tcp(80, 4), tcp(108, 4), tcp(112, 4)),
        (Some(0), Some(0), None, Some(0), None)
    );
    let xdp = |off, size| readable(&bpf_xdp_sock::LAYOUT, &[], off, size);
    assert_eq!((xdp(0, 4), xdp(0, 2), xdp(4, 4)), (Some(0), None, None));
}
