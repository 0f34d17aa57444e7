//! What faults of disks and of power ask of the agent.

use serde::{Deserialize, Serialize};

/// `disk.mount` with [`Directories`]: puts the disk layer over each; answers [`DiskStatus`].
pub const DISK_MOUNT: &str = "disk.mount";
/// `disk.status` with `null`: answers [`DiskStatus`], read from the layers and from `/proc`.
pub const DISK_STATUS: &str = "disk.status";
/// `disk.power_loss` with [`PowerLoss`]: drops what was not synced; answers [`DiskStatus`].
pub const DISK_POWER_LOSS: &str = "disk.power_loss";
/// `disk.fail` with [`Failure`]: from now on operations fail or are slow; answers [`DiskStatus`].
pub const DISK_FAIL: &str = "disk.fail";
/// `disk.mend` with `null`: operations work again; answers [`DiskStatus`].
pub const DISK_MEND: &str = "disk.mend";
/// `disk.probe` with [`Directories`]: writes, syncs and reads a file of its own in each, and
/// removes it; answers a list of [`DiskProbed`], in the order asked.
pub const DISK_PROBE: &str = "disk.probe";

/// Directories, absolute. They exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directories {
    pub directories: Vec<String>,
}

/// What of the unsynced writes is on the disk nevertheless when the power comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Survivors {
    /// Nothing.
    None,
    /// Of each file the first few, of directories the first few changes.
    Prefix,
    /// Of each file any; of directories the first few changes, as a journal keeps them.
    Subset,
}

/// How the power goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerLoss {
    pub survivors: Survivors,
    /// Whether writes may survive in part, in sectors of 512 bytes.
    pub torn: bool,
    /// Decides which.
    pub seed: u64,
}

/// What goes wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    /// These end with `EIO`, and do nothing.
    Eio { read: bool, write: bool, sync: bool },
    /// What needs room ends with `ENOSPC`.
    Enospc {},
    /// Every read, write and sync takes so much longer.
    Slow { delay_ms: u64 },
}

/// What one layer has done since it was mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LayerCounts {
    pub writes: u64,
    pub written_bytes: u64,
    /// `fsync`, `fdatasync`, and that of directories.
    pub syncs: u64,
    /// Not synced at this moment: writes and changes of length.
    pub unsynced_writes: u64,
    pub unsynced_bytes: u64,
    /// Not synced at this moment: names made, removed and changed.
    pub unsynced_names: u64,
    pub power_losses: u64,
    /// Dropped by all power losses so far.
    pub lost_writes: u64,
    pub lost_bytes: u64,
    pub lost_names: u64,
    /// Unsynced, and there nevertheless.
    pub kept_writes: u64,
    pub torn_writes: u64,
    /// Synced by nobody and written after a while, as kernels do.
    pub written_back: u64,
    pub eio: u64,
    pub enospc: u64,
    pub slowed: u64,
    /// Undoing that the files below refused: never, unless something is wrong there.
    pub errors: u64,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerStatus {
    pub directory: String,
    /// Whether the kernel lists its mount.
    pub mounted: bool,
    /// Why the layer does not answer.
    #[serde(default)]
    pub problem: Option<String>,
    #[serde(default)]
    pub failure: Option<Failure>,
    #[serde(default)]
    pub counts: LayerCounts,
}

/// What the agent can do to disks, and does at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskStatus {
    /// Why no layer can be mounted on this node, with the remedy.
    #[serde(default)]
    pub problem: Option<String>,
    pub layers: Vec<LayerStatus>,
}

/// What became of a probe in one directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskProbed {
    pub directory: String,
    /// `None` when it was written, synced and read; otherwise the error: `EIO`, `ENOSPC`.
    #[serde(default)]
    pub error: Option<String>,
    pub took_ms: u64,
}

/// What the agent asks of a layer, a JSON line each; each is answered by a [`LayerAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LayerRequest {
    Status,
    PowerLoss(PowerLoss),
    Fail(Option<Failure>),
    /// Write everything, and hold nothing back any more.
    Retire,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerAnswer {
    pub(crate) failure: Option<Failure>,
    pub(crate) counts: LayerCounts,
}
