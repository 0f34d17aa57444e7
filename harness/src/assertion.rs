//! Assertions: what a client, a database's definition or the nodes' logs say must always hold,
//! must hold at least once in a run, or must never be seen.
//!
//! `always` finds bugs that no checker of histories knows of. `sometimes` finds tests that test
//! nothing: a run in which a situation never came about proves nothing of it. The words are
//! Antithesis' (<https://antithesis.com/docs/best_practices/sometimes_assertions/>).

mod claim;
mod ends;
mod judge;
mod logs;
mod record;
mod recorder;

pub use claim::{Claim, Crashes, Seen};
pub use ends::{End, judge as judge_ends};
pub use judge::{Given, Judged, conclude, judge};
pub use record::{Record, Source, State};
pub use recorder::{FILE, Line, Recording, always, declare, read, sometimes};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asserted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It holds whenever it is looked at, and it is looked at.
    Always,
    /// It holds at least once.
    Sometimes,
    /// It is never seen.
    Never,
}

impl Kind {
    /// As written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Sometimes => "sometimes",
            Self::Never => "never",
        }
    }
}

#[cfg(test)]
mod tests;
