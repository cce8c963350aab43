//! Numbers and layouts against those recorded from the kernel's headers (`data/record.sh`).

use std::collections::HashMap;

use skep_abi::ctx::{self, Layout};
use skep_abi::flags::{self, Flags};
use skep_abi::helpers::HELPERS;
use skep_abi::uapi::{self, perf_record};
use skep_abi::{AttachType, Errno, MapType, ProgType, ret_code, sk, structs, tc, xdp};

/// The recorded numbers by name.
fn numbers() -> HashMap<&'static str, i64> {
    let pair = |line: &'static str| {
        let (name, value) = line.split_once(' ')?;
        Some((name, value.parse().ok()?))
    };
    include_str!("data/uapi.txt").lines().filter_map(pair).collect()
}

/// The recorded layouts.
#[derive(Default)]
struct Layouts {
    /// Bytes by struct.
    sizes: HashMap<&'static str, usize>,
    /// Offset and size by `struct.field`.
    fields: HashMap<&'static str, (usize, usize)>,
}

fn layouts() -> Layouts {
    let Layouts { mut sizes, mut fields } = Layouts::default();
    for line in include_str!("data/uapi.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["SIZE", name, size] => drop(sizes.insert(name, size.parse().unwrap())),
            ["AT", name, offset, size] => {
                fields.insert(name, (offset.parse().unwrap(), size.parse().unwrap()));
            }
            _ => {}
        }
    }
    Layouts { sizes, fields }
}

