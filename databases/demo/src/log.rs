//! The log on disk: one append-only file of checksummed records, mirrored in memory.

mod record;
mod store;
mod writer;

pub(crate) use record::{frame, unframe};
pub(crate) use store::LogStore;
pub(crate) use writer::{Durability, Writer, write_whole};
