//! `page-cache`: the log is written to the file before anybody is told that it is safe, and never
//! synced.
//!
//! Killed processes lose nothing by it, since what was written stays with the operating system. Only
//! a power loss takes it, of all nodes or of a majority whose members then elect one of themselves.

use crate::log::Durability;

pub(super) const DURABILITY: Durability = Durability::Unsynced;
