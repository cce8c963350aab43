//! The live kernel against our verifier, on samples near the frontier. As root; loads, attaches nothing.
//!
//! `frontier hunt SEED FIRST COUNT`: verdict, errno, last line and processed instructions; `frontier logs SEED FIRST
//! COUNT`: whole logs; `frontier time SEED FIRST COUNT`: whose verification is faster; `frontier show SEED INDEX`: one
//! sample and what both say; `frontier record COUNT | gzip -9n > fixtures/oracle/frontier-VERSION.txt.gz`: what the ordinary
//! tests replay.
//!
//! Without `CAP_PERFMON` (`setpriv --bounding-set=-perfmon,-sys_admin`, and `--no-perfmon` as the last word) paths of
//! wrong predictions are compared too.

use std::collections::BTreeMap;
use std::io::{self, Write};

use skep_oracle::frontier::{Live, difference, log_difference, sample_of};
use skep_oracle::sys::kernel_release;
use skep_testkit::frontier::{MOST_INSNS, QUICK, Said, recorded, verify};
use skep_verifier::{Caps, Options};

/// The seed of recordings.
const RECORDED: u64 = 1;
/// Samples with more instructions are not recorded.
const SHORT: usize = 64;
/// As many samples of one message are.
const OF_A_KIND: usize = 40;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, other: u64| words.get(at).and_then(|it| it.parse().ok()).unwrap_or(other);
    let caps = match words.last().map(String::as_str) {
        Some("--no-perfmon") => Caps { bpf: true, perfmon: false, net_admin: true, sys_admin: false },
        _ => Caps::ALL,
    };
    let live = Live::new()?;
    match words.first().map(String::as_str) {
        Some("hunt") => hunt(&live, caps, number(1, 1), number(2, 0)..number(2, 0) + number(3, 1000)),
        Some("logs") => logs(&live, caps, number(1, 1), number(2, 0)..number(2, 0) + number(3, 1000)),
        Some("show") => show(&live, caps, number(1, 1), number(2, 0)),
        Some("time") => time(&live, caps, number(1, 1), number(2, 0)..number(2, 0) + number(3, 1000)),
        Some("record") => return record(&live, number(1, 2500) as usize),
        _ => eprintln!("frontier hunt|logs|time SEED FIRST COUNT, show SEED INDEX, record COUNT"),
    }
    Ok(())
}

fn options(caps: Caps, log_level: u32) -> Options {
    Options { log_level, caps, max_insns: 1_000_000 }
}

/// How long we take for the programs that both accept, as a part of what the kernel says that it took, without a log on
/// either side: the geometric mean. Only a release build says anything.
#[expect(clippy::disallowed_methods, reason = "it measures the host's time")]
fn time(live: &Live, caps: Caps, seed: u64, range: std::ops::Range<u64>) {
    let (mut count, mut logs) = (0, 0.0);
    for index in range {
        let sample = sample_of(seed, index);
        let start = std::time::Instant::now();
        let ours = verify(&sample, options(caps, 0));
        let took = start.elapsed().as_secs_f64() * 1e6;
        let Some((theirs, log)) = live.ask(&sample, 4) else { continue };
        let usec = log.split("verification time ").nth(1).and_then(|it| it.split(' ').next()?.parse().ok());
        // Less than a microsecond is said to be none.
        if let Some(usec) = usec.filter(|it: &f64| *it >= 1.0 && ours.errno.is_none() && theirs.errno == 0) {
            count += 1;
            logs += (took / usec).ln();
        }
    }
    println!("{count} programs: {:.3} of the kernel's time", (logs / f64::from(count.max(1))).exp());
}

/// Whether a verification takes no longer than is worth waiting for.
fn is_quick(sample: &skep_testkit::frontier::Sample, caps: Caps) -> bool {
    verify(sample, Options { caps, ..QUICK }).stats.insns <= MOST_INSNS
}

fn hunt(live: &Live, caps: Caps, seed: u64, range: std::ops::Range<u64>) {
    let (mut asked, mut accepted) = (0, 0);
    let mut kinds = BTreeMap::<String, Vec<u64>>::new();
    for index in range {
        let sample = sample_of(seed, index);
        if !is_quick(&sample, caps) {
            continue;
        }
        let Some((theirs, _)) = live.ask(&sample, 1) else { continue };
        asked += 1;
        accepted += u64::from(theirs.errno == 0);
        let ours = Said::of(&verify(&sample, options(caps, 1)));
        if let Some(kind) = difference(&ours, &theirs) {
            kinds.entry(kind).or_default().push(index);
        }
    }
    for (kind, all) in &kinds {
        println!("{:5} {kind}: {:?}", all.len(), all.get(..8).unwrap_or(all));
    }
    let wrong: usize = kinds.values().map(Vec::len).sum();
    println!("{asked} asked, {accepted} accepted by the kernel, {wrong} disagreements");
}

fn logs(live: &Live, caps: Caps, seed: u64, range: std::ops::Range<u64>) {
    let (mut asked, mut wrong) = (0, 0);
    for index in range {
        let sample = sample_of(seed, index);
        if !is_quick(&sample, caps) {
            continue;
        }
        let outcome = verify(&sample, options(caps, 2));
        let Some((theirs, log)) = live.ask(&sample, 2) else { continue };
        asked += 1;
        if Said::of(&outcome).agrees(&theirs) && outcome.errno.is_some_and(|it| it.name() == "EFAULT") {
            continue;
        }
        if let Some((ours, theirs)) = log_difference(&outcome.log, &log) {
            wrong += 1;
            println!("{index}:\n  ours     {ours}\n  kernel's {theirs}");
        }
    }
    println!("{asked} asked, {wrong} logs differ");
}

fn show(live: &Live, caps: Caps, seed: u64, index: u64) {
    let sample = sample_of(seed, index);
    let ours = Said::of(&verify(&sample, options(caps, 1)));
    println!("{}", sample.text());
    println!("ours:     {ours:?}");
    if let Some((theirs, _)) = live.ask(&sample, 1) {
        println!("kernel's: {theirs:?}\n{}", recorded::write(&sample, &theirs));
    }
}

fn record(live: &Live, count: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "# linux {}, by `frontier record` of skep-oracle", kernel_release())?;
    let mut kinds = BTreeMap::<String, usize>::new();
    let mut written = 0;
    for index in 0.. {
        if written == count {
            break;
        }
        let sample = sample_of(RECORDED, index);
        if sample.insns.len() > SHORT || !is_quick(&sample, Caps::ALL) {
            continue;
        }
        let Some((said, _)) = live.ask(&sample, 1) else { continue };
        let kind = said.message.replace(|it: char| it.is_ascii_digit(), "#");
        let seen = kinds.entry(kind).or_default();
        *seen += 1;
        if said.wants_types() || said.errno != 0 && *seen > OF_A_KIND {
            continue;
        }
        written += 1;
        out.write_all(recorded::write(&sample, &said).as_bytes())?;
    }
    Ok(())
}
