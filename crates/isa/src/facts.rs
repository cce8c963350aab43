//! What a verifier knows of a program's instructions, as plain data for the engines.

/// What a verifier knows of a program that it accepted: one row per slot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    rows: Vec<Fact>,
}

impl Facts {
    /// From one row per slot.
    pub fn new(rows: Vec<Fact>) -> Facts {
        Facts { rows }
    }

    /// What is known of the instruction at a slot; nothing, past the end.
    pub fn at(&self, slot: usize) -> Fact {
        self.rows.get(slot).copied().unwrap_or_default()
    }

    /// All rows, by slot. Empty: nothing is known of the program.
    pub fn rows(&self) -> &[Fact] {
        &self.rows
    }
}

/// What is known of one instruction, on all paths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fact {
    /// Some path comes to it; if not, it is dead code.
    pub reached: bool,
    /// What a load, store or atomic goes through.
    pub access: Option<Access>,
    /// Which ways a conditional jump goes.
    pub branch: Ways,
    /// Of a call: the most bytes that it accesses behind R1 to R5; 0: none.
    pub memory: [u32; 5],
}

/// What a load, store or atomic goes through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Where the pointer points.
    pub to: Region,
    /// It lies within its object, whatever the input: no check is needed.
    pub proven: bool,
    /// Of a load from the context: bytes of the field, where the kernel's representation of it may be another.
    pub ctx_field: u8,
}

/// Which ways a conditional jump goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ways {
    /// Some path falls through.
    pub falls: bool,
    /// Some path jumps.
    pub jumps: bool,
}

/// Where a pointer points.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Region {
    /// The context.
    Ctx,
    /// The stack.
    Stack,
    /// The packet, or the metadata before it.
    Packet,
    /// A value of a map.
    MapValue,
    /// A key of a map.
    MapKey,
    /// Memory of a known size: ring buffer records, slices of dynptrs, arguments of global functions, kernel variables.
    Memory,
    /// A kernel object. Loads through stale or made up pointers give 0.
    Kernel,
    /// A socket, as the helpers give them.
    Socket,
    /// An arena.
    Arena,
    /// Something else that only the kernel gives: flow keys, buffers of tracepoints and iterators.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_past_the_end() {
        let row = Fact { reached: true, memory: [1, 0, 0, 0, 8], ..Fact::default() };
        let facts = Facts::new(vec![row]);
        assert_eq!(facts.at(0), row);
        assert_eq!(facts.at(1), Fact::default());
        assert!(Facts::default().rows().is_empty());
    }
}
