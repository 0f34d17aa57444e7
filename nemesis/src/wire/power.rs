//! What the fault of lost power asks of the agent on a machine of its own.

use serde::{Deserialize, Serialize};

/// `power.boot` with `null`: answers [`Boot`].
pub const POWER_BOOT: &str = "power.boot";
/// `power.cut` with [`CutPower`]: answers [`Boot`] and, a moment later, resets the machine as the loss
/// of power would: nothing is synced, nothing is told.
pub const POWER_CUT: &str = "power.cut";

/// Since when a machine runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// The kernel's random name for this boot.
    pub id: String,
    pub uptime_ms: u64,
    /// Why this machine's power cannot be cut.
    #[serde(default)]
    pub problem: Option<String>,
}

/// Cut the power of the boot called `boot`, and of no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutPower {
    pub boot: String,
    /// The controller's own boot, which is never cut: where the two are one, nothing is done.
    pub controller: String,
}
