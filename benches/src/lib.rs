//! Benchmarks of skep, as ratios within one run.
