//! What memories cost the host, and what they leave behind.

mod common;
use common::{memory, origin, value};
use skep_memory::{Arena, Memory, Rights};

#[test]
fn a_thousand_memories_at_once() {
    let memories: Vec<Memory> =
        (0..if cfg!(skep_portable_memory) { 20 } else { 1000 }).map(|_| memory()).collect();
    for (index, memory) in memories.iter().enumerate() {
        let addr = value(memory, 100);
        memory.store(addr, 8, index as u64).unwrap();
        for arena in Arena::ALL {
            memory.alloc(arena, 100, 8, Rights::RW, origin("x")).unwrap();
        }
    }
    for (index, memory) in memories.iter().enumerate() {
        let addr = memory.objects()[1].start;
        assert_eq!(memory.load(addr, 8), Ok(index as u64));
    }
}

#[test]
fn nothing_leaks_from_one_memory_into_the_next() {
    let sizes = [24, 5000, 70_000, 300_000, 5_000_000];
    for round in 0..4 {
        let memory = memory();
        for arena in Arena::ALL {
            for size in sizes {
                let addr = memory.alloc(arena, size, 8, Rights::RW, origin("x")).unwrap();
                let mut bytes = vec![1; size];
                memory.read(addr, &mut bytes).unwrap();
                assert!(bytes.iter().all(|byte| *byte == 0), "round {round}, {size} bytes in {arena:?}");
                // Shadows of the one before are gone as well.
                assert!(
                    memory.load(addr + size as u64, 1).is_err()
                        && memory.load(addr + size as u64 + 40, 1).is_err()
                );
                memory.fill(addr, size, 0xff).unwrap();
            }
        }
    }
}

#[cfg(all(target_os = "linux", not(skep_portable_memory)))]
mod linux {
    use super::*;
    use std::process::Command;

    /// Kilobytes that are resident.
    fn resident() -> u64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
    }

    /// Runs one of the ignored tests below in a process of its own, under a shell command.
    fn alone(test: &str, shell: &str) {
        let me = std::env::current_exe().unwrap();
        let script = format!("{shell} exec '{}' --exact linux::{test} --ignored --nocapture", me.display());
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if text.contains("ReserveShadowMemoryRange failed") {
            return eprintln!("skipped: the address sanitizer itself does not start under this limit");
        }
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn a_huge_array_costs_nothing_until_touched() {
        alone("huge_array", "");
    }

    #[test]
    #[ignore = "measures its own process: run by a_huge_array_costs_nothing_until_touched"]
    fn huge_array() {
        let memory = memory();
        let before = resident();
        let count = 100_000_000;
        let array = memory.alloc_array(Arena::Values, 8, 8, count, Rights::RW, origin("huge")).unwrap();
        for index in (0..count as u64).step_by(count / 100) {
            assert!(memory.grant(array + 8 * index) && memory.store(array + 8 * index, 8, index).is_ok());
            assert!(memory.load(array + 8 * index + 8, 1).is_err());
        }
        let grown = resident() - before;
        assert!(grown < 4000, "{grown} kB for 100 elements");
        // Looking at bytes is free, too: at most for page tables.
        let mut bytes = vec![0; 1 << 20];
        for chunk in 0..500 {
            memory.peek(array + (chunk << 20), &mut bytes).unwrap();
        }
        let grown = resident() - before;
        assert!(grown < 8000, "{grown} kB after looking at it");
        assert!(memory.free(array));
        let grown = resident().saturating_sub(before);
        assert!(grown < 4000, "{grown} kB after free");
    }

    #[test]
    fn idle_memories_are_tiny() {
        alone("idle", "");
    }

    #[test]
    #[ignore = "measures its own process: run by idle_memories_are_tiny"]
    fn idle() {
        let before = resident();
        let memories: Vec<Memory> = (0..500).map(|_| memory()).collect();
        let empty = (resident() - before) / 500;
        for memory in &memories {
            value(memory, 64);
        }
        let used = (resident() - before) / 500;
        assert!(empty < 8 && used < 64, "{empty} kB empty, {used} kB with one object");
        drop(memories);
    }

    #[test]
    fn big_objects_do_not_stay_in_the_pool() {
        alone("pool", "");
    }

    #[test]
    #[ignore = "measures its own process: run by big_objects_do_not_stay_in_the_pool"]
    fn pool() {
        let before = resident();
        for _ in 0..4 {
            let memory = memory();
            let addr = value(&memory, 32 << 20);
            memory.fill(addr, 32 << 20, 1).unwrap();
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 4000, "{grown} kB");
    }

    #[test]
    fn no_address_space_is_a_host_limit() {
        alone("limited", "ulimit -v 9000000;");
    }

    #[test]
    #[ignore = "needs a limit on its process: run by no_address_space_is_a_host_limit"]
    fn limited() {
        let error = Memory::new().unwrap_err();
        assert!(error.to_string().contains("ulimit -v") && error.bytes >= 1 << 32, "{error}");
    }

    #[test]
    fn a_limit_on_data_is_no_limit_on_reservations() {
        alone("data_limited", "ulimit -d 200000;");
    }

    #[test]
    #[ignore = "needs a limit on its process: run by a_limit_on_data_is_no_limit_on_reservations"]
    fn data_limited() {
        let memory = memory();
        value(&memory, 1 << 20);
        let error = memory.alloc(Arena::Values, 1 << 30, 8, Rights::RW, origin("v")).unwrap_err();
        assert!(matches!(error, skep_memory::NoMemory::Host(_)), "{error}");
        value(&memory, 1 << 20);
    }
}
