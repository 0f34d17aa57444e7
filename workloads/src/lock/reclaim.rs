//! The end of a run on a lock: who has it gives it back, and then everybody gets it once, however long
//! the database takes to take it back from the dead.

use perjury_checkers::dead_holders::is_not_held;
use perjury_checkers::{Event, Kind, Process};
use perjury_harness::generator::{Context, Generator, Next, each_thread, on_clients, phases};
use perjury_harness::generator::{on_few_of_each_node, op};
use perjury_harness::{BoxGenerator, Op};
use serde_json::Value;
use std::time::Duration;

/// Nanoseconds from one attempt to the next.
const PAUSE: u64 = 200_000_000;
/// Calls without an answer that a worker makes up for.
const TRIES: u32 = 20;
/// Workers of each node that want the lock at the end.
const WORKERS: usize = 2;

/// Every worker releases the lock; then some of each node acquire it and release it. They give up a
/// while after the lock should be free again.
pub(super) fn by_all(within: Duration) -> BoxGenerator {
    let release = on_clients(each_thread(op(Op::new("release", Value::Null))));
    let patience = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX).saturating_add(5 * PAUSE);
    let turn = Turn { patience, until: None, not_before: 0, state: State::Wanting, unanswered: 0 };
    phases(vec![release, on_few_of_each_node(WORKERS, each_thread(Box::new(turn)))])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Wanting,
    Acquiring,
    Having,
    Releasing,
    Done,
}

/// One worker's turn.
#[derive(Clone)]
struct Turn {
    /// Nanoseconds from its first attempt to its last.
    patience: u64,
    /// When it gives up, in nanoseconds since the run began.
    until: Option<u64>,
    not_before: u64,
    state: State,
    /// Attempts without an answer.
    unanswered: u32,
}

impl Generator for Turn {
    fn next(&mut self, context: &Context) -> Next {
        let f = match self.state {
            State::Wanting => "acquire",
            State::Having => "release",
            State::Acquiring | State::Releasing => return Next::PENDING,
            State::Done => return Next::Done,
        };
        let Some(process) = context.free_process() else { return Next::PENDING };
        self.until.get_or_insert(context.time.saturating_add(self.patience));
        let at = context.time.max(self.not_before);
        Next::Emit { at, process, op: Op::new(f, Value::Null) }
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {
        self.state = match self.state {
            State::Wanting => State::Acquiring,
            State::Having => State::Releasing,
            other => other,
        };
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if event.kind == Kind::Invoke {
            return;
        }
        let given_up = self.until.is_some_and(|until| context.time >= until);
        self.unanswered += u32::from(event.kind == Kind::Info);
        self.not_before = context.time + PAUSE;
        self.state = match (self.state, event.kind) {
            (State::Acquiring, Kind::Ok) => {
                self.not_before = 0;
                State::Having
            }
            (State::Acquiring, _) if given_up || self.unanswered >= TRIES => State::Done,
            // Who got no answer is another process now, and the lock is not its.
            (State::Acquiring, _) => State::Wanting,
            (State::Releasing, Kind::Fail) if !given_up && !is_not_held(event.error.as_deref()) => {
                State::Having
            }
            (State::Releasing, _) => State::Done,
            (other, _) => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perjury_harness::generator::{Completion, Simulation, simulate};

    const SECOND: u64 = 1_000_000_000;

    /// All events, if the lock is refused until some moment.
    fn played(free_from: u64) -> Vec<Event> {
        let mut holder: Option<Process> = None;
        let turns = by_all(Duration::from_secs(4));
        simulate(turns, &Simulation::new(9, 3), |event: &Event| {
            let ok = match &*event.f {
                "acquire" if holder.is_none() && event.time >= free_from => {
                    holder = Some(event.process);
                    true
                }
                "release" if holder == Some(event.process) => holder.take().is_some(),
                _ => false,
            };
            let kind = if ok { Kind::Ok } else { Kind::Fail };
            Completion { latency: 1_000_000, kind, value: None }
        })
    }

    fn count(events: &[Event], f: &str, kind: Kind) -> usize {
        events.iter().filter(|event| (&*event.f, event.kind) == (f, kind)).count()
    }

    #[test]
    fn all_release_and_two_of_each_node_have_it_once() {
        for free_from in [0, 3 * SECOND] {
            let events = played(free_from);
            let first: Vec<&str> = events.iter().take(9).map(|event| &*event.f).collect();
            assert_eq!(first, ["release"; 9]);
            assert_eq!(count(&events, "acquire", Kind::Ok), 6);
            assert_eq!(count(&events, "release", Kind::Ok), 6);
        }
    }

    #[test]
    fn who_is_told_that_it_has_no_lock_does_not_ask_to_release_it_again() {
        let turn = Turn {
            patience: SECOND,
            until: None,
            not_before: 0,
            state: State::Releasing,
            unanswered: 0,
        };
        let after = |error: &str| {
            let (mut turn, context) = (turn.clone(), Context::new(1, 1));
            turn.update(&context, &failed("release", error));
            turn.state
        };
        assert_eq!(after("declined: not held: the lease has ended"), State::Done);
        assert_eq!(after("no client: refused"), State::Having);
    }

    fn failed(f: &str, error: &str) -> Event {
        Event {
            index: 1,
            time: 2,
            process: Process::Client(0),
            kind: Kind::Fail,
            f: f.into(),
            value: Value::Null,
            node: None,
            error: Some(error.into()),
            due: None,
        }
    }

    #[test]
    fn they_give_up_when_it_should_have_been_free_for_long() {
        let events = played(u64::MAX);
        assert_eq!(count(&events, "acquire", Kind::Ok), 0);
        let last = events.last().unwrap().time;
        assert!((4 * SECOND..7 * SECOND).contains(&last), "{last}");
    }
}
