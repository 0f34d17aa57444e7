//! Isolation levels, and which anomalies each of them forbids.
//!
//! After Adya, *Weak consistency: a generalized theory and optimistic implementations for
//! distributed transactions* (PhD thesis, MIT 1999), chapter 4; Cerone, Bernardi & Gotsman, *A
//! framework for transactional consistency models with atomic visibility* (CONCUR 2015); and
//! Kingsbury & Alvaro, *Elle: inferring isolation anomalies from experimental observations*
//! (VLDB 2020), section 6, whose names and order of levels these are.

use std::fmt;
use std::str::FromStr;

/// What the database promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsistencyModel {
    /// PL-1.
    ReadUncommitted,
    /// PL-1, in an order that includes that of each session.
    StrongSessionReadUncommitted,
    /// PL-1, in an order that respects real time.
    StrongReadUncommitted,
    /// PL-2.
    ReadCommitted,
    StrongSessionReadCommitted,
    StrongReadCommitted,
    /// No update of what was read last is lost.
    CursorStability,
    MonotonicView,
    MonotonicSnapshotRead,
    MonotonicAtomicView,
    ReadAtomic,
    /// Read atomic without lost updates.
    UpdateAtomic,
    CausalCerone,
    Prefix,
    ParallelSnapshotIsolation,
    /// PL-2+.
    ConsistentView,
    ForwardConsistentView,
    UpdateSerializable,
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
const NAMES: [(Model, &str); 25] = [
    (Model::ReadUncommitted, "read-uncommitted"),
    (Model::StrongSessionReadUncommitted, "strong-session-read-uncommitted"),
    (Model::StrongReadUncommitted, "strong-read-uncommitted"),
    (Model::ReadCommitted, "read-committed"),
    (Model::StrongSessionReadCommitted, "strong-session-read-committed"),
    (Model::StrongReadCommitted, "strong-read-committed"),
    (Model::CursorStability, "cursor-stability"),
    (Model::MonotonicView, "monotonic-view"),
    (Model::MonotonicSnapshotRead, "monotonic-snapshot-read"),
    (Model::MonotonicAtomicView, "monotonic-atomic-view"),
    (Model::ReadAtomic, "read-atomic"),
    (Model::UpdateAtomic, "update-atomic"),
    (Model::CausalCerone, "causal-cerone"),
    (Model::Prefix, "prefix"),
    (Model::ParallelSnapshotIsolation, "parallel-snapshot-isolation"),
    (Model::ConsistentView, "consistent-view"),
    (Model::ForwardConsistentView, "forward-consistent-view"),
    (Model::UpdateSerializable, "update-serializable"),
    (Model::SnapshotIsolation, "snapshot-isolation"),
    (Model::RepeatableRead, "repeatable-read"),
    (Model::Serializable, "serializable"),
    (Model::StrongSessionSnapshotIsolation, "strong-session-snapshot-isolation"),
    (Model::StrongSessionSerializable, "strong-session-serializable"),
    (Model::StrongSnapshotIsolation, "strong-snapshot-isolation"),
    (Model::StrictSerializable, "strict-serializable"),
];

/// Other words for the same levels.
const SYNONYMS: [(&str, Model); 9] = [
    ("strong-serializable", Model::StrictSerializable),
    ("pl-1", Model::ReadUncommitted),
    ("pl-2", Model::ReadCommitted),
    ("pl-2+", Model::ConsistentView),
    ("pl-2.99", Model::RepeatableRead),
    ("pl-3", Model::Serializable),
    ("pl-3u", Model::UpdateSerializable),
    ("psi", Model::ParallelSnapshotIsolation),
    ("si", Model::SnapshotIsolation),
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
            Self::StrongSessionReadUncommitted | Self::ReadCommitted => &[Self::ReadUncommitted],
            Self::StrongReadUncommitted => &[Self::StrongSessionReadUncommitted],
            Self::StrongSessionReadCommitted => {
                &[Self::ReadCommitted, Self::StrongSessionReadUncommitted]
            }
            Self::StrongReadCommitted => {
                &[Self::StrongSessionReadCommitted, Self::StrongReadUncommitted]
            }
            Self::CursorStability
            | Self::MonotonicView
            | Self::MonotonicSnapshotRead
            | Self::MonotonicAtomicView => &[Self::ReadCommitted],
            Self::ReadAtomic => &[Self::MonotonicAtomicView],
            Self::UpdateAtomic | Self::CausalCerone => &[Self::ReadAtomic],
            Self::Prefix => &[Self::CausalCerone],
            Self::ParallelSnapshotIsolation => {
                &[Self::CausalCerone, Self::UpdateAtomic, Self::CursorStability]
            }
            Self::ConsistentView => &[Self::CursorStability, Self::MonotonicView],
            Self::ForwardConsistentView | Self::UpdateSerializable => &[Self::ConsistentView],
            Self::SnapshotIsolation => &[
                Self::ForwardConsistentView,
                Self::MonotonicSnapshotRead,
                Self::Prefix,
                Self::ParallelSnapshotIsolation,
            ],
            Self::RepeatableRead => &[Self::CursorStability, Self::MonotonicAtomicView],
            Self::Serializable => {
                &[Self::SnapshotIsolation, Self::RepeatableRead, Self::UpdateSerializable]
            }
            Self::StrongSessionSnapshotIsolation => {
                &[Self::SnapshotIsolation, Self::StrongSessionReadCommitted]
            }
            Self::StrongSessionSerializable => {
                &[Self::Serializable, Self::StrongSessionSnapshotIsolation]
            }
            Self::StrongSnapshotIsolation => {
                &[Self::StrongSessionSnapshotIsolation, Self::StrongReadCommitted]
            }
            Self::StrictSerializable => {
                &[Self::StrongSessionSerializable, Self::StrongSnapshotIsolation]
            }
        }
    }

    /// Whether whatever keeps this level keeps the other, too. Every level includes itself.
    pub fn includes(self, other: Self) -> bool {
        self == other || self.weaker().iter().any(|weaker| weaker.includes(other))
    }

    /// Whether a history with this anomaly cannot be of this level.
    pub fn forbids(self, kind: &str) -> bool {
        first_forbidden(kind).iter().any(|weakest| self.includes(*weakest))
    }
}

