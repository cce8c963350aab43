//! File-driven test suites, models and generators shared by skep's tests and fuzz targets.

pub mod core_targets;
pub mod externs;
pub mod fixtures;
pub mod frontier;
pub mod fuzz;
pub mod insn_cases;
pub mod linking;
