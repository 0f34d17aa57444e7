//! Single objects: registers, sets, queues, locks, logs, counters and identifiers.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "stale-read",
        "A read was answered from an old state, although a newer one had been acknowledged or \
         seen before it began. Such reads come from replicas that lag behind.",
        "linearizability; in transactions, the order of real time",
        source::HERLIHY,
    ),
    class(
        "lost-write",
        "A write was acknowledged and is gone: reads that began later show what was there before \
         it. Nothing else overwrote it.",
        "linearizability, and durability",
        source::HERLIHY,
    ),
    class(
        "lost-update",
        "Two changes were made to the same state, so that one replaced the other without having \
         seen it. An acknowledged change has no effect.",
        "linearizability; in transactions, cursor stability and snapshot isolation",
        source::BERENSON,
    ),
    class(
        "phantom-read",
        "A read shows a value that nobody wrote, nor tried to. It was invented, corrupted, or \
         belongs to another key.",
        "every consistency model",
        source::HERLIHY,
    ),
    class(
        "dirty-read",
        "A read shows a value whose writer was told that it certainly did not happen. Either that \
         was a lie, or the value was shown before it was decided.",
        "every consistency model in which a failure is a failure",
        source::JEPSEN,
    ),
    class(
        "future-read",
        "A read was answered before anybody asked for its value to be written. The effect came \
         before its cause.",
        "every consistency model with an order of cause and effect",
        source::GIBBONS,
    ),
    class(
        "nonlinearizable",
        "No order of the calls respects real time and explains every answer. It is none of the \
         simpler kinds: only several calls together show it.",
        "linearizability",
        source::HERLIHY,
    ),
    class(
        "nonsequential",
        "No order of the calls keeps each process's own order and explains every answer. Even \
         without clocks, the processes cannot have shared one memory.",
        "sequential consistency",
        source::LAMPORT,
    ),
    class(
        "non-monotonic-reads",
        "A process saw a value, and later an older one. For that process, time went back.",
        "monotonic reads, a session guarantee",
        source::TERRY,
    ),
    class(
        "missing-your-writes",
        "A process did not see what it had written itself. It was sent to a replica that had not \
         heard of that write.",
        "read your writes, a session guarantee",
        source::TERRY,
    ),
    class(
        "non-monotonic-writes",
        "A process saw what another had written, but not what that one had written before. Writes \
         of one process were applied in another order than they were made.",
        "monotonic writes, a session guarantee",
        source::TERRY,
    ),
    class(
        "missing-read-write-dependency",
        "A process saw what another had written, but not what that one had seen before it wrote. \
         The answer was there without the question.",
        "writes follow reads, a session guarantee",
        source::TERRY,
    ),
    class(
        "double-grant",
        "A lock was granted while it was held: two had it at the same time. What it protects was \
         open to both.",
        "mutual exclusion, and linearizability",
        source::HERLIHY,
    ),
    class(
        "over-grant",
        "More permits were granted than there are, or one holder got it more often than allowed. \
         What they limit was overrun.",
        "the limit of the semaphore or lock, and linearizability",
        source::HERLIHY,
    ),
    class(
        "unheld-release",
        "A lock or permit was released that was not held, and the release succeeded. Somebody \
         else's hold may have ended by it.",
        "the rules of the lock, and linearizability",
        source::HERLIHY,
    ),
    class(
        "token-inversion",
        "A later holder of a lock got a smaller fencing token, or the same one. What checks the \
         tokens would turn the right holder away and let the wrong one in.",
        "fencing, and linearizability",
        source::FENCING,
    ),
    class(
        "duplicate-id",
        "One identifier was given to two calls, each of which took it as its own. Whatever they \
         name by it is mixed up.",
        "uniqueness of identifiers",
        source::JEPSEN,
    ),
    class(
        "id-inversion",
        "Identifiers are promised to grow, but a call that began after another was over got a \
         smaller one. Sorting by them gives a wrong order.",
        "growing identifiers, and linearizability",
        source::JEPSEN,
    ),
    class(
        "phantom-update",
        "A counter shows more than was ever asked to be added, or a removal that nobody asked \
         for. A change was applied twice, or invented.",
        "linearizability, and any bound on a counter",
        source::HERLIHY,
    ),
    class(
        "lost-element",
        "An element was acknowledged, or seen, and is gone for good. Who relies on the \
         acknowledgement has lost data.",
        "durability, and linearizability",
        source::JEPSEN,
    ),
    class(
        "phantom-element",
        "A set shows an element that nobody had tried to add, or that was removed. It was \
         invented, corrupted, or came back.",
        "every consistency model",
        source::JEPSEN,
    ),
    class(
        "future-element",
        "A set shows an element before anybody asked for it to be added. The effect came before \
         its cause.",
        "linearizability",
        source::GIBBONS,
    ),
    class(
        "duplicate-element",
        "A read of a set shows an element more than once. An add was applied again, as by a \
         retry.",
        "what a set is",
        source::JEPSEN,
    ),
    class(
        "resurrected-element",
        "An element was removed, the removal was acknowledged, and later reads show it again. What \
         remembers the removal was thrown away too early.",
        "every consistency model of a set, eventual consistency among them",
        source::JEPSEN,
    ),
    class(
        "duplicate-add",
        "Two adds of one element both say that they put it in, with no removal in between. One \
         of them did not see the other.",
        "linearizability",
        source::HERLIHY,
    ),
    class(
        "duplicate-remove",
        "Two removals both say that they took an element out that was added once. One of them \
         did not see the other.",
        "linearizability",
        source::HERLIHY,
    ),
    class(
        "incompatible-reads",
        "Two reads of a set each have an element that the other one misses, although none was \
         removed. The elements came in two different orders.",
        "linearizability",
        source::HERLIHY,
    ),
];
