//! Arrivals: when operations are due, by a rate that changes over time, that the nemesis can
//! multiply, and with clients that try again at once.
//!
//! Closed, an operation that comes late puts off those after it: users who wait for each other. Open,
//! it does not: what was due while no worker was free follows at once, each with the time at which it
//! was due, so that a latency counted from there has the wait in it. (Else a database that stands still
//! would be asked nothing meanwhile, and look good: Schroeder et al., "Open Versus Closed: A
//! Cautionary Tale", NSDI 2006; what Tene calls coordinated omission.)

use super::draw::fraction;
use super::pace::CATCH_UP;
use super::{BoxGenerator, Context, Generator, Next};
use crate::Seed;
use crate::rate::{Arrival, Rate};
use perjury_checkers::{Event, Kind, Process};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// What the nemesis makes of the load.
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

/// The operations of `generator` at this rate, counted from when it is first asked, times the load
/// that `read` last read from an event: of the nemesis's operation that begins or ends a surge,
/// as it is asked for. Workers limit what comes of it; operations that find none free wait.
///
/// An open one offers what is late at the time at which it was due: before the context's time.
pub fn arriving(
    generator: BoxGenerator,
    seed: Seed,
    rate: Rate,
    arrival: Arrival,
    read: ReadLoad,
) -> BoxGenerator {
    let mut arrivals = Arrivals {
        generator,
        rate: Arc::new(rate),
        arrival,
        rng: seed.derive("generator.stagger").rng(),
        read,
        load: Load::USUAL,
        began: None,
        count: 0.0,
        due: None,
        storm: 0,
    };
    if arrival == Arrival::Poisson {
        arrivals.count = arrivals.draw();
    }
    Box::new(arrivals)
}

#[derive(Clone)]
struct Arrivals {
    generator: BoxGenerator,
    rate: Arc<Rate>,
    arrival: Arrival,
    rng: ChaCha8Rng,
    read: ReadLoad,
    load: Load,
    /// When it was first asked.
    began: Option<u64>,
    /// How many operations are due, by the rate, when the next one is.
    count: f64,
    /// When that is; `None` until it is asked for.
    due: Option<u64>,
    /// Operations that are to follow at once.
    storm: u64,
}

impl Arrivals {
    /// From one operation to the next, where there is one a unit of time.
    fn draw(&mut self) -> f64 {
        match self.arrival {
            Arrival::Closed => 2.0 * fraction(&mut self.rng),
            Arrival::Constant => 1.0,
            Arrival::Poisson => -fraction(&mut self.rng).ln(),
        }
    }

    /// When the next one is due; far away if there is none.
    fn due(&mut self, now: u64) -> u64 {
        let began = *self.began.get_or_insert(now);
        let (rate, count) = (&self.rate, self.count);
        let due = || rate.time_of(count).map_or(u64::MAX, |after| began.saturating_add(after));
        *self.due.get_or_insert_with(due)
    }

    /// As if the operations so far had been due until `time`.
    fn count_from(&mut self, time: u64) {
        self.count = self.rate.expected(time.saturating_sub(self.began.unwrap_or(time)));
        self.due = None;
    }
}

impl Generator for Arrivals {
    fn next(&mut self, context: &Context) -> Next {
        let due = if self.storm > 0 { context.time } else { self.due(context.time) };
        match self.generator.next(context) {
            Next::Emit { at, process, op } if at <= context.time && self.arrival.is_open() => {
                Next::Emit { at: due, process, op }
            }
            next => next.not_before(due),
        }
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if self.storm > 0 {
            self.storm -= 1;
        } else {
            let late = at.saturating_sub(self.due(at));
            if late > CATCH_UP && !self.arrival.is_open() {
                self.count_from(at);
            }
            self.count += self.draw() / self.load.factor.max(0.001);
            self.due = None;
        }
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if let Some(load) = (self.read)(event) {
            self.load = load;
            self.storm = 0;
            // What is due by the old pace may be far away.
            if self.began.is_some() && self.due(event.time) > event.time {
                self.count_from(event.time);
            }
        }
        let failed = matches!(event.kind, Kind::Fail | Kind::Info);
        if failed && event.process != Process::Nemesis && self.load.retries > 0 {
            self.storm = (self.storm + u64::from(self.load.retries)).min(STORM_MAX);
        }
        self.generator.update(context, event);
    }
}