/// The weakest levels that forbid an anomaly; empty for words that are none.
pub(super) fn first_forbidden(kind: &str) -> &'static [Model] {
    match kind {
        "G0" | "duplicate-elements" | "cyclic-versions" => &[Model::ReadUncommitted],
        "G0-process" => &[Model::StrongSessionReadUncommitted],
        "G0-realtime" => &[Model::StrongReadUncommitted],
        // Reads of uncommitted data may show any order.
        "G1a" | "G1b" | "G1c" | "incompatible-order" | "phantom-read" | "future-read"
        | "predicate-mismatch" | "dirty-update" | "disputed-G0" => &[Model::ReadCommitted],
        "G1c-process" | "disputed-G0-process" => &[Model::StrongSessionReadCommitted],
        "G1c-realtime" | "disputed-G0-realtime" | "early-read" => &[Model::StrongReadCommitted],
        "lost-update" => &[Model::CursorStability, Model::UpdateAtomic],
        "internal" => &[Model::ReadAtomic],
        // Parallel snapshot isolation: Cerone, Bernardi & Gotsman, theorem 3 of the journal
        // version (Cerone & Gotsman, *Analysing snapshot isolation*, JACM 2018).
        "G-single" => {
            &[Model::ConsistentView, Model::RepeatableRead, Model::ParallelSnapshotIsolation]
        }
        "G-nonadjacent" => &[Model::SnapshotIsolation, Model::RepeatableRead],
        "G2-item" => &[Model::RepeatableRead],
        // Predicates that missed an item, which repeatable read does not forbid.
        "G-single-predicate" => &[Model::ConsistentView, Model::ParallelSnapshotIsolation],
        "G-nonadjacent-predicate" => &[Model::SnapshotIsolation],
        "G2" => &[Model::Serializable],
        "G-single-process"
        | "G-nonadjacent-process"
        | "G-single-predicate-process"
        | "G-nonadjacent-predicate-process" => &[Model::StrongSessionSnapshotIsolation],
        "G2-item-process" | "G2-process" => &[Model::StrongSessionSerializable],
        "G-single-realtime"
        | "G-nonadjacent-realtime"
        | "G-single-predicate-realtime"
        | "G-nonadjacent-predicate-realtime"
        | "lost-append"
        | "stale-read" => &[Model::StrongSnapshotIsolation],
        "G2-item-realtime" | "G2-realtime" => &[Model::StrictSerializable],
        _ => &[],
    }
}

/// The names of all levels that an anomaly rules out, weakest first.
pub(crate) fn ruled_out(kind: &str) -> Vec<String> {
    let forbidding = NAMES.iter().filter(|(model, _)| model.forbids(kind));
    forbidding.map(|(_, name)| (*name).to_owned()).collect()
}

/// Those of some levels, given by their names, that include none of the others; all names if one
/// of them is no level.
pub fn weakest<'n>(names: &[&'n str]) -> Vec<&'n str> {
    let levels: Result<Vec<Model>, String> = names.iter().map(|name| name.parse()).collect();
    let Ok(levels) = levels else { return names.to_vec() };
    let is_weakest =
        |level: &Model| !levels.iter().any(|other| other != level && level.includes(*other));
    let kept = names.iter().zip(&levels).filter(|(_, level)| is_weakest(level));
    kept.map(|(name, _)| *name).collect()
}

/// The weakest of all levels that these anomalies rule out: what Elle calls `:not`.
pub(super) fn weakest_ruled_out<'k>(kinds: impl Iterator<Item = &'k str> + Clone) -> Vec<Model> {
    let refuted = |model: Model| kinds.clone().any(|kind| model.forbids(kind));
    let all: Vec<Model> = Model::all().filter(|model| refuted(*model)).collect();
    let weakest = |model: &Model| !all.iter().any(|other| other != model && model.includes(*other));
    all.iter().copied().filter(weakest).collect()
}

impl fmt::Display for ConsistencyModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ConsistencyModel {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let lower = word.to_ascii_lowercase();
        let synonym = SYNONYMS.iter().find(|(name, _)| *name == lower).map(|(_, model)| *model);
        let named = || NAMES.iter().find(|(_, name)| *name == word).map(|(model, _)| *model);
        synonym.or_else(named).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
            format!("there is no consistency model `{word}`; known are {}", known.join(", "))
        })
    }
}
