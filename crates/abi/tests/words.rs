//! The small vocabularies in themselves.

use expect_test::expect;
use skep_abi::flags::{self, Flags};
use skep_abi::{
    AttachType, Errno, KernelVersion, LinkType, MapType, ParseKernelVersionError, ProgType, tc, xdp,
};

/// Checks one enum: dense numbers, lookups both ways, names derived from the UAPI ones.
macro_rules! check_vocabulary {
    ($type:ident, first $first:literal, count $count:literal, $prefix:literal) => {
        assert_eq!($type::ALL.len(), $count);
        for (index, &it) in $type::ALL.iter().enumerate() {
            assert_eq!(it.to_u32(), index as u32 + $first);
            assert_eq!($type::from_u32(it.to_u32()), Some(it));
            assert_eq!($type::from_name(it.name()), Some(it));
            assert_eq!(it.to_string(), it.name());
            assert_eq!(it.uapi(), format!("{}{}", $prefix, it.name().to_uppercase()));
            assert!(it.since() >= KernelVersion::new(3, 19) && it.since() <= KernelVersion::new(6, 18));
        }
        assert_eq!($type::from_u32($first + $count), None);
        assert_eq!($type::from_u32(u32::MAX), None);
        assert_eq!($type::from_name("nonsense"), None);
    };
}

#[test]
fn map_types() {
    check_vocabulary!(MapType, first 1, count 33, "BPF_MAP_TYPE_");
    assert_eq!(MapType::from_u32(0), None);
    assert!(MapType::ALL.is_sorted_by_key(|it| it.since()));
}

#[test]
fn program_types() {
    check_vocabulary!(ProgType, first 1, count 32, "BPF_PROG_TYPE_");
    assert_eq!(ProgType::from_u32(0), None);
    assert!(ProgType::ALL.is_sorted_by_key(|it| it.since()));
}

#[test]
fn attach_types() {
    check_vocabulary!(AttachType, first 0, count 58, "BPF_");
    assert!(AttachType::ALL.is_sorted_by_key(|it| it.since()));
}

#[test]
fn link_types() {
    check_vocabulary!(LinkType, first 1, count 14, "BPF_LINK_TYPE_");
    assert_eq!(LinkType::from_u32(0), None);
    assert!(LinkType::ALL.is_sorted_by_key(|it| it.since()));
}

#[test]
fn padding_works_on_names() {
    assert_eq!(format!("[{:>6}] [{:8}]", MapType::Hash, ProgType::Xdp), "[  hash] [xdp     ]");
    assert_eq!(format!("[{:7}]", Errno::ENOENT), "[ENOENT ]");
}

#[test]
fn errors() {
    assert!(Errno::ALL.is_sorted());
    for &it in Errno::ALL {
        assert_eq!(Errno::from_code(it.code()), Some(it));
        assert_eq!(Errno::from_return(it.neg()), Some(it));
        assert_eq!(Errno::from_name(it.name()), Some(it));
        assert!(!it.description().is_empty());
    }
    assert_eq!((Errno::EAGAIN.code(), Errno::ENOTSUPP.neg()), (11, -524));
    assert_eq!(Errno::EINVAL.description(), "Invalid argument");
    let nameless = Errno::from_code(4000).unwrap();
    assert_eq!((nameless.to_string(), nameless.name()), ("errno 4000".to_string(), "E?"));
    for not_an_error in [0, 1, -4096, i64::MIN, i64::MAX] {
        assert_eq!(Errno::from_return(not_an_error), None);
    }
    for not_a_code in [0, -1, 4096, i32::MIN] {
        assert_eq!(Errno::from_code(not_a_code), None);
    }
    assert_eq!(Errno::from_name("E?"), None);
}

#[test]
fn versions() {
    let ok =
        [("6.12", 6, 12), ("v5.4", 5, 4), ("4.18.0-553.el8", 4, 18), ("6.18.44-fc", 6, 18), ("6.1+", 6, 1)];
    for (text, major, minor) in ok {
        assert_eq!(text.parse(), Ok(KernelVersion::new(major, minor)), "{text}");
    }
    for text in ["", "6", "6.", ".1", "6.x", "+6.1", "6.-1", "6.99999", "vv6.1", "6 .1"] {
        assert_eq!(text.parse::<KernelVersion>(), Err(ParseKernelVersionError), "{text}");
    }
    assert_eq!(KernelVersion::new(4, 19).code(), 0x0004_1300);
    assert_eq!(KernelVersion::new(4, 19).to_string(), "4.19");
    assert!(!ParseKernelVersionError.to_string().is_empty());
}

#[test]
fn flags_as_text() {
    let cases: &[(Flags, u64, &str)] = &[
        (flags::MAP_UPDATE, 0, "0"),
        (flags::MAP_UPDATE, 5, "BPF_NOEXIST | BPF_F_LOCK"),
        (flags::MAP_CREATE, 0x8_0001, "BPF_F_NO_PREALLOC | 0x80000"),
        (flags::PROG_LOAD, 0x11, "BPF_F_STRICT_ALIGNMENT | BPF_F_SLEEPABLE"),
        (flags::REDIRECT, 0x1a, "BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS | 0x2"),
    ];
    for (table, bits, text) in cases {
        assert_eq!(table.describe(*bits), *text);
    }
    assert_eq!(flags::MAP_CREATE.mask(), 0x7_ffff);
    assert_eq!(flags::PERF_EVENT.mask(), 0xf_ffff_ffff_ffff);
}

#[test]
fn verdict_names() {
    assert_eq!(xdp::ALL.len(), 5);
    assert_eq!((xdp::name(5), xdp::from_name("XDP_MAYBE")), (None, None));
    for &(name, value) in tc::ALL {
        assert_eq!((tc::name(value), tc::from_name(name)), (Some(name), Some(value)));
    }
    assert_eq!(tc::name(9), None);
}

#[test]
fn what_a_version_brings() {
    let new: Vec<String> = MapType::ALL
        .iter()
        .filter(|it| it.since() >= KernelVersion::new(5, 16))
        .map(|it| format!("{it} {}", it.since()))
        .collect();
    expect![[r#"["bloom_filter 5.16", "user_ringbuf 6.1", "cgrp_storage 6.2", "arena 6.9"]"#]]
        .assert_eq(&format!("{new:?}"));
}
