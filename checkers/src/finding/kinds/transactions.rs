//! What single transactions, or the reads of a few, show.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "G1a",
        "A transaction saw what another wrote that was rolled back. What it decided on never \
         existed.",
        "read committed",
        source::ADYA,
    ),
    class(
        "G1b",
        "A transaction saw a value that its writer replaced before it committed. That value was \
         never meant for others.",
        "read committed",
        source::ADYA,
    ),
    class(
        "dirty-update",
        "A transaction built on a write of another that was rolled back, and committed. What \
         should have gone away is part of the data now.",
        "read committed",
        source::ELLE,
    ),
    class(
        "duplicate-elements",
        "One append, or one add, is there more than once. It was applied again, as by a retry \
         after an answer that was lost.",
        "every isolation level",
        source::ELLE,
    ),
    class(
        "cyclic-versions",
        "Reads and writes together say that a value came before another and also after it. The \
         versions of that key have no order at all.",
        "every isolation level",
        source::ELLE,
    ),
    class(
        "incompatible-order",
        "Two reads show the same elements in orders that contradict each other. One of them \
         showed an order that did not last, or elements that were lost.",
        "read committed; for single objects, linearizability",
        source::ELLE,
    ),
    class(
        "predicate-mismatch",
        "A selection by a condition returned an item that does not meet the condition. It was \
         read from another state than the condition was tried on.",
        "read committed",
        source::ADYA,
    ),
    class(
        "internal",
        "A transaction does not see what it did itself, or sees something else when it looks \
         again. It is not even consistent with itself.",
        "read atomic and everything stronger",
        source::CERONE,
    ),
    class(
        "early-read",
        "A transaction was complete before others began, yet shows their effects. No order that \
         respects real time explains that.",
        "strong read committed: an order that respects real time",
        source::ADYA,
    ),
    class(
        "non-repeatable-read",
        "A transaction read a key twice and saw two versions of it. Another transaction's write \
         came in between.",
        "repeatable read and read atomic",
        source::BERENSON,
    ),
    class(
        "fractured-read",
        "A transaction saw some of the writes of another and missed the rest. Transactions did \
         not become visible as a whole.",
        "read atomic",
        source::BAILIS,
    ),
    class(
        "non-monotonic-read",
        "A transaction saw what another wrote, and after that an older state of a key that the \
         other had written as well. Within one transaction, time went back.",
        "monotonic atomic view",
        source::PLUME,
    ),
    class(
        "read-your-writes",
        "A session wrote a key and later read an older version of it. It was sent to a replica \
         that had not heard of its own write.",
        "the session guarantee of the same name, and causal consistency",
        source::TERRY,
    ),
    class(
        "monotonic-reads",
        "A session saw what a transaction wrote, and later an older version of a key that it had \
         written. For that session, time went back.",
        "the session guarantee of the same name, and causal consistency",
        source::TERRY,
    ),
    class(
        "monotonic-writes",
        "Somebody saw a later write of a session and missed an earlier one. Writes of one \
         session were applied in another order than they were made.",
        "the session guarantee of the same name, and causal consistency",
        source::TERRY,
    ),
    class(
        "writes-follow-reads",
        "Somebody saw a write and missed what its session had read before it. The answer was \
         there without the question.",
        "the session guarantee of the same name, and causal consistency",
        source::TERRY,
    ),
    class(
        "causality-violation",
        "A transaction saw an effect and missed something that had led to it, over several \
         transactions or sessions. Causes have to be visible where their effects are.",
        "causal consistency",
        source::PLUME,
    ),
    class(
        "long-fork",
        "Two readers saw two independent writes in opposite orders. Each write came first for one \
         of them, as if the database had forked for a while.",
        "snapshot isolation; parallel snapshot isolation allows it",
        source::CERONE,
    ),
    class(
        "wrong-total",
        "Transfers only move money, yet a read shows accounts that hold more or less than all of \
         it. It saw a transfer half done, or money was lost or made.",
        "snapshot isolation",
        source::JEPSEN,
    ),
    class(
        "wrong-accounts",
        "The accounts are the same all the time, yet a read shows more or fewer of them. It saw a \
         state that never was.",
        "snapshot isolation",
        source::JEPSEN,
    ),
    class(
        "negative-balance",
        "An account is overdrawn, although transfers that would overdraw one do nothing. Two \
         transfers were decided on the same balance.",
        "repeatable read and serializability",
        source::JEPSEN,
    ),
];
