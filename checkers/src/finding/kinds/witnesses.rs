//! What is seen besides the history: by clients, in the nodes' logs, of the database's processes.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "assertion-failed",
        "A client asserted something that must always hold, and saw that it did not.",
        "what the client asserts",
        source::ANTITHESIS,
    ),
    class(
        "forbidden-log",
        "A line of a node's log says what the database's definition says must never be seen.",
        "what the database's definition asserts",
        source::JEPSEN,
    ),
    class(
        "crash",
        "The database's process ended though nobody had told it to.",
        "that a database stays up while nothing is broken",
        source::JEPSEN,
    ),
];
