//! Logs in the style of Kafka: what becomes of records and of those who poll them.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "lost-record",
        "A record was acknowledged with its offset, and consumers went past that offset without \
         it; nobody ever got it. Who relies on the acknowledgement has lost data.",
        "durability, and what a log is",
        source::JEPSEN,
    ),
    class(
        "unseen-record",
        "A record was acknowledged or shown, and a consumer that read to the end of the log later \
         did not find it, nor did anybody after that. It is gone, or hidden for good.",
        "durability, and what a log is",
        source::JEPSEN,
    ),
    class(
        "duplicate-record",
        "A record that was sent once is in a log at two offsets. A send was applied again, as by a \
         retry, and whoever reads the log does its work twice.",
        "what was sent happens once; producers that may retry do not promise that",
        source::JEPSEN,
    ),
    class(
        "poll-skip",
        "A consumer that reads a log in order left out a record that others were given. It will \
         never come back to it.",
        "what a log is: every consumer reads the same records in the same order",
        source::KAFKA,
    ),
    class(
        "nonmonotonic-poll",
        "A consumer was given records again, or out of order, though nobody had moved its \
         position. It does the work twice, or in the wrong order.",
        "what a log is: every consumer reads the same records in the same order",
        source::KAFKA,
    ),
    class(
        "nonmonotonic-send",
        "A process sent two records to one log, one after the other, and they are there in the \
         other order. What depends on their order is read wrongly.",
        "the order of each sender",
        source::KAFKA,
    ),
    class(
        "send-skip",
        "A transaction's records in a log have another's record in between. Where transactions are \
         written in one piece, that cannot be.",
        "contiguous transactions, which Kafka does not promise",
        source::JEPSEN,
    ),
    class(
        "offset-gap",
        "Offsets of a log do not follow one another although that is promised. Either something \
         is missing, or offsets were given to nothing.",
        "consecutive offsets, which logs with transactions do not promise",
        source::JEPSEN,
    ),
    class(
        "precommitted-read",
        "A transaction polled a record that it had sent itself, before it was committed. Consumers \
         are shown what may yet be rolled back.",
        "read committed, as logs with transactions mean it",
        source::JEPSEN,
    ),
    class(
        "group-skip",
        "The consumers of a group were given records before and after one that none of them was \
         ever given. The group's position was moved past it before anybody had it.",
        "delivery at least once to a group",
        source::KAFKA,
    ),
    class(
        "double-assignment",
        "Two members of a group were both said to have a key in one generation of the group. Each does \
         the work for the same records, and neither knows of the other.",
        "that each partition belongs to one member of a group",
        source::KAFKA,
    ),
    class(
        "generation-inversion",
        "A member of a group was told of a generation of the group, and later of an earlier one. Who has \
         which key has gone back to what was over.",
        "the order of a group's generations",
        source::KAFKA,
    ),
];
