//! Measuring time and memory.

pub use crate::clock::{Clock, timed};
pub use crate::memory::status;

/// What a row took.
pub struct Measured {
    pub transactions: usize,
    pub took: Clock,
    /// Bytes of the file, which were in memory all the time.
    pub bytes: u64,
    pub result: String,
}
