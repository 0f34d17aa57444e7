//! Cycles in words.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::super::key_value::{INITIAL, KeyValue};
use super::super::transactions::{Action, Atom, Micro, NEVER, Transactions};
use super::cycles::{Cycle, Link, Why};
use super::naming;
use crate::words::{seconds, shortened, transaction};
use crate::{Anomaly, Edge, Step};

/// Links of a cycle that are told one by one.
const MAX_TOLD: usize = 100;

/// Links that make a writer visible that are told one by one.
const MAX_PATH: usize = 20;

/// Tells what was found.
pub(super) struct Teller<'t> {
    pub(super) txns: &'t Transactions,
    pub(super) kv: &'t KeyValue,
    /// Whether keys hold lists.
    pub(super) lists: bool,
}

impl Teller<'_> {
    /// "process 3's transaction [...], from 1.2 s to 1.3 s", by the number in [`Transactions`].
    pub(super) fn introduction(&self, number: u32) -> String {
        let txn = self.txns.txn(number);
        let text = self.txns.text(number, if self.lists { "append" } else { "w" });
        let text = transaction(&text);
        if !self.txns.is_timed() {
            return format!("session {}'s transaction {text}", txn.process);
        }
        let span = if txn.end == NEVER {
            format!("begun at {}, without an answer", seconds(txn.called))
        } else {
            format!("from {} to {}", seconds(txn.called), seconds(txn.returned))
        };
        format!("process {}'s transaction {text}, {span}", txn.process)
    }

    /// What a read saw, as it is written in the history.
    pub(super) fn seen(&self, micro: &Micro) -> String {
        let value = match micro.action {
            Action::ReadList => self.txns.values(self.txns.list(micro)),
            _ => self.txns.value(micro.value),
        };
        shortened(&value)
    }

    /// The value by which a read is judged.
    pub(super) fn last_seen(&self, micro: &Micro) -> Option<Atom> {
        match micro.action {
            Action::ReadList => self.txns.list(micro).last().map(|last| Atom(*last)),
            _ => Some(micro.value),
        }
    }

    pub(super) fn cycle(&self, cycle: &Cycle) -> Anomaly {
        let kind = naming::kind(self.kv, cycle);
        let named = Names::new(self.kv, cycle);
        let count = cycle.links.len();
        // Nobody reads a thousand steps; where they go on alike, the middle is left out.
        let middle = if count > MAX_TOLD { MAX_TOLD / 2..count - MAX_TOLD / 2 } else { 0..0 };
        let (start, end) = (&cycle.links[..middle.start], &cycle.links[middle.end..]);
        let told: Vec<&Link> = start.iter().chain(end).collect();
        let mut steps = self.introductions(&named, &told);
        for (at, link) in told.iter().enumerate() {
            if at == middle.start && !middle.is_empty() {
                let text = format!("So it goes on, by way of {} more.", middle.len());
                steps.push(Step { text, operations: Vec::new() });
            }
            steps.push(Step { text: self.step(&named, link), operations: self.operations(link) });
        }
        if let Some(first) = told.first() {
            let name = named.of(first.from);
            steps.push(Step {
                text: format!("So {name} would have to come before itself: a contradiction."),
                operations: self.operations(first),
            });
        }
        let mut operations: Vec<u64> = named.all.iter().map(|txn| self.index(*txn)).collect();
        operations.sort_unstable();
        let key = key(cycle).map(|read| self.key(read));
        let of_key = key.as_ref().map(|key| format!(" of key {key}")).unwrap_or_default();
        let title = if kind > naming::Kind::SessionInformation {
            format!("{}{of_key}", kind.title())
        } else {
            format!("{} of {count} transactions", kind.title())
        };
        Anomaly {
            kind: kind.name().to_owned(),
            title,
            explanation: format!(
                "{} No order in which the transactions could have committed gives what they saw.",
                kind.explanation()
            ),
            steps,
            operations,
            edges: self.edges(&named, &told),
            dead_end: None,
            key,
            rules_out: naming::ruled_out(self.kv, cycle),
        }
    }

    /// "Let T1 be process 3's transaction", of each transaction that is spoken of.
    fn introductions(&self, named: &Names, told: &[&Link]) -> Vec<Step> {
        let mut txns: Vec<u32> = told
            .iter()
            .flat_map(|link| link.with_path().take(1 + MAX_PATH))
            .flat_map(|link| self.txns_of(link))
            .collect();
        txns.sort_unstable_by_key(|txn| named.numbers[txn]);
        txns.dedup();
        let introduce = |txn: &u32| {
            let number = self.kv.numbers[*txn as usize];
            let text = format!("Let {} be {}.", named.of(*txn), self.introduction(number));
            Step { text, operations: vec![self.index(*txn)] }
        };
        txns.iter().map(introduce).collect()
    }

    fn edges(&self, named: &Names, told: &[&Link]) -> Vec<Edge> {
        let mut edges: Vec<Edge> = Vec::new();
        let between = |link: &&Link| link.from != INITIAL && link.to != INITIAL;
        for link in told.iter().flat_map(|link| link.with_path().take(1 + MAX_PATH)).filter(between)
        {
            let edge = Edge {
                from: self.index(link.from),
                to: self.index(link.to),
                kind: word(&link.why).to_owned(),
                why: self.why(named, link),
            };
            if !edges.contains(&edge) {
                edges.push(edge);
            }
        }
        edges
    }

    fn step(&self, named: &Names, link: &Link) -> String {
        let [from, to] = [link.from, link.to].map(|txn| named.of(txn));
        match link.why {
            Why::Initial => format!("But the initial state comes before {to}."),
            _ => format!("{from} comes before {to}, because {}.", self.why(named, link)),
        }
    }

    fn index(&self, txn: u32) -> u64 {
        self.txns.txn(self.kv.numbers[txn as usize]).index
    }

    /// The transactions that a link speaks of.
    fn txns_of(&self, link: &Link) -> impl Iterator<Item = u32> {
        let reader = match link.why {
            Why::Inferred { read, .. } => self.kv.reader(read),
            _ => INITIAL,
        };
        [link.from, reader, link.to].into_iter().filter(|txn| *txn != INITIAL)
    }

    fn operations(&self, link: &Link) -> Vec<u64> {
        let mut all: Vec<u64> = Vec::new();
        for index in self.txns_of(link).map(|txn| self.index(txn)) {
            if !all.contains(&index) {
                all.push(index);
            }
        }
        all
    }

    fn key(&self, read: u32) -> Value {
        self.txns.key(self.kv.all_reads()[read as usize].key)
    }

    /// What a transaction left in a key.
    fn left(&self, txn: u32, key: u32) -> Value {
        if txn == INITIAL {
            return if self.lists { Value::Array(Vec::new()) } else { Value::Null };
        }
        let micros = self.txns.micros(self.kv.numbers[txn as usize]).iter();
        let mine = |m: &&Micro| m.action == Action::Write && m.key == key;
        let last = micros.rev().find(mine);
        last.map_or(Value::Null, |last| self.txns.value(last.value))
    }

    fn why(&self, named: &Names, link: &Link) -> String {
        let [from, to] = [link.from, link.to].map(|txn| named.of(txn));
        match &link.why {
            Why::Initial => "the initial state is before everything".to_owned(),
            Why::Session => {
                let session = self.txns.txn(self.kv.numbers[link.to as usize]).process;
                let who = if self.txns.is_timed() { "process" } else { "session" };
                format!("{who} {session} ran {from} and then {to}")
            }
            Why::Read(read) => self.read(named, *read),
            Why::Inferred { read, path } => {
                let at = self.kv.all_reads()[*read as usize];
                let reader = named.of(self.kv.reader(*read));
                let key = self.key(*read);
                let wrote = self.left(link.from, at.key);
                let told = path.iter().take(MAX_PATH);
                let mut seen: Vec<String> = told.map(|link| self.why(named, link)).collect();
                if path.len() > MAX_PATH {
                    seen.push(format!("and so on, by way of {} more", path.len() - MAX_PATH));
                }
                let what = match (at.from, self.lists) {
                    (INITIAL, _) => "its initial state".to_owned(),
                    (from, true) => {
                        format!("the list up to {}, which {to} appended", self.left(from, at.key))
                    }
                    (from, false) => format!("{}, which {to} wrote", self.left(from, at.key)),
                };
                format!(
                    "{from} wrote {wrote} to key {key} and was visible to {reader} ({}), yet \
                     {reader} read of that key {what}",
                    seen.join("; ")
                )
            }
        }
    }

    fn read(&self, named: &Names, read: u32) -> String {
        let at = self.kv.all_reads()[read as usize];
        let value = self.left(at.from, at.key);
        let [from, reader] = [at.from, self.kv.reader(read)].map(|txn| named.of(txn));
        let did = if self.lists { "appended" } else { "wrote" };
        format!("{reader} read {value} in key {}, which {from} {did}", self.key(read))
    }
}

