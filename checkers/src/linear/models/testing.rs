//! Every model with samples of its calls, for tests that loop over all of them and for the fuzzer.

use std::sync::Arc;

#[cfg(test)]
mod small;

use super::*;
use crate::linear::model::Model;
use crate::linear::synthetic::Random;
#[cfg(test)]
pub(crate) use small::{act, small_history};

/// A model that the tests can make up calls for.
pub(crate) trait Sampled: Model + std::fmt::Debug {
    /// Any call, with few different arguments and answers, so that calls often meet.
    fn sample(&self, random: &mut Random) -> Self::Call;

    /// A call that suits this state, where a random one hardly ever does.
    #[cfg(test)]
    fn suited(&self, _state: &Self::State) -> Option<Self::Call> {
        None
    }

    /// The same call when nobody learnt its outcome; `None` if it then bears on nothing.
    fn unanswered(&self, call: Self::Call) -> Option<Self::Call> {
        Some(call)
    }
}

/// What to do with each model.
pub(crate) trait Visitor {
    fn visit<M: Sampled>(&mut self, name: &'static str, model: &M);
}

/// Hands out every model, each with the options that change what it does.
pub(crate) fn for_every_model(visitor: &mut impl Visitor) {
    visitor.visit("register", &CasRegister::default());
    visitor.visit("mutex", &Mutex);
    visitor.visit("owned-mutex", &OwnedMutex);
    visitor.visit("reentrant-mutex", &ReentrantMutex::default());
    visitor.visit("reentrant-mutex, twice", &ReentrantMutex { most: Some(2) });
    visitor.visit("reentrant-mutex, once", &ReentrantMutex { most: Some(1) });
    visitor.visit("fenced-mutex", &FencedMutex::default());
    visitor.visit("fenced-mutex, reentrant", &FencedMutex { reentrant: true, most: None });
    visitor.visit("fenced-mutex, twice", &FencedMutex { reentrant: true, most: Some(2) });
    visitor.visit("session-mutex", &SessionMutex);
    for permits in [1, 2, 3] {
        visitor.visit("semaphore", &Semaphore::new(permits));
        visitor.visit("semaphore, owned", &Semaphore { permits, owned: true });
    }
    visitor.visit("kv-map", &KvMap::default());
    visitor.visit("kv-map, Porcupine's", &KvMap::porcupine());
    visitor.visit("multi-register", &MultiRegister::default());
    visitor.visit("counter", &CounterObject);
    visitor.visit("id-source", &IdSource::default());
    visitor.visit("id-source, monotonic", &IdSource { monotonic: true });
    visitor.visit("log", &Log);
    visitor.visit("fifo-queue", &FifoQueue::default());
    visitor.visit("unordered-queue", &UnorderedQueue::default());
    visitor.visit("priority-queue", &PriorityQueue::default());
    let max_first = PriorityQueue { max_first: true, ..PriorityQueue::default() };
    visitor.visit("priority-queue, greatest first", &max_first);
    visitor.visit("stack", &Stack);
    visitor.visit("set", &SetObject);
}

/// One of a few.
fn any<T: Copy, const N: usize>(random: &mut Random, choices: [T; N]) -> T {
    choices[random.below(N as u64) as usize]
}

impl Sampled for CasRegister {
    fn sample(&self, random: &mut Random) -> RegisterCall {
        let (x, y) = (random.below(3) as u32, random.below(3) as u32);
        match random.below(10) {
            0..4 => RegisterCall::Read(x),
            4..7 => RegisterCall::Write(x),
            7..9 => RegisterCall::Cas(x, y),
            _ => RegisterCall::CasMiss(x),
        }
    }
}

impl Sampled for Mutex {
    fn sample(&self, random: &mut Random) -> MutexCall {
        any(random, [MutexCall::Acquire, MutexCall::Release])
    }
}

fn owned(random: &mut Random) -> OwnedCall {
    let owner = random.below(3) as u32;
    any(random, [OwnedCall::Acquire(owner), OwnedCall::Release(owner)])
}

impl Sampled for OwnedMutex {
    fn sample(&self, random: &mut Random) -> OwnedCall {
        owned(random)
    }
}

impl Sampled for ReentrantMutex {
    fn sample(&self, random: &mut Random) -> OwnedCall {
        owned(random)
    }
}

impl Sampled for FencedMutex {
    fn sample(&self, random: &mut Random) -> FencedCall {
        let owner = random.below(2) as u32;
        let token = any(random, [None, Some(1), Some(2), Some(3), Some(4), Some(5)]);
        any(random, [FencedCall::Acquire { owner, token }, FencedCall::Release { owner }])
    }