/// Checks that the rows have the recorded numbers, and that no recorded number with this prefix lacks a row.
fn check<'a>(prefix: &str, rows: impl IntoIterator<Item = (&'a str, i64)>, not_ours: &[&str]) {
    let numbers = numbers();
    let mut found: Vec<&str> = not_ours.to_vec();
    for (name, value) in rows {
        assert_eq!(numbers.get(name), Some(&value), "{name}");
        found.push(name);
    }
    let missing: Vec<_> = numbers.keys().filter(|it| it.starts_with(prefix) && !found.contains(it)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

#[test]
fn map_types() {
    let rows = MapType::ALL.iter().map(|it| (it.uapi(), it.to_u32().into()));
    check("BPF_MAP_TYPE_", rows, &["BPF_MAP_TYPE_UNSPEC"]);
}

#[test]
fn program_types() {
    let rows = ProgType::ALL.iter().map(|it| (it.uapi(), it.to_u32().into()));
    check("BPF_PROG_TYPE_", rows, &["BPF_PROG_TYPE_UNSPEC"]);
}

#[test]
fn attach_types() {
    // Newer than the recorded headers.
    let known = AttachType::ALL.iter().filter(|it| **it != AttachType::TraceUprobeSession);
    check("BPF_TRACE_", known.map(|it| (it.uapi(), it.to_u32().into())), &[]);
}

#[test]
fn helpers() {
    let names: Vec<String> = HELPERS.iter().map(|it| it.uapi()).collect();
    let rows = names.iter().map(String::as_str).zip(HELPERS.iter().map(|it| it.id.into()));
    check("BPF_FUNC_", rows, &["BPF_FUNC_unspec"]);
}

#[test]
fn errors() {
    let inner = [
        "ERESTARTSYS",
        "ERESTARTNOINTR",
        "ERESTARTNOHAND",
        "ERESTART_RESTARTBLOCK",
        "EPROBE_DEFER",
        "ENOTSUPP",
    ];
    let rows = Errno::ALL.iter().map(|it| (it.name(), it.code().into())).filter(|it| !inner.contains(&it.0));
    check("E", rows, &[]);
}

fn bits(table: Flags) -> impl Iterator<Item = (&'static str, i64)> {
    table.rows.iter().map(|&(name, value)| (name, value as i64))
}

#[test]
fn flag_families() {
    let tables = [
        flags::MAP_UPDATE,
        flags::MAP_CREATE,
        flags::PROG_LOAD,
        flags::TEST_RUN,
        flags::ATTACH,
        flags::PERF_EVENT,
        flags::RINGBUF,
        flags::STACK,
        flags::SKB_STORE_BYTES,
        flags::CSUM_REPLACE,
        flags::TUNNEL_KEY,
        flags::ADJ_ROOM,
        flags::REDIRECT,
        flags::FIB_LOOKUP,
        flags::LOCAL_STORAGE,
        flags::TIMER,
    ];
    let singles = [
        ("BPF_F_CURRENT_NETNS", flags::BPF_F_CURRENT_NETNS),
        ("BPF_F_TUNINFO_FLAGS", flags::BPF_F_TUNINFO_FLAGS as i64),
        ("BPF_F_SYSCTL_BASE_NAME", flags::BPF_F_SYSCTL_BASE_NAME as i64),
        ("BPF_F_GET_BRANCH_RECORDS_SIZE", flags::BPF_F_GET_BRANCH_RECORDS_SIZE as i64),
        ("BPF_F_BPRM_SECUREEXEC", flags::BPF_F_BPRM_SECUREEXEC as i64),
        ("BPF_F_PAD_ZEROS", flags::BPF_F_PAD_ZEROS as i64),
        ("BPF_RB_AVAIL_DATA", flags::BPF_RB_AVAIL_DATA as i64),
        ("BPF_RB_RING_SIZE", flags::BPF_RB_RING_SIZE as i64),
        ("BPF_RB_CONS_POS", flags::BPF_RB_CONS_POS as i64),
        ("BPF_RB_PROD_POS", flags::BPF_RB_PROD_POS as i64),
        ("BPF_ADJ_ROOM_ENCAP_L2_MASK", flags::BPF_ADJ_ROOM_ENCAP_L2_MASK as i64),
        ("BPF_ADJ_ROOM_NET", flags::BPF_ADJ_ROOM_NET.into()),
        ("BPF_ADJ_ROOM_MAC", flags::BPF_ADJ_ROOM_MAC.into()),
    ];
    let rows: Vec<_> = tables.into_iter().flat_map(bits).chain(singles).collect();
    let links = [
        "BPF_F_KPROBE_MULTI_RETURN",
        "BPF_F_UPROBE_MULTI_RETURN",
        "BPF_F_NETFILTER_IP_DEFRAG",
        "BPF_F_QUERY_EFFECTIVE",
        "BPF_F_REDIRECT_FLAGS",
    ];
    check("BPF_F_", rows.iter().copied(), &links);
    check("BPF_RB_", rows.iter().copied(), &[]);
    check("BPF_ADJ_ROOM_", rows.iter().copied(), &[]);
    check("BPF_FIB_LOOKUP_", rows.iter().copied(), &[]);
}

#[test]
fn verdicts() {
    let signed = |rows: &'static [(&str, u32)]| rows.iter().map(|&(name, value)| (name, i64::from(value)));
    check("XDP_", signed(xdp::ALL), &[]);
    check("TC_ACT_", tc::ALL.iter().map(|&(name, value)| (name, value.into())), &["TC_ACT_JUMP"]);
    check("SK_", signed(sk::ALL), &[]);
    check("BPF_LWT_", signed(ret_code::ALL), &[]);
}

#[test]
fn perf() {
    let mut samples: Vec<_> = bits(uapi::PERF_SAMPLE).collect();
    samples.retain(|it| it.0 != "PERF_SAMPLE_MAX");
    let numbers = numbers();
    for (name, value) in samples {
        assert_eq!(numbers[name], value, "{name}");
    }
    for &(name, value) in perf_record::ALL {
        assert_eq!(numbers[name], i64::from(value), "{name}");
    }
    let singles = [
        ("PERF_TYPE_HARDWARE", uapi::PERF_TYPE_HARDWARE),
        ("PERF_TYPE_SOFTWARE", uapi::PERF_TYPE_SOFTWARE),
        ("PERF_TYPE_TRACEPOINT", uapi::PERF_TYPE_TRACEPOINT),
        ("PERF_TYPE_HW_CACHE", uapi::PERF_TYPE_HW_CACHE),
        ("PERF_TYPE_RAW", uapi::PERF_TYPE_RAW),
        ("PERF_TYPE_BREAKPOINT", uapi::PERF_TYPE_BREAKPOINT),
        ("PERF_ATTR_SIZE_VER0", uapi::PERF_ATTR_SIZE_VER0),
        ("PERF_ATTR_SIZE_VER8", uapi::PERF_ATTR_SIZE_VER8),
        ("PERF_COUNT_SW_CPU_CLOCK", uapi::PERF_COUNT_SW_CPU_CLOCK as u32),
        ("PERF_COUNT_SW_TASK_CLOCK", uapi::PERF_COUNT_SW_TASK_CLOCK as u32),
        ("PERF_COUNT_SW_DUMMY", uapi::PERF_COUNT_SW_DUMMY as u32),
        ("PERF_COUNT_SW_BPF_OUTPUT", uapi::PERF_COUNT_SW_BPF_OUTPUT as u32),
        ("BPF_RINGBUF_BUSY_BIT", uapi::BPF_RINGBUF_BUSY_BIT),
        ("BPF_RINGBUF_DISCARD_BIT", uapi::BPF_RINGBUF_DISCARD_BIT),
        ("BPF_RINGBUF_HDR_SZ", uapi::BPF_RINGBUF_HDR_SZ),
        ("BPF_OBJ_NAME_LEN", uapi::BPF_OBJ_NAME_LEN as u32),
        ("BPF_BUILD_ID_SIZE", uapi::BPF_BUILD_ID_SIZE as u32),
    ];
    for (name, value) in singles {
        assert_eq!(numbers[name] as u32, value, "{name}");
    }
}

/// Every layout of the crate that a header of the recording machine (x86-64) has.
fn all_layouts() -> impl Iterator<Item = &'static Layout> {
    let not_recorded = ["user_pt_regs", "bpf_raw_tracepoint_args", "bpf_nf_ctx", "u32", "bpf_sock_tuple"];
    let all = ctx::LAYOUTS.iter().chain(structs::LAYOUTS).chain(uapi::LAYOUTS).copied();
    let arm64 = |it: &Layout| it.name == "bpf_perf_event_data" && it.size == 288;
    all.filter(move |it| !not_recorded.contains(&it.name) && !arm64(it))
}

#[test]
fn layouts_are_the_headers() {
    let Layouts { sizes, fields } = layouts();
    for layout in all_layouts() {
        let name = layout.name;
        assert_eq!(sizes.get(name), Some(&layout.size), "{name}");
        for field in layout.fields {
            let recorded = fields.get(&*format!("{name}.{}", field.name));
            // The bit fields of perf_event_attr are one word here.
            let bits = matches!(
                (name, field.name),
                ("perf_event_attr", "flags") | ("perf_event_mmap_page", "capabilities")
            );
            assert!(
                bits || recorded == Some(&(field.offset, field.size())),
                "{name}.{} {recorded:?}",
                field.name
            );
        }
    }
    assert_eq!(all_layouts().count(), 26);
}

#[test]
fn no_field_is_missing() {
    let fields = layouts().fields;
    let is_reserved = |field: &str| field.starts_with("__") || field == "_";
    for layout in all_layouts() {
        for name in fields.keys().filter_map(|it| it.strip_prefix(layout.name)?.strip_prefix('.')) {
            let (offset, _) = fields[&*format!("{}.{name}", layout.name)];
            // Other names of a union's bytes will do.
            let covered = layout.fields.iter().any(|it| it.range().contains(&offset));
            assert!(is_reserved(name) || covered, "{}.{name}", layout.name);
        }
    }
}