fn word(why: &Why) -> &'static str {
    match why {
        Why::Initial | Why::Session => "process",
        Why::Read(_) => "wr",
        Why::Inferred { .. } => "ww",
    }
}

/// A read of the key that a cycle is about.
fn key(cycle: &Cycle) -> Option<u32> {
    let inferred = cycle.links.iter().find_map(|link| match link.why {
        Why::Inferred { read, .. } => Some(read),
        _ => None,
    });
    inferred.or_else(|| {
        cycle.links.iter().find_map(|link| match link.why {
            Why::Read(read) => Some(read),
            _ => None,
        })
    })
}

/// The transactions of a cycle, each once; those that are links of it come first.
struct Names {
    all: Vec<u32>,
    numbers: FxHashMap<u32, usize>,
}

impl Names {
    fn new(kv: &KeyValue, cycle: &Cycle) -> Self {
        let mut names = Self { all: Vec::new(), numbers: FxHashMap::default() };
        for link in &cycle.links {
            names.add(link.from);
        }
        for link in &cycle.links {
            if let Why::Inferred { read, path } = &link.why {
                for inner in path {
                    names.add(inner.from);
                }
                names.add(kv.reader(*read));
            }
        }
        names
    }

    fn add(&mut self, txn: u32) {
        let next = self.all.len();
        if txn != INITIAL && *self.numbers.entry(txn).or_insert(next) == next {
            self.all.push(txn);
        }
    }

    fn of(&self, txn: u32) -> String {
        match self.numbers.get(&txn) {
            Some(number) => format!("T{}", number + 1),
            None => "the initial state".to_owned(),
        }
    }
}
