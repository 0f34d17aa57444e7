//! Faults of a run, put together from the nemesis's events.

pub(super) mod targets;

use super::service::Service;
use perjury_checkers::{Event, History, Process};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A function that breaks something and the one that mends it: `kill` and `start`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    pub breaks: String,
    pub mends: String,
}

impl Pair {
    /// `Pair::new("kill", "start")`.
    pub fn new(breaks: &str, mends: &str) -> Self {
        Self { breaks: breaks.to_owned(), mends: mends.to_owned() }
    }
}

/// What became of a fault.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FaultOutcome {
    /// Observed on the node, and never observed to be gone.
    Installed,
    /// Observed on the node, and later observed to be gone.
    Healed,
    /// Nothing was done.
    Skipped,
    /// Something may have been done.
    Indeterminate,
}

impl FaultOutcome {
    /// As in `results.json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Healed => "healed",
            Self::Skipped => "skipped",
            Self::Indeterminate => "indeterminate",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Installed, Self::Healed, Self::Skipped, Self::Indeterminate]
            .into_iter()
            .find(|outcome| outcome.word() == word)
    }
}

/// One fault: from when it was asked for until it was seen to be gone. Times are nanoseconds
/// since the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultRecord {
    /// Index of the event that asked for it.
    pub index: u64,
    /// The breaking function: `kill`.
    pub f: String,
    /// What it was asked to hit, as far as that can be told in names: nodes, or `all`.
    pub targets: Vec<String>,
    /// The operation's value as recorded.
    #[serde(skip_serializing_if = "Value::is_null", default)]
    pub value: Value,
    pub from_ns: u64,
    /// When it was observed to be in force; `None` if it never was.
    pub observed_ns: Option<u64>,
    /// When it was observed to be gone; `None` if it never was.
    pub to_ns: Option<u64>,
    pub outcome: FaultOutcome,
    /// What was observed.
    #[serde(skip_serializing_if = "Value::is_null", default)]
    pub evidence: Value,
    /// Why it was skipped or is indeterminate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The last try to mend it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mend: Option<Mend>,
    /// Client operations that were called and answered with ok while it was in force.
    pub ok_operations: u64,
    /// What clients got of the database; `None` if it was never observed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service: Option<Service>,
}

/// A try to mend a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mend {
    pub f: String,
    pub from_ns: u64,
    /// When it was done; `None` if the run ended first.
    pub to_ns: Option<u64>,
    pub outcome: FaultOutcome,
    #[serde(skip_serializing_if = "Value::is_null", default)]
    pub evidence: Value,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Whom an operation is to hit, for people, before anything is known of what came of it.
pub fn target_words(value: &Value) -> String {
    targets::words(value, &Value::Null, &targets::names(value, &Value::Null))
}

impl FaultRecord {
    /// Whom it hit, for people: `halves: n1 n2 | n3 n4 n5`.
    pub fn target_words(&self) -> String {
        targets::words(&self.value, &self.evidence, &self.targets)
    }

    /// When it was certainly in force: from its observation until mending began, or for ever.
    pub fn window(&self) -> Option<(u64, u64)> {
        let from = self.observed_ns?;
        let healed = self.mend.as_ref().filter(|_| self.to_ns.is_some());
        Some((from, healed.map_or(u64::MAX, |mend| mend.from_ns.max(from))))
    }

    /// When it may have been in force: from the order to break until it was seen to be gone.
    /// `None` for a fault that was skipped.
    pub fn span(&self) -> Option<(u64, u64)> {
        match self.outcome {
            FaultOutcome::Skipped => None,
            _ => Some((self.from_ns, self.to_ns.unwrap_or(u64::MAX))),
        }
    }
}

/// Faults in the order in which they were asked for.
///
/// The nemesis writes two events for an operation: first what is asked, then what came of it,
/// `{"outcome": "installed", "evidence": ...}`. A mending operation ends the open faults of its
/// pairs on the targets that it names, or all of them when it names none. Cost: linear in events.
pub fn faults_from(history: &History, pairs: &[Pair]) -> Vec<FaultRecord> {
    let mut log = FaultLog::new(pairs);
    for event in history.events().iter().filter(|event| event.process == Process::Nemesis) {
        match Completion::parse(event) {
            Some(completion) => log.complete(event, completion),
            None => log.begin(event),
        }
    }
    log.finish()
}

/// The value of a nemesis operation's second event.
struct Completion {
    outcome: FaultOutcome,
    evidence: Value,
    reason: Option<String>,
}

