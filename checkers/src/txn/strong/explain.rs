//! Explanation: refutations of strong levels in words.

use super::level::{Isolation, Level, Order};
use super::polygraph::Polygraph;
use super::proof::{Cycle, Lemma, Link, Older, Proof, Relation};
use crate::txn::cycles;
use crate::txn::explain as told;
use crate::txn::graph;
use crate::txn::isolation::ruled_out;
use crate::txn::key_value::{INITIAL, KeyValue};
use crate::txn::transactions::{Action, Transactions};
use crate::{Anomaly, Edge, Step};

/// Transactions, lemmas, cycles that are told one by one.
const MAX_TOLD: usize = 48;

/// A proof and what it speaks of.
pub(super) struct Explainer<'e> {
    pub(super) txns: &'e Transactions,
    pub(super) simple: &'e KeyValue,
    pub(super) polygraph: &'e Polygraph,
    /// The history's word for a write.
    pub(super) write: &'e str,
}

impl Explainer<'_> {
    /// The anomaly that a proof shows: one of Adya's if it is a single cycle of what is known.
    pub(super) fn anomaly(&self, level: Level, proof: &Proof) -> (&'static str, Anomaly) {
        if let [cycle] = proof.cycles.as_slice()
            && proof.lemmas.is_empty()
            && proof.cases.is_empty()
            && level.model().forbids(kind(cycle))
        {
            return (kind(cycle), self.known(cycle));
        }
        let level = weakest(level, proof);
        (general_kind(level), self.cases(level, proof))
    }

    fn known(&self, cycle: &Cycle) -> Anomaly {
        let links = cycle.iter().map(|link| cycles::Link {
            from: self.number(link.from),
            to: self.number(link.to),
            relation: word(link.relation),
            key: self.key(link.relation),
        });
        let known = cycles::Cycle { kind: kind(cycle), links: links.collect() };
        told::cycle(self.txns, self.write, &known, |link, from, to| {
            let same = |other: &&Link| {
                self.number(other.from) == link.from
                    && self.number(other.to) == link.to
                    && word(other.relation) == link.relation
            };
            let link = cycle.iter().find(same);
            link.map_or_else(String::new, |link| self.why(link, from, to))
        })
    }

    /// A proof by several cycles.
    fn cases(&self, level: Level, proof: &Proof) -> Anomaly {
        let names = Names::new(proof);
        let mut steps: Vec<Step> = Vec::new();
        for (at, txn) in names.0.iter().enumerate().take(MAX_TOLD) {
            let number = self.number(*txn);
            let text = told::introduction(self.txns, number, self.write);
            let operations = vec![self.txns.txn(number).index];
            steps.push(Step { text: format!("Let T{} be {text}.", at + 1), operations });
        }
        for lemma in proof.lemmas.iter().take(MAX_TOLD) {
            steps.push(self.lemma(&names, lemma));
        }
        for cycle in proof.cycles.iter().take(MAX_TOLD) {
            steps.push(self.case(&names, proof, cycle));
        }
        let left_out = proof.lemmas.len().saturating_sub(MAX_TOLD)
            + proof.cycles.len().saturating_sub(MAX_TOLD);
        if left_out > 0 {
            let text = format!("{left_out} more steps of the same kinds are left out here.");
            steps.push(Step { text, operations: Vec::new() });
        }
        let text = "So whatever the order of the writes was, some transaction would have to come \
                    before itself: a contradiction.";
        steps.push(Step { text: text.to_owned(), operations: Vec::new() });
        self.told(level, proof, &names, steps)
    }

    fn told(&self, level: Level, proof: &Proof, names: &Names, steps: Vec<Step>) -> Anomaly {
        let kind = general_kind(level);
        let (title, what) = match level.isolation {
            Isolation::Serializable => ("No serial order", "one after the other"),
            Isolation::Snapshot => ("No snapshots", "each on a snapshot, without lost updates"),
            Isolation::Prefix => ("No order of commits", "each on a prefix of the commits"),
        };
        let order = match level.order {
            Order::None => "",
            Order::Session => ", each session's in its order",
            Order::RealTime => ", in the order of real time",
        };
        let links = proof.cycles.iter().flatten().take(MAX_TOLD);
        let edges = links.map(|link| Edge {
            from: self.txns.txn(self.number(link.from)).index,
            to: self.txns.txn(self.number(link.to)).index,
            kind: relation_name(link.relation).to_owned(),
            why: self.why(link, &names.of(link.from), &names.of(link.to)),
        });
        let mut operations: Vec<u64> =
            names.0.iter().map(|txn| self.txns.txn(self.number(*txn)).index).collect();
        operations.sort_unstable();
        let mut relations = proof.cycles.iter().flatten().map(|link| self.key(link.relation));
        let key = relations.find(|key| (*key as usize) < self.txns.key_count());
        Anomaly {
            kind: kind.to_owned(),
            title: format!("{title} of {} transactions ({kind})", names.0.len()),
            explanation: format!(
                "No order of the writes of these transactions explains what they read, if they \
                 ran {what}{order}: each possible order leads to a contradiction."
            ),
            steps,
            operations,
            edges: edges.collect(),
            dead_end: None,
            key: key.map(|key| self.txns.key(key)),
            rules_out: ruled_out(kind),
        }
    }

    fn lemma(&self, names: &Names, lemma: &Lemma) -> Step {
        let text = format!(
            "{}; for otherwise, {}.",
            capital(&self.older(names, lemma.older)),
            self.chain(names, &lemma.cycle)
        );
        Step { text, operations: self.operations(&lemma.cycle) }
    }

    fn case(&self, names: &Names, proof: &Proof, cycle: &Cycle) -> Step {
        let mut assumed: Vec<String> = Vec::new();
        for link in cycle {
            if let Relation::Ww(older) | Relation::Rw(older) = link.relation
                && proof.cases.iter().flatten().any(|case| *case == older)
            {
                let text = self.older(names, older);
                if !assumed.contains(&text) {
                    assumed.push(text);
                }
            }
        }
        let chain = self.chain(names, cycle);
        let text = match assumed.as_slice() {
            [] => format!("{}: a contradiction.", capital(&chain)),
            assumed => format!("If {}, then {chain}: a contradiction.", assumed.join(" and ")),
        };
        Step { text, operations: self.operations(cycle) }
    }

    /// "T1's 3 came before T2's 4 in key x"
    fn older(&self, names: &Names, older: Older) -> String {
        let version = |version: u32| {
            let value = self.value(version);
            match self.polygraph.writer(version) {
                INITIAL => "the initial value".to_owned(),
                writer => format!("{}'s {value}", names.of(writer)),
            }
        };
        let key = self.txns.key(self.polygraph.key_of(older.first));
        format!("{} came before {} in key {key}", version(older.first), version(older.second))
    }

    /// "T1 comes before T2, because ..., and T2 before T1, because ..."
    fn chain(&self, names: &Names, cycle: &Cycle) -> String {
        let links = cycle.iter().map(|link| {
            let (from, to) = (names.of(link.from), names.of(link.to));
            format!("{from} comes before {to}, because {}", self.why(link, &from, &to))
        });
        links.collect::<Vec<String>>().join(", and ")
    }

    fn operations(&self, cycle: &Cycle) -> Vec<u64> {
        cycle.iter().map(|link| self.txns.txn(self.number(link.from)).index).collect()
    }

    fn why(&self, link: &Link, from: &str, to: &str) -> String {
        let numbers = [link.from, link.to].map(|txn| self.number(txn));
        let key = || self.txns.key(self.key(link.relation));
        match link.relation {
            Relation::Session => {
                told::process_order(self.txns, &self.plain(link, numbers), from, to)
            }
            Relation::RealTime => told::real_time(self.txns, &self.plain(link, numbers), from, to),
            Relation::Wr(version) => {
                format!("{to} read {} of key {}, which {from} wrote", self.value(version), key())
            }
            Relation::Ww(Older { first, second }) => format!(
                "{from} wrote {} to key {}, and {to} the later {}",
                self.value(first),
                key(),
                self.value(second)
            ),
            Relation::Rw(Older { first, second }) => format!(
                "{from} read {} of key {}, and {to} wrote the later {}",
                self.value(first),
                key(),
                self.value(second)
            ),
        }
    }

    fn plain(&self, link: &Link, [from, to]: [u32; 2]) -> cycles::Link {
        cycles::Link { from, to, relation: word(link.relation), key: u32::MAX }
    }

    /// The number among all transactions.
    fn number(&self, txn: u32) -> u32 {
        self.simple.numbers[txn as usize]
    }

    fn key(&self, relation: Relation) -> u32 {
        match relation {
            Relation::Session | Relation::RealTime => u32::MAX,
            Relation::Wr(version) => self.polygraph.key_of(version),
            Relation::Ww(older) | Relation::Rw(older) => self.polygraph.key_of(older.first),
        }
    }

    /// What a version holds: what its writer wrote last to the key.
    fn value(&self, version: u32) -> String {
        let (key, writer) = (self.polygraph.key_of(version), self.polygraph.writer(version));
        if writer == INITIAL {
            return "the initial value".to_owned();
        }
        let mut micros = self.txns.micros(self.number(writer)).iter().rev();
        let wrote = micros.find(|micro| micro.action == Action::Write && micro.key == key);
        wrote.map_or_else(String::new, |micro| self.txns.value(micro.value).to_string())
    }
}