    fn unanswered(&self, call: FencedCall) -> Option<FencedCall> {
        Some(match call {
            FencedCall::Acquire { owner, .. } => FencedCall::Acquire { owner, token: None },
            release @ FencedCall::Release { .. } => release,
        })
    }
}

impl Sampled for SessionMutex {
    fn sample(&self, random: &mut Random) -> FencedCall {
        FencedMutex::default().sample(random)
    }

    fn unanswered(&self, call: FencedCall) -> Option<FencedCall> {
        match call {
            FencedCall::Acquire { owner, .. } => Some(FencedCall::Acquire { owner, token: None }),
            FencedCall::Release { .. } => None,
        }
    }
}

impl Sampled for Semaphore {
    fn sample(&self, random: &mut Random) -> SemaphoreCall {
        let owner = if self.owned { random.below(3) as u32 } else { u32::MAX };
        SemaphoreCall { owner, acquire: random.chance(50), permits: any(random, [1, 1, 1, 2]) }
    }
}

impl Sampled for KvMap {
    fn sample(&self, random: &mut Random) -> KvCall {
        let text = any(random, ["", "a", "b", "aa", "ab", "ba", "aab", "aba", "baa", "x5", "5a"]);
        let value = match random.below(10) {
            0 => serde_json::Value::Null,
            1 => serde_json::Value::from(5),
            _ => serde_json::Value::from(text),
        };
        match random.below(12) {
            0..6 => KvCall::Get(Entry::of(&value)),
            6..8 => KvCall::Put(Entry::of(&value)),
            8 => KvCall::Delete,
            _ => KvCall::Append(Arc::from(any(random, ["a", "b", "ab", ""]).as_bytes())),
        }
    }

    #[cfg(test)]
    fn suited(&self, entry: &Entry) -> Option<KvCall> {
        Some(KvCall::Get(entry.clone()))
    }
}

impl Sampled for MultiRegister {
    fn sample(&self, random: &mut Random) -> Accesses {
        let null = u32::MAX;
        let mut access =
            |write| Access { write, key: random.below(2) as u32, value: any(random, [0, 1, null]) };
        let (read, write, other) = (access(false), access(true), access(true));
        match random.below(6) {
            0 => Box::from([read]),
            1 => Box::from([write]),
            2 => Box::from([read, write]),
            3 => Box::from([write, read]),
            4 => Box::from([write, other]),
            _ => Box::from([read, Access { write: false, ..other }]),
        }
    }

    fn unanswered(&self, call: Accesses) -> Option<Accesses> {
        let writes: Accesses = call.iter().copied().filter(|access| access.write).collect();
        (!writes.is_empty()).then_some(writes)
    }
}

impl Sampled for CounterObject {
    fn sample(&self, random: &mut Random) -> CounterCall {
        let amount = any(random, [1, 1, 1, 2, -1, 0]);
        let value = any(random, [-1, 0, 1, 2, 3, 4]);
        match random.below(4) {
            0 => CounterCall::Read(value),
            1 => CounterCall::Add(amount),
            2 => CounterCall::AddAndGet { amount, new: value },
            _ => CounterCall::FetchAdd { old: value, amount },
        }
    }

    fn unanswered(&self, call: CounterCall) -> Option<CounterCall> {
        match call {
            CounterCall::Read(_) => None,
            other => Some(CounterCall::Add(other.amount())),
        }
    }
}

impl Sampled for IdSource {
    fn sample(&self, random: &mut Random) -> Generate {
        let id = random.below(8) as u32;
        Generate { id, order: i128::from(id) }
    }

    fn unanswered(&self, _call: Generate) -> Option<Generate> {
        None
    }
}

impl Sampled for Log {
    fn sample(&self, random: &mut Random) -> LogCall {
        let value = random.below(4) as u32;
        let offset = random.below(4);
        match random.below(8) {
            0..2 => LogCall::Append { value, offset: None },
            2..5 => LogCall::Append { value, offset: Some(offset) },
            5 => LogCall::Read { offset, value: Some(value) },
            6 => LogCall::Read { offset, value: None },
            _ => LogCall::Length(offset),
        }
    }

