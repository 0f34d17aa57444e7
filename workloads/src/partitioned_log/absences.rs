//! Absences: consumers that take their time. Half of the workers ask nothing for a while, again and again,
//! so that their group goes on without them, and they come back to it.

use perjury_checkers::{Event, Process};
use perjury_harness::BoxGenerator;
use perjury_harness::generator::{Context, Generator, Next, Worker, Workers};

/// Nanoseconds from one absence to the next, and how long each is.
const PERIOD: u64 = 5_000_000_000;
const AWAY: u64 = 1_500_000_000;

/// The same operations in the same order, and now and then none of them on every second worker.
pub(super) fn with_absences(generator: BoxGenerator) -> BoxGenerator {
    Box::new(Absences { generator })
}

#[derive(Clone)]
struct Absences {
    generator: BoxGenerator,
}

/// When the workers that are away, if they are, come back; nanoseconds since the run began.
fn away_until(time: u64) -> Option<u64> {
    let begun = time - time % PERIOD;
    (time - begun >= PERIOD - AWAY).then_some(begun + PERIOD)
}

/// Those who are there. One worker alone is never away.
fn present(context: &Context) -> Workers {
    match away_until(context.time) {
        Some(_) => (0..context.concurrency()).step_by(2).map(Worker::Client).collect(),
        None => context.all,
    }
}

impl Generator for Absences {
    fn next(&mut self, context: &Context) -> Next {
        match self.generator.next(&context.restrict(&present(context))) {
            Next::Pending { until } => {
                let back = away_until(context.time);
                Next::Pending { until: until.into_iter().chain(back).min() }
            }
            other => other,
        }
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.generator.update(context, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perjury_checkers::Kind;
    use perjury_harness::Op;
    use perjury_harness::generator::{GeneratorExt, Simulation, quick, repeat, simulate};
    use serde_json::Value;
    use std::time::Duration;

    /// The times of all invocations, with their workers.
    fn played(concurrency: usize) -> Vec<(u64, usize)> {
        let load = repeat(Op::new("poll", Value::Null)).delay(Duration::from_millis(10));
        let events = simulate(
            with_absences(load.time_limit(Duration::from_secs(10))),
            &Simulation::new(concurrency, 2),
            quick,
        );
        let asked = events.iter().filter(|event| event.kind == Kind::Invoke);
        asked
            .map(|event| (event.time, event.process.client().unwrap() as usize % concurrency))
            .collect()
    }

    #[test]
    fn every_second_worker_is_away_for_a_while() {
        let asked = played(4);
        let of = |from: u64, to: u64, odd: usize| {
            let inside = asked.iter().filter(|(time, _)| (from..to).contains(&(time / 1_000_000)));
            inside.filter(|(_, worker)| worker % 2 == odd).count()
        };
        assert!(of(0, 3_500, 1) > 100 && of(0, 3_500, 0) > 100);
        assert_eq!(of(3_500, 5_000, 1), 0);
        assert!(of(3_500, 5_000, 0) > 100);
        assert!(of(5_000, 8_500, 1) > 100);
        assert_eq!(of(8_500, 10_000, 1), 0);
    }

    #[test]
    fn one_worker_alone_stays() {
        assert!(played(1).len() > 900);
    }
}