/// The transactions of a proof in the order in which it meets them: T1, T2, and so on.
struct Names(Vec<u32>);

impl Names {
    fn new(proof: &Proof) -> Self {
        let mut names: Vec<u32> = Vec::new();
        let lemmas = proof.lemmas.iter().map(|lemma| &lemma.cycle);
        let mut known = std::collections::BTreeSet::new();
        for link in lemmas.chain(&proof.cycles).flatten() {
            if known.insert(link.from) {
                names.push(link.from);
            }
        }
        Self(names)
    }

    fn of(&self, txn: u32) -> String {
        let place = self.0.iter().position(|other| *other == txn);
        place.map_or_else(|| "another transaction".to_owned(), |at| format!("T{}", at + 1))
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn word(relation: Relation) -> graph::Relation {
    match relation {
        Relation::Session => graph::Relation::Process,
        Relation::RealTime => graph::Relation::Realtime,
        Relation::Wr(_) => graph::Relation::Wr,
        Relation::Ww(_) => graph::Relation::Ww,
        Relation::Rw(_) => graph::Relation::Rw,
    }
}

fn relation_name(relation: Relation) -> &'static str {
    match relation {
        Relation::Session => "process",
        Relation::RealTime => "realtime",
        Relation::Wr(_) => "wr",
        Relation::Ww(_) => "ww",
        Relation::Rw(_) => "rw",
    }
}

/// Whether two anti-dependencies follow each other.
fn has_adjacent(cycle: &Cycle) -> bool {
    let rw = |link: &Link| matches!(link.relation, Relation::Rw(_));
    let next = cycle.iter().skip(1).chain(cycle.first());
    cycle.iter().zip(next).any(|(link, next)| rw(link) && rw(next))
}

fn order_of<'c>(cycles: impl Iterator<Item = &'c Cycle>) -> Order {
    let orders = cycles.flatten().map(|link| match link.relation {
        Relation::RealTime => Order::RealTime,
        Relation::Session => Order::Session,
        Relation::Wr(_) | Relation::Ww(_) | Relation::Rw(_) => Order::None,
    });
    orders.max().unwrap_or(Order::None)
}

