//! SEC() handlers, compared with what libbpf does (`fixtures/oracle/handlers.txt`): a script of registrations, searches,
//! openings, loadings and attachings, each with what came of it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use skep_abi::{AttachType, Errno, ProgType};
use skep_kernel::{Config, Kernel};
use skep_loader::sec::{HandlerOpts, Registry};
use skep_loader::{Error, Loaded, OpenObject, OpenOptions, ProgramPlan};
use skep_testkit::fixtures;

/// Cookies count the registrations, from here.
const FIRST_COOKIE: i64 = 100;

#[test]
fn the_script_goes_as_with_libbpf() {
    let text = String::from_utf8(fixtures::read("oracle/handlers.txt")).unwrap();
    let mut player = Player::default();
    let (mut command, mut said) = ("", String::new());
    let mut commands = 0;
    for line in text.lines().skip(1).chain([""]) {
        if line.starts_with('\t') {
            said += line;
            said.push('\n');
            continue;
        }
        if !command.is_empty() {
            commands += 1;
            let words: Vec<&str> = command.split(' ').collect();
            assert_eq!(player.play(&words), said, "{command}");
        }
        (command, said) = (line, String::new());
    }
    assert!(commands > 1_000, "{commands}");
}

#[derive(Default)]
struct Player {
    handlers: Registry,
    registered: i64,
    open: Option<OpenObject>,
    loaded: Option<(Kernel, Loaded)>,
    /// What callbacks said.
    calls: Arc<Mutex<String>>,
}

impl Player {
    /// What comes of a command.
    fn play(&mut self, words: &[&str]) -> String {
        let answer = match *words {
            ["register", ref rest @ ..] => Some(number(self.register(rest))),
            ["unregister", id] => {
                Some(number(self.handlers.unregister_prog_handler(id.parse().unwrap()).map(|()| 0)))
            }
            ["type", name] => Some(match self.handlers.prog_type_by_name(unquoted(name)) {
                Ok((prog_type, attach_type)) => format!("{} {}", of_type(prog_type), of_attach(attach_type)),
                Err(errno) => number(Err(errno)),
            }),
            ["attach-type", name] => {
                let found = self.handlers.attach_type_by_name(unquoted(name));
                Some(number(found.map(|it| i64::from(it.to_u32()))))
            }
            ["open"] => Some(number(self.open())),
            ["show", section] => Some(show(self.plan(section))),
            ["set-type", section, kind] => {
                let kind = ProgType::from_u32(kind.parse().unwrap()).unwrap();
                self.plan(section).set_type(kind);
                Some("0".to_owned())
            }
            ["load", ref sections @ ..] => Some(number(self.load(sections))),
            ["attach", section] => Some(number(self.attach(section))),
            ["close"] => {
                (self.open, self.loaded) = (None, None);
                None
            }
            _ => panic!("{words:?}"),
        };
        let calls = std::mem::take(&mut *self.calls.lock().unwrap());
        calls + &answer.map_or(String::new(), |it| format!("\t{it}\n"))
    }

    fn register(&mut self, words: &[&str]) -> Result<i64, Errno> {
        let [sec, prog_type, attach_type, options @ ..] = words else { panic!("{words:?}") };
        let cookie = FIRST_COOKIE + self.registered;
        self.registered += 1;
        let sec = (*sec != "NULL").then(|| unquoted(sec));
        let prog_type = ProgType::from_u32(prog_type.parse().unwrap());
        let attach_type = AttachType::from_u32(attach_type.parse().unwrap());
        let opts = self.opts(options).cookie(cookie);
        self.handlers.register_prog_handler(sec, prog_type, attach_type, opts).map(i64::from)
    }

    /// Callbacks that note that they were called and do what they are told: `setup:error:22`.
    fn opts(&self, options: &[&str]) -> HandlerOpts {
        let told = |callback: &str| -> Option<Vec<(String, u32)>> {
            let told = options.iter().filter_map(|it| it.strip_prefix(callback)?.strip_prefix(':'));
            let told: Vec<_> = told
                .map(|it| it.rsplit_once(':').map(|it| (it.0.to_owned(), it.1.parse().unwrap())).unwrap())
                .collect();
            (!told.is_empty()).then_some(told)
        };
        let mut opts = HandlerOpts::new();
        if let Some(told) = told("setup") {
            let calls = Arc::clone(&self.calls);
            opts = opts.setup(move |program, cookie| {
                writeln!(calls.lock().unwrap(), "\tsetup {} {cookie}", program.section()).unwrap();
                told.iter().try_for_each(|(what, value)| set(program, what, *value))
            });
        }
        if let Some(told) = told("prepare") {
            let calls = Arc::clone(&self.calls);
            opts = opts.prepare_load(move |program, load, cookie| {
                let (section, attach) = (program.section(), load.expected_attach_type);
                let mut calls = calls.lock().unwrap();
                writeln!(calls, "\tprepare {section} {cookie} {attach} {}", load.flags).unwrap();
                told.iter().try_for_each(|(what, value)| {
                    match what.as_str() {
                        "attach-type" => load.expected_attach_type = *value,
                        "flags" => load.flags |= value,
                        _ => return answer(*value),
                    }
                    Ok(())
                })
            });
        }
        if let Some(told) = told("attach") {
            let calls = Arc::clone(&self.calls);
            opts = opts.attach(move |_, program, cookie| {
                writeln!(calls.lock().unwrap(), "\tattach {} {cookie}", program.section).unwrap();
                told.iter().try_for_each(|(_, value)| answer(*value)).map(|()| None)
            });
        }
        opts
    }

