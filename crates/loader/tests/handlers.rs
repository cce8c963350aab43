//! SEC() handlers of one's own: `libbpf_register_prog_handler(sec, prog_type, expected_attach_type, opts)` and
//! `libbpf_unregister_prog_handler(id)`, clause by clause.

use std::sync::{Arc, Mutex};

use skep_abi::{AttachType, Errno, ProgType, flags};
use skep_kernel::{Class, Config, Fd, Kernel, Target};
use skep_loader::sec::{HandlerOpts, Registry};
use skep_loader::{Error, Link, Loaded, OpenObject, OpenOptions, ProgramPlan};
use skep_testkit::fixtures;

/// Opens the fixture that has a program for every way to write a section name, `abc` and `watch/door` among them.
fn open(handlers: &Registry) -> Result<OpenObject, Error> {
    let options = OpenOptions { handlers: handlers.clone(), ..OpenOptions::default() };
    OpenObject::parse_with(&fixtures::object("sections"), &options)
}

/// The program of a section.
fn plan<'a>(open: &'a OpenObject, section: &str) -> &'a ProgramPlan {
    open.programs().iter().find(|it| it.section() == section).unwrap()
}

/// The id of the handler that takes a section's program; 0: the built-in table; -1: nothing.
fn taker(open: &OpenObject, section: &str) -> i32 {
    plan(open, section).handler().map_or(-1, |it| it.custom().map_or(0, |custom| custom.id()))
}

/// Loads the programs of these sections alone.
fn load(handlers: &Registry, sections: &[&str]) -> (Kernel, Loaded) {
    let mut open = open(handlers).unwrap();
    for plan in open.programs_mut() {
        plan.autoload = sections.contains(&plan.section());
    }
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let loaded = open.load(&mut kernel);
    (kernel, loaded)
}

fn info(kernel: &Kernel, fd: Fd) -> (ProgType, u32) {
    let info = kernel.prog_info(fd).unwrap();
    (info.prog_type, info.expected_attach_type)
}

/// A handler that takes a section as XDP programs, and does no more.
fn plain(handlers: &mut Registry, sec: Option<&str>) -> i32 {
    handlers.register_prog_handler(sec, ProgType::Xdp, None, HandlerOpts::new()).unwrap()
}

#[test]
fn custom_handlers_are_consulted_before_the_built_in_table() {
    let mut handlers = Registry::default();
    let id = handlers
        .register_prog_handler(Some("xdp"), ProgType::SchedCls, AttachType::TcxIngress, HandlerOpts::new())
        .unwrap();
    let open = open(&handlers).unwrap();
    let xdp = plan(&open, "xdp");
    assert_eq!(taker(&open, "xdp"), id);
    assert_eq!((xdp.prog_type(), xdp.attach_type), (Some(ProgType::SchedCls), Some(AttachType::TcxIngress)));
    // The table's other rows are as they were.
    assert_eq!(plan(&open, "xdp/devmap").prog_type(), Some(ProgType::Xdp));
    // And so are they for an object that is opened by somebody else.
    assert_eq!(plan(&self::open(&Registry::default()).unwrap(), "xdp").prog_type(), Some(ProgType::Xdp));
}

#[test]
fn sec_matches_exactly_that_section() {
    let mut handlers = Registry::default();
    plain(&mut handlers, Some("watch"));
    let abc = plain(&mut handlers, Some("abc"));
    let open = open(&handlers).unwrap();
    assert_eq!((taker(&open, "abc"), taker(&open, "watch/door")), (abc, -1));
}

#[test]
fn sec_with_a_slash_matches_any_section_with_something_behind_it() {
    let mut handlers = Registry::default();
    let watch = plain(&mut handlers, Some("watch/"));
    plain(&mut handlers, Some("abc/"));
    let open = open(&handlers).unwrap();
    assert_eq!((taker(&open, "watch/door"), taker(&open, "abc")), (watch, -1));
}

#[test]
fn sec_with_a_plus_matches_both() {
    let mut handlers = Registry::default();
    let watch = plain(&mut handlers, Some("watch+"));
    let abc = plain(&mut handlers, Some("abc+"));
    let open = open(&handlers).unwrap();
    assert_eq!((taker(&open, "watch/door"), taker(&open, "abc")), (watch, abc));
}

