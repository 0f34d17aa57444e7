//! Hints: what a format tells of a history beside its events.

use std::fmt;

use serde_json::Value;

use super::foreign::Assembled;
use super::{History, Recovery};

/// How a history was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Ours: one JSON object a line.
    JsonLines,
    /// Jepsen's `history.edn`, and Porcupine's key-value logs.
    Edn,
    /// elle-cli's: one JSON array of operations.
    JsonArray,
    /// Jepsen's `history.txt` and `jepsen.log`, and Porcupine's etcd logs.
    Log,
    /// Violin's logs of queues and stacks.
    Violin,
    /// Jepsen's binary `test.jepsen`.
    TestJepsen,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonLines => "JSON lines",
            Self::Edn => "EDN",
            Self::JsonArray => "a JSON array",
            Self::Log => "a Jepsen log",
            Self::Violin => "a Violin log",
            Self::TestJepsen => "a test.jepsen",
        })
    }
}

/// What the format tells. Everything here may be overruled by the user, who knows more.
#[derive(Clone, Debug, PartialEq)]
pub struct Hints {
    pub format: Format,
    /// The workload, if the format is only ever used for one: a name out of
    /// [`WORKLOADS`](crate::workload::WORKLOADS).
    pub workload: Option<&'static str>,
    /// Whether values are `[key, value]` with an object for each key; `None` if the format
    /// leaves it open.
    pub keyed: Option<bool>,
    /// Whether a failed compare-and-set is known to have seen another value.
    pub failed_cas_compares: bool,
    /// What the object holds at first, if the format fixes it.
    pub initial: Option<Value>,
}

impl Hints {
    /// A format that tells nothing.
    pub(super) fn none(format: Format) -> Self {
        Self { format, workload: None, keyed: None, failed_cas_compares: false, initial: None }
    }
}

/// A history as it was found: what was mended on the way, and what its format tells.
#[derive(Clone, Debug)]
pub struct Reading {
    pub history: History,
    pub recovery: Recovery,
    pub hints: Hints,
}

impl Reading {
    /// A history of a format that tells nothing.
    pub(super) fn bare(format: Format, (history, recovery): (History, Recovery)) -> Self {
        Self { history, recovery, hints: Hints::none(format) }
    }

    /// A history of operation maps, which may have keys in a field of their own.
    pub(super) fn assembled(format: Format, assembled: Assembled) -> Self {
        let Assembled { history, recovery, keyed } = assembled;
        let mut hints = Hints::none(format);
        if keyed == Some(true) {
            hints.keyed = keyed;
            if kv_map(&history) {
                hints.workload = Some("kv-map");
                hints.initial = Some(Value::from(""));
            }
        }
        Self { history, recovery, hints }
    }
}

/// Whether clients call nothing but `get`, `put` and `append`, as in Porcupine's logs.
fn kv_map(history: &History) -> bool {
    let mut events = history.events().iter().filter(|event| event.process.client().is_some());
    events.all(|event| matches!(&*event.f, "get" | "put" | "append"))
}

impl From<Reading> for (History, Recovery) {
    fn from(reading: Reading) -> Self {
        (reading.history, reading.recovery)
    }
}
