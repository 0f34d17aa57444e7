//! Cycles in words.

use serde_json::Value;

use super::super::key_value::{INITIAL, KeyValue};
use super::super::transactions::{Action, Atom, Micro, NEVER, Transactions};
use super::cycles::{Cycle, Link, Why};
use super::naming;
use crate::words::{seconds, shortened};
use crate::{Anomaly, Edge, Step};

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
        let text = shortened(&text);
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
        let named = named(self.kv, cycle);
        let mut steps: Vec<Step> = Vec::new();
        for txn in &named {
            let number = self.kv.numbers[*txn as usize];
            let text = format!("Let {} be {}.", name(&named, *txn), self.introduction(number));
            steps.push(Step { text, operations: vec![self.index(*txn)] });
        }
        let mut edges: Vec<Edge> = Vec::new();
        for link in cycle.all_links().filter(|link| is_edge(link)) {
            let edge = Edge {
                from: self.index(link.from),
                to: self.index(link.to),
                kind: word(&link.why).to_owned(),
                why: self.why(&named, link),
            };
            if !edges.contains(&edge) {
                edges.push(edge);
            }
        }
        for link in &cycle.links {
            let [from, to] = [link.from, link.to].map(|txn| name(&named, txn));
            let text = match link.why {
                Why::Initial => format!("But the initial state comes before {to}."),
                _ => format!("{from} comes before {to}, because {}.", self.why(&named, link)),
            };
            steps.push(Step { text, operations: self.operations([link].into_iter()) });
        }
        let first = cycle.links.first().map_or(INITIAL, |link| link.from);
        steps.push(Step {
            text: format!(
                "So {} would have to come before itself: a contradiction.",
                name(&named, first)
            ),
            operations: self.operations(cycle.links.first().into_iter()),
        });
        let mut operations: Vec<u64> = named.iter().map(|txn| self.index(*txn)).collect();
        operations.sort_unstable();
        let missed = cycle.links.iter().find_map(|link| match link.why {
            Why::Inferred { read, .. } => Some(read),
            _ => None,
        });
        let read = cycle.links.iter().find_map(|link| match link.why {
            Why::Read(read) => Some(read),
            _ => None,
        });
        let key = missed.or(read).map(|read| self.key(read));
        let of_key = key.as_ref().map(|key| format!(" of key {key}")).unwrap_or_default();
        let is_read = kind > naming::Kind::CyclicInformation;
        Anomaly {
            kind: kind.name().to_owned(),
            title: match is_read {
                true => format!("{}{of_key}", kind.title()),
                false => format!("{} of {} transactions", kind.title(), named.len()),
            },
            explanation: format!(
                "{} No order in which the transactions could have committed gives what they saw.",
                kind.explanation()
            ),
            steps,
            operations,
            edges,
            dead_end: None,
            key,
            rules_out: naming::ruled_out(self.kv, cycle),
        }
    }

    fn index(&self, txn: u32) -> u64 {
        self.txns.txn(self.kv.numbers[txn as usize]).index
    }

    fn operations<'l>(&self, links: impl Iterator<Item = &'l Link>) -> Vec<u64> {
        let mut all: Vec<u64> = Vec::new();
        for link in links {
            let reader = match link.why {
                Why::Inferred { read, .. } => self.kv.reader(read),
                _ => INITIAL,
            };
            let txns = [link.from, reader, link.to].into_iter().filter(|txn| *txn != INITIAL);
            for index in txns.map(|txn| self.index(txn)) {
                if !all.contains(&index) {
                    all.push(index);
                }
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

    fn why(&self, named: &[u32], link: &Link) -> String {
        let [from, to] = [link.from, link.to].map(|txn| name(named, txn));
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
                let reader = name(named, self.kv.reader(*read));
                let key = self.key(*read);
                let wrote = self.left(link.from, at.key);
                let seen: Vec<String> = path.iter().map(|link| self.why(named, link)).collect();
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

    fn read(&self, named: &[u32], read: u32) -> String {
        let at = self.kv.all_reads()[read as usize];
        let value = self.left(at.from, at.key);
        let [from, reader] = [at.from, self.kv.reader(read)].map(|txn| name(named, txn));
        let did = if self.lists { "appended" } else { "wrote" };
        format!("{reader} read {value} in key {}, which {from} {did}", self.key(read))
    }
}

/// Whether a link is between two transactions.
fn is_edge(link: &Link) -> bool {
    link.from != INITIAL && link.to != INITIAL
}

fn word(why: &Why) -> &'static str {
    match why {
        Why::Initial | Why::Session => "process",
        Why::Read(_) => "wr",
        Why::Inferred { .. } => "ww",
    }
}

/// All transactions of a cycle, each once, in the order in which they are spoken of.
fn named(kv: &KeyValue, cycle: &Cycle) -> Vec<u32> {
    let mut named: Vec<u32> = Vec::new();
    let mut add = |txn: u32| {
        if txn != INITIAL && !named.contains(&txn) {
            named.push(txn);
        }
    };
    for link in cycle.all_links() {
        add(link.from);
    }
    for link in cycle.all_links() {
        add(link.to);
        if let Why::Inferred { read, .. } = link.why {
            add(kv.reader(read));
        }
    }
    named
}

fn name(named: &[u32], txn: u32) -> String {
    match named.iter().position(|named| *named == txn) {
        Some(at) => format!("T{}", at + 1),
        None => "the initial state".to_owned(),
    }
}