#[test]
fn no_sec_is_the_fallback_for_what_no_other_handler_matches() {
    let mut handlers = Registry::default();
    let fallback = plain(&mut handlers, None);
    let abc = plain(&mut handlers, Some("abc"));
    let open = open(&handlers).unwrap();
    // It alone comes behind the built-in table, though it was registered first.
    assert_eq!((taker(&open, "xdp"), taker(&open, "abc"), taker(&open, "watch/door")), (0, abc, fallback));
}

#[test]
fn the_first_registered_that_matches_wins() {
    let mut handlers = Registry::default();
    let first = plain(&mut handlers, Some("watch+"));
    let second = plain(&mut handlers, Some("watch/door"));
    assert_eq!(taker(&open(&handlers).unwrap(), "watch/door"), first);
    handlers.unregister_prog_handler(first).unwrap();
    assert_eq!(taker(&open(&handlers).unwrap(), "watch/door"), second);
}

#[test]
fn a_second_fallback_is_busy() {
    let mut handlers = Registry::default();
    let fallback = plain(&mut handlers, None);
    let second = |handlers: &mut Registry| {
        handlers.register_prog_handler(None, ProgType::Kprobe, None, HandlerOpts::new())
    };
    assert_eq!(second(&mut handlers), Err(Errno::EBUSY));
    handlers.unregister_prog_handler(fallback).unwrap();
    assert_eq!(second(&mut handlers), Ok(fallback + 1));
}

#[test]
fn register_returns_a_positive_id_that_unregister_takes_back() {
    let mut handlers = Registry::default();
    let ids = [plain(&mut handlers, Some("abc")), plain(&mut handlers, Some("abc"))];
    assert_eq!(ids, [1, 2]);
    for id in [0, -1, i32::MIN] {
        assert_eq!(handlers.unregister_prog_handler(id), Err(Errno::EINVAL), "{id}");
    }
    assert_eq!(handlers.unregister_prog_handler(3), Err(Errno::ENOENT));
    assert_eq!(handlers.unregister_prog_handler(1), Ok(()));
    assert_eq!(handlers.unregister_prog_handler(1), Err(Errno::ENOENT));
    assert_eq!(taker(&open(&handlers).unwrap(), "abc"), 2);
}

#[test]
fn the_set_up_callback_gets_the_program_and_the_cookie() {
    let seen: Arc<Mutex<Vec<(String, String, i64)>>> = Arc::default();
    let mut handlers = Registry::default();
    let note = Arc::clone(&seen);
    let opts = HandlerOpts::new().cookie(-7).setup(move |program, cookie| {
        note.lock().unwrap().push((program.name.clone(), program.section().to_owned(), cookie));
        program.flags |= flags::BPF_F_ANY_ALIGNMENT;
        program.attach_type = Some(AttachType::XdpCpumap);
        program.autoload = false;
        Ok(())
    });
    handlers.register_prog_handler(None, ProgType::Xdp, AttachType::Xdp, opts).unwrap();
    let open = open(&handlers).unwrap();
    let found = |name: &str, section: &str| (name.to_owned(), section.to_owned(), -7);
    assert_eq!(*seen.lock().unwrap(), [found("on_custom_target", "watch/door"), found("on_custom", "abc")]);
    let abc = plan(&open, "abc");
    assert_eq!(
        (abc.prog_type(), abc.attach_type, abc.flags, abc.autoload),
        (Some(ProgType::Xdp), Some(AttachType::XdpCpumap), flags::BPF_F_ANY_ALIGNMENT, false)
    );
}

#[test]
fn an_error_of_the_set_up_callback_fails_the_opening() {
    let mut handlers = Registry::default();
    let opts = HandlerOpts::new().setup(|_, _| Err(Errno::EXDEV));
    handlers.register_prog_handler(Some("abc"), ProgType::Xdp, None, opts).unwrap();
    let error = open(&handlers).unwrap_err();
    assert_eq!(error.errno, Some(Errno::EXDEV));
    assert_eq!(error.to_string(), "program on_custom: prog 'on_custom': failed to initialize: -18 (EXDEV)");
}

