//! Pace: how fast operations follow each other, over all workers together.

use super::draw::{below, fraction};
use super::{BoxGenerator, Context, Generator, Next};
use perjury_checkers::{Event, Process};
use rand_chacha::ChaCha8Rng;

/// How late an operation may be and still not delay those after it, in nanoseconds. It makes up
/// for the scheduler's timer, which has ticks of a millisecond, and not for a database that
/// stood still: a burst of everything that was missed would be a load that nobody asked for.
pub(super) const CATCH_UP: u64 = 5_000_000;

/// Time from one operation to the next.
#[derive(Clone)]
pub(super) enum Interval {
    Fixed(u64),
    /// Uniform from 0 to twice the mean.
    Uniform(u64, ChaCha8Rng),
    /// A Poisson process: as from many independent clients.
    Exponential(u64, ChaCha8Rng),
}

impl Interval {
    pub(super) fn draw(&mut self) -> u64 {
        match self {
            Self::Fixed(nanos) => *nanos,
            Self::Uniform(mean, rng) => below(rng, mean.saturating_mul(2)),
            Self::Exponential(mean, rng) => (-fraction(rng).ln() * *mean as f64) as u64,
        }
    }
}

/// Operations at drawn times. One interval is drawn for each operation taken.
#[derive(Clone)]
pub(super) struct Pace {
    pub(super) generator: BoxGenerator,
    pub(super) interval: Interval,
    /// When the next operation is due; `None` before the first.
    pub(super) due: Option<u64>,
}

impl Generator for Pace {
    fn next(&mut self, context: &Context) -> Next {
        self.generator.next(context).not_before(self.due.unwrap_or(0))
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        let base = self.due.filter(|due| at.saturating_sub(*due) <= CATCH_UP).unwrap_or(at);
        self.due = Some(base.saturating_add(self.interval.draw()));
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.generator.update(context, event);
    }
}
