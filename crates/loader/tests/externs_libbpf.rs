//! Externs, compared with what libbpf made of them (`fixtures/oracle/externs.txt`).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use skep_isa::{Callee, Imm64, Insn, Op, decode};
use skep_kernel::{Config, Kernel, ProgView, TargetBtf, Verdict, Verify};
use skep_loader::{Error, Kconfig, Loaded, OpenObject};
use skep_testkit::{externs, fixtures};

/// What libbpf said in each case: lines by `config ...` or `symbols ...`.
fn recording() -> HashMap<String, Vec<String>> {
    let text = String::from_utf8(fixtures::read("oracle/externs.txt")).unwrap();
    let mut cases: HashMap<String, Vec<String>> = HashMap::new();
    let mut case = String::new();
    for line in text.lines().skip(1) {
        match line.strip_prefix('\t') {
            Some(said) => cases.entry(case.clone()).or_default().push(said.to_owned()),
            None => case = line.to_owned(),
        }
    }
    cases
}

/// Writes down the calls and wide loads of programs as the recording has them.
#[derive(Clone, Default)]
struct Scribe(Arc<Mutex<Vec<String>>>);

impl Verify for Scribe {
    fn verify(&self, prog: &ProgView<'_>) -> Verdict {
        let mut line = prog.name.to_owned();
        let mut slot = 0;
        while let Ok(op) = decode(prog.insns, slot) {
            show(&mut line, prog, slot, &op);
            slot += op.slots();
        }
        self.0.lock().unwrap().push(line);
        Verdict::NotVerified
    }
}

fn show(line: &mut String, prog: &ProgView<'_>, slot: usize, op: &Op) {
    let of_fd = |fd: i32| prog.modules.iter().find(|it| it.fd == fd).map_or("vmlinux", |it| it.name);
    match op {
        Op::Call(Callee::Kfunc { off, .. }) => {
            let fd = usize::try_from(*off).ok().filter(|it| *it > 0).and_then(|it| prog.fd_array.get(it));
            word(line, prog.insns[slot], Some(of_fd(fd.copied().unwrap_or(0))));
        }
        Op::Call(_) => word(line, prog.insns[slot], None),
        Op::LoadImm64 { value, .. } => {
            let (mut first, mut second) = (prog.insns[slot], prog.insns[slot + 1]);
            let (mut map, mut module) = (None, None);
            match value {
                Imm64::MapFd(_) | Imm64::MapValue { .. } => {
                    map = prog.map_at(slot).map(|it| it.spec.name.as_str());
                    first.imm = 0;
                }
                Imm64::BtfId { obj_fd, .. } => {
                    module = Some(of_fd(*obj_fd));
                    second.imm = 0;
                }
                _ => {}
            }
            word(line, first, map);
            word(line, second, module);
        }
        _ => {}
    }
}

fn word(line: &mut String, insn: Insn, mark: Option<&str>) {
    line.push(' ');
    for byte in insn.to_bytes() {
        let _ = write!(line, "{byte:02x}");
    }
    if let Some(mark) = mark {
        let _ = write!(line, "@{mark}");
    }
}

/// An address is another in every kernel: that there is one is what is compared.
fn comparable(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for at in 1..words.len().saturating_sub(1) {
        let is_number = words[at].starts_with("18") && &words[at][2..3] == "0" && words[at].len() == 16;
        if is_number && (&words[at][8..] != "00000000" || &words[at + 1][8..] != "00000000") {
            words[at] = format!("{} address", &words[at][..4]);
            words[at + 1].clear();
        }
    }
    words.join(" ")
}

struct Done {
    loaded: Loaded,
    kernel: Kernel,
    /// What the kernel was handed.
    programs: Vec<String>,
}

fn load(object: &[u8], target: &externs::Target, config: Kconfig) -> Done {
    let mut types = TargetBtf::new("test", Arc::clone(&target.vmlinux));
    types.modules = target.modules.iter().map(|(name, btf)| ((*name).into(), Arc::clone(btf))).collect();
    let mut numbers = externs::RELEASE.split(['.', '-']).map_while(|it| it.parse::<u32>().ok());
    types.version = Some(numbers.by_ref().take(3).fold(0, |code, number| code << 8 | number));
    let mut kernel = Kernel::new(Config { btf: Some(types), ..Config::default() }).unwrap();
    let scribe = Scribe::default();
    kernel.set_verifier(Box::new(scribe.clone()));
    let mut open = OpenObject::parse(object).unwrap();
    open.kconfig_mut().replace_file(config);
    let loaded = open.load(&mut kernel);
    let programs = std::mem::take(&mut *scribe.0.lock().unwrap());
    Done { loaded, kernel, programs }
}

/// What libbpf says last of externs when it refuses an object; its numbers' own parser has a line before that.
fn reason(said: &[String]) -> Option<&str> {
    said.iter().rev().find(|it| *it != "refused").map(String::as_str)
}

fn refused(error: &Error, said: &[String], case: &str) {
    assert_eq!(said.last().map(String::as_str), Some("refused"), "{case}: {error}, but libbpf loads it");
    let reason = reason(said).unwrap_or_else(|| panic!("{case}: libbpf says nothing, and here {error}"));
    // What it prints of a line that is none goes on behind the line's end.
    assert!(error.message.starts_with(reason), "{case}: {:?}, and libbpf: {reason:?}", error.message);
}

#[test]
fn configuration_values() {
    let recording = recording();
    let mut code = String::new();
    for case in externs::config_cases() {
        let object = fixtures::object("externs/kconfig");
        let object = case.strong.as_deref().map_or(object.clone(), |it| externs::strengthen(&object, it));
        let said = &recording[&format!("config {}", case.text)];
        let config = match Kconfig::parse(&case.config, "config") {
            Ok(config) => config,
            Err(error) => {
                refused(&error, said, &case.text);
                continue;
            }
        };
        let done = load(&object, &externs::target("whole"), config);
        if let Err(error) = done.loaded.complete() {
            refused(&error, said, &case.text);
            continue;
        }
        let (_, fd) = done.loaded.map(".kconfig").unwrap();
        let bytes = done.kernel.map_lookup_elem(fd, &[0; 4]).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let recorded = said.iter().find_map(|it| it.strip_prefix(".kconfig ")).unwrap_or("refused");
        assert_eq!(hex, recorded, "{}", case.text);
        code = said.iter().find(|it| it.starts_with("look")).cloned().unwrap_or(code);
        assert_eq!(done.programs, [code.as_str()], "{}", case.text);
    }
}

#[test]
fn kernel_symbols() {
    let recording = recording();
    let (mut loaded, mut not_loaded) = (0, 0);
    for case in externs::symbol_cases() {
        let object = fixtures::object("externs/ksyms");
        let object = case.strong.map_or(object.clone(), |it| externs::strengthen(&object, it));
        let said = &recording[&format!("symbols {}", case.name())];
        let done = load(&object, &externs::target(case.target), Kconfig::default());
        if let Err(error) = done.loaded.complete() {
            refused(&error, said, &case.name());
            not_loaded += 1;
            continue;
        }
        let comparable = |lines: &[String]| lines.iter().map(|it| comparable(it)).collect::<Vec<_>>();
        assert_eq!(comparable(&done.programs), comparable(said), "{}", case.name());
        loaded += 1;
    }
    assert!(loaded > 20 && not_loaded > 20, "{loaded}, {not_loaded}");
}
