//! The agent's wire format: one JSON object a line, both ways.
//!
//! ```text
//! > {"id":1,"do":"process.start","with":{…}}
//! < {"id":1,"ok":{"pid":4711}}
//! < {"id":1,"error":"no such file: /usr/bin/etcd"}
//! ```
//! The first line from the agent is its [`Hello`]. The controller renews the lease with
//! `lease.renew`; when it lapses, or standard input ends and the lease then lapses, the agent
//! undoes everything in its ledger and exits.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub id: u64,
    /// The verb.
    #[serde(rename = "do")]
    pub verb: String,
    #[serde(default)]
    pub with: Value,
}

/// Its answer: exactly one of `ok` and `error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub id: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ok: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// The agent's first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of Perjury.
    pub version: String,
    pub pid: u32,
    /// Undone at start, left over from an earlier run: one line each.
    #[serde(default)]
    pub healed: Vec<String>,
}

/// `lease.renew`: answers `null`.
pub const LEASE_RENEW: &str = "lease.renew";
/// `clock.read`: answers [`ClockRead`], at once.
pub const CLOCK_READ: &str = "clock.read";
/// `process.start` with [`StartProcess`]: answers [`ProcessState`].
pub const PROCESS_START: &str = "process.start";
/// `process.status` with [`ProcessName`]: answers [`ProcessState`].
pub const PROCESS_STATUS: &str = "process.status";
/// `process.ends`: answers a list of [`ProcessEnd`], of processes that ended since this agent began
/// and that nobody had told to.
pub const PROCESS_ENDS: &str = "process.ends";
/// `process.stop` with [`ProcessName`]: SIGTERM, then SIGKILL after five seconds; answers
/// [`ProcessState`] as observed afterwards.
pub const PROCESS_STOP: &str = "process.stop";
/// `process.kill` with [`ProcessName`]: SIGKILL to the process and all its descendants; answers
/// [`ProcessState`] as observed afterwards.
pub const PROCESS_KILL: &str = "process.kill";
/// `process.pause` with [`ProcessName`]: SIGSTOP; answers [`ProcessState`] (`paused` observed in
/// `/proc`). The undo is written to the ledger first.
pub const PROCESS_PAUSE: &str = "process.pause";
/// `process.resume` with [`ProcessName`]: SIGCONT; answers [`ProcessState`].
pub const PROCESS_RESUME: &str = "process.resume";
/// `undo.all`: undoes the whole ledger; answers a list of lines.
pub const UNDO_ALL: &str = "undo.all";

/// What the wall clock of a node says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRead {
    /// As the database there is told it, in nanoseconds since 1970.
    pub told_ns: i64,
}

/// What to start, once, as a daemon in a session and process group of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartProcess {
    /// The name by which later requests speak of it: `db`.
    pub name: String,
    /// Program and arguments; no shell.
    pub argv: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Working directory; `/` when absent.
    #[serde(default)]
    pub dir: Option<String>,
    /// File to which standard output and error are appended.
    pub log: String,
    /// The user to run as; the agent's own when absent.
    #[serde(default)]
    pub user: Option<String>,
}

/// A process by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessName {
    pub name: String,
}

/// What `/proc` says of a process and its descendants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessState {
    pub state: RunState,
    /// Its id, also when it is gone (the last one known).
    pub pid: Option<u32>,
    /// Start time in clock ticks since boot: tells a process from another with its id.
    pub start_ticks: Option<u64>,
    /// Ids of it and its living descendants.
    #[serde(default)]
    pub pids: Vec<u32>,
    /// What was seen: `pid 4711 is gone`, `pid 4711 state T`.
    pub observed: String,
}

/// A process that ended without having been told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessEnd {
    pub name: String,
    pub pid: u32,
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// Whether the kernel wrote its memory to a file.
    pub core: bool,
    /// Milliseconds from then until now.
    pub ago_ms: u64,
}

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Running,
    Paused,
    Gone,
}
