//! Pairing: calls with their answers.

use serde_json::Value;

use super::open::Open;
use super::{Event, History, Kind, Process};

/// The function of an operation that asks nothing of the database: the client ends, says nothing, and
/// gives back nothing of what it holds. Its process is not heard of again.
pub const CRASH: &str = "crash";

/// How the error of a call begins that the database answered, and declined: a compare that was
/// unequal, a lock that another has, an empty queue.
pub const DECLINED: &str = "declined:";

/// How the error of a call begins that a client did not ask the database for, knowing better: a release
/// of a lock that it does not have.
pub const NOT_ASKED: &str = "not asked:";

/// What is known of a call's effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'h> {
    /// It happened, with this answer.
    Ok(&'h Value),
    /// It certainly did not happen.
    Failed,
    /// Nobody knows: `info`, or still open at the end.
    Unknown,
}

/// A client's call with its answer. What was asked and answered stays in the history: answers can
/// be long, and copying them would take longer than judging them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operation<'h> {
    /// The index of the invocation event; names this operation everywhere.
    pub index: u64,
    pub process: u32,
    /// Whether the database answered that it would not do it. Then it failed.
    pub declined: bool,
    /// Whether the client asked the database. If not, it failed.
    pub asked: bool,
    pub f: &'h str,
    /// The value of the invocation.
    pub input: &'h Value,
    pub outcome: Outcome<'h>,
    /// Nanoseconds since the run began.
    pub called: u64,
    /// When it was due, in nanoseconds since the run began: no later than it was called, and sooner in
    /// an open load that found no worker free.
    pub due: u64,
    /// When the answer came, in nanoseconds since the run began; `None` while unknown, for an
    /// unknown call never ends.
    pub returned: Option<u64>,
    /// Index of the completion event, if there is one (also of an `info`).
    pub completion: Option<u64>,
    pub node: Option<&'h str>,
}

impl<'h> Operation<'h> {
    /// Whether it is the end of a client, which asks nothing of the database.
    pub fn is_crash(&self) -> bool {
        self.f == CRASH
    }

    /// How long who wanted it waited for its answer, in nanoseconds.
    pub fn latency(&self) -> Option<u64> {
        Some(self.returned?.saturating_sub(self.due))
    }

    /// A call with the event that ended it, if one did.
    pub fn new(call: &'h Event, completion: Option<&'h Event>) -> Self {
        let mut operation = Self {
            index: call.index,
            process: call.process.client().unwrap_or(u32::MAX),
            declined: false,
            asked: true,
            f: &call.f,
            input: &call.value,
            outcome: Outcome::Unknown,
            called: call.time,
            due: call.due.unwrap_or(call.time).min(call.time),
            returned: None,
            completion: None,
            node: call.node.as_deref(),
        };
        if let Some(event) = completion {
            operation.end_with(event);
        }
        operation
    }

    fn end_with(&mut self, event: &'h Event) {
        self.outcome = match event.kind {
            Kind::Ok => Outcome::Ok(&event.value),
            Kind::Fail => Outcome::Failed,
            Kind::Invoke | Kind::Info => Outcome::Unknown,
        };
        if event.kind == Kind::Fail {
            self.declined = event.is_declined();
            self.asked = !event.is_not_asked();
        }
        self.returned = (self.outcome != Outcome::Unknown).then_some(event.time);
        self.completion = Some(event.index);
    }

    /// The answer, when it happened.
    pub fn output(&self) -> Option<&'h Value> {
        match self.outcome {
            Outcome::Ok(value) => Some(value),
            Outcome::Failed | Outcome::Unknown => None,
        }
    }

    /// Whether it certainly happened.
    pub fn is_ok(&self) -> bool {
        matches!(self.outcome, Outcome::Ok(_))
    }

    /// Whether it certainly did not happen.
    pub fn is_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }

    /// Whether it asked the database for nothing: it is the end of a client, or the client knew better.
    pub fn asks_nothing(&self) -> bool {
        self.is_crash() || !self.asked
    }

    /// Whether the database was there for it: it was done, or declined.
    pub fn is_served(&self) -> bool {
        self.is_ok() || self.declined
    }

    /// Whether nobody knows if it happened.
    pub fn is_unknown(&self) -> bool {
        self.outcome == Outcome::Unknown
    }

    /// The position in the history by which its effect was in place or certainly absent: the
    /// index of its completion, and never (`u64::MAX`) for an unknown call. Two operations are
    /// ordered in real time when one's end is less than the other's `index`.
    pub fn end(&self) -> u64 {
        match self.outcome {
            Outcome::Unknown => u64::MAX,
            Outcome::Ok(_) | Outcome::Failed => self.completion.unwrap_or(u64::MAX),
        }
    }
}

impl History {
    /// Client calls with their answers, ordered by invocation.
    ///
    /// A completion without a call (only a lenient history has those) is an operation of its
    /// own that began and ended at once. Linear in the number of events.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations: Vec<Operation<'_>> = Vec::with_capacity(self.events.len() / 2);
        let mut open: Open<usize> = Open::default();
        for event in &self.events {
            let Process::Client(process) = event.process else { continue };
            if event.kind == Kind::Invoke {
                open.insert(process, operations.len());
                operations.push(Operation::new(event, None));
                continue;
            }
            match open.take(process) {
                Some(position) => operations[position].end_with(event),
                None => operations.push(Operation::new(event, Some(event))),
            }
        }
        operations
    }
}
