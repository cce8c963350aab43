//! Padding that a C compiler would not put where a structure has it.
//!
//! The choice of fields is libbpf's (`btf_dump_emit_bit_padding` in `tools/lib/bpf/btf_dump.c`): nameless
//! bit-fields of the largest type whose boundary lies in the gap, then smaller ones for the rest.

/// A gap between two members, in bits from the start of the structure.
pub(super) struct Gap {
    /// Where the member before ends.
    pub(super) from: u64,
    /// Where the next one, or nothing, starts.
    pub(super) to: u64,
    /// What the next one is aligned to by itself, in bytes.
    pub(super) align: u32,
    /// Whether both are bit-fields.
    pub(super) in_bitfield: bool,
}

/// Types of nameless bit-fields, and their bits on a 64-bit target.
const UNITS: [(&str, u64); 4] = [("long", 64), ("int", 32), ("short", 16), ("char", 8)];

/// Most fields that one gap is filled with: it can be half a gigabyte.
const MAX_FIELDS: u64 = 1 << 16;

/// The nameless bit-fields that fill a gap: types and widths. `None` if they were too many.
pub(super) fn padding(gap: &Gap) -> Option<Vec<(&'static str, u64)>> {
    let mut fields = Vec::new();
    if gap.from >= gap.to {
        return Some(fields);
    }
    let fitting = UNITS.iter().find(|(_, bits)| gap.from.next_multiple_of(*bits) <= gap.to);
    let &(unit, unit_bits) = fitting.unwrap_or(&UNITS[3]);
    let boundary = gap.from.next_multiple_of(unit_bits);
    let mut at = gap.from;
    if at < boundary && boundary <= gap.to {
        let natural = at.next_multiple_of((u64::from(gap.align) * 8).max(1));
        if gap.in_bitfield {
            fields.push((unit, boundary - at));
        } else if (boundary == gap.to && natural != boundary)
            || (boundary != gap.to && gap.to - boundary <= boundary - at)
        {
            fields.push((unit, 0));
        }
        at = boundary;
    }
    let whole = (gap.to - at) / unit_bits;
    if whole > MAX_FIELDS {
        return None;
    }
    fields.extend(std::iter::repeat_n((unit, unit_bits), whole as usize));
    let rest = (gap.to - at) % unit_bits;
    if rest != 0 {
        let smallest = UNITS.iter().rev().find(|(_, bits)| *bits >= rest);
        fields.push((smallest.map_or(unit, |(unit, _)| *unit), rest));
    }
    Some(fields)
}
