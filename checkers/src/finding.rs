//! Findings: what a checker says, and the anomalies that explain it.

mod dot;
pub mod kinds;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer of a checker. Ordered so that the worst wins: an anomaly is never masked by a
/// checker that could not decide.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Valid,
    Unknown,
    Invalid,
}

/// What one checker concluded from one history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The checker's name.
    pub checker: String,
    pub verdict: Verdict,
    /// Why the verdict is `Unknown`; one sentence. Always set then, never otherwise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Most serious first. Non-empty when `Invalid`.
    #[serde(default)]
    pub anomalies: Vec<Anomaly>,
    /// How many anomalies were found in all; `anomalies` may hold only the first few.
    #[serde(default)]
    pub anomaly_count: u64,
    /// Counts and measures, an object.
    #[serde(default)]
    pub stats: Value,
}

/// One thing a correct system could not have done, with its proof.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Anomaly {
    /// Stable machine name: `stale-read`, `lost-update`, `G1a`, `G-single`, `lost-element`.
    pub kind: String,
    /// The title of a report section, plain words: "Stale read of key 3".
    pub title: String,
    /// Two or three sentences for someone who did not write the test.
    pub explanation: String,
    /// The proof, a sentence a step.
    pub steps: Vec<Step>,
    /// Indices of the *invocation* events of the operations involved, smallest set found.
    pub operations: Vec<u64>,
    /// Dependencies between those operations, when the proof is a cycle.
    #[serde(default)]
    pub edges: Vec<Edge>,
    /// Where a search for a linearization came to its end, when the proof is such a search.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dead_end: Option<DeadEnd>,
    /// The key concerned, when there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<Value>,
    /// Consistency models that this rules out, strongest names of the field: `linearizable`,
    /// `serializable`, `snapshot-isolation`.
    pub rules_out: Vec<String>,
}

/// The longest prefix of a history that can be linearized, and what stands in the way after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadEnd {
    /// Invocation index of the operation whose end cannot be reached.
    pub operation: u64,
    /// Position, from 0, of the event that ends it.
    pub event: u64,
    /// How many operations on this object end before that; they can all be linearized.
    pub verified: u64,
    /// What the object can hold then, in words; the first few.
    pub states: Vec<String>,
    /// The operations that are open then, and why none of them leads on; the first few.
    pub candidates: Vec<Candidate>,
}

/// An operation that might have been next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Its invocation index.
    pub operation: u64,
    pub why: String,
}

/// One step of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    pub text: String,
    /// Invocation indices of the operations that the sentence speaks of.
    #[serde(default)]
    pub operations: Vec<u64>,
}

/// A dependency between two operations of an anomaly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// Invocation index of the operation that must come first.
    pub from: u64,
    /// Invocation index of the operation that must come after.
    pub to: u64,
    /// `ww`, `wr`, `rw`, `realtime` or `process`.
    pub kind: String,
    /// Why it holds: "T1 appended 4 to x, T2 read x without 4".
    pub why: String,
}

impl Finding {
    /// Nothing wrong was found, and everything was looked at.
    pub fn valid(checker: &str, stats: Value) -> Self {
        Self { stats, ..Self::empty(checker, Verdict::Valid) }
    }

    /// The checker could not decide, for `reason`.
    pub fn unknown(checker: &str, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::empty(checker, Verdict::Unknown) }
    }

    /// At least one anomaly.
    pub fn invalid(checker: &str, anomalies: Vec<Anomaly>, stats: Value) -> Self {
        debug_assert!(!anomalies.is_empty(), "an invalid verdict needs an anomaly");
        // In this crate's own tests each history goes through here, so the table is complete.
        #[cfg(test)]
        for anomaly in &anomalies {
            assert!(kinds::find(&anomaly.kind).is_some(), "{} is not in kinds.rs", anomaly.kind);
        }
        let anomaly_count = anomalies.len() as u64;
        Self { anomalies, anomaly_count, stats, ..Self::empty(checker, Verdict::Invalid) }
    }

    fn empty(checker: &str, verdict: Verdict) -> Self {
        Self {
            checker: checker.to_owned(),
            verdict,
            reason: None,
            anomalies: Vec::new(),
            anomaly_count: 0,
            stats: Value::Null,
        }
    }
}

/// The worst of several verdicts; `Valid` when there are none.
pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts.into_iter().max().unwrap_or(Verdict::Valid)
}
