//! What stands before the first run: parsing an object and its BTF, making a kernel, loading everything into it.
//!
//! `cargo bench -p skep-benches --bench load` measures all of it; `-- parse` what the name fits. The objects are those
//! of `fixtures/`; throughput is in bytes of the file, or of the BTF.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use skep::btf::{Btf, BtfBuilder};
use skep_kernel::{Config, Kernel};
use skep_object::Object;

/// From small to large: programs, maps and relocations of several kinds.
const OBJECTS: [&str; 4] = ["xdp_firewall", "tail_parser", "loops", "execsnoop"];

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/{name}.bpf.o"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Measures an operation on some bytes.
fn measure<T>(criterion: &mut Criterion, kind: &str, name: &str, bytes: &[u8], run: impl Fn(&[u8]) -> T) {
    let mut group = criterion.benchmark_group(kind);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function(name, |bench| bench.iter(|| run(black_box(bytes))));
    group.finish();
}

fn object(criterion: &mut Criterion, name: &str) {
    let bytes = read(name);
    let btf = Object::parse(&bytes).expect("an object").btf.expect("BTF").to_bytes();
    measure(criterion, "parse", name, &bytes, |bytes| Object::parse(bytes).expect("an object"));
    measure(criterion, "btf", name, &btf, |bytes| Btf::parse(bytes).expect("BTF"));
    measure(criterion, "open+load", name, &bytes, |bytes| {
        skep::parse(bytes).expect("an object").load().expect("programs that load")
    });
}

/// The types of the bundled kernel so many times, one behind the other.
fn copies(count: u32) -> Btf {
    let types = Btf::parse(include_bytes!("../../crates/kernel/vmlinux/vmlinux.btf")).expect("BTF");
    let mut builder = BtfBuilder::new();
    for _ in 0..count {
        let shift = builder.next_id().0 - 1;
        for (_, ty) in types.own_types() {
            let mut def = ty.def.clone();
            def.for_each_id(&mut |id| id.0 += if id.0 == 0 { 0 } else { shift });
            def.for_each_name(&mut |name| *name = builder.string(types.str(*name)));
            builder.add(types.str(ty.name), def);
        }
    }
    builder.build().expect("BTF")
}

/// Types made unique: time for each type must not grow with their number.
fn dedup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dedup");
    for count in [1, 2, 4, 8, 16] {
        let btf = copies(count);
        group.throughput(Throughput::Elements(btf.own_types().len() as u64));
        group.bench_function(count.to_string(), |bench| bench.iter(|| black_box(&btf).dedup(None)));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    for name in OBJECTS {
        object(&mut criterion, name);
    }
    dedup(&mut criterion);
    criterion.bench_function("Kernel::new", |bench| bench.iter(|| Kernel::new(Config::default())));
    criterion.final_summary();
}
