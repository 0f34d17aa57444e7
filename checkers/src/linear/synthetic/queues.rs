//! Queues that really are atomic, of every kind, with as many enqueues as dequeues.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::{Random, Subject};
use crate::linear::models::{PriorityCall, QueueCall, Ranked};

/// What a client asks of a queue.
#[derive(Clone, Copy, Debug)]
pub enum QueueRequest {
    /// This value, which nobody enqueued before.
    Enqueue(u32),
    Dequeue,
}

/// Asks to enqueue a fresh value, or to dequeue, with equal chances.
fn ask(fresh: &mut u32, random: &mut Random) -> QueueRequest {
    if random.chance(50) {
        return QueueRequest::Dequeue;
    }
    *fresh += 1;
    QueueRequest::Enqueue(*fresh - 1)
}

/// A first-in-first-out queue.
#[derive(Clone, Debug, Default)]
pub struct QueueLoad {
    /// The next value.
    pub fresh: u32,
    pub queue: VecDeque<u32>,
}

impl Subject for QueueLoad {
    type Request = QueueRequest;
    type Call = QueueCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> QueueRequest {
        ask(&mut self.fresh, random)
    }

    fn apply(&mut self, request: &QueueRequest) -> Option<QueueCall> {
        Some(match *request {
            QueueRequest::Enqueue(value) => {
                self.queue.push_back(value);
                QueueCall::Enqueue(value)
            }
            QueueRequest::Dequeue => {
                self.queue.pop_front().map_or(QueueCall::DequeueEmpty, QueueCall::Dequeue)
            }
        })
    }

    fn unanswered(&self, request: &QueueRequest) -> Option<QueueCall> {
        Some(unanswered(*request))
    }
}

fn unanswered(request: QueueRequest) -> QueueCall {
    match request {
        QueueRequest::Enqueue(value) => QueueCall::Enqueue(value),
        QueueRequest::Dequeue => QueueCall::DequeueUnknown,
    }
}

/// A queue that hands out its elements in any order.
#[derive(Clone, Debug)]
pub struct UnorderedQueueLoad {
    /// The next value.
    pub fresh: u32,
    pub elements: Vec<u32>,
    /// Which to hand out.
    pub random: Random,
}

impl UnorderedQueueLoad {
    pub fn new(seed: u64) -> Self {
        Self { fresh: 0, elements: Vec::new(), random: Random(seed) }
    }
}

impl Subject for UnorderedQueueLoad {
    type Request = QueueRequest;
    type Call = QueueCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> QueueRequest {
        ask(&mut self.fresh, random)
    }

    fn apply(&mut self, request: &QueueRequest) -> Option<QueueCall> {
        Some(match *request {
            QueueRequest::Enqueue(value) => {
                self.elements.push(value);
                QueueCall::Enqueue(value)
            }
            QueueRequest::Dequeue if self.elements.is_empty() => QueueCall::DequeueEmpty,
            QueueRequest::Dequeue => {
                let place = self.random.below(self.elements.len() as u64) as usize;
                QueueCall::Dequeue(self.elements.swap_remove(place))
            }
        })
    }

    fn unanswered(&self, request: &QueueRequest) -> Option<QueueCall> {
        Some(unanswered(*request))
    }
}

/// A priority queue.
#[derive(Clone, Debug)]
pub struct PriorityQueueLoad {
    /// The next value.
    pub fresh: u32,
    pub elements: BinaryHeap<Reverse<Ranked>>,
    /// How many different priorities there are.
    pub priorities: u64,
    seed: u64,
}

impl PriorityQueueLoad {
    pub fn new(priorities: u64, seed: u64) -> Self {
        Self { fresh: 0, elements: BinaryHeap::new(), priorities, seed }
    }

    fn ranked(&self, value: u32) -> Ranked {
        let mut random = Random(self.seed ^ u64::from(value) << 32);
        Ranked::integer(random.below(self.priorities) as i64, value)
    }
}

impl Subject for PriorityQueueLoad {
    type Request = QueueRequest;
    type Call = PriorityCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> QueueRequest {
        ask(&mut self.fresh, random)
    }

    fn apply(&mut self, request: &QueueRequest) -> Option<PriorityCall> {
        Some(match *request {
            QueueRequest::Enqueue(value) => {
                self.elements.push(Reverse(self.ranked(value)));
                PriorityCall::Insert(self.ranked(value))
            }
            QueueRequest::Dequeue => match self.elements.pop() {
                Some(Reverse(element)) => PriorityCall::Delete(element),
                None => PriorityCall::DeleteEmpty,
            },
        })
    }

    fn unanswered(&self, request: &QueueRequest) -> Option<PriorityCall> {
        Some(match *request {
            QueueRequest::Enqueue(value) => PriorityCall::Insert(self.ranked(value)),
            QueueRequest::Dequeue => PriorityCall::DeleteUnknown,
        })
    }
}
