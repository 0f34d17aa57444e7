//! Queues, stacks and logs: what elements may come out, and in which order.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "fifo-inversion",
        "An element left a queue before one that had gone in earlier. It is no first-in, \
         first-out queue.",
        "the order of the queue, and linearizability",
        source::HENZINGER,
    ),
    class(
        "lifo-inversion",
        "An element left a stack although another lay on top of it. It is no last-in, first-out \
         stack.",
        "the order of the stack, and linearizability",
        source::HENZINGER,
    ),
    class(
        "priority-inversion",
        "An element left a priority queue before one that goes first and was there. The order of \
         priorities was not kept.",
        "the order of the priority queue, and linearizability",
        source::HENZINGER,
    ),
    class(
        "false-empty",
        "A queue or stack said that it was empty, though at every moment of that call something \
         was in it. Who trusts that answer stops too early.",
        "linearizability",
        source::HENZINGER,
    ),
    class(
        "phantom-dequeue",
        "A queue gave out an element that nobody had put in. It was invented or corrupted.",
        "linearizability",
        source::HENZINGER,
    ),
    class(
        "future-dequeue",
        "A queue gave out an element before anybody asked for it to be put in. The effect came \
         before its cause.",
        "linearizability",
        source::HENZINGER,
    ),
    class(
        "duplicate-dequeue",
        "A queue gave out one element twice. The work it stands for is done again.",
        "delivery at most once, and linearizability",
        source::HENZINGER,
    ),
    class(
        "lost-message",
        "A message was acknowledged, and never came out of the queue although it was drained \
         afterwards. Who relies on the acknowledgement has lost data.",
        "delivery at least once, and durability",
        source::JEPSEN,
    ),
    class(
        "duplicated-message",
        "A message came out of a queue more often than it was sent. The work it stands for is \
         done again.",
        "delivery at most once",
        source::JEPSEN,
    ),
    class(
        "phantom-message",
        "A message came out of a queue that nobody had tried to send, or only in vain. It was \
         invented, or a failure was none.",
        "every promise of a queue",
        source::JEPSEN,
    ),
    class(
        "reordered-message",
        "A producer sent one message and then another, and the second came out of the queue before \
         the first. Who takes them does things in the wrong order.",
        "the order of each producer's messages, where a queue promises it",
        source::HENZINGER,
    ),
    class(
        "phantom-pop",
        "A stack gave out a value that nobody had pushed. It was invented or corrupted.",
        "linearizability",
        source::HENZINGER,
    ),
    class(
        "future-pop",
        "A stack gave out a value before anybody asked for it to be pushed. The effect came \
         before its cause.",
        "linearizability",
        source::HENZINGER,
    ),
    class(
        "duplicate-pop",
        "A stack gave out one value twice. The work it stands for is done again.",
        "linearizability",
        source::HENZINGER,
    ),
    class(
        "inconsistent-offset",
        "A log shows another entry at an offset than was put there, or two different ones. An \
         entry was replaced after it had been acknowledged or shown.",
        "what a log is, and linearizability",
        source::KAFKA,
    ),
    class(
        "duplicate-offset",
        "Two appends were told the same offset. One of them replaced the other.",
        "what a log is, and linearizability",
        source::KAFKA,
    ),
    class(
        "offset-inversion",
        "An append that began after another call was over got an offset that was filled before. \
         The log went back.",
        "linearizability",
        source::KAFKA,
    ),
    class(
        "lost-append",
        "Appends were acknowledged and are missing from what later calls show. Who relies on the \
         acknowledgement has lost data.",
        "durability, and the order of real time",
        source::ELLE,
    ),
    class(
        "duplicate-append",
        "One append is there twice in a value. It was applied again, as by a retry.",
        "linearizability",
        source::HERLIHY,
    ),
];
