//! The example of README.md, as it stands there.

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

#[test]
fn readme_has_this_example() {
    let here = include_str!("readme.rs");
    let example =
        here.split("// README begins\n").nth(1).and_then(|rest| rest.split("// README ends").next());
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("```rust\n{}```\n", example.unwrap())));
}
