//! What clients of wire protocols share: one connection at a time, nothing sent twice, and the
//! difference between "not sent" and "sent, and no answer".
//!
//! A client that hides these hides outcomes, so each protocol is spoken over a [`Link`].

mod connection;
mod error;
mod link;

pub use connection::{Connection, Session};
pub use error::{Effect, WireError, classify};
pub use link::Link;
