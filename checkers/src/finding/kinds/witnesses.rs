//! What is seen besides the history: by clients, in the nodes' logs, of the database's processes.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "assertion-failed",
        "A client asserted something that must always hold, and saw that it did not. No checker of \
         histories knows of it.",
        "what the client asserts",
        source::ANTITHESIS,
    ),
    class(
        "forbidden-log",
        "A line of a node's log matches what the definition of the database says must never be \
         there. What clients were answered may still be right.",
        "what the database's definition asserts",
        source::JEPSEN,
    ),
    class(
        "crash",
        "The database's process ended though nobody had told it to. It may have done so because of a \
         mistake of its own.",
        "that a database stays up while nothing is broken",
        source::JEPSEN,
    ),
];
