//! Samples: of a history that is too long to be held, the events of some workers, from begin to end.
//!
//! Calls are whole in it, and workers are spread evenly over nodes, so shares, latencies and what faults
//! did to the service are as in the whole. Checkers never judge a sample.

use memchr::memmem;
use perjury_checkers::history::jsonl::Events;
use perjury_checkers::history::{ReadError, Recovery};
use perjury_checkers::{Event, History};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Operations that a sample has, about.
const OPERATIONS: u64 = 200_000;
/// Bytes of an operation's two lines, about.
const OPERATION_BYTES: u64 = 190;

/// Which workers' events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Workers from the first on, whole rounds over the nodes.
    pub workers: usize,
    /// Of so many.
    pub of: usize,
}

impl Sample {
    /// For a history of so many bytes, of so many workers on so many nodes.
    pub fn of(bytes: u64, workers: usize, nodes: usize) -> Self {
        let operations = (bytes / OPERATION_BYTES).max(1);
        let share = OPERATIONS as f64 / operations as f64;
        let rounds = (workers as f64 * share / nodes.max(1) as f64).ceil() as usize;
        Self { workers: (rounds.max(1) * nodes.max(1)).min(workers), of: workers }
    }

    /// The part of all workers that it has, above 0 and at most 1.
    pub fn share(self) -> f64 {
        self.workers.max(1) as f64 / self.of.max(1) as f64
    }

    /// What the report says of it.
    pub fn sentence(self) -> String {
        format!(
            "The history is too long to be held in memory. Checkers judged all of it, and all operations \
             are counted; latencies, errors, plots, the timeline and what is said of faults are of {} of \
             {} workers.",
            self.workers, self.of
        )
    }

    /// Whether a line of our writer is of one of these workers, or of nobody's.
    fn has(&self, line: &[u8]) -> bool {
        let Some(at) = memmem::find(line, PROCESS) else { return true };
        let digits = line[at + PROCESS.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        let number = digits.fold(None, |number: Option<u64>, digit| {
            Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0'))
        });
        number.is_none_or(|number| (number % self.of.max(1) as u64) < self.workers as u64)
    }
}

/// What stands before the number of a process.
const PROCESS: &[u8] = b"\"process\":";

/// Takes a sample of bytes as they come.
pub struct Sampler {
    sample: Sample,
    /// Lines that were kept.
    kept: Vec<u8>,
    /// The beginning of a line.
    begun: Vec<u8>,
}

impl Sampler {
    pub fn new(sample: Sample) -> Self {
        Self { sample, kept: Vec::new(), begun: Vec::new() }
    }

    /// The next bytes, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end + 1);
            if self.begun.is_empty() {
                self.take(line);
            } else {
                let mut begun = std::mem::take(&mut self.begun);
                begun.extend_from_slice(line);
                self.take(&begun);
                begun.clear();
                self.begun = begun;
            }
            rest = after;
        }
        self.begun.extend_from_slice(rest);
    }

    fn take(&mut self, line: &[u8]) {
        if self.sample.has(line) {
            self.kept.extend_from_slice(line);
        }
    }

    /// The events that were kept. A line without its end is none.
    ///
    /// # Errors
    /// When a line is no event.
    pub fn finish(self) -> Result<(History, Recovery), ReadError> {
        let mut lines = Events::new(self.kept.as_slice());
        let events: Vec<Event> = lines.by_ref().collect::<Result<_, _>>()?;
        let recovery = lines.recovery.clone();
        Ok((History::new(events)?, recovery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perjury_checkers::{Kind, Process};

    fn lines() -> String {
        let event = |index: u64, process: &str, kind: &str| {
            let time = index * 10;
            let begin = format!("{{\"index\":{index},\"time\":{time},\"process\":{process}");
            format!("{begin},\"type\":\"{kind}\",\"f\":\"read\",\"value\":null}}\n")
        };
        let calls = (0..40).flat_map(|call| {
            let process = (call % 4 + 4 * (call / 20)).to_string();
            [event(2 * call, &process, "invoke"), event(2 * call + 1, &process, "ok")]
        });
        calls.chain([event(80, "\"nemesis\"", "info"), event(81, "\"nemesis\"", "info")]).collect()
    }

    #[test]
    fn whole_calls_of_some_workers_are_kept_and_the_nemesis() {
        let lines = lines();
        for piece in [1, 7, 64, 10_000] {
            let mut sampler = Sampler::new(Sample { workers: 2, of: 4 });
            lines.as_bytes().chunks(piece).for_each(|bytes| sampler.push(bytes));
            let (history, _) = sampler.finish().expect("a history");
            assert_eq!(history.operations().len(), 20, "half of the calls");
            assert!(history.operations().iter().all(|call| call.returned.is_some()));
            let workers: Vec<Process> =
                history.events().iter().map(|event| event.process).collect();
            assert!(workers.contains(&Process::Nemesis) && workers.contains(&Process::Client(5)));
            assert!(
                !workers.contains(&Process::Client(2)) && !workers.contains(&Process::Client(6))
            );
            assert_eq!(history.events().iter().filter(|e| e.kind == Kind::Info).count(), 2);
        }
    }

    #[test]
    fn as_many_workers_as_the_length_allows_in_whole_rounds() {
        assert_eq!(Sample::of(1000, 10, 5), Sample { workers: 10, of: 10 });
        let long = Sample::of(12_000_000_000, 1024, 5);
        assert_eq!(long, Sample { workers: 5, of: 1024 });
        assert_eq!(Sample::of(760_000_000, 1024, 5), Sample { workers: 55, of: 1024 });
        assert_eq!(Sample::of(u64::MAX, 3, 5), Sample { workers: 3, of: 3 });
    }
}
