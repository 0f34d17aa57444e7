//! Synthetic histories of transactions, of any length, for tests and benchmarks.

pub mod atomic;
pub mod plant;
pub mod stores;
