//! Kinds of anomalies: what each is called, what it means, and what it breaks, in one place.
//!
//! A finding tells what happened in one history; this tells what such a thing means in any.

mod cycles;
mod logs;
mod objects;
mod queues;
mod replicas;
mod service;
mod sessions;
mod transactions;
mod watches;
mod witnesses;

use serde::Serialize;

/// Papers and books that the classes come from.
pub(crate) mod source {
    pub(crate) const ADYA: &str =
        "Adya, Weak consistency: a generalized theory and optimistic implementations, 1999";
    pub(crate) const HERLIHY: &str =
        "Herlihy and Wing, Linearizability: a correctness condition for concurrent objects, 1990";
    pub(crate) const GIBBONS: &str = "Gibbons and Korach, Testing shared memories, 1997";
    pub(crate) const TERRY: &str =
        "Terry et al., Session guarantees for weakly consistent replicated data, 1994";
    pub(crate) const ELLE: &str =
        "Kingsbury and Alvaro, Elle, in Proceedings of the VLDB Endowment 14(3), 2020";
    pub(crate) const BAILIS: &str =
        "Bailis et al., Scalable atomic visibility with RAMP transactions, 2014";
    pub(crate) const PLUME: &str =
        "Liu et al., Plume, in Proceedings of the ACM on Programming Languages (OOPSLA), 2024";
    pub(crate) const CERONE: &str = "Cerone and Gotsman, Analysing snapshot isolation, 2018";
    pub(crate) const BERENSON: &str =
        "Berenson et al., A critique of ANSI SQL isolation levels, 1995";
    pub(crate) const PAPADIMITRIOU: &str =
        "Papadimitriou, The serializability of concurrent database updates, 1979";
    pub(crate) const LAMPORT: &str =
        "Lamport, How to make a multiprocessor computer, IEEE Transactions on Computers, 1979";
    pub(crate) const JEPSEN: &str = "Jepsen's checkers, jepsen.io/consistency";
    pub(crate) const ANTITHESIS: &str =
        "Antithesis, Sometimes assertions, antithesis.com/docs/best_practices";
    pub(crate) const HENZINGER: &str =
        "Henzinger, Sezgin and Vafeiadis, Aspect-oriented linearizability proofs, 2013";
    pub(crate) const FENCING: &str =
        "Kleppmann, Designing data-intensive applications, 2017, on fencing tokens";
    pub(crate) const CORBETT: &str = "Corbett et al., Spanner, 2012, on external consistency";
    pub(crate) const LEASES: &str =
        "Gray and Cheriton, Leases: a fault-tolerant mechanism for file cache consistency, 1989";
    pub(crate) const RAFT: &str =
        "Ongaro and Ousterhout, In search of an understandable consensus algorithm, 2014";
    pub(crate) const LIPTON: &str =
        "Lipton and Sandberg, PRAM: a scalable shared memory, Princeton University, 1988";
    pub(crate) const ETCD: &str =
        "etcd's documentation, KV API guarantees, and its robustness tests of watches";
    pub(crate) const VOGELS: &str = "Vogels, Eventually consistent, 2009";
    pub(crate) const SHAPIRO: &str = "Shapiro et al., Conflict-free replicated data types, 2011";
    pub(crate) const KAFKA: &str =
        "Kreps et al., Kafka: a distributed messaging system for log processing, 2011";
}

/// What a kind of anomaly means, whatever the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// As in [`Anomaly::kind`](super::Anomaly::kind).
    pub name: String,
    /// Two sentences for somebody who did not write the test.
    pub about: String,
    /// The promise that it breaks; completes "It breaks ...".
    pub breaks: String,
    /// Where it is described.
    pub source: String,
}

/// A row of the tables.
#[derive(Clone, Copy, Debug)]
struct Class {
    name: &'static str,
    about: &'static str,
    breaks: &'static str,
    source: &'static str,
    /// Whether there are also `NAME-process` and `NAME-realtime`, for cycles that need the order
    /// of a session, or of real time.
    ordered: bool,
}

const fn class(
    name: &'static str,
    about: &'static str,
    breaks: &'static str,
    source: &'static str,
) -> Class {
    Class { name, about, breaks, source, ordered: false }
}

/// The endings of cycles that need more than what was read and written.
const ORDERS: [(&str, &str, &str); 2] = [
    (
        "-process",
        "Part of the proof is that one process ran two of these transactions one after the other.",
        "where the own order of each session is promised as well",
    ),
    (
        "-realtime",
        "Part of the proof is that one of these transactions was complete before another began.",
        "where the order of real time is promised as well",
    ),
];

fn tables() -> impl Iterator<Item = &'static Class> {
    let transactions = cycles::CLASSES.iter().chain(transactions::CLASSES);
    transactions
        .chain(objects::CLASSES)
        .chain(queues::CLASSES)
        .chain(logs::CLASSES)
        .chain(watches::CLASSES)
        .chain(replicas::CLASSES)
        .chain(service::CLASSES)
        .chain(witnesses::CLASSES)
        .chain(sessions::CLASSES)
}

/// All kinds that any checker of this crate can give, those of transactions first.
pub fn all() -> Vec<Kind> {
    let mut all = Vec::new();
    for class in tables() {
        all.push(class.plain());
        if class.ordered {
            all.extend(ORDERS.iter().map(|(ending, why, when)| class.with(ending, why, when)));
        }
    }
    all
}

/// What a kind means; `None` for one that is none of ours.
pub fn find(name: &str) -> Option<Kind> {
    if let Some(class) = tables().find(|class| class.name == name) {
        return Some(class.plain());
    }
    ORDERS.iter().find_map(|(ending, why, when)| {
        let base = name.strip_suffix(ending)?;
        let class = tables().find(|class| class.ordered && class.name == base)?;
        Some(class.with(ending, why, when))
    })
}

impl Class {
    fn plain(&self) -> Kind {
        Kind {
            name: self.name.to_owned(),
            about: self.about.to_owned(),
            breaks: self.breaks.to_owned(),
            source: self.source.to_owned(),
        }
    }

    fn with(&self, ending: &str, why: &str, when: &str) -> Kind {
        Kind {
            name: format!("{}{ending}", self.name),
            about: format!("{} {why}", self.about),
            breaks: format!("{}, {when}", self.breaks),
            source: self.source.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
