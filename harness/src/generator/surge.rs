//! Surges: a pace that the nemesis can quicken, and clients that try again at once.

use super::leaf::nanos;
use super::pace::Interval;
use super::{BoxGenerator, Context, Generator, Next};
use crate::Seed;
use perjury_checkers::{Event, Kind, Process};
use std::sync::Arc;
use std::time::Duration;

/// What the load is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// How many times as many operations as usual.
    pub factor: f64,
    /// How many operations follow at once upon one that failed, or of which nobody knows.
    pub retries: u32,
}

impl Load {
    /// As the plan has it.
    pub const USUAL: Self = Self { factor: 1.0, retries: 0 };
}

/// Tells whether an event changes the load, and to what.
pub type ReadLoad = Arc<dyn Fn(&Event) -> Option<Load> + Send + Sync>;

/// Retries that wait for a worker, at most: a storm, not a debt for the rest of the run.
const STORM_MAX: u64 = 1000;

/// As [`super::GeneratorExt::stagger`], with the load that `read` last read from an event: of the
/// nemesis's operation that begins or ends a surge, as it is asked for. Workers limit what comes
/// of it; operations that find none free wait, as those of any generator do.
pub fn surging(
    generator: BoxGenerator,
    seed: Seed,
    mean: Duration,
    read: ReadLoad,
) -> BoxGenerator {
    let rng = seed.derive("generator.stagger").rng();
    let interval = Interval::Uniform(nanos(mean), rng);
    Box::new(Surge { generator, interval, read, load: Load::USUAL, due: None, storm: 0 })
}

#[derive(Clone)]
struct Surge {
    generator: BoxGenerator,
    interval: Interval,
    read: ReadLoad,
    load: Load,
    /// When the next operation is due; `None` before the first.
    due: Option<u64>,
    /// Operations that are to follow at once.
    storm: u64,
}

impl Generator for Surge {
    fn next(&mut self, context: &Context) -> Next {
        let due = if self.storm > 0 { 0 } else { self.due.unwrap_or(0) };
        self.generator.next(context).not_before(due)
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if self.storm > 0 {
            self.storm -= 1;
        } else {
            let interval = self.interval.draw() as f64 / self.load.factor.max(0.001);
            let base = super::pace::base(self.due, at);
            self.due = Some(base.saturating_add(interval as u64));
        }
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if let Some(load) = (self.read)(event) {
            self.load = load;
            self.storm = 0;
            // What is due by the old pace may be far away.
            self.due = self.due.map(|due| due.min(event.time));
        }
        let failed = matches!(event.kind, Kind::Fail | Kind::Info);
        if failed && event.process != Process::Nemesis && self.load.retries > 0 {
            self.storm = (self.storm + u64::from(self.load.retries)).min(STORM_MAX);
        }
        self.generator.update(context, event);
    }
}
