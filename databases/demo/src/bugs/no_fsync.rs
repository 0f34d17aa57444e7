//! `no-fsync`: the log is kept in the process's memory and written to the file every few seconds,
//! though clients and the other nodes are told at once that it is safe.
//!
//! As long as a majority lives nothing is lost. Kill all nodes within the interval, or a majority
//! whose members then elect one of themselves, and what was acknowledged is gone.

use crate::log::Durability;
use std::time::Duration;

pub(super) const DURABILITY: Durability = Durability::Buffered(Duration::from_secs(5));
