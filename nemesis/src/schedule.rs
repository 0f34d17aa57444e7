//! Schedules: break, hold, mend, rest, and again, at times and with targets that a seed decides.

use perjury_harness::generator::{below, concat, on_nemesis, op, sleep, unfold};
use perjury_harness::{BoxGenerator, Op, Seed};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// Endless: after a rest an operation of `breaking`, after a hold `mending`. Rest and hold are
/// drawn evenly from half of `interval` to one and a half of it, so that `interval` is their mean.
pub(crate) fn break_and_mend<F>(
    interval: Duration,
    seed: Seed,
    breaking: F,
    mending: Op,
) -> BoxGenerator
where
    F: FnMut(&mut ChaCha8Rng) -> Op + Clone + Send + 'static,
{
    resting(interval, interval, seed, breaking, mending)
}

/// The same with a quarter of the rest and twice the hold: for what is wrong most of the time, so
/// that other faults come upon it.
pub(crate) fn mostly_broken<F>(
    interval: Duration,
    seed: Seed,
    breaking: F,
    mending: Op,
) -> BoxGenerator
where
    F: FnMut(&mut ChaCha8Rng) -> Op + Clone + Send + 'static,
{
    resting(interval / 4, interval * 2, seed, breaking, mending)
}

fn resting<F>(
    rest: Duration,
    hold: Duration,
    seed: Seed,
    mut breaking: F,
    mending: Op,
) -> BoxGenerator
where
    F: FnMut(&mut ChaCha8Rng) -> Op + Clone + Send + 'static,
{
    on_nemesis(unfold(seed.derive("break and mend"), move |rng| {
        let rest = jitter(rest, rng);
        let breaking = breaking(rng);
        let hold = jitter(hold, rng);
        Some(concat(vec![sleep(rest), op(breaking), sleep(hold), op(mending.clone())]))
    }))
}

fn jitter(interval: Duration, rng: &mut ChaCha8Rng) -> Duration {
    let whole = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX / 2);
    Duration::from_nanos(whole / 2 + below(rng, whole + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use perjury_checkers::{Event, Process};
    use perjury_harness::generator::{Simulation, invocations, quick, simulate};
    use serde_json::Value;

    fn play(seed: u64) -> Vec<Event> {
        let mut count = 0;
        let schedule = break_and_mend(
            Duration::from_secs(10),
            Seed::root(seed),
            move |rng| {
                count += 1;
                Op::new("break", serde_json::json!([count, below(rng, 1000)]))
            },
            Op::new("mend", Value::Null),
        );
        let simulation = Simulation { max_operations: 200, ..Simulation::new(3, 3) };
        simulate(schedule, &simulation, quick)
    }

    #[test]
    fn breaking_and_mending_alternate_at_about_the_interval() {
        let events = play(1);
        let operations = invocations(&events);
        assert_eq!(operations.len(), 200);
        for (number, (process, op)) in operations.iter().enumerate() {
            assert_eq!(*process, Process::Nemesis);
            assert_eq!(&*op.f, if number % 2 == 0 { "break" } else { "mend" });
        }
        let times: Vec<u64> = events.iter().step_by(2).map(|event| event.time).collect();
        let second = 1_000_000_000;
        for pair in times.windows(2) {
            assert!((5 * second..=15 * second + 2).contains(&(pair[1] - pair[0])), "{pair:?}");
        }
        let mean = times[times.len() - 1] / times.len() as u64;
        assert!((9 * second..11 * second).contains(&mean), "{mean}");
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(play(7), play(7));
        assert_ne!(invocations(&play(7)), invocations(&play(8)));
    }
}
