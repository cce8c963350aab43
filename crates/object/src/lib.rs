//! From the ELF that clang makes to programs, maps, externs and data sections.
