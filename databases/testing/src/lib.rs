//! What the tests of database clients share: a load without faults, and the tables of error
//! meanings. Everything here panics where a test has to fail.

mod errors;
mod play;
mod vouch;

pub use errors::{assert_every_row_is_played, rows};
pub use play::play;
pub use vouch::vouch;
