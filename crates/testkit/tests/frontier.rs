//! Programs near the frontier of what the verifier accepts: the kernel's recorded verdicts, and soundness without a kernel.
//!
//! `fixtures/oracle/frontier-6.18.txt.gz` is by `frontier record` of `skep-oracle`; what comparing with the live kernel
//! found is in `fixtures/verifier/found.txt`.

use std::io::Read;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use skep_abi::ProgType;
use skep_isa::asm::assemble;
use skep_testkit::frontier::{
    Bench, QUICK, SAMPLE_BYTES, Said, Sample, bytes, check, recorded, sample, verify, verify_with_claims,
};
use skep_testkit::fuzz::Input;

/// Samples of the fixed budget.
const SAMPLES: u64 = 5000;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn unpacked(path: &str) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(fixture(path)).expect("the recording is there");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is text");
    text
}

/// Verdict, errno, last line and processed instructions are the kernel's.
fn replay(text: &str) -> usize {
    let all = recorded::read(text).expect("a recording");
    let mut wrong = Vec::new();
    for (sample, kernel) in &all {
        let ours = Said::of(&verify(sample, QUICK));
        if !ours.agrees(kernel) {
            wrong.push(format!("ours {ours:?}\nkernel's {kernel:?}\n{}", sample.text()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        all.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    all.len()
}

#[test]
fn verdicts_are_the_kernels() {
    let count = replay(&unpacked("oracle/frontier-6.18.txt.gz"));
    assert!(count >= 2000, "{count}");
}

#[test]
fn what_was_found_stays_fixed() {
    replay(&std::fs::read_to_string(fixture("verifier/found.txt")).expect("it is there"));
}

/// What is accepted runs without a fault, and registers hold what was claimed.
#[test]
fn accepted_programs_are_sound() {
    let mut bench = Bench::new(7);
    let mut ran = 0;
    for index in 0..SAMPLES {
        let sample = sample(&mut Input::new(&bytes(7, index, SAMPLE_BYTES)));
        match check(&mut bench, &sample) {
            Ok(accepted) => ran += usize::from(accepted),
            Err(found) => panic!("sample {index}: {found}\n{}", sample.text()),
        }
    }
    assert!(ran > SAMPLES as usize / 5, "{ran} of {SAMPLES} were accepted: the generator is off");
}

/// The same of what proptest makes, which it can make smaller.
#[test]
fn accepted_programs_are_sound_and_small() {
    let config = Config { cases: 64, max_shrink_iters: 2000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let decisions = proptest::collection::vec(any::<u8>(), 100..SAMPLE_BYTES);
    let result = runner.run(&decisions, |bytes| {
        let sample = sample(&mut Input::new(&bytes));
        let checked = check(&mut Bench::default(), &sample);
        prop_assert!(checked.is_ok(), "{}\n{}", checked.unwrap_err(), sample.text());
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
}

fn xdp(text: &str) -> Sample {
    Sample {
        prog_type: ProgType::Xdp,
        flags: 0,
        insns: assemble(text).expect("a program"),
        funcs: Vec::new(),
    }
}

/// The run of one program, held against what is claimed of another.
fn against(claimed: &str, run: &str) -> Option<String> {
    let (outcome, claims) = verify_with_claims(&xdp(claimed), QUICK);
    assert_eq!(outcome.errno, None, "{}", outcome.message);
    Bench::default().run(&xdp(run), Some(&claims)).err().map(|found| found.to_string())
}

/// The harness finds what is to be found.
#[test]
fn false_claims_are_found() {
    let program = |mask: u32| format!("r1 = *(u32 *)(r1 + 12)\nr0 = {mask}\nr0 &= 7\nr0 += r1\nexit");
    assert_eq!(against(&program(5), &program(5)), None);
    let found = against(&program(5), &program(6)).expect("6 is not 5");
    assert!(found.contains("the registers hold what was not claimed: r0=0x6"), "{found}");

    let branch =
        |imm: u32| format!("r0 = *(u32 *)(r1 + 16)\nr0 &= 3\nif r0 == {imm} goto +1\nexit\nr0 = 1\nexit");
    let found = against(&branch(4), &branch(0)).expect("the queue is 0, and 0 is not 4");
    assert!(found.contains("the verifier says that this is never reached"), "{found}");

    let stack = |off: i32| format!("r2 = r10\nr2 += {off}\n*(u8 *)(r2 + 0) = 1\nr0 = 0\nexit");
    let found = against(&stack(-8), &stack(8)).expect("there is no stack");
    assert!(found.contains("program fault"), "{found}");

    let packet = |size: u32| {
        format!(
            "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += {size}\nr0 = 0\nif r4 > r3 goto +1\nr0 = *(u8 *)(r2 + 13)\nexit"
        )
    };
    assert_eq!(against(&packet(14), &packet(14)), None);
    let found = against(&packet(1500), &packet(14)).expect("a packet of 14 bytes has no 1500");
    assert!(found.contains("claimed of r2: Claim { held: Packet(1500)"), "{found}");
}

/// A fault is found without claims, too.
#[test]
fn faults_are_found() {
    let wild = xdp("r1 = 0x1234\nr0 = *(u8 *)(r1 + 0)\nexit");
    assert!(Bench::default().run(&wild, None).is_err());
    let endless = xdp("r0 = 0\ngoto -1\nexit");
    let found = Bench::default().run(&endless, None).expect_err("it does not end");
    assert!(found.to_string().contains("budget"), "{found}");
}
