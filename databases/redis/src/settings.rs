//! What may stand under `[client.settings]`.

use perjury_harness::DriverSettings;
use std::time::Duration;

/// Names and a line each, as `perjury databases` shows them.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    (
        "mode",
        "direct (the node itself; the default), sentinel (the master that the node's own Sentinel \
         names) or cluster (follows MOVED and ASK once)",
    ),
    ("sentinel", "where Sentinel listens on each node, for mode sentinel: 26379"),
    ("master", "what Sentinel calls the master: mymaster"),
    ("password", "for AUTH, on servers that ask for one"),
    ("wait", "replicas that have to confirm a write (WAIT) before it counts as done: 0"),
    ("wait-milliseconds", "how long they have for it: 500"),
    (
        "reads",
        "plain (the default), or confirmed: each read writes, too, and counts only when `wait` \
         replicas have confirmed that",
    ),
    ("lock-milliseconds", "after how long a lock that was not released is free: 10000"),
];

/// Whom a client speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its node, whatever that is.
    Direct,
    /// The master that Sentinel on its node names.
    Sentinel,
    /// Its node, and whomever a cluster sends it to.
    Cluster,
}

/// `WAIT replicas milliseconds` after each write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) replicas: i64,
    pub(crate) milliseconds: u64,
}

/// The settings, understood.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// Where each node listens for clients.
    pub(crate) port: u16,
    /// Where its Sentinel does.
    pub(crate) sentinel: u16,
    pub(crate) master: String,
    pub(crate) password: Option<String>,
    pub(crate) wait: Option<Wait>,
    /// Whether reads are confirmed by replicas as writes are.
    pub(crate) confirm_reads: bool,
    pub(crate) lock: Duration,
    /// The longest exchange. Only tests change it.
    pub(crate) limit: Duration,
}

impl Settings {
    /// Errors name the setting that is wrong.
    pub(crate) fn parse(given: &DriverSettings) -> Result<Self, String> {
        let mode = match given.choice("mode", &["direct", "sentinel", "cluster"])? {
            0 => Mode::Direct,
            1 => Mode::Sentinel,
            _ => Mode::Cluster,
        };
        let replicas: u32 = given.parsed("wait", 0)?;
        let wait = Wait {
            replicas: i64::from(replicas),
            milliseconds: positive(given, "wait-milliseconds", 500)?,
        };
        let confirm_reads = given.choice("reads", &["plain", "confirmed"])? == 1;
        if confirm_reads && replicas == 0 {
            let text = "[client.settings] reads: `confirmed` needs `wait`, by how many replicas";
            return Err(text.to_owned());
        }
        Ok(Self {
            mode,
            port: given.port,
            sentinel: given.parsed("sentinel", 26_379)?,
            master: given.or("master", "mymaster").to_owned(),
            password: given.get("password").filter(|text| !text.is_empty()).map(str::to_owned),
            wait: (replicas > 0).then_some(wait),
            confirm_reads,
            lock: Duration::from_millis(positive(given, "lock-milliseconds", 10_000)?),
            limit: Duration::from_secs(20),
        })
    }
}

/// Zero would mean "for ever" to Redis, or nothing at all.
fn positive(given: &DriverSettings, name: &str, default: u64) -> Result<u64, String> {
    match given.parsed(name, default)? {
        0 => Err(format!("[client.settings] {name}: `0` is no time, write 1 or more")),
        milliseconds => Ok(milliseconds),
    }
}
