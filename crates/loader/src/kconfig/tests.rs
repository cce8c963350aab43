use super::*;
use skep_btf::{BtfBuilder, IntEncoding};
use skep_object::KconfigType;
use std::io::Write as _;

fn external(name: &str, value: KconfigType, size: u32, weak: bool) -> Extern {
    let kind = ExternKind::Kconfig { value, size, offset: 0 };
    Extern { name: name.to_owned(), kind, weak, btf_id: None }
}

const INT: KconfigType = KconfigType::Int { signed: true };

/// What a variable finds, and from where.
fn say(config: &Kconfig, external: &Extern, target: Option<&TargetBtf>) -> String {
    match config.answer(external, target) {
        Ok(Some(Answer { text, source })) => format!("{text} ({source})"),
        Ok(None) => "nothing".to_owned(),
        Err(error) => format!("! {error}"),
    }
}

/// Types of a kernel, with or without a function that has the system call's wrapper name.
fn target(wrapper: bool, version: Option<u32>) -> TargetBtf {
    let mut btf = BtfBuilder::new();
    let int = btf.int("int", 4, IntEncoding::Signed);
    if wrapper {
        btf.func("__x64_sys_bpf", skep_btf::Linkage::Static, int, &[]);
    }
    let mut target = TargetBtf::new("x", Arc::new(btf.build().unwrap()));
    target.version = version;
    target
}

#[test]
fn files_are_read_line_by_line() {
    let text = "# CONFIG_A is not set\nCONFIG_B=y\n\nCONFIG_C=\"a=b\"\nOTHER=1\nCONFIG_B=n\n";
    let config = Kconfig::parse(text, "x").unwrap();
    assert_eq!((config.get("CONFIG_B"), config.get("CONFIG_C")), (Some("y"), Some("\"a=b\"")));
    assert_eq!(config.file.len(), 2);
    assert_eq!(say(&config, &external("CONFIG_C", KconfigType::CharArray, 8, false), None), "\"a=b\" (x:4)");
}

#[test]
fn the_profile_is_a_configuration() {
    assert_eq!(Kconfig::parse(PROFILE, "profile").unwrap(), Kconfig::default());
    assert!(Kconfig::default().file.len() > 50);
}

#[test]
fn lines_that_are_none_are_named() {
    for (text, message) in [
        ("\nCONFIG_A=y\nCONFIG_B\n", "x:3: failed to parse 'CONFIG_B': no separator"),
        ("CONFIG_A=\n", "x:1: failed to parse 'CONFIG_A=': no value"),
    ] {
        assert_eq!(Kconfig::parse(text, "x").unwrap_err().to_string(), message);
    }
    let message = Kconfig::read(b"CONFIG_A=y\n\n\xff\xfe", "x").unwrap_err().to_string();
    assert_eq!(message, "x:3: it is no configuration: it is not text");
    let message = Kconfig::read(b"\x1f\x8b\x08\xff", "x.gz").unwrap_err().to_string();
    assert!(message.starts_with("x.gz: its gzip data is damaged"), "{message}");
}

#[test]
fn packed_files_are_read() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"CONFIG_HZ=300\n").unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(Kconfig::read(&packed, "x").unwrap().get("CONFIG_HZ"), Some("300"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.gz");
    std::fs::write(&path, packed).unwrap();
    let config = Kconfig::named(path.to_str().unwrap()).unwrap();
    assert_eq!((config.get("CONFIG_HZ"), config.origin()), (Some("300"), path.to_str().unwrap()));
    assert!(Kconfig::file(folder.path()).is_err());
    assert!(
        Kconfig::named("/nonexistent/config").unwrap_err().to_string().starts_with("/nonexistent/config: ")
    );
}

#[test]
fn errors_have_file_and_line() {
    let config = Kconfig::parse("CONFIG_A=y\nCONFIG_HZ=y\nCONFIG_N=1\n", "my.config").unwrap();
    let int = |name, weak| external(name, INT, 4, weak);
    for (external, said) in [
        (
            int("CONFIG_HZ", false),
            "! my.config:2: extern (kcfg) 'CONFIG_HZ': value 'y' implies bool, tristate, or char type",
        ),
        (int("CONFIG_N", false), "1 (my.config:3)"),
        (int("CONFIG_NONE", true), "nothing"),
        (
            int("CONFIG_NONE", false),
            "! my.config: extern 'CONFIG_NONE' (strong): not resolved; the configuration does not set it",
        ),
        (int("LINUX_HAS_WINGS", true), "nothing"),
        (int("LINUX_HAS_WINGS", false), "! extern (kcfg) 'LINUX_HAS_WINGS': unrecognized virtual extern"),
        (int("OTHER", true), "! extern (kcfg) 'OTHER': unrecognized virtual extern"),
    ] {
        assert_eq!(say(&config, &external, None), said);
    }
}

#[test]
fn a_file_replaces_the_profile_but_not_what_was_set() {
    let mut config = Kconfig::default();
    config.set("CONFIG_HZ", "42");
    config.replace_file(Kconfig::parse("CONFIG_HZ=100\nCONFIG_NR_CPUS=2\n", "x").unwrap());
    let get = |name| config.get(name);
    assert_eq!(
        (get("CONFIG_HZ"), get("CONFIG_NR_CPUS"), get("CONFIG_X86_64")),
        (Some("42"), Some("2"), None)
    );
    assert_eq!(say(&config, &external("CONFIG_HZ", INT, 4, false), None), "42 (set)");
}

#[test]
fn what_libbpf_makes_up_follows_the_types() {
    let mut config = Kconfig::default();
    let version = external("LINUX_KERNEL_VERSION", INT, 4, false);
    let wrapper = external("LINUX_HAS_SYSCALL_WRAPPER", KconfigType::Bool, 1, false);
    let cookie = external("LINUX_HAS_BPF_COOKIE", KconfigType::Bool, 1, false);
    let known = target(false, Some(6 << 16 | 1 << 8 | 55));
    assert_eq!(say(&config, &version, Some(&known)), "393527 (x types)");
    assert_eq!(say(&config, &version, Some(&target(true, None))), "396288 (the profile)");
    assert_eq!(say(&config, &version, None), "396288 (the profile)");
    assert_eq!(say(&config, &wrapper, Some(&known)), "0 (x types)");
    assert_eq!(say(&config, &wrapper, Some(&target(true, None))), "1 (x types)");
    assert_eq!(say(&config, &cookie, Some(&known)), "1 (the simulated kernel)");
    config.set("LINUX_KERNEL_VERSION", "7");
    assert_eq!(say(&config, &version, Some(&known)), "7 (set)");
}

#[test]
fn the_clock_ticks_as_configured() {
    assert_eq!(Kconfig::default().get("CONFIG_HZ"), Some(skep_kernel::Clock::HZ.to_string().as_str()));
}

#[test]
fn this_host_has_a_configuration_or_says_so() {
    match Kconfig::host() {
        Ok(config) => assert!(config.get("CONFIG_BPF").is_some()),
        Err(error) => assert!(error.to_string().contains("/proc/config.gz"), "{error}"),
    }
}
