//! The examples of README.md, as they stand there.

// README begins
use skep::{Result, xdp};

#[test]
fn a_blocked_port_is_dropped_and_reported() -> Result<()> {
    let mut sk = skep::open("../../fixtures/xdp_firewall.bpf.o")?.global("report_drops", 1u8)?.load()?;
    let telnet: [u8; 4] = [0, 23, 6, 0]; // port in network order, protocol, padding
    sk.map("blocked_ports")?.update(&telnet, &0u64)?;

    let syn = std::fs::read("../../fixtures/captures/telnet-syn.bin").unwrap();
    let ran = sk.program("xdp_firewall")?.run(skep::packet(&syn))?;

    assert_eq!(ran.retval(), xdp::XDP_DROP);
    assert_eq!(sk.map("blocked_ports")?.lookup(&telnet)?, Some(1u64));
    assert_eq!(sk.events("drops")?.len(), 1);
    Ok(())
}
// README ends

mod tracing {
    // README begins
    use skep::{Result, args};

    #[test]
    fn a_protected_file_is_not_opened_for_writing() -> Result<()> {
        let mut sk = skep::open("../../fixtures/lsm_file_guard.bpf.o")?.load()?;
        sk.current()?.set("comm", "vi")?.set("cred.uid.val", 1000)?.set("real_parent.tgid", 7)?;
        let shadow = sk.file("/etc/shadow")?.set("f_inode.i_ino", 99)?.set("f_flags", 2)?.addr();
        sk.map("protected")?.set(args! { ino: 99, dev: 0x800001 }, args! { deny_write: true })?;

        let ran = sk.program("file_open")?.fire(args! { file: shadow })?;

        assert_eq!(ran.verdict(), Some("EPERM"));
        let [denied] = sk.take("denials")?;
        assert_eq!(denied["path"], "/etc/shadow");
        assert_eq!(denied["comm"], "vi");
        assert_eq!(denied["ppid"], 7);
        Ok(())
    }
    // README ends
}

mod attached {
    // README begins
    use skep::{Device, Outcome, Result, Stage};

    #[test]
    fn a_blocked_port_stops_at_the_device() -> Result<()> {
        let mut sk = skep::open("../../fixtures/xdp_firewall.bpf.o")?.load()?;
        sk.map("blocked_ports")?.update(&[0u8, 23, 6, 0], &0u64)?;
        sk.kernel().net_mut().add_device(Device::new(2));
        sk.program("xdp_firewall")?.attach_device(2)?;

        let syn = std::fs::read("../../fixtures/captures/telnet-syn.bin").unwrap();
        let journey = sk.receive(2, skep::packet(&syn))?;

        assert_eq!(journey.programs(), ["xdp_firewall"]);
        assert_eq!(journey.outcomes, [Outcome::Dropped { ifindex: 2, stage: Stage::Xdp }]);
        Ok(())
    }
    // README ends
}

#[test]
fn readme_has_these_examples() {
    let readme = include_str!("../../../README.md");
    let mut examples = 0;
    for part in include_str!("readme.rs").split("// README begins\n").skip(1) {
        let Some((example, _)) = part.split_once("// README ends") else { continue };
        let margin = if example.starts_with(' ') { 4 } else { 0 };
        let lines = example.trim_end().lines().map(|line| format!("{}\n", line.get(margin..).unwrap_or("")));
        let example: String = lines.collect();
        assert!(readme.contains(&format!("```rust\n{example}```\n")), "{example}");
        examples += 1;
    }
    assert_eq!(examples, 3);
}
