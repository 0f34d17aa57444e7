//! What clients assert while a test runs, as it comes and on disk at once.

use super::Kind;
use crate::store::{Lines, RunDir, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The file in the run's directory.
pub const FILE: &str = "assertions.jsonl";
/// Failures of one assertion that are kept with what they show.
const FAILURES_MAX: u64 = 5;
/// Assertions that are told apart; what comes later is not recorded.
const NAMES_MAX: usize = 10_000;

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub kind: Kind,
    pub name: String,
    /// Nanoseconds since the run began.
    pub at_ns: u64,
    pub said: Said,
}

/// What is said of an assertion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// There is such an assertion.
    Declared,
    /// It held, for the first time.
    Held,
    /// It did not hold, and what was seen; the first few times.
    Failed(Value),
    /// How often it held and did not, in the end.
    Counted { held: u64, failed: u64 },
}

static CURRENT: Mutex<Option<Recorder>> = Mutex::new(None);

struct Recorder {
    lines: Lines,
    began: Instant,
    tallies: HashMap<(Kind, String), Tally>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    held: u64,
    failed: u64,
}

/// Assertions are recorded until it is dropped.
#[derive(Debug)]
pub struct Recording(());

impl Recording {
    /// Begins; this process records one run at a time.
    pub fn begin(run: &RunDir) -> Result<Self, StoreError> {
        let lines = run.lines(FILE)?;
        *current() = Some(Recorder { lines, began: Instant::now(), tallies: HashMap::new() });
        Ok(Self(()))
    }

    /// Says when time 0 of the run was.
    pub fn count_from(&self, began: Instant) {
        if let Some(recorder) = &mut *current() {
            recorder.began = began;
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(recorder) = current().take() {
            recorder.count();
        }
    }
}

fn current() -> MutexGuard<'static, Option<Recorder>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that there is an assertion. What is declared and never looked at makes the run unknown.
pub fn declare(kind: Kind, name: &str) {
    if let Some(recorder) = &mut *current() {
        recorder.tally(kind, name);
    }
}

/// Asserts that `holds` is true in at least one of the calls with this name in a run.
pub fn sometimes(name: &str, holds: bool) {
    if let Some(recorder) = &mut *current() {
        recorder.look(Kind::Sometimes, name, holds, || Value::Null);
    }
}

/// Asserts that `holds` is true in every call with this name; else the run has an anomaly, with
/// what `details` gives.
pub fn always(name: &str, holds: bool, details: impl FnOnce() -> Value) {
    if let Some(recorder) = &mut *current() {
        recorder.look(Kind::Always, name, holds, details);
    }
}

impl Recorder {
    fn tally(&mut self, kind: Kind, name: &str) -> Option<&mut Tally> {
        let key = (kind, name.to_owned());
        if !self.tallies.contains_key(&key) {
            if self.tallies.len() >= NAMES_MAX {
                return None;
            }
            self.say(kind, name, Said::Declared);
        }
        Some(self.tallies.entry(key).or_default())
    }

    fn look(&mut self, kind: Kind, name: &str, holds: bool, details: impl FnOnce() -> Value) {
        let Some(tally) = self.tally(kind, name) else { return };
        let count = if holds { &mut tally.held } else { &mut tally.failed };
        *count += 1;
        match (*count, holds, kind) {
            (1, true, _) => self.say(kind, name, Said::Held),
            (1..=FAILURES_MAX, false, Kind::Always) => {
                self.say(kind, name, Said::Failed(details()));
            }
            _ => {}
        }
    }

    fn say(&self, kind: Kind, name: &str, said: Said) {
        let at_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let line = Line { kind, name: name.to_owned(), at_ns, said };
        if let Err(error) = self.lines.push(&line) {
            tracing::warn!("an assertion was not recorded: {error}");
        }
    }

    fn count(&self) {
        let mut tallies: Vec<_> = self.tallies.iter().collect();
        tallies.sort_unstable_by_key(|(key, _)| *key);
        for ((kind, name), Tally { held, failed }) in tallies {
            self.say(*kind, name, Said::Counted { held: *held, failed: *failed });
        }
    }
}

/// Reads the lines of a run; none if there is no such file. A torn last line is left out.
pub fn read(run: &RunDir) -> Vec<Line> {
    let bytes = run.read(FILE).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}
