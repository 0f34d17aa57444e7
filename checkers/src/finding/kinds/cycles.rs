//! Cycles of dependencies between transactions.

use super::{Class, class, source};

const fn cycle(
    name: &'static str,
    about: &'static str,
    breaks: &'static str,
    source: &'static str,
) -> Class {
    Class { ordered: true, ..class(name, about, breaks, source) }
}

/// Strongest evidence first: what rules out most.
pub(super) const CLASSES: &[Class] = &[
    cycle(
        "G0",
        "Transactions overwrote each other's writes in turn, so their writes are interleaved. \
         Keys that belong together end up with values of different transactions.",
        "read uncommitted, the weakest isolation level, and with it all others",
        source::ADYA,
    ),
    cycle(
        "disputed-G0",
        "Reads contradict each other about the order of writes; if the longest of them is true, \
         transactions overwrote each other's writes in turn. Either way a read showed an order \
         that did not last.",
        "read committed",
        source::ELLE,
    ),
    cycle(
        "G1c",
        "Each of some transactions saw, or overwrote, what the next one did, and the last one so \
         the first. Information went round in a circle, so none of them can have come first.",
        "read committed",
        source::ADYA,
    ),
    cycle(
        "G-single",
        "A transaction missed a write of another, although it depends on that one's effects in \
         some other way: it saw the database in two states at once. This is also called read \
         skew.",
        "consistent views, snapshot isolation and repeatable read",
        source::ADYA,
    ),
    cycle(
        "G-single-predicate",
        "A transaction asked for all items of a kind and missed one, although it depends on the \
         transaction that made it so. It saw the database in two states at once: a phantom.",
        "consistent views and snapshot isolation",
        source::ADYA,
    ),
    cycle(
        "G-nonadjacent",
        "Several transactions missed writes of others, no two of these misses one after the other \
         in the cycle. No set of snapshots explains that; a long fork is the best known case.",
        "snapshot isolation and repeatable read",
        source::CERONE,
    ),
    cycle(
        "G-nonadjacent-predicate",
        "Several transactions missed what others did, one of them by asking for all items of a \
         kind, no two of these misses one after the other in the cycle. No set of snapshots \
         explains that.",
        "snapshot isolation",
        source::CERONE,
    ),
    cycle(
        "G2-item",
        "Each of some transactions missed a write of the next: they ran as if the others had not \
         happened. With two transactions this is write skew, where each decides on a state that \
         the other is about to change.",
        "repeatable read and serializability; snapshot isolation allows it",
        source::ADYA,
    ),
    cycle(
        "G2",
        "Each of some transactions missed a write of the next, one of them by asking for all \
         items of a kind. An item came or went that it did not notice: a phantom.",
        "serializability; repeatable read and snapshot isolation allow it",
        source::ADYA,
    ),
    cycle(
        "nonserializable",
        "No order of the writes lets these transactions have run one after the other. Every \
         possible order was tried, and each leads to a transaction that comes before itself.",
        "serializability",
        source::PAPADIMITRIOU,
    ),
    cycle(
        "not-snapshot-isolated",
        "No order of the writes lets each of these transactions have read one snapshot without \
         losing an update. Every possible order was tried, and each leads to a contradiction.",
        "snapshot isolation",
        source::CERONE,
    ),
    cycle(
        "not-prefix-consistent",
        "No order of commits lets each of these transactions have seen a beginning of it, and \
         nothing else. Every possible order was tried, and each leads to a contradiction.",
        "prefix consistency",
        source::CERONE,
    ),
];
