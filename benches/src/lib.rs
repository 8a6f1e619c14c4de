//! Benchmarks of Parlor.
