//! Isolation levels, and which anomalies each of them forbids.
//!
//! After Adya, *Weak consistency: a generalized theory and optimistic implementations for
//! distributed transactions* (PhD thesis, MIT 1999), chapter 4, and Kingsbury & Alvaro, *Elle:
//! inferring isolation anomalies from experimental observations* (VLDB 2020), section 6.

use std::fmt;
use std::str::FromStr;

/// What the database promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsistencyModel {
    /// PL-1.
    ReadUncommitted,
    /// PL-2.
    ReadCommitted,
    SnapshotIsolation,
    /// PL-2.99.
    RepeatableRead,
    /// PL-3.
    Serializable,
    /// Snapshots that include what the same process did before.
    StrongSessionSnapshotIsolation,
    StrongSessionSerializable,
    /// Snapshots that include all that was complete before.
    StrongSnapshotIsolation,
    /// Serializable in an order that respects real time.
    #[default]
    StrictSerializable,
}

use ConsistencyModel as Model;

/// Weakest first.
const NAMES: [(Model, &str); 9] = [
    (Model::ReadUncommitted, "read-uncommitted"),
    (Model::ReadCommitted, "read-committed"),
    (Model::SnapshotIsolation, "snapshot-isolation"),
    (Model::RepeatableRead, "repeatable-read"),
    (Model::Serializable, "serializable"),
    (Model::StrongSessionSnapshotIsolation, "strong-session-snapshot-isolation"),
    (Model::StrongSessionSerializable, "strong-session-serializable"),
    (Model::StrongSnapshotIsolation, "strong-snapshot-isolation"),
    (Model::StrictSerializable, "strict-serializable"),
];

impl ConsistencyModel {
    /// Every level, weakest first.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(model, _)| *model)
    }

    /// As given to `--consistency-model`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(model, _)| *model == self).map_or("", |(_, name)| name)
    }

    /// The next weaker levels that this one includes.
    fn weaker(self) -> &'static [Self] {
        match self {
            Self::ReadUncommitted => &[],
            Self::ReadCommitted => &[Self::ReadUncommitted],
            Self::SnapshotIsolation | Self::RepeatableRead => &[Self::ReadCommitted],
            Self::Serializable => &[Self::SnapshotIsolation, Self::RepeatableRead],
            Self::StrongSessionSnapshotIsolation => &[Self::SnapshotIsolation],
            Self::StrongSessionSerializable => {
                &[Self::Serializable, Self::StrongSessionSnapshotIsolation]
            }
            Self::StrongSnapshotIsolation => &[Self::StrongSessionSnapshotIsolation],
            Self::StrictSerializable => {
                &[Self::StrongSessionSerializable, Self::StrongSnapshotIsolation]
            }
        }
    }

    /// Whether a history with this anomaly cannot be of this level.
    pub fn forbids(self, kind: &str) -> bool {
        first_forbidden(kind).contains(&self)
            || self.weaker().iter().any(|weaker| weaker.forbids(kind))
    }
}

/// The weakest levels that forbid an anomaly; empty for words that are none.
fn first_forbidden(kind: &str) -> &'static [Model] {
    match kind {
        "G0" | "duplicate-elements" | "cyclic-versions" => &[Model::ReadUncommitted],
        // Reads of uncommitted data may show any order.
        "G1a" | "G1b" | "G1c" | "incompatible-order" | "phantom-read" | "future-read" => {
            &[Model::ReadCommitted]
        }
        "internal" => &[Model::SnapshotIsolation],
        "G-single" | "G-nonadjacent" | "lost-update" => {
            &[Model::SnapshotIsolation, Model::RepeatableRead]
        }
        "G2-item" => &[Model::RepeatableRead],
        "G0-process" | "G1c-process" | "G-single-process" | "G-nonadjacent-process" => {
            &[Model::StrongSessionSnapshotIsolation]
        }
        "G2-item-process" => &[Model::StrongSessionSerializable],
        "G0-realtime"
        | "G1c-realtime"
        | "G-single-realtime"
        | "G-nonadjacent-realtime"
        | "lost-append" => &[Model::StrongSnapshotIsolation],
        "G2-item-realtime" => &[Model::StrictSerializable],
        _ => &[],
    }
}

/// The names of all levels that an anomaly rules out, weakest first.
pub(crate) fn ruled_out(kind: &str) -> Vec<String> {
    let forbidding = NAMES.iter().filter(|(model, _)| model.forbids(kind));
    forbidding.map(|(_, name)| (*name).to_owned()).collect()
}

impl fmt::Display for ConsistencyModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ConsistencyModel {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let word = match word {
            "strong-serializable" => "strict-serializable",
            word => word,
        };
        NAMES.iter().find(|(_, name)| *name == word).map(|(model, _)| *model).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
            format!("there is no consistency model `{word}`; known are {}", known.join(", "))
        })
    }
}
