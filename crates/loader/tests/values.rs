//! Global variables and their parts, by the names that the source has for them.

use skep_abi::Errno;
use skep_btf::Value;
use skep_kernel::{Config, Kernel};
use skep_loader::OpenObject;
use skep_testkit::fixtures;

fn globals() -> OpenObject {
    OpenObject::parse(&fixtures::object("globals")).unwrap()
}

#[test]
fn every_kind_of_variable_has_its_value() {
    let open = globals();
    for (path, shown) in [
        ("config.version", "3"),
        ("config.verbose", "false"),
        ("config.mode", "MODE_COUNT"),
        ("config.bias", "-5"),
        ("config.name", "\"skep\""),
        ("config.name[1]", "107"),
        ("weights[2]", "100"),
        ("weights", "[1, 10, 100, 1000]"),
        ("max_calls", "1000"),
        ("generation", "41"),
        ("small", "-2"),
        ("calls", "0"),
        ("scratch[39]", "0"),
    ] {
        assert_eq!(open.value(path).map(|it| it.to_string()), Ok(shown.to_owned()), "{path}");
    }
}

#[test]
fn what_is_set_of_a_variable_leaves_the_rest() {
    let mut open = globals();
    for (path, value) in [
        ("config.mode", Value::from("MODE_TRACE")),
        ("config.name", Value::from("hive")),
        ("config.bias", Value::Int(-9)),
        ("weights[3]", Value::Uint(7)),
        ("small", Value::Int(-3)),
    ] {
        open.set_value(path, &value).unwrap();
    }
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let loaded = open.load(&mut kernel);
    let show = |kernel: &Kernel, path: &str| loaded.value(kernel, path).unwrap().to_string();
    for (path, shown) in [
        ("config.version", "3"),
        ("config.mode", "MODE_TRACE"),
        ("config.name", "\"hive\""),
        ("config.bias", "-9"),
        ("weights", "[1, 10, 100, 7]"),
        ("small", "-3"),
        ("generation", "41"),
    ] {
        assert_eq!(show(&kernel, path), shown, "{path}");
    }
    // Variables can be set later, too; constants cannot.
    loaded.set_value(&mut kernel, "history[1]", &Value::Uint(5)).unwrap();
    loaded.set_value(&mut kernel, "scratch[2]", &Value::Uint(255)).unwrap();
    assert_eq!(show(&kernel, "history"), "[0, 5, 0, 0]");
    let error = loaded.set_value(&mut kernel, "weights[0]", &Value::Uint(5)).unwrap_err();
    assert_eq!(error.errno, Some(Errno::EPERM));
    assert_eq!(
        error.to_string(),
        "variable weights[0]: EPERM; constants are set before the object is loaded"
    );
}

#[test]
fn errors_say_what_there_is() {
    let mut open = globals();
    let mut said = String::new();
    for (path, value) in [
        ("confg.mode", Value::Uint(1)),
        ("config.mod", Value::Uint(1)),
        ("config.mode", Value::from("MODE_NONE")),
        ("config.version", Value::Uint(65_536)),
        ("config.version", Value::from("three")),
        ("config.name", Value::from("a name that is too long")),
        ("weights[4]", Value::Uint(1)),
        ("weights.x", Value::Uint(1)),
        ("calls[0]", Value::Uint(1)),
        ("calls.", Value::Uint(1)),
        ("", Value::Uint(1)),
    ] {
        let error = open.set_value(path, &value).unwrap_err();
        said += &format!("{error}\n");
    }
    expect_test::expect![[r#"
        there is no global variable called "confg"; the global variables are config, weights, max_calls, generation, small, hot, calls, history, scratch
        variable config.mod: there is no member `mod`; the members are version, verbose, mode, bias, name
        variable config.mode: mode takes a number or a name of the enumeration
        variable config.version: it does not fit into version
        variable config.version: version takes an integer
        variable config.name: it does not fit into name
        variable weights[4]: there is no element `[4]`
        variable weights.x: there is no member `x`
        variable calls[0]: there is no element `[0]`
        variable calls.: a path is `name.name[index]`; this one is not from byte 0 on
        there is no global variable called ""; the global variables are config, weights, max_calls, generation, small, hot, calls, history, scratch
    "#]].assert_eq(&said);
    assert_eq!(open.value("config.version"), Ok(Value::Uint(3)));
}
