//! What the fault on wall clocks asks of the agent.

use perjury_clock::Sample;
use serde::{Deserialize, Serialize};

/// `clock.inspect` with [`Program`]: answers [`Reach`], or says why its clock cannot be steered.
pub const CLOCK_INSPECT: &str = "clock.inspect";
/// `clock.set` with [`SetClock`]: notes the undo, then steers; answers `null`.
pub const CLOCK_SET: &str = "clock.set";
/// `clock.reset` with [`WhichClock`]: back to the true time; answers `null`.
pub const CLOCK_RESET: &str = "clock.reset";
/// `clock.status` with [`WatchClock`]: only looks; answers [`ClockStatus`].
pub const CLOCK_STATUS: &str = "clock.status";

/// Whose clock is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichClock {
    /// That of the database's own processes, by a steering file.
    Program,
    /// That of the whole machine.
    Kernel,
}

/// What a database is started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub argv: Vec<String>,
    /// The user that it runs as; the agent's own when absent.
    #[serde(default)]
    pub user: Option<String>,
}

/// How a program's clock is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It carries Perjury's clock itself.
    BuiltIn,
    /// By a library that is loaded before all others.
    Preloaded,
    /// Through the kernel.
    Kernel,
}

/// A way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Skew {
    /// Off by so much, at once.
    Jump { delta_ms: i64 },
    /// Off by so much and right in turn, each for `period_ms`.
    Strobe { delta_ms: i64, period_ms: u64 },
    /// Faster or slower: 200 is 17 seconds a day, 1000000 is twice as fast.
    Drift { rate_ppm: i64 },
    /// The same time always.
    Freeze {},
    /// Drawn away evenly, as leap seconds are smeared, and then off by so much.
    Smear { delta_ms: i64, over_ms: u64 },
}

/// What to do to which clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetClock {
    pub clock: WhichClock,
    pub skew: Skew,
}

/// How to look: so many samples, so far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchClock {
    pub clock: WhichClock,
    pub samples: u32,
    pub gap_ms: u64,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockStatus {
    pub reach: Reach,
    /// Whether it is set to be wrong, also where it happens to be right at the moment.
    pub skewed: bool,
    /// The database's processes that run, and those of them that have the steering file open.
    pub running: Vec<u32>,
    pub attached: Vec<u32>,
    /// How often the database has asked for the time.
    pub asked: u64,
    /// The last that it was told since the clock was last set or reset.
    pub told: Option<Sample>,
    /// What a program of the agent's was told, that has the same clock.
    pub probes: Vec<Sample>,
}
