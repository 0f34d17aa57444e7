//! The last questions: each worker asks until it has the answer that it needs.

use perjury_checkers::{Event, Kind, Process};
use perjury_harness::generator::{Context, Generator, Next, each_thread, on_clients};
use perjury_harness::{BoxGenerator, Op};
use serde_json::Value;

/// Answers that a worker waits for, of each sort: those that it needs, and others.
pub(crate) const TRIES: u32 = 20;
/// Nanoseconds from a question without an answer to the next.
pub(crate) const PAUSE: u64 = 200_000_000;
/// Answers that are not enough. Each took something away, so that there is an end.
const MAX_ANSWERS: u32 = 1_000;

/// Whether an answer ends it.
type Enough = fn(&Value) -> bool;

/// On each worker `op`, until it has any answer.
pub(crate) fn until_ok(op: Op) -> BoxGenerator {
    until(op, |_| true)
}

/// On each worker `op`, again and again until an answer is `enough`. A worker without any answer
/// gives up after [`TRIES`] in a row.
pub(crate) fn until(op: Op, enough: Enough) -> BoxGenerator {
    let last =
        Last { op, enough, open: false, done: false, failures: 0, answers: 0, not_before: 0 };
    on_clients(each_thread(Box::new(last)))
}

/// The last questions of one worker.
#[derive(Clone)]
struct Last {
    op: Op,
    enough: Enough,
    open: bool,
    done: bool,
    /// Questions without an answer, in a row.
    failures: u32,
    /// Answers that were not enough.
    answers: u32,
    /// Nanoseconds since the run began.
    not_before: u64,
}

impl Generator for Last {
    fn next(&mut self, context: &Context) -> Next {
        if self.done {
            return Next::Done;
        }
        match context.free_process() {
            Some(process) if !self.open => {
                let at = context.time.max(self.not_before);
                Next::Emit { at, process, op: self.op.clone() }
            }
            _ => Next::PENDING,
        }
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {
        self.open = true;
    }

    fn update(&mut self, context: &Context, event: &Event) {
        // What was still open from before ends here as well: it is not ours.
        if !self.open || event.kind == Kind::Invoke {
            return;
        }
        self.open = false;
        if event.kind == Kind::Ok {
            (self.failures, self.answers) = (0, self.answers + 1);
            self.done = (self.enough)(&event.value) || self.answers >= MAX_ANSWERS;
        } else {
            self.failures += 1;
            self.not_before = context.time + PAUSE;
            self.done = self.failures >= TRIES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perjury_harness::generator::{Completion, Simulation, simulate};
    use serde_json::json;

    /// What each of six workers was answered; `answer` gets the worker and how often it has asked.
    fn played(enough: Enough, answer: impl Fn(u32, usize) -> (Kind, Value)) -> Vec<Vec<Kind>> {
        let mut asked: Vec<Vec<Kind>> = vec![Vec::new(); 6];
        let last = until(Op::new("drain", Value::Null), enough);
        simulate(last, &Simulation::new(6, 3), |event: &Event| {
            let worker = event.process.client().unwrap() % 6;
            let (kind, value) = answer(worker, asked[worker as usize].len());
            asked[worker as usize].push(kind);
            Completion { latency: 1000, kind, value: Some(value) }
        });
        asked
    }

    #[test]
    fn every_worker_asks_until_it_has_an_answer() {
        let asked = played(
            |_| true,
            |worker, times| match (worker, times) {
                // Worker 2 has to ask four times, worker 3 never gets an answer.
                (2, 0..=1) => (Kind::Fail, json!(null)),
                (2, 2) | (3, _) => (Kind::Info, json!(null)),
                _ => (Kind::Ok, json!([])),
            },
        );
        for worker in [0, 1, 4, 5] {
            assert_eq!(asked[worker], [Kind::Ok], "worker {worker}");
        }
        assert_eq!(asked[2], [Kind::Fail, Kind::Fail, Kind::Info, Kind::Ok]);
        assert_eq!(asked[3], vec![Kind::Info; TRIES as usize]);
    }

    #[test]
    fn an_answer_that_is_not_enough_is_asked_for_again() {
        let empty = |value: &Value| value == &json!([]);
        let asked = played(empty, |worker, times| match (worker, times) {
            (0, _) | (_, 2) => (Kind::Ok, json!([])),
            // An endless queue.
            (1, _) => (Kind::Ok, json!([1])),
            // Failures count only in a row.
            (3, 0..=60) if times % 4 > 0 => (Kind::Fail, json!(null)),
            (_, 0..=1) => (Kind::Ok, json!([7])),
            _ => (Kind::Ok, json!([7])),
        });
        assert_eq!(asked[0].len(), 1);
        assert_eq!(asked[4].len(), 3);
        assert!(asked[1].len() <= MAX_ANSWERS as usize);
    }
}