    fn open(&mut self) -> Result<i64, Errno> {
        let options = OpenOptions { handlers: self.handlers.clone(), ..OpenOptions::default() };
        let opened = OpenObject::parse_with(&fixtures::object("sections"), &options);
        self.open = Some(opened.map_err(|error| error.errno.unwrap())?);
        Ok(0)
    }

    fn plan(&mut self, section: &str) -> &mut ProgramPlan {
        let programs = self.open.as_mut().unwrap().programs_mut();
        programs.iter_mut().find(|it| it.section() == section).unwrap()
    }

    fn load(&mut self, sections: &[&str]) -> Result<i64, Errno> {
        let mut open = self.open.take().unwrap();
        for plan in open.programs_mut() {
            plan.autoload = false;
        }
        for section in sections {
            open.programs_mut().iter_mut().find(|it| it.section() == *section).unwrap().autoload = true;
        }
        let mut kernel = Kernel::new(Config::default()).unwrap();
        let loaded = open.load(&mut kernel);
        let prepared = std::mem::take(&mut *self.calls.lock().unwrap());
        let mut prepared = prepared.lines().peekable();
        let mut calls = self.calls.lock().unwrap();
        for program in loaded.programs() {
            let its = format!("\tprepare {} ", program.section);
            if let Some(line) = prepared.next_if(|it| program.autoload && it.starts_with(&its)) {
                writeln!(calls, "{line}").unwrap();
            }
            if let Some(request) = &program.request {
                let (kind, attach, flags) = (request.prog_type, request.expected_attach_type, request.flags);
                let insns = request.insns.len();
                writeln!(calls, "\tload {} {} {attach} {flags} {insns}", program.name, kind.to_u32())
                    .unwrap();
            }
        }
        drop(calls);
        // What was asked of libbpf's kernel, it took: ours knows better.
        let wanted = loaded.programs().iter().filter(|it| it.autoload && it.request.is_none());
        let error: Option<Error> = wanted.filter_map(|it| it.fd.clone().err()).next();
        self.loaded = Some((kernel, loaded));
        error.map_or(Ok(0), |error| Err(error.errno.unwrap()))
    }

    fn attach(&mut self, section: &str) -> Result<i64, Errno> {
        let (kernel, loaded) = self.loaded.as_mut().unwrap();
        let program = loaded.programs().iter().find(|it| it.section == section).unwrap();
        program.attach(kernel).map(|_| 0).map_err(|error| error.errno.unwrap())
    }
}

/// Does what a set-up callback was told.
fn set(program: &mut ProgramPlan, what: &str, value: u32) -> Result<(), Errno> {
    match what {
        "type" => program.set_type(ProgType::from_u32(value).unwrap()),
        "attach-type" => program.attach_type = AttachType::from_u32(value),
        "flags" => program.flags = value,
        "autoload" => program.autoload = value != 0,
        _ => return answer(value),
    }
    Ok(())
}

fn answer(errno: u32) -> Result<(), Errno> {
    if errno == 0 { Ok(()) } else { Err(Errno::from_code(errno as i32).unwrap()) }
}

fn show(plan: &ProgramPlan) -> String {
    let (kind, attach) = (of_type(plan.prog_type()), of_attach(plan.attach_type));
    format!("{kind} {attach} {} {}", plan.flags, u8::from(plan.autoload))
}

fn of_type(prog_type: Option<ProgType>) -> u32 {
    prog_type.map_or(0, ProgType::to_u32)
}

fn of_attach(attach_type: Option<AttachType>) -> u32 {
    attach_type.map_or(0, AttachType::to_u32)
}

fn number(answer: Result<i64, Errno>) -> String {
    answer.unwrap_or_else(Errno::neg).to_string()
}

fn unquoted(word: &str) -> &str {
    if word == "\"\"" { "" } else { word }
}
