//! Parts: what judges some of the events of a history, one after another.

use serde_json::{Map, Value};

use crate::history::{Name, brief::Brief};
use crate::tally::Tally;
use crate::{Anomaly, Finding};

/// Violations kept until somebody asks; others are counted.
const MAX_KEPT: usize = 1_024;

/// Something that cannot have been.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which object, in a keyed history.
    pub key: Option<Value>,
    /// Invocation index of the operation that cannot have been answered so.
    pub operation: u64,
    /// Index of the event at which that was certain.
    pub found_at: u64,
    /// What the object could hold, in words; empty where that is not how it is judged.
    pub states: Vec<String>,
    /// The same, told.
    pub anomaly: Anomaly,
}

/// Violations until somebody asks for them.
#[derive(Debug, Default)]
pub(crate) struct Found {
    kept: Vec<Violation>,
    count: u64,
}

impl Found {
    /// Counts a violation, and tells it only if it will be kept.
    pub(crate) fn add(&mut self, operation: u64, found_at: u64, tell: impl FnOnce() -> Anomaly) {
        self.count += 1;
        if self.kept.len() < MAX_KEPT {
            let anomaly = tell();
            let key = anomaly.key.clone();
            self.kept.push(Violation { key, operation, found_at, states: Vec::new(), anomaly });
        }
    }

    pub(crate) fn take(&mut self) -> (Vec<Violation>, u64) {
        (std::mem::take(&mut self.kept), std::mem::take(&mut self.count))
    }
}

/// What a part has to say at the end.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Counts; those of several parts are added up.
    pub stats: Value,
    /// Why there may be more than was found: an event, and the reason. The first of all parts counts.
    pub unknown: Option<(u64, String)>,
    /// Why there was nothing to judge, if there was nothing. Counts if it is so for all parts.
    pub nothing: Option<String>,
}

/// What is shown one event after another, of all events or of those of some keys.
pub trait Streaming: Send {
    /// The next event, and the functions by number. The error says what is wrong with the event.
    fn push(&mut self, brief: &Brief, names: &[Name]) -> Result<(), String>;

    /// What went wrong since this was asked before: the first few, and how many.
    fn violations(&mut self) -> (Vec<Violation>, u64);

    /// The history ended with the event of index `last`: calls without an answer stay unknown.
    fn finish(&mut self, last: u64, names: &[Name]) -> Part;
}

/// All parts that judge a history together.
pub struct Streams {
    /// The name of the checker of whole histories that says the same.
    pub checker: &'static str,
    pub parts: Vec<Box<dyn Streaming>>,
    /// Whether values are `[key, value]`, and each part has some of the keys.
    pub keyed: bool,
    /// Whether violations are of objects by a model.
    pub of_objects: bool,
}

impl Streams {
    /// One part that judges everything.
    pub fn whole(checker: &'static str, part: Box<dyn Streaming>) -> Self {
        Self { checker, parts: vec![part], keyed: false, of_objects: false }
    }

    pub(super) fn conclude(
        &self,
        parts: Vec<Part>,
        violations: &[Violation],
        count: u64,
    ) -> Finding {
        let mut tally = Tally::default();
        for violation in violations {
            tally.add(|| violation.anomaly.clone());
        }
        let nothing = parts.iter().map(|part| part.nothing.clone()).collect::<Option<Vec<_>>>();
        let nothing = nothing.and_then(|reasons| reasons.into_iter().next());
        let unknown = parts.iter().filter_map(|part| part.unknown.clone()).min();
        let unknown = unknown.map(|(_, why)| why).or(nothing);
        let mut stats = Value::Null;
        for part in parts {
            add(&mut stats, part.stats);
        }
        let mut finding = tally.conclude(self.checker, unknown, stats);
        finding.anomaly_count = count;
        finding
    }
}

/// Adds up counts; what is no number is taken from the first.
fn add(sum: &mut Value, more: Value) {
    match (&mut *sum, more) {
        (Value::Null, more) => *sum = more,
        (Value::Object(sum), Value::Object(more)) => merge(sum, more),
        (Value::Number(one), Value::Number(other)) => {
            if let (Some(one), Some(other)) = (one.as_u64(), other.as_u64()) {
                *sum = one.saturating_add(other).into();
            }
        }
        _ => {}
    }
}

fn merge(sum: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        add(sum.entry(name).or_insert(Value::Null), value);
    }
}