#[test]
fn the_prepare_load_callback_changes_what_the_kernel_gets() {
    let mut handlers = Registry::default();
    let opts = HandlerOpts::new().cookie(0x2b).prepare_load(|program, load, cookie| {
        assert_eq!((program.section(), load.name.as_str(), cookie), ("abc", "on_custom", 0x2b));
        load.expected_attach_type = AttachType::XdpDevmap.to_u32();
        // The program returns the cookie instead of 0.
        load.insns[0].imm = i32::try_from(cookie).unwrap();
        Ok(())
    });
    handlers.register_prog_handler(Some("abc"), ProgType::Xdp, AttachType::Xdp, opts).unwrap();
    let (mut kernel, loaded) = load(&handlers, &["abc"]);
    let fd = loaded.program("on_custom").unwrap();
    assert_eq!(info(&kernel, fd), (ProgType::Xdp, AttachType::XdpDevmap.to_u32()));
    assert_eq!(
        loaded.programs().iter().find(|it| it.fd.is_ok()).unwrap().request.as_ref().unwrap().insns[0].imm,
        0x2b
    );
    let packet = skep_kernel::Context::Packet(skep_kernel::PacketCtx::new(vec![0; 64]));
    let ran = kernel.run(fd, skep_kernel::Run::new(packet)).unwrap();
    assert_eq!(ran.retval(), 0x2b);
}

#[test]
fn an_error_of_the_prepare_load_callback_fails_the_loading() {
    let mut handlers = Registry::default();
    let opts = HandlerOpts::new().prepare_load(|_, _, _| Err(Errno::EAGAIN));
    handlers.register_prog_handler(Some("abc"), ProgType::Xdp, None, opts).unwrap();
    let (_, loaded) = load(&handlers, &["abc", "xdp"]);
    let error = loaded.complete().unwrap_err();
    assert_eq!((error.errno, error.class), (Some(Errno::EAGAIN), Class::BadInput));
    assert_eq!(
        error.to_string(),
        "program on_custom: prog 'on_custom': failed to prepare load attributes: -11 (EAGAIN)"
    );
    loaded.program("on_xdp").unwrap();
}

#[test]
fn the_attach_callback_is_what_attaches() {
    let mut handlers = Registry::default();
    let opts = |answer: Result<bool, Errno>| {
        HandlerOpts::new().cookie(5).attach(move |_, program, cookie| {
            assert_eq!((cookie, program.prog_type), (5, Some(ProgType::Xdp)));
            let fd = program.fd.clone().unwrap();
            answer.map(|linked| linked.then(|| Link::of_fd(fd)))
        })
    };
    let register = |handlers: &mut Registry, sec, answer| {
        handlers.register_prog_handler(Some(sec), ProgType::Xdp, None, opts(answer)).unwrap();
    };
    register(&mut handlers, "abc", Ok(true));
    register(&mut handlers, "watch/", Ok(false));
    register(&mut handlers, "?unused", Err(Errno::EPERM));

    // With a link; without one, which counts as an error only where this program is asked for.
    let (mut kernel, loaded) = load(&handlers, &["abc", "watch/door"]);
    let fd = loaded.program("on_custom").unwrap();
    assert_eq!(loaded.attach(&mut kernel, "on_custom").unwrap().fd(), fd);
    let error = loaded.attach(&mut kernel, "on_custom_target").unwrap_err();
    assert_eq!(error.errno, Some(Errno::EOPNOTSUPP));
    let links = loaded.attach_all(&mut kernel).unwrap();
    assert_eq!(links.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["on_custom"]);
}

#[test]
fn an_error_of_the_attach_callback_fails_the_attaching() {
    let mut handlers = Registry::default();
    let opts = HandlerOpts::new().attach(|_, _, _| Err(Errno::EPERM));
    handlers.register_prog_handler(Some("abc"), ProgType::Xdp, None, opts).unwrap();
    let (mut kernel, loaded) = load(&handlers, &["abc"]);
    for error in
        [loaded.attach(&mut kernel, "on_custom").unwrap_err(), loaded.attach_all(&mut kernel).unwrap_err()]
    {
        assert_eq!(error.errno, Some(Errno::EPERM));
    }
    // One that is not loaded is not asked about.
    let (mut kernel, loaded) = load(&handlers, &[]);
    assert_eq!(loaded.attach(&mut kernel, "on_custom").unwrap_err().errno, Some(Errno::EINVAL));
    assert_eq!(loaded.attach_all(&mut kernel).unwrap(), []);
}

