//! What the fault of damaged files asks of the agent.

use serde::{Deserialize, Serialize};

/// `file.corrupt` with [`Corrupt`]: notes what is there, then damages a file; answers [`Damage`].
pub const FILE_CORRUPT: &str = "file.corrupt";
/// `file.restore` with `null`: puts back what is still damaged; answers a list of sentences.
pub const FILE_RESTORE: &str = "file.restore";
/// `file.status` with `null`: answers a list of [`Damage`], those that are not restored.
pub const FILE_STATUS: &str = "file.status";
/// `file.compare` with a list of [`Damage`]: reads the files, and answers a list of [`Compared`].
pub const FILE_COMPARE: &str = "file.compare";

/// How a file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Up to 4096 bytes at its end are cut off.
    Truncate,
    /// One to eight bits are flipped.
    BitFlips,
    /// Up to 4096 bytes are copied over others of the same file.
    ChunkCopy,
    /// It is again as it was a second before, as if an old snapshot had been put back.
    Rollback,
}

/// Damage one file below these directories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrupt {
    pub directories: Vec<String>,
    pub kind: Kind,
    /// Decides which file, and where in it.
    pub seed: u64,
}

/// Bytes that were replaced, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    pub offset: u64,
    pub old: String,
    /// As long as `old`; empty where the file was cut off, which is the last patch.
    pub new: String,
}

/// One damaged file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Damage {
    pub path: String,
    pub kind: Kind,
    /// Length before.
    pub length: u64,
    pub patches: Vec<Patch>,
}

/// What is in a damaged file now, in bytes of its patches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    pub path: String,
    /// Length now; `None` when the file is gone.
    pub length: Option<u64>,
    /// As they were, of those that the damage changed.
    pub as_before: u64,
    /// As the damage left them.
    pub damaged: u64,
    /// As somebody else has written them since.
    pub otherwise: u64,
}