/// Adya's name of a cycle.
fn kind(cycle: &Cycle) -> &'static str {
    let count = |relation| cycle.iter().filter(|link| word(link.relation) == relation).count();
    let (wr, rw) = (count(graph::Relation::Wr), count(graph::Relation::Rw));
    let names = match rw {
        0 if wr == 0 => ["G0", "G0-process", "G0-realtime"],
        0 => ["G1c", "G1c-process", "G1c-realtime"],
        1 => ["G-single", "G-single-process", "G-single-realtime"],
        _ if has_adjacent(cycle) => ["G2-item", "G2-item-process", "G2-item-realtime"],
        _ => ["G-nonadjacent", "G-nonadjacent-process", "G-nonadjacent-realtime"],
    };
    names[order_of(std::iter::once(cycle)) as usize]
}

/// The weakest level that the cycles of a proof refute.
fn weakest(level: Level, proof: &Proof) -> Level {
    let all = || proof.lemmas.iter().map(|lemma| &lemma.cycle).chain(&proof.cycles);
    let snapshot = level.isolation == Isolation::Serializable && !all().any(has_adjacent);
    let isolation = if snapshot { Isolation::Snapshot } else { level.isolation };
    Level { isolation, order: order_of(all()) }
}

fn general_kind(level: Level) -> &'static str {
    let names = match level.isolation {
        Isolation::Serializable => {
            ["nonserializable", "nonserializable-process", "nonserializable-realtime"]
        }
        Isolation::Snapshot => [
            "not-snapshot-isolated",
            "not-snapshot-isolated-process",
            "not-snapshot-isolated-realtime",
        ],
        Isolation::Prefix => [
            "not-prefix-consistent",
            "not-prefix-consistent-process",
            "not-prefix-consistent-realtime",
        ],
    };
    names[level.order as usize]
}