#[test]
fn without_an_attach_callback_nothing_is_attached() {
    let mut handlers = Registry::default();
    plain(&mut handlers, Some("abc"));
    let (mut kernel, loaded) = load(&handlers, &["abc", "xdp"]);
    for program in ["on_custom", "on_xdp"] {
        let error = loaded.attach(&mut kernel, program).unwrap_err();
        assert_eq!(error.errno, Some(Errno::EOPNOTSUPP), "{program}");
    }
    assert_eq!(loaded.attach_all(&mut kernel).unwrap(), []);
}

#[test]
fn another_type_takes_the_program_out_of_its_handlers_hands_but_for_the_fallback() {
    let mut handlers = Registry::default();
    let abc = plain(&mut handlers, Some("abc"));
    let fallback = plain(&mut handlers, None);
    let mut open = open(&handlers).unwrap();
    for (section, before, same, other) in
        [("abc", abc, abc, -1), ("watch/door", fallback, fallback, fallback), ("xdp.frags", 0, 0, -1)]
    {
        let index = open.programs().iter().position(|it| it.section() == section).unwrap();
        assert_eq!(taker(&open, section), before);
        open.programs_mut()[index].set_type(ProgType::Xdp);
        assert_eq!(taker(&open, section), same, "{section}");
        open.programs_mut()[index].set_type(ProgType::SocketFilter);
        assert_eq!(taker(&open, section), other, "{section}");
        // Nothing of what the section implies is left.
        assert_eq!(plan(&open, section).load_flags(), 0, "{section}");
    }
}

#[test]
fn a_handler_without_a_type_leaves_it_to_the_set_up_callback() {
    let mut handlers = Registry::default();
    let opts = HandlerOpts::new().setup(|program, _| {
        if program.section() == "abc" {
            program.set_type(ProgType::SocketFilter);
        }
        Ok(())
    });
    handlers.register_prog_handler(None, None, None, opts).unwrap();
    let (kernel, loaded) = load(&handlers, &["abc", "watch/door"]);
    assert_eq!(info(&kernel, loaded.program("on_custom").unwrap()).0, ProgType::SocketFilter);
    let error = loaded.program("on_custom_target").unwrap_err();
    assert_eq!(error.errno, Some(Errno::EINVAL));
}

#[test]
fn what_a_section_names_is_looked_for_by_the_built_in_handlers_alone() {
    let mut handlers = Registry::default();
    handlers
        .register_prog_handler(
            Some("fentry/"),
            ProgType::Tracing,
            AttachType::TraceFentry,
            HandlerOpts::new(),
        )
        .unwrap();
    let mut open = open(&handlers).unwrap();
    let object = Arc::clone(open.object());
    let target = |open: &OpenObject| plan(open, "fentry/do_unlinkat").target(&object).unwrap();
    assert_eq!(target(&open), Target::Unsaid);
    // Whoever takes the program can say it.
    open.program_mut("on_fentry").unwrap().attach_target = Some("do_unlinkat".to_owned());
    assert_eq!(target(&open).to_string(), "fentry/do_unlinkat");
}

#[test]
fn programs_keep_the_handler_that_they_were_opened_with() {
    let mut handlers = Registry::default();
    let opts = HandlerOpts::new().attach(|_, program, _| Ok(Some(Link::of_fd(program.fd.clone().unwrap()))));
    let id = handlers.register_prog_handler(Some("abc"), ProgType::Xdp, None, opts).unwrap();
    let opened = open(&handlers).unwrap();
    handlers.unregister_prog_handler(id).unwrap();
    assert_eq!(taker(&opened, "abc"), id);
    assert_eq!(taker(&open(&handlers).unwrap(), "abc"), -1);
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let loaded = opened.load(&mut kernel);
    let _ = loaded.attach(&mut kernel, "on_custom").unwrap();
}

#[test]
fn handlers_and_what_is_opened_with_them_can_go_to_another_thread() {
    fn check<T: Send>() {}
    check::<Registry>();
    check::<OpenObject>();
    check::<Loaded>();
}
