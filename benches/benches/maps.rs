//! Map operations by type and size: those of programs on the map itself, those of user space through the kernel.
//!
//! `cargo bench -p skep-benches --bench maps` measures everything; `-- hash/8B/1000` what the name fits. A name is
//! side, type, key size, number of elements and operation. Keys are scattered over the map, so that large maps miss the
//! processor's caches as real ones do. `walk` is one pass over all elements; its throughput counts them.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use skep::abi::MapType;
use skep_kernel::{Config, Fd, Kernel};
use skep_maps::{Cx, Map, MapSpec, ObjRef, Side};
use skep_memory::Memory;

const CPUS: u32 = 4;
const VALUE: u32 = 16;
/// A prime that divides no number of keys: the distance between elements that are visited in turn.
const STEP: usize = 7919;

/// A kind and size of map.
#[derive(Clone, Copy)]
struct Shape {
    kind: MapType,
    key: u32,
    entries: u32,
}

const fn shape(kind: MapType, key: u32, entries: u32) -> Shape {
    Shape { kind, key, entries }
}

const SHAPES: &[Shape] = &[
    shape(MapType::Hash, 4, 1_000),
    shape(MapType::Hash, 8, 1_000),
    shape(MapType::Hash, 16, 1_000),
    shape(MapType::Hash, 64, 1_000),
    shape(MapType::Hash, 4, 100_000),
    shape(MapType::Hash, 64, 100_000),
    shape(MapType::Array, 4, 1_000),
    shape(MapType::Array, 4, 100_000),
    shape(MapType::PercpuHash, 8, 1_000),
    shape(MapType::PercpuArray, 4, 1_000),
    shape(MapType::LruHash, 8, 1_000),
    shape(MapType::LruHash, 8, 100_000),
];

impl Shape {
    fn name(self, operation: &str) -> String {
        format!("{}/{}B/{}/{operation}", self.kind.name(), self.key, self.entries)
    }

    fn spec(self) -> MapSpec {
        MapSpec::new(self.kind, self.key, VALUE, self.entries)
    }

    fn is_array(self) -> bool {
        matches!(self.kind, MapType::Array | MapType::PercpuArray)
    }

    fn is_lru(self) -> bool {
        self.kind == MapType::LruHash
    }

    /// How many elements are there. In a full LRU map even an update evicts an element, so that one is half full.
    fn present(self) -> usize {
        self.entries as usize / if self.is_lru() { 2 } else { 1 }
    }

    /// The key of an element: an index, or bytes that differ all over.
    fn key(self, index: usize) -> Vec<u8> {
        if self.is_array() {
            return (index as u32).to_le_bytes().to_vec();
        }
        let scattered = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(32);
        scattered.to_le_bytes().into_iter().cycle().take(self.key as usize).collect()
    }
}

/// Keys to visit again and again. They lie in the order of the visits, so that fetching one costs next to nothing, and
/// are scattered over the map.
struct Keys {
    bytes: Vec<u8>,
    size: usize,
    at: usize,
}

impl Keys {
    /// The keys of `count` elements from `first` on.
    fn new(shape: Shape, first: usize, count: usize) -> Keys {
        let key = |turn| shape.key(first + turn * STEP % count);
        Keys { bytes: (0..count).flat_map(key).collect(), size: shape.key as usize, at: 0 }
    }

    fn next(&mut self) -> &[u8] {
        let start = if self.at == self.bytes.len() { 0 } else { self.at };
        self.at = start + self.size;
        &self.bytes[start..self.at]
    }
}

/// A map with its elements, as programs see it.
struct Inside {
    memory: Memory,
    map: Map,
    present: Keys,
    absent: Keys,
}

impl Inside {
    fn new(shape: Shape) -> Inside {
        let memory = Memory::new().expect("address space");
        let cx = Cx::new(&memory, CPUS);
        let mut map = Map::new(shape.spec(), &cx).expect("a map");
        for index in 0..shape.present() {
            let _ = map.update(&cx, &shape.key(index), &[1; VALUE as usize], 0, Side::Program).expect("room");
        }
        let entries = shape.entries as usize;
        let (present, absent) =
            (Keys::new(shape, 0, shape.present()), Keys::new(shape, entries, 2 * entries));
        Inside { memory, map, present, absent }
    }

    fn hit(&mut self) {
        let cx = Cx::new(&self.memory, CPUS);
        let _ = black_box(self.map.lookup_ptr(&cx, black_box(self.present.next())));
    }

    fn miss(&mut self) {
        let cx = Cx::new(&self.memory, CPUS);
        let _ = black_box(self.map.lookup_ptr(&cx, black_box(self.absent.next())));
    }

    fn update(&mut self) {
        let cx = Cx::new(&self.memory, CPUS);
        let _ =
            self.map.update(&cx, self.present.next(), &[2; VALUE as usize], 0, Side::Program).expect("room");
    }

    fn delete_insert(&mut self) {
        let cx = Cx::new(&self.memory, CPUS);
        let key = self.present.next();
        let _ = self.map.delete(&cx, key, Side::Program);
        let _ = self.map.update(&cx, key, &[3; VALUE as usize], 0, Side::Program).expect("room");
    }

