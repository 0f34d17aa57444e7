//! What sessions and real time promise of inserts and of numbers that only grow.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "causal-reverse",
        "A read found an insert, and missed one that had been acknowledged before the first one \
         began. It saw what may be an effect without what may be its cause.",
        "strict serializability; serializability allows it",
        source::CORBETT,
    ),
    class(
        "insert-inversion",
        "A process inserted one key and then another. Somebody found the second, and then not the \
         first.",
        "sequential and causal consistency, and what is called PRAM or FIFO consistency",
        source::LIPTON,
    ),
    class(
        "non-monotonic",
        "A number that is only ever raised was seen to fall, or an increment made no more of it than \
         was known. What was shown before has been taken back.",
        "monotonic reads; of different processes, linearizability",
        source::TERRY,
    ),
    class(
        "two-leaders",
        "Two candidates were said to lead in one term. Who obeys the leader of a term obeys two of \
         them.",
        "what an election is for, and linearizability",
        source::RAFT,
    ),
    class(
        "held-by-the-dead",
        "Calls were refused a lock as somebody has it, long after the last who can have had it was gone. \
         Nobody will release it.",
        "that a lock is taken back from who is gone, and with it everybody's progress",
        source::LEASES,
    ),
    class(
        "lost-release",
        "Calls were refused a lock as somebody has it, after everybody who was granted it had released it. \
         A release that was acknowledged has been forgotten.",
        "linearizability of the lock, and everybody's progress",
        source::HERLIHY,
    ),
    class(
        "term-regression",
        "Somebody was told of a term, and later of an earlier one, or was elected in one. An office \
         that was over has come back.",
        "monotonic reads; of different processes, linearizability",
        source::RAFT,
    ),
];
