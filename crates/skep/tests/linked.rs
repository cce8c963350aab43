//! Three files that make one object, linked, loaded and run.

use skep::{Builder, Error, Result, args, xdp};

/// `fixtures/linked`: `gate` asks `rules`, and lets `report` tell.
fn linked() -> Result<Builder> {
    let names = ["gate", "rules", "report"];
    let read = |name: &str| std::fs::read(format!("../../fixtures/linked/{name}.bpf.o")).unwrap();
    let files = names.map(read);
    let inputs: Vec<(&str, &[u8])> = names.into_iter().zip(files.iter().map(Vec::as_slice)).collect();
    let linked = skep::loader::linker::link(&inputs).map_err(|error| Error::from_input(error.to_string()))?;
    skep::parse(&linked.bytes)
}

#[test]
fn functions_maps_and_variables_are_found_in_other_files() -> Result<()> {
    let mut sk = linked()?.load()?;
    sk.map("blocked")?.update(&80u32, &0u64)?;
    let mut packet = [0u8; 64];
    packet[1] = 80;

    // The function and the map are of rules, the ring buffer of report.
    assert_eq!(sk.program("gate")?.run(skep::packet(packet))?.retval(), xdp::XDP_DROP);
    packet[1] = 81;
    assert_eq!(sk.program("gate")?.run(skep::packet(packet))?.retval(), xdp::XDP_PASS);

    assert_eq!(sk.map("blocked")?.lookup(&80u32)?, Some(1u64));
    assert_eq!(sk.events("events")?.len(), 2);
    // Each file has a static function `count` and a static `step` of its own.
    assert_eq!(sk.map("seen")?.lookup(&0u32)?, Some(2u64));
    assert_eq!(sk.map("seen")?.lookup(&1u32)?, Some(4u64));
    assert_eq!((sk.global::<i32>("rounds")?, sk.global::<u64>("denied")?), (2, 1));
    Ok(())
}

#[test]
fn strong_definitions_take_the_place_of_weak_ones() -> Result<()> {
    let mut sk = linked()?.load()?;
    // priority of report says 5, mood of gate is 3.
    assert_eq!(sk.program("ask_priority")?.fire(args! {})?.retval(), 53);
    // The strong `longest` of rules is 1500, the weak one 64.
    let packet = [0u8; 100];
    assert_eq!(sk.program("gate")?.run(skep::packet(packet))?.retval(), xdp::XDP_PASS);

    let mut sk = linked()?.global("longest", 99u32)?.load()?;
    assert_eq!(sk.program("gate")?.run(skep::packet(packet))?.retval(), xdp::XDP_DROP);
    Ok(())
}

#[test]
fn relocations_against_the_kernel_are_in_every_file() -> Result<()> {
    let mut sk = linked()?.load()?;
    sk.current()?.set("real_parent.pid", 7)?.set("group_leader.tgid", 8)?;
    let task = sk.current()?.addr();
    assert_eq!(sk.program("of_parent")?.run(skep::raw_args(&[task]))?.retval(), 7);
    assert_eq!(sk.program("of_leader")?.run(skep::raw_args(&[task]))?.retval(), 8);
    assert_eq!(sk.program("guarded")?.fire(args! {})?.retval(), 1);
    Ok(())
}