impl Completion {
    /// `None` for an event that only asks. An error says that it ended without an outcome.
    fn parse(event: &Event) -> Option<Self> {
        let word = event.value.get("outcome").and_then(Value::as_str);
        let Some(outcome) = word.and_then(FaultOutcome::parse) else {
            let reason = Some(event.error.as_deref()?.to_owned());
            return Some(Self { reason, ..Self::missing() });
        };
        let fields = event.value.as_object()?;
        let reason = match fields.get("reason") {
            None | Some(Value::Null) => event.error.as_deref().map(str::to_owned),
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        let evidence = fields.get("evidence").cloned().unwrap_or(Value::Null);
        Some(Self { outcome, evidence, reason })
    }

    fn missing() -> Self {
        let reason = Some("the run ended before it was known what came of it".to_owned());
        Self { outcome: FaultOutcome::Indeterminate, evidence: Value::Null, reason }
    }
}

/// The state of the fold over events.
struct FaultLog {
    /// Mending function -> the functions that it mends.
    mends: BTreeMap<String, BTreeSet<String>>,
    /// Operations without a completion so far, by function, oldest first.
    open: BTreeMap<String, Vec<Event>>,
    records: Vec<FaultRecord>,
    /// Records in force: their position and the targets not mended yet.
    in_force: BTreeMap<usize, BTreeSet<String>>,
}

impl FaultLog {
    fn new(pairs: &[Pair]) -> Self {
        let mut mends: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for pair in pairs {
            mends.entry(pair.mends.clone()).or_default().insert(pair.breaks.clone());
        }
        Self { mends, open: BTreeMap::new(), records: Vec::new(), in_force: BTreeMap::new() }
    }

    fn begin(&mut self, event: &Event) {
        self.open.entry(event.f.to_string()).or_default().push(event.clone());
    }

    fn complete(&mut self, event: &Event, completion: Completion) {
        let open = self.open.get_mut(&*event.f).filter(|open| !open.is_empty());
        // A completion without a beginning is all that is known of it.
        let begun = open.map_or_else(|| without_value(event), |open| open.remove(0));
        self.record(&begun, Some(event.time), completion);
    }

    fn record(&mut self, begun: &Event, ended: Option<u64>, completion: Completion) {
        if self.mends.contains_key(&*begun.f) {
            self.mend(begun, ended, completion);
            return;
        }
        let targets = targets::names(&begun.value, &completion.evidence);
        let installed = completion.outcome == FaultOutcome::Installed;
        // "Healed" from a function that mends nothing known: it is over at once.
        let healed = completion.outcome == FaultOutcome::Healed;
        if installed || completion.outcome == FaultOutcome::Indeterminate {
            self.in_force.insert(self.records.len(), targets.iter().cloned().collect());
        }
        self.records.push(FaultRecord {
            index: begun.index,
            f: begun.f.to_string(),
            targets,
            value: begun.value.clone(),
            from_ns: begun.time,
            observed_ns: ended.filter(|_| installed || healed),
            to_ns: ended.filter(|_| healed),
            outcome: completion.outcome,
            evidence: completion.evidence,
            reason: completion.reason,
            mend: None,
            ok_operations: 0,
            service: None,
        });
    }

    fn mend(&mut self, begun: &Event, ended: Option<u64>, completion: Completion) {
        let breaks = self.mends.get(&*begun.f).cloned().unwrap_or_default();
        let named: BTreeSet<String> =
            targets::names(&begun.value, &Value::Null).into_iter().collect();
        let everything = named.is_empty() || named.contains("all");
        let mut gone = Vec::new();
        for (position, left) in &mut self.in_force {
            let record = &mut self.records[*position];
            let meets = everything || left.is_empty() || !left.is_disjoint(&named);
            if !breaks.contains(&record.f) || !meets {
                continue;
            }
            let healed = completion.outcome == FaultOutcome::Healed;
            if healed {
                left.retain(|target| !everything && !named.contains(target));
            }
            if completion.outcome == FaultOutcome::Skipped && record.mend.is_some() {
                continue;
            }
            record.mend = Some(Mend {
                f: begun.f.to_string(),
                from_ns: begun.time,
                to_ns: ended,
                outcome: completion.outcome,
                evidence: completion.evidence.clone(),
                reason: completion.reason.clone(),
            });
            if healed && left.is_empty() {
                record.to_ns = ended;
                gone.push(*position);
                if record.outcome == FaultOutcome::Installed {
                    record.outcome = FaultOutcome::Healed;
                }
            }
        }
        for position in gone {
            self.in_force.remove(&position);
        }
    }

    fn finish(mut self) -> Vec<FaultRecord> {
        let mut unfinished: Vec<Event> =
            std::mem::take(&mut self.open).into_values().flatten().collect();
        unfinished.sort_by_key(|event| event.index);
        for begun in unfinished {
            self.record(&begun, None, Completion::missing());
        }
        self.records.sort_by_key(|record| record.index);
        self.records
    }
}

fn without_value(event: &Event) -> Event {
    Event { value: Value::Null, ..event.clone() }
}
