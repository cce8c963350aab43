//! Memory shown by its type: what `bpf_snprintf_btf` printed on Linux 6.18.

use crate::support::{eval, hex, recording, set_value, value, value_map};
use serde::Deserialize;
use skep_btf::Btf;
use skep_kernel::{Config, Fd, Kernel, TargetBtf};
use std::sync::Arc;

#[derive(Deserialize)]
struct Recording {
    btf: String,
    payloads: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    r#type: u32,
    flags: u64,
    payload: usize,
    room: u32,
    result: i64,
    /// Each byte as the character with its number.
    text: String,
    ptr_size: Option<u32>,
    address: Option<u64>,
}

/// Hashed addresses are not the same twice.
fn masked(text: &str) -> String {
    let mut parts = text.split("0x00000000");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_hash = part.len() >= 8
            && !part.starts_with("00000000")
            && part.as_bytes()[..8].iter().all(u8::is_ascii_hexdigit);
        out += if is_hash { "HASH" } else { "0x00000000" };
        out += if is_hash { &part[8..] } else { part };
    }
    out
}

struct Replay {
    kernel: Kernel,
    data: Fd,
    out: Fd,
}

impl Replay {
    fn check(&mut self, case: &Case, payload: &[u8]) -> Result<(), String> {
        let mut bytes = payload.to_vec();
        bytes.resize(16384, 0);
        set_value(&mut self.kernel, self.data, &bytes);
        set_value(&mut self.kernel, self.out, &[0xaa; 65536]);
        let addr = match case.address {
            Some(address) => format!("{address:#x} ll"),
            None => format!("map[fd:{}][0]+0 ll", self.data),
        };
        let (id, room, flags, size) =
            (case.r#type as i32, case.room, case.flags, case.ptr_size.unwrap_or(16));
        let ours = eval(
            &mut self.kernel,
            &format!(
                "r1 = {addr}\n*(u64 *)(r10 - 16) = r1\nw1 = {id}\n*(u32 *)(r10 - 8) = r1\n*(u32 *)(r10 - 4) = 0
                 r1 = map[fd:{}][0]+0 ll\nr2 = {room}\nr3 = r10\nr3 += -16\nr4 = {size}\nr5 = {flags:#x} ll
                 call 149\nexit",
                self.out
            ),
        );
        let left = value(&self.kernel, self.out);
        let end = left.iter().rposition(|it| *it != 0xaa).map_or(0, |it| it + 1);
        let ours_text: String = left[..end].iter().map(|it| *it as char).collect();
        if (ours, masked(&ours_text)) != (case.result, masked(&case.text)) {
            return Err(format!("{ours}\n{ours_text}\nLinux: {}\n{}", case.result, case.text));
        }
        Ok(())
    }
}

#[test]
fn every_type_as_on_linux() {
    let recording: Recording = recording("kernel-btf-show.json");
    let btf = Arc::new(Btf::parse(&hex(&recording.btf)).expect("types"));
    let config = Config { btf: Some(TargetBtf::new("recorded", btf)), ..Config::default() };
    let mut kernel = Kernel::new(config).expect("address space");
    let [data, out] = [16384, 65536].map(|size| value_map(&mut kernel, size));
    let mut replay = Replay { kernel, data, out };
    let payloads: Vec<_> = recording.payloads.iter().map(|it| hex(it)).collect();
    let wrong: Vec<_> = recording
        .cases
        .iter()
        .filter_map(|case| {
            let why = replay.check(case, &payloads[case.payload]).err()?;
            Some(format!("type {} flags {}: {why}", case.r#type, case.flags))
        })
        .collect();
    let shown = wrong.iter().take(6).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {}:\n{shown}", wrong.len(), recording.cases.len());
    assert!(recording.cases.len() > 500);
}
