//! Real clusters of the demo database, all in one process, over loopback and through links that
//! a test can cut.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod basics;
mod bugs;
mod errors;
mod failover;
mod links;
mod restart;
mod session_bugs;
mod support;
