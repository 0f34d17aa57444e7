//! Measuring: time, memory, and what a decision comes to.

use std::time::Instant;

use perjury_checkers::Budget;
use perjury_checkers::linear::{Model, Timed, Values, decide};

/// Seconds: by the clock on the wall, and of all processors together, which other work on the
/// machine disturbs less.
pub struct Clock {
    pub wall: f64,
    pub cpu: f64,
}

/// What a row took.
pub struct Measured {
    pub operations: usize,
    pub took: Clock,
    /// Bytes in memory before the check: the history.
    pub before: u64,
    pub verdict: String,
}

/// Runs something and says how long it took.
pub fn timed<T>(run: impl FnOnce() -> T) -> (T, Clock) {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let result = run();
    (result, Clock { wall: begun.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu })
}

/// Decides about calls on one object.
pub fn calls_of<M: Model>(model: &M, initial: &M::State, calls: &[Timed<M::Call>]) -> Measured {
    let before = resident();
    let (decision, took) =
        timed(|| decide(model, initial, calls, &Values::default(), &Budget::default()));
    let verdict = match decision.outcome.is_violation() {
        true => "violated".to_owned(),
        false => format!("{:?}", decision.outcome).split(' ').next().unwrap_or_default().to_owned(),
    };
    let verdict = format!("{verdict} ({})", decision.engine);
    Measured { operations: calls.len(), took, before, verdict }
}

/// User and system time of this process; Linux counts in hundredths.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Bytes of this process in memory now.
pub fn resident() -> u64 {
    status("VmRSS:")
}

/// A field of `/proc/self/status`, in bytes.
pub fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
}
