//! What users call cycles, beside the names that Adya gave them.

use crate::txn::cycles::{Cycle, Link};
use crate::txn::graph::Relation;

/// A well-known shape of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    WriteSkew,
    LongFork,
    FracturedRead,
    LostUpdate,
    StaleRead,
    ForgottenSession,
    ReadBeforeItsWrite,
    ReversedWrites,
    Other,
}

use Relation::{PredicateRw, Process, Realtime, Rw, RwWr, Wr, Ww};

fn shape(links: &[Link]) -> Shape {
    let mut relations: Vec<Relation> = links.iter().map(|link| link.relation).collect();
    // Of totals, the transactions in between are not known.
    if relations == [Rw, Wr, Rw, Wr] || relations == [Wr, Rw, Wr, Rw] || relations == [RwWr; 2] {
        return Shape::LongFork;
    }
    let same_key = links.iter().all(|link| link.key == links[0].key);
    relations.sort_unstable();
    match relations.as_slice() {
        [Rw, Rw] => Shape::WriteSkew,
        [Wr, Rw] => Shape::FracturedRead,
        [Ww, Rw] if same_key => Shape::LostUpdate,
        [Rw, Realtime] | [Realtime, PredicateRw] => Shape::StaleRead,
        [Rw, Process] => Shape::ForgottenSession,
        [Wr, Process | Realtime] => Shape::ReadBeforeItsWrite,
        [Ww, Process | Realtime] => Shape::ReversedWrites,
        _ => Shape::Other,
    }
}

fn base(kind: &str) -> &str {
    kind.trim_end_matches("-realtime").trim_end_matches("-process")
}

/// A heading: "Write skew of 2 transactions".
pub(super) fn title(cycle: &Cycle) -> String {
    let what = match (shape(&cycle.links), base(cycle.kind)) {
        (Shape::WriteSkew, _) => "Write skew",
        (Shape::LongFork, _) => "Long fork",
        (Shape::FracturedRead, _) => "Fractured read",
        (Shape::LostUpdate, _) => "Lost update",
        (Shape::StaleRead, _) => "Stale read",
        (Shape::ForgottenSession, _) => "Write forgotten by its own session",
        (Shape::ReadBeforeItsWrite, _) => "Read of a later write",
        (Shape::ReversedWrites, _) => "Writes in reversed order",
        (Shape::Other, "G0") => "Write cycle",
        (Shape::Other, "disputed-G0") => "Write cycle, if the longest reads are true,",
        (Shape::Other, "G1c") => "Circular information flow",
        (Shape::Other, "G-single") => "Read skew",
        (Shape::Other, "G-single-predicate") => "Phantom",
        (Shape::Other, "G-nonadjacent" | "G-nonadjacent-predicate") => {
            "Nonadjacent anti-dependency cycle"
        }
        (Shape::Other, "G2") => "Phantom: anti-dependency cycle over a predicate",
        (Shape::Other, _) => "Anti-dependency cycle",
    };
    format!("{what} of {} transactions", cycle.links.len())
}

/// What is wrong, in two or three sentences.
pub(super) fn explanation(cycle: &Cycle) -> String {
    let shape = shape(&cycle.links);
    let what = of_shape(shape).unwrap_or_else(|| of_kind(base(cycle.kind)));
    let order = match shape {
        Shape::Other if cycle.kind.ends_with("-realtime") => {
            " Part of the order is that one was complete before another began."
        }
        Shape::Other if cycle.kind.ends_with("-process") => {
            " Part of the order is that one process ran them one after the other."
        }
        _ => "",
    };
    format!("{what}{order} No serial order of them gives what they saw.")
}

fn of_shape(shape: Shape) -> Option<&'static str> {
    Some(match shape {
        Shape::WriteSkew => {
            "Each of these transactions missed a write of the other: they ran side by side, each \
             deciding on a state that the other was about to change."
        }
        Shape::LongFork => {
            "Two readers saw two independent writes in opposite orders: each write came first for \
             one of them, as if the database had forked for a while."
        }
        Shape::FracturedRead => {
            "A transaction saw one effect of another and missed another effect of it: \
             transactions did not become visible as a whole."
        }
        Shape::LostUpdate => {
            "A transaction replaced a version that it had never seen: it had read an older one, \
             so the update in between was lost on it."
        }
        Shape::StaleRead => {
            "A transaction missed a write that was complete before it began: it was shown an old \
             state."
        }
        Shape::ForgottenSession => {
            "A process missed a write of its own: what it had done before was not there any more."
        }
        Shape::ReadBeforeItsWrite => {
            "A transaction saw what another wrote only after it: the effect came before its cause."
        }
        Shape::ReversedWrites => {
            "Two writes were applied in the opposite of the order in which they were made."
        }
        Shape::Other => return None,
    })
}

fn of_kind(base: &str) -> &'static str {
    match base {
        "G0" => "The writes of these transactions are interleaved: each overwrote the other.",
        "disputed-G0" => {
            "Reads contradict each other about the order of writes; if the longest is true, each \
             of these transactions overwrote the other."
        }
        "G1c" => "Each of these transactions saw, or overwrote, what the next one did.",
        "G-single" => {
            "One of these transactions missed a write of another whose effects it otherwise \
             depends on: it saw the database in two states at once."
        }
        "G-single-predicate" => {
            "One of these transactions selected by a predicate and missed an item that another \
             added or changed, although it depends on the effects of that one otherwise: it saw \
             the database in two states at once."
        }
        "G-nonadjacent" | "G-nonadjacent-predicate" => {
            "Several of these transactions missed writes of others, in a way that no set of \
             snapshots explains."
        }
        "G2" => {
            "Each of these transactions missed a write of the next, one of them by asking for all \
             items of a kind: an item came or went that it did not notice (a phantom)."
        }
        _ => {
            "Each of these transactions missed a write of the next: they ran as if the others \
             had not happened (write skew)."
        }
    }
}
