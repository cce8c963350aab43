//! Format strings: what `bpf_trace_printk` answered on Linux 6.18, and what `bpf_snprintf` printed there.

use crate::support::{eval, hex, kernel, recording, set_value, value, value_map};
use serde::Deserialize;
use skep_kernel::{Fd, Kernel};

#[derive(Deserialize)]
struct Recording {
    kernel_memory: String,
    user_memory: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    format: String,
    args: Vec<Arg>,
    room: u32,
    /// Not asked with more than three arguments.
    trace_printk: Option<i64>,
    /// Where the verifier refused the format: -22.
    snprintf: i64,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Arg {
    Number(u64),
    /// `user+8`, `kernel+8`.
    In(String),
}

const USER: u64 = 0x7fff_0000_0000;

struct Replay {
    kernel: Kernel,
    area: Fd,
    format: Fd,
    out: Fd,
}

impl Replay {
    fn load(&self, reg: &str, arg: &Arg) -> String {
        match arg {
            Arg::Number(value) => format!("{reg} = {value:#x} ll\n"),
            Arg::In(place) => {
                let (area, offset) = place.split_once('+').expect("a place");
                let offset = offset.parse::<u64>().expect("an offset");
                match area {
                    "user" => format!("{reg} = {:#x} ll\n", USER + offset),
                    _ => format!("{reg} = map[fd:{}][0]+{offset} ll\n", self.area),
                }
            }
        }
    }

    fn check(&mut self, case: &Case) -> Result<(), String> {
        let format = hex(&case.format);
        let mut value_of_format = format.clone();
        value_of_format.resize(64, 0);
        set_value(&mut self.kernel, self.format, &value_of_format);
        set_value(&mut self.kernel, self.out, &[0xaa; 1200]);
        if let Some(wanted) = case.trace_printk {
            let mut text = format!("r1 = map[fd:{}][0]+0 ll\nr2 = {}\n", self.format, format.len() + 1);
            for (i, arg) in case.args.iter().enumerate() {
                text += &self.load(&format!("r{}", 3 + i), arg);
            }
            for reg in 3 + case.args.len()..6 {
                text += &format!("r{reg} = 0\n");
            }
            let ours = eval(&mut self.kernel, &(text + "call 6\nexit"));
            if ours != wanted {
                return Err(format!("trace_printk returns {ours}, Linux {wanted}"));
            }
        }
        let ours = self.snprintf(case);
        if ours != case.snprintf {
            return Err(format!("snprintf returns {ours}, Linux {}", case.snprintf));
        }
        let text = case.text.as_deref().map_or_else(Vec::new, hex);
        let left = value(&self.kernel, self.out);
        if left[..text.len()] != text || left[text.len()..].iter().any(|it| *it != 0xaa) {
            let shown = String::from_utf8_lossy(&left).into_owned();
            return Err(format!("snprintf prints {shown:?}, Linux {:?}", String::from_utf8_lossy(&text)));
        }
        Ok(())
    }

    fn snprintf(&mut self, case: &Case) -> i64 {
        let (count, mut text) = (case.args.len(), String::new());
        for (i, arg) in case.args.iter().enumerate() {
            text += &self.load("r1", arg);
            text += &format!("*(u64 *)(r10 - {}) = r1\n", 8 * (count - i));
        }
        text += &match count {
            0 => "r4 = 0\n".to_owned(),
            _ => format!("r4 = r10\nr4 += -{}\n", 8 * count),
        };
        text += &format!("r1 = map[fd:{}][0]+0 ll\nr2 = {}\n", self.out, case.room);
        text += &format!("r3 = map[fd:{}][0]+0 ll\nr5 = {}\ncall 165\nexit", self.format, 8 * count);
        eval(&mut self.kernel, &text)
    }
}

#[test]
fn every_format_as_on_linux() {
    let recording: Recording = recording("kernel-printf.json");
    let mut kernel = kernel();
    kernel.user_memory_mut().insert(USER, hex(&recording.user_memory)).expect("free user memory");
    let [area, format, out] = [256, 64, 1200].map(|size| value_map(&mut kernel, size));
    set_value(&mut kernel, area, &hex(&recording.kernel_memory));
    let mut replay = Replay { kernel, area, format, out };
    let wrong: Vec<_> = recording
        .cases
        .iter()
        .filter_map(|case| {
            let format = String::from_utf8_lossy(&hex(&case.format)).into_owned();
            replay.check(case).err().map(|why| format!("{format:?}: {why}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recording.cases.len(), wrong.join("\n"));
    assert!(recording.cases.len() > 130);
}
