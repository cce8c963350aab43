//! What the kernel supplies to programs by name: configuration values and symbols.

use skep::{Builder, Class, raw_args};
use skep_testkit::fixtures;

fn open() -> Builder {
    skep::parse(&fixtures::object("supplied")).unwrap()
}

/// What the fixture's program saw of them, by the name of the member.
fn seen(builder: Builder) -> impl Fn(&str) -> String {
    let mut sk = builder.load_what_can_be().unwrap();
    let init_task = sk.kernel().variable("init_task").unwrap().unwrap();
    let ran = sk.program("read_externs").unwrap().run(raw_args(&[0, 0])).unwrap();
    assert_eq!(ran.retval(), 0);
    let loaded = sk.loaded().clone();
    let bytes = loaded.global_bytes(sk.kernel(), "seen").unwrap();
    let (_, var) = loaded.global("seen").unwrap();
    let value = loaded.object().btf.as_ref().unwrap().decode(var.type_id.unwrap(), &bytes).unwrap();
    assert_eq!(value.get("task").and_then(skep::btf::Value::as_u64), Some(init_task));
    move |name| value.get(name).unwrap().to_string()
}

#[test]
fn values_of_the_profile() {
    let seen = seen(open());
    assert_eq!(seen("version"), (6 << 16 | 12 << 8).to_string());
    assert_eq!((seen("hz"), seen("conntrack"), seen("none")), ("250".into(), "2".into(), "0".into()));
    assert_eq!(
        (seen("wrapper"), seen("cookie"), seen("x86_64")),
        ("true".into(), "true".into(), "true".into())
    );
    assert_eq!(seen("hostname"), "\"(none)\"");
}

#[test]
fn values_that_the_test_sets() {
    let seen = seen(
        open()
            .kconfig("CONFIG_HZ", 1000)
            .kconfig("LINUX_KERNEL_VERSION", 0x0005_0f00)
            .kconfig("CONFIG_X86_64", "n")
            .kconfig("CONFIG_DEFAULT_HOSTNAME", "\"a host with a long name\""),
    );
    assert_eq!(
        (seen("hz"), seen("version"), seen("x86_64")),
        ("1000".into(), "331520".into(), "false".into())
    );
    assert_eq!(seen("hostname"), "\"a host with a l\"");
}

#[test]
fn symbols_and_weak_ones_that_are_missing() {
    let seen = seen(open());
    assert_eq!((seen("cpu"), seen("missing")), ("2".into(), "7".into()));
}

#[test]
fn a_missing_function_fails_when_it_is_called() {
    let mut sk = open().load().unwrap();
    let error = sk.program("call_missing").unwrap().run(raw_args(&[0, 0])).unwrap_err();
    assert_eq!(error.class(), Class::ProgramFault);
    assert!(
        error.to_string().contains("kfunc 'skep_has_no_kfunc' is referenced but wasn't resolved"),
        "{error}"
    );
}

#[test]
fn values_that_do_not_go_are_refused() {
    let error = open().kconfig("CONFIG_HZ", "y").load().unwrap_err().to_string();
    assert!(
        error.contains("extern (kcfg) 'CONFIG_HZ': value 'y' implies bool, tristate, or char type"),
        "{error}"
    );
}
