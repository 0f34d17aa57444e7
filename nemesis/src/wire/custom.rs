//! What the fault of a user's own commands asks of the agent.

use serde::{Deserialize, Serialize};

/// `custom.inject` with [`Inject`]: writes the heal command to the ledger, then runs the other;
/// answers [`CommandOutcome`].
pub const CUSTOM_INJECT: &str = "custom.inject";
/// `custom.heal` with [`Heal`]: runs the command and closes the ledger's entries of that name;
/// answers [`CommandOutcome`].
pub const CUSTOM_HEAL: &str = "custom.heal";
/// `custom.observe` with [`Observe`]: only runs the command; answers [`CommandOutcome`].
pub const CUSTOM_OBSERVE: &str = "custom.observe";

/// Shell commands of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    pub name: String,
    pub inject: String,
    pub heal: String,
    /// After so long a command is killed with all that came of it.
    pub limit_ms: u64,
}

/// The command that undoes a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heal {
    pub name: String,
    pub heal: String,
    pub limit_ms: u64,
}

/// The command that tells whether a fault is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    pub observe: String,
    pub limit_ms: u64,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandOutcome {
    /// Its exit code; `None` when a signal or the limit ended it.
    pub code: Option<i32>,
    /// The end of what it printed on both outputs, at most 2000 bytes.
    pub output: String,
}