    /// Twice as many keys as fit, in a round: the map is soon full, and each key evicted when its turn comes again.
    fn insert_evict(&mut self) {
        let cx = Cx::new(&self.memory, CPUS);
        let _ =
            self.map.update(&cx, self.absent.next(), &[4; VALUE as usize], 0, Side::Program).expect("room");
    }

    fn walk(&mut self) {
        let cx = Cx::new(&self.memory, CPUS);
        let Ok(mut cursor) = self.map.cursor() else { return };
        while let Some(item) = self.map.advance(&cx, &mut cursor) {
            black_box(item.value);
        }
    }
}

/// A map with its elements, as user space sees it.
struct Outside {
    kernel: Kernel,
    fd: Fd,
    value: Vec<u8>,
    present: Keys,
}

impl Outside {
    fn new(shape: Shape) -> Outside {
        let mut kernel = Kernel::new(Config { cpus: CPUS, ..Config::default() }).expect("a kernel");
        let fd = kernel.map_create(&shape.spec()).expect("a map");
        let value = vec![1; kernel.map(fd).expect("a map").user_value_size()];
        for index in 0..shape.present() {
            kernel.map_update_elem(fd, &shape.key(index), &value, 0).expect("room");
        }
        let present = Keys::new(shape, 0, shape.present());
        Outside { kernel, fd, value, present }
    }

    fn lookup(&mut self) {
        black_box(self.kernel.map_lookup_elem(self.fd, self.present.next())).expect("a value");
    }

    fn update(&mut self) {
        self.kernel.map_update_elem(self.fd, self.present.next(), &self.value, 0).expect("room");
    }

    fn next_key(&mut self) {
        let _ = black_box(self.kernel.map_get_next_key(self.fd, Some(self.present.next())));
    }
}

/// An operation, and the shapes that have it.
struct Row<World> {
    name: &'static str,
    run: fn(&mut World),
    on: fn(Shape) -> bool,
    /// It goes over all elements.
    all: bool,
}

const fn row<World>(name: &'static str, run: fn(&mut World), on: fn(Shape) -> bool) -> Row<World> {
    Row { name, run, on, all: false }
}

const INSIDE: &[Row<Inside>] = &[
    row("hit", Inside::hit, |_| true),
    row("miss", Inside::miss, |_| true),
    row("update", Inside::update, |_| true),
    row("delete+insert", Inside::delete_insert, |it| !it.is_array()),
    row("insert+evict", Inside::insert_evict, Shape::is_lru),
    Row { name: "walk", run: Inside::walk, on: |_| true, all: true },
];

const OUTSIDE: &[Row<Outside>] = &[
    row("lookup", Outside::lookup, |_| true),
    row("update", Outside::update, |_| true),
    row("next_key", Outside::next_key, |_| true),
];

/// Measures the operations of one side; a map is made for the first one that the command line asks for.
fn measure<World>(criterion: &mut Criterion, side: &str, rows: &[Row<World>], make: fn(Shape) -> World) {
    let mut group = criterion.benchmark_group(side);
    for shape in SHAPES {
        let mut world = None;
        for row in rows.iter().filter(|row| (row.on)(*shape)) {
            group.throughput(Throughput::Elements(if row.all { shape.present() as u64 } else { 1 }));
            group.bench_function(shape.name(row.name), |bench| {
                let world = world.get_or_insert_with(|| make(*shape));
                bench.iter(|| (row.run)(world));
            });
        }
    }
    group.finish();
}

/// What a tail call asks of its PROG_ARRAY.
fn prog_array(criterion: &mut Criterion) {
    let memory = Memory::new().expect("address space");
    let cx = Cx::new(&memory, CPUS);
    let mut map = Map::new(MapSpec::new(MapType::ProgArray, 4, 4, 64), &cx).expect("a map");
    let _ = map.set_object(7, ObjRef(1), 0).expect("an empty slot");
    for (name, index) in [("hit", 7), ("miss", 8), ("out of range", 64)] {
        criterion.bench_function(&format!("program/prog_array/4B/64/{name}"), |bench| {
            bench.iter(|| map.object(black_box(index)));
        });
    }
}

/// A record's way from the program to the reader.
fn ring(criterion: &mut Criterion) {
    let memory = Memory::new().expect("address space");
    let cx = Cx::new(&memory, CPUS);
    let map = Map::new(MapSpec::new(MapType::Ringbuf, 0, 0, 1 << 16), &cx).expect("a map");
    let ring = map.ring().expect("a ring buffer");
    for size in [16, 64, 512] {
        criterion.bench_function(&format!("program/ringbuf/{size}B/reserve+submit+consume"), |bench| {
            bench.iter(|| {
                let record = ring.reserve(&memory, size, 0, None).expect("room");
                let _ = ring.commit(&memory, record, 0, false).expect("reserved");
                ring.consume(&memory).expect("a ring")
            });
        });
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    measure(&mut criterion, "program", INSIDE, Inside::new);
    measure(&mut criterion, "user", OUTSIDE, Outside::new);
    prog_array(&mut criterion);
    ring(&mut criterion);
    criterion.final_summary();
}
