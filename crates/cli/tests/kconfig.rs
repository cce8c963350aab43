//! `--kconfig`: the configuration of the simulated kernel, for `skep run` and `skep inspect`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::expect;
use serde_json::Value;

const EXTERNS: &str = "fixtures/externs.bpf.o";

/// Runs `skep` in the repository's root.
fn skep(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_skep")).args(args).current_dir(root).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with a configuration file of this content.
struct Config(#[expect(dead_code, reason = "it goes with this")] tempfile::TempDir, PathBuf);

impl Config {
    fn new(text: &[u8]) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        Config(folder, path)
    }

    fn path(&self) -> &str {
        self.1.to_str().unwrap()
    }
}

/// A packet with an Ethernet header and nothing more.
const PACKET: &str = "hex:0000000000000000000000000000";
/// The second configuration of `programs_see_the_file`, as `gzip -9n` packs it.
const PACKED: &str = "1f8b080000000000020373f6f773f3748f770a708b0f8e0c7676f4f1b1ade452564854284acd4d2ccae67246c87b7986 \
    00e5a0021e51b6860606309e8bab9b63a84f48bc877f70889fa3afabad5285121700c880c59f5b000000";
const NEEDED: &str = "CONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=m\n";

/// Bytes out of hex digits.
fn unhex(digits: &str) -> Vec<u8> {
    let digits = digits.replace(' ', "");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// What the fixture's program answers: a bit for each value that it likes.
fn retval(config: &Config) -> u64 {
    let output =
        skep(&["run", EXTERNS, "configuration", "--json", "--packet", PACKET, "--kconfig", config.path()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["retval"].as_u64().unwrap()
}

#[test]
fn programs_see_the_file() {
    assert_eq!(retval(&Config::new(NEEDED.as_bytes())), 0b000_0011);
    let more =
        "CONFIG_BPF_SYSCALL=y\n# a remark\nCONFIG_BPF_JIT=y\nCONFIG_HZ=100\nCONFIG_DEFAULT_HOSTNAME=\"x\"\n";
    assert_eq!(retval(&Config::new(more.as_bytes())), 0b001_1111);
    assert_eq!(retval(&Config::new(&unhex(PACKED))), 0b001_1111);
}

#[test]
fn what_is_wrong_with_a_file_has_its_line() {
    let bad_file = |text: &str| {
        let config = Config::new(text.as_bytes());
        let args = ["run", EXTERNS, "configuration", "--packet", PACKET, "--kconfig", config.path()];
        let run = skep(&args);
        assert_eq!(run.status.code(), Some(2), "{}", stderr(&run));
        stderr(&run).replace(config.path(), "FILE")
    };
    let text = bad_file("CONFIG_A=y\nCONFIG_B\n");
    assert!(text.contains("--kconfig FILE:2: failed to parse 'CONFIG_B': no separator"), "{text}");
    let text = bad_file(&format!("{NEEDED}CONFIG_HZ=\"100\"\n"));
    assert!(
        text.contains("FILE:3: extern (kcfg) 'CONFIG_HZ': value '\"100\"' implies char array type"),
        "{text}"
    );
    let text = bad_file("CONFIG_BPF_JIT=y\n");
    assert!(text.contains("FILE: extern 'CONFIG_BPF_SYSCALL' (strong): not resolved"), "{text}");
    let output = skep(&["inspect", EXTERNS, "--kconfig", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--kconfig /nonexistent: "), "{}", stderr(&output));
}

#[test]
fn inspect_says_what_each_variable_holds() {
    let config = Config::new(format!("{NEEDED}CONFIG_HZ=bad\n").as_bytes());
    let output = skep(&["inspect", EXTERNS, "--kconfig", config.path(), "--btf", "bundled"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap().replace(config.path(), "FILE");
    let target = text.split("\nwith the types of ").nth(1).unwrap();
    expect![[r#"
        bundled: would not load
          variable CONFIG_HZ: FILE:3: extern (kcfg) 'CONFIG_HZ': value 'bad' isn't a valid integer
          CONFIG_BPF_JIT = m  FILE:2
          CONFIG_HZ = not set  FILE
          LINUX_KERNEL_VERSION = 396288  the profile
          CONFIG_BPF_SYSCALL = y  FILE:1
          CONFIG_NO_SUCH_OPTION = not set  FILE
          CONFIG_DEFAULT_HOSTNAME = not set  FILE
    "#]]
    .assert_eq(target);
}

#[test]
fn the_version_follows_the_types() {
    let version = |args: &[&str]| {
        let output = skep(&[&["inspect", EXTERNS, "--json"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let it: Value = serde_json::from_slice(&output.stdout).unwrap();
        let variables = it["targets"][0]["configuration"].as_array().unwrap().clone();
        variables.into_iter().find(|it| it["name"] == "LINUX_KERNEL_VERSION").unwrap()
    };
    let bundled = version(&[]);
    assert_eq!((&bundled["value"], &bundled["source"]), (&"396288".into(), &"the profile".into()));
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("5.4.7-generic.btf");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::copy(root.join("fixtures/core/moved.bpf.o"), &named).unwrap();
    let known = version(&["--btf", named.to_str().unwrap()]);
    let source = format!("{} types", named.display());
    assert_eq!((&known["value"], &known["source"]), (&"328711".into(), &source.into()));
}
