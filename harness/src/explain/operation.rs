//! One operation's neighbourhood: what was around it in time, on its keys, and in its process.

use super::lines::Lines;
use super::steps::{self, StepStory};
use super::touch::{Touch, touches};
use super::{InForce, Paint, Shown, Subject};
use crate::report::logs::LogLine;
use crate::report::text;
use perjury_checkers::Operation;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Concurrent operations that are told.
const CONCURRENT_MAX: usize = 12;
/// Operations in each other list.
const LIST_MAX: usize = 3;
/// Operations that may have happened.
const MAYBE_MAX: usize = 6;

/// Everything around one operation, as `--json` has it.
#[derive(Clone, Debug, Serialize)]
pub struct OperationStory {
    pub operation: Shown,
    /// Anomalies that it is part of, by number.
    pub anomalies: Vec<PartOf>,
    pub faults: Vec<InForce>,
    /// Called before it ended and not answered before it began; on its keys first.
    pub concurrent: Vec<Shown>,
    /// How many more there are of these.
    pub more_concurrent: u64,
    pub keys: Vec<KeyStory>,
    /// What its process did just before and after.
    pub process_before: Option<Shown>,
    pub process_after: Option<Shown>,
    /// The steps of a transaction.
    pub steps: Vec<StepStory>,
    /// Lines that its node wrote around it, by the controller's clock.
    pub logs: Vec<LogLine>,
    /// The command that does it again.
    pub run_again: String,
    /// Operations that steps name, so that they can be told.
    #[serde(skip)]
    named: BTreeMap<u64, String>,
    #[serde(skip)]
    timed: bool,
}

/// An anomaly that an operation is part of.
#[derive(Clone, Debug, Serialize)]
pub struct PartOf {
    pub number: usize,
    pub kind: String,
    pub title: String,
}

/// What happened on one key around an operation.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStory {
    /// Null if the history is of a single object.
    pub key: Value,
    /// The last that changed it and were over before.
    pub writes_before: Vec<Shown>,
    /// Those whose outcome is unknown: they may have changed it at any time after their call.
    pub maybe: Vec<Shown>,
    /// The next that looked at it, called after this one was over.
    pub reads_after: Vec<Shown>,
}

/// The first and last event of an operation, for being at the same time.
fn extent(operation: &Operation<'_>) -> (u64, u64) {
    (operation.index, operation.completion.unwrap_or(u64::MAX))
}

impl OperationStory {
    /// Tells what was around the operation called by the event `index`.
    ///
    /// # Errors
    /// A sentence that says which operations there are.
    pub fn new(subject: &Subject<'_>, index: u64, logs: Vec<LogLine>) -> Result<Self, String> {
        let operation = subject.find(index)?;
        let keys = touches(operation, subject.keyed);
        let (concurrent, more_concurrent) = concurrent(subject, operation, &keys);
        let to = operation.returned.unwrap_or(u64::MAX);
        let steps = steps::steps(subject, operation);
        let indices =
            steps.iter().flat_map(|s| [&s.written_by, &s.read_by, &s.overwritten_by]).flatten();
        let named = indices.filter_map(|index| subject.find(*index).ok());
        let named = named.map(|other| (other.index, subject.shown(other).words)).collect();
        let of_process =
            |other: &&Operation<'_>| other.process == operation.process && other.index != index;
        let all = || subject.operations.iter().filter(of_process);
        let before = all().take_while(|other| other.index < index).last();
        let after = all().find(|other| other.index > index);
        Ok(Self {
            operation: subject.shown(operation),
            anomalies: part_of(subject, index),
            faults: subject.in_force(operation.called, to),
            concurrent,
            more_concurrent,
            keys: keys.iter().map(|touch| key_story(subject, operation, touch)).collect(),
            process_before: before.map(|other| subject.shown(other)),
            process_after: after.map(|other| subject.shown(other)),
            steps,
            logs,
            run_again: subject.again.clone(),
            named,
            timed: subject.timed,
        })
    }

    /// The story for a terminal, no line wider than `width` characters unless a log's is.
    pub fn render(&self, paint: Paint, width: usize) -> String {
        let mut lines = Lines::new(paint, width, self.timed);
        lines.heading(&format!("Operation {}: {}", self.operation.index, self.operation.words));
        lines.about(&self.operation);
        if !self.anomalies.is_empty() {
            lines.section("Part of");
        }
        for anomaly in &self.anomalies {
            let PartOf { number, kind, title } = anomaly;
            lines.bad(&format!("anomaly {number} ({kind}): {title}"));
        }
        lines.faults(&self.faults);
        for step in &self.steps {
            self.step(&mut lines, step);
        }
        lines.operations("At the same time, on its keys first", &self.concurrent);
        if self.more_concurrent > 0 {
            lines.note(&format!("and {} more", text::number(self.more_concurrent)));
        }
        for key in &self.keys {
            let of = match &key.key {
                Value::Null => String::new(),
                key => format!(" of key {}", text::printable(&text::value(key))),
            };
            lines.operations(&format!("Last changes{of} before it"), &key.writes_before);
            lines.operations(&format!("Changes{of} that may have happened"), &key.maybe);
            lines.operations(&format!("Next reads{of}"), &key.reads_after);
        }
        let process = self.operation.process;
        let before: Vec<Shown> = self.process_before.iter().cloned().collect();
        let after: Vec<Shown> = self.process_after.iter().cloned().collect();
        lines.operations(&format!("Process {process} before it"), &before);
        lines.operations(&format!("Process {process} after it"), &after);
        lines.logs(&self.logs);
        lines.again(&self.run_again);
        lines.done()
    }

