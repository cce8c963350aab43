//! The BPF instruction set (RFC 9669 and what Linux added) as one table: decode, encode, assemble, disassemble, and meaning as pure functions.
