//! The last polls: each worker reads everything from the beginning, until there is nothing more.

use crate::last::{PAUSE, TRIES};
use perjury_checkers::{Event, Kind, Process};
use perjury_harness::generator::{Context, Generator, Next, each_thread, on_clients};
use perjury_harness::{BoxGenerator, Op};
use serde_json::{Value, json};

/// Polls of one worker at most: logs that grow faster than they are read have no end.
const MAX_POLLS: u32 = 5_000;

/// On each worker: `assign` all partitions from the beginning, and `poll` until the answer is an
/// empty list for each of them. A new process has to be assigned them anew.
pub(super) fn from_beginning(partitions: u64) -> BoxGenerator {
    let catch_up = CatchUp {
        partitions,
        assigned: None,
        asked: None,
        done: false,
        failures: 0,
        polls: 0,
        not_before: 0,
    };
    on_clients(each_thread(Box::new(catch_up)))
}

#[derive(Clone)]
struct CatchUp {
    partitions: u64,
    /// The process that has the partitions.
    assigned: Option<Process>,
    /// The process that was asked something and has not answered, and whether to poll.
    asked: Option<(Process, bool)>,
    done: bool,
    /// Questions without an answer, in a row.
    failures: u32,
    polls: u32,
    /// Nanoseconds since the run began.
    not_before: u64,
}

impl CatchUp {
    /// Whether an answer to a poll says that nothing is left.
    fn is_end(&self, answer: &Value) -> bool {
        let Some(seen) = answer[0][1].as_object() else { return false };
        let empty = |list: &Value| list.as_array().is_some_and(Vec::is_empty);
        seen.len() as u64 == self.partitions && seen.values().all(empty)
    }
}

impl Generator for CatchUp {
    fn next(&mut self, context: &Context) -> Next {
        if self.done {
            return Next::Done;
        }
        match context.free_process() {
            Some(process) if self.asked.is_none() => {
                let at = context.time.max(self.not_before);
                let op = if self.assigned == Some(process) {
                    Op::new("poll", json!([["poll"]]))
                } else {
                    let keys: Vec<u64> = (0..self.partitions).collect();
                    Op::new("assign", json!({"keys": keys, "from": "beginning"}))
                };
                Next::Emit { at, process, op }
            }
            _ => Next::PENDING,
        }
    }

    fn took(&mut self, _: &Context, _: u64, process: Process) {
        self.asked = Some((process, self.assigned == Some(process)));
    }

    fn update(&mut self, context: &Context, event: &Event) {
        // What was still open from before ends here as well: it is not ours.
        let Some((process, poll)) = self.asked.filter(|_| event.kind != Kind::Invoke) else {
            return;
        };
        self.asked = None;
        if event.kind != Kind::Ok {
            self.failures += 1;
            self.not_before = context.time + PAUSE;
            self.done = self.failures >= TRIES;
            return;
        }
        self.failures = 0;
        self.assigned = Some(process);
        if poll {
            self.polls += 1;
            self.done = self.is_end(&event.value) || self.polls >= MAX_POLLS;
        }
    }
}