    fn step(&self, lines: &mut Lines, step: &StepStory) {
        if std::ptr::eq(step, &self.steps[0]) {
            lines.section("Step by step");
        }
        lines.item(&step.words);
        let tell = |lines: &mut Lines, how: &str, indices: &[u64]| {
            for index in indices {
                let words = self.named.get(index).map_or("", String::as_str);
                lines.inner(&format!("{how} #{index}: {words}"));
            }
        };
        tell(lines, "written by", &step.written_by);
        tell(lines, "read by", &step.read_by);
        tell(lines, "overwritten by", &step.overwritten_by);
    }
}

fn part_of(subject: &Subject<'_>, index: u64) -> Vec<PartOf> {
    let all = super::anomaly::numbered(&subject.findings);
    let with = all.into_iter().filter(|(_, _, anomaly)| anomaly.operations.contains(&index));
    let told = with.map(|(number, _, anomaly)| PartOf {
        number,
        kind: text::printable(&anomaly.kind),
        title: text::printable(&anomaly.title),
    });
    told.collect()
}

/// Operations at the same time, those on the same keys first, and how many more there are.
fn concurrent(
    subject: &Subject<'_>,
    operation: &Operation<'_>,
    keys: &[Touch<'_>],
) -> (Vec<Shown>, u64) {
    if !subject.timed {
        return (Vec::new(), 0);
    }
    let (begin, end) = extent(operation);
    let others = subject.operations.iter().filter(|other| {
        let (from, to) = extent(other);
        other.index != operation.index && from < end && begin < to
    });
    let shares = |other: &Operation<'_>| {
        touches(other, subject.keyed).iter().any(|touch| keys.iter().any(|k| k.key == touch.key))
    };
    let mut all: Vec<(bool, &Operation<'_>)> =
        others.map(|other| (!shares(other), other)).collect();
    all.sort_by_key(|(elsewhere, other)| (*elsewhere, other.index));
    let more = all.len().saturating_sub(CONCURRENT_MAX) as u64;
    let told = all.iter().take(CONCURRENT_MAX).map(|(_, other)| subject.shown(other));
    (told.collect(), more)
}

fn key_story(subject: &Subject<'_>, operation: &Operation<'_>, touch: &Touch<'_>) -> KeyStory {
    let on_key = |other: &Operation<'_>, wanted: fn(&Touch<'_>) -> bool| {
        let touches = touches(other, subject.keyed);
        touches.iter().any(|other| other.key == touch.key && wanted(other))
    };
    let end = operation.completion.unwrap_or(u64::MAX);
    let others = || subject.operations.iter().filter(|other| other.index != operation.index);
    // A transaction of a format without times says only what its process did before.
    let over_before = |other: &&Operation<'_>| other.is_ok() && other.end() < operation.index;
    let mut before: Vec<&Operation<'_>> =
        others().filter(over_before).filter(|other| on_key(other, |t| t.writes)).collect();
    before.sort_by_key(|other| other.end());
    let before = before.split_off(before.len().saturating_sub(LIST_MAX));
    let mut maybe: Vec<&Operation<'_>> = others()
        .filter(|other| other.is_unknown() && other.index < end)
        .filter(|other| on_key(other, |t| t.writes))
        .collect();
    let maybe = maybe.split_off(maybe.len().saturating_sub(MAYBE_MAX));
    let later = || others().filter(|other| other.is_ok() && other.index > end);
    let mut after: Vec<&Operation<'_>> =
        later().filter(|other| on_key(other, |t| t.reads)).take(LIST_MAX).collect();
    if after.is_empty() {
        // What is taken from a queue is looked at, too.
        after = later().filter(|other| on_key(other, |_| true)).take(LIST_MAX).collect();
    }
    let told = |found: Vec<&Operation<'_>>| found.into_iter().map(|o| subject.shown(o)).collect();
    KeyStory {
        key: touch.key.cloned().unwrap_or(Value::Null),
        writes_before: told(before),
        maybe: told(maybe),
        reads_after: told(after),
    }
}