    fn unanswered(&self, call: LogCall) -> Option<LogCall> {
        match call {
            LogCall::Append { value, .. } => Some(LogCall::Append { value, offset: None }),
            LogCall::Read { .. } | LogCall::Length(_) => None,
        }
    }
}

/// So many values that about half of the small histories put no value in twice.
const ELEMENTS: u64 = 8;

/// Never a dequeue of unknown outcome: that one is not sure to happen, see [`Sampled::unanswered`].
fn queue_call(random: &mut Random) -> QueueCall {
    let value = random.below(ELEMENTS) as u32;
    match random.below(16) {
        0..8 => QueueCall::Enqueue(value),
        8..14 => QueueCall::Dequeue(value),
        _ => QueueCall::DequeueEmpty,
    }
}

/// Nobody learns what a dequeue without an answer took.
fn unanswered_queue_call(call: QueueCall) -> QueueCall {
    match call {
        QueueCall::Enqueue(value) => QueueCall::Enqueue(value),
        _ => QueueCall::DequeueUnknown,
    }
}

impl Sampled for FifoQueue {
    fn sample(&self, random: &mut Random) -> QueueCall {
        queue_call(random)
    }

    fn unanswered(&self, call: QueueCall) -> Option<QueueCall> {
        Some(unanswered_queue_call(call))
    }
}

impl Sampled for UnorderedQueue {
    fn sample(&self, random: &mut Random) -> QueueCall {
        queue_call(random)
    }

    fn unanswered(&self, call: QueueCall) -> Option<QueueCall> {
        Some(unanswered_queue_call(call))
    }
}

impl Sampled for PriorityQueue {
    /// Each priority is that of two values.
    fn sample(&self, random: &mut Random) -> PriorityCall {
        let ranked = |value: u32| {
            let element = Ranked::integer(i64::from(value / 2), value);
            if self.max_first { element.reversed() } else { element }
        };
        match queue_call(random) {
            QueueCall::Enqueue(value) => PriorityCall::Insert(ranked(value)),
            QueueCall::Dequeue(value) => PriorityCall::Delete(ranked(value)),
            QueueCall::DequeueEmpty => PriorityCall::DeleteEmpty,
            QueueCall::DequeueUnknown => PriorityCall::DeleteUnknown,
        }
    }

    fn unanswered(&self, call: PriorityCall) -> Option<PriorityCall> {
        Some(match call {
            PriorityCall::Insert(element) => PriorityCall::Insert(element),
            _ => PriorityCall::DeleteUnknown,
        })
    }
}

impl Sampled for Stack {
    fn sample(&self, random: &mut Random) -> StackCall {
        match queue_call(random) {
            QueueCall::Enqueue(value) => StackCall::Push(value),
            QueueCall::Dequeue(value) => StackCall::Pop(value),
            QueueCall::DequeueEmpty => StackCall::PopEmpty,
            QueueCall::DequeueUnknown => StackCall::PopUnknown,
        }
    }

    fn unanswered(&self, call: StackCall) -> Option<StackCall> {
        Some(match call {
            StackCall::Push(value) => StackCall::Push(value),
            _ => StackCall::PopUnknown,
        })
    }
}

impl Sampled for SetObject {
    /// Reads of the whole are rare: their engine makes nothing of them where there are removals.
    fn sample(&self, random: &mut Random) -> SetCall {
        let element = random.below(3) as u32;
        let told = any(random, [None, Some(false), Some(true)]);
        match random.below(14) {
            0..5 => SetCall::Add(element, told),
            5..9 => SetCall::Remove(element, told),
            9..13 => SetCall::Contains(element, random.chance(50)),
            _ => {
                let elements = random.below(8);
                let listed = (0..3u32).filter(|element| elements >> element & 1 == 1);
                SetCall::Read(Arc::new(listed.collect()))
            }
        }
    }

    fn unanswered(&self, call: SetCall) -> Option<SetCall> {
        match call {
            SetCall::Add(element, _) => Some(SetCall::Add(element, None)),
            SetCall::Remove(element, _) => Some(SetCall::Remove(element, None)),
            SetCall::Contains(..) | SetCall::Read(_) => None,
        }
    }
}
