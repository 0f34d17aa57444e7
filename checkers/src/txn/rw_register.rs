//! Read-write registers: transactions that write unique values and read single ones.

mod flaws;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::build::Builder;
use super::cycles::{self, Link};
use super::explain::{self, Flaws};
use super::graph::{Graph, Relation};
use super::isolation::ConsistencyModel;
use super::parse::{Micro, Status, Txns};
use crate::{Budget, Checker, Finding, History};

/// Judges transactions of `["w", key, value]` and `["r", key, null]` (answered with
/// `["r", key, value]`), every value written once per key.
///
/// A register shows one version at a time, so only some of the order of versions is known
/// (Kingsbury & Alvaro, *Elle*, VLDB 2020, section 5.2): the initial null is before all, and,
/// if [`Self::writes_follow_reads`], a version that a transaction read is before the one that
/// it then wrote. What does not follow from that is not found: a history that passes may still
/// violate the level.
///
/// Cost: linear but for versions that several transactions replaced, where it is the product of
/// their number and that of the version's readers.
#[derive(Clone, Copy, Debug)]
pub struct RwRegister {
    /// Anomalies that this level forbids make a history invalid; others are only counted.
    pub model: ConsistencyModel,
    /// A transaction's write comes after the version of the same key that it read. True of
    /// every level from snapshot isolation and repeatable read on.
    pub writes_follow_reads: bool,
    /// A value that nobody wrote or tried to write is an anomaly. Not so in histories that are
    /// cut out of longer ones.
    pub all_writes_known: bool,
}

impl RwRegister {
    /// Assumes what is true of the level.
    pub fn new(model: ConsistencyModel) -> Self {
        let writes_follow_reads = model >= ConsistencyModel::SnapshotIsolation;
        Self { model, writes_follow_reads, all_writes_known: true }
    }
}

impl Default for RwRegister {
    fn default() -> Self {
        Self::new(ConsistencyModel::default())
    }
}

/// What a transaction does to a key as others see it.
#[derive(Clone, Copy, Debug)]
struct Access {
    txn: u32,
    key: u32,
    /// What it read before writing the key itself: a written element, or the initial null.
    read: Option<Version>,
    /// The last element that it wrote.
    wrote: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Version {
    Initial,
    Written(u32),
    /// A value that nobody is known to have written, by number.
    Foreign(u32),
}

impl Version {
    /// Who wrote it, if that is known and committed.
    fn writer(self, builder: &Builder<'_, '_>) -> Option<u32> {
        match self {
            Self::Written(element) => builder.writer(element),
            Self::Initial | Self::Foreign(_) => None,
        }
    }
}

impl Checker for RwRegister {
    fn name(&self) -> &str {
        "rw-register"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let operations = history.operations();
        let txns = match Txns::parse(&operations, "w") {
            Ok(txns) => txns,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let accesses = accesses(&txns);
        let mut live: Vec<bool> =
            txns.txns.iter().map(|txn| txn.status == Status::Committed).collect();
        for access in &accesses {
            if let Some(Version::Written(element)) = access.read {
                let (writer, status) = txns.writer(element);
                live[writer as usize] |= status == Status::Unknown;
            }
        }
        let mut flaws = Flaws::default();
        flaws::find(&txns, &accesses, self.all_writes_known, &mut flaws);
        let graph = self.graph(&txns, &accesses, &live);
        let size = graph.nodes() as usize + graph.edges();
        let cycles = if size / 4 > budget.max_states {
            cycles::Cycles { cancelled: true, ..cycles::Cycles::default() }
        } else {
            cycles::find(&graph, budget)
        };
        for (kind, examples) in &cycles.examples {
            for example in examples {
                flaws.add(kind, || {
                    explain::cycle(&txns, example, |link, from, to| {
                        why(&txns, &accesses, link, from, to)
                    })
                });
            }
        }
        let answered = |micro: &&Micro<'_>| matches!(micro, Micro::Read { seen: Some(_), .. });
        let reads = txns.txns.iter().flat_map(|txn| &txn.micros).filter(answered).count();
        let stats = json!({
            "transactions": txns.txns.len(),
            "keys": txns.keys.len(),
            "writes": txns.elements.len(),
            "reads": reads,
            "dependencies": graph.edges(),
            "model": self.model.name(),
            "anomalies": flaws.counts,
        });
        explain::conclude(self.name(), self.model, flaws, cycles.cancelled, reads == 0, stats)
    }
}

impl RwRegister {
    fn graph(&self, txns: &Txns<'_>, accesses: &[Access], live: &[bool]) -> Graph {
        let mut builder = Builder::new(txns, live);
        let mut final_writes: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        let mut readers: FxHashMap<Version, Vec<u32>> = FxHashMap::default();
        let mut replaced: Vec<(Version, &Access)> = Vec::new();
        for access in accesses.iter().filter(|access| live[access.txn as usize]) {
            if let Some(element) = access.wrote {
                final_writes.entry(access.key).or_default().push(element);
            }
            let Some(version) = access.read.filter(|read| *read != Version::Initial) else {
                continue;
            };
            readers.entry(version).or_default().push(access.txn);
            if let Some(writer) = version.writer(&builder) {
                builder.arc(writer, access.txn, Relation::Wr, access.key);
            }
            if access.wrote.is_some() && self.writes_follow_reads {
                replaced.push((version, access));
            }
        }
        for (version, access) in replaced {
            if let Some(writer) = version.writer(&builder) {
                builder.arc(writer, access.txn, Relation::Ww, access.key);
            }
            for reader in readers.get(&version).into_iter().flatten() {
                builder.arc(*reader, access.txn, Relation::Rw, access.key);
            }
        }
        for key in 0..txns.keys.len() as u32 {
            builder.chains(key, final_writes.get(&key).map_or(&[][..], Vec::as_slice));
        }
        for access in accesses {
            if access.read == Some(Version::Initial)
                && let Some(writes) = final_writes.get(&access.key)
            {
                builder.before_all(access.txn, access.key, writes);
            }
        }
        builder.finish()
    }
}

/// What each transaction does to each key as others see it, by transaction.
fn accesses(txns: &Txns<'_>) -> Vec<Access> {
    let mut accesses: Vec<Access> = Vec::new();
    let mut foreign: FxHashMap<(u32, &Value), u32> = FxHashMap::default();
    for (number, txn) in (0u32..).zip(&txns.txns) {
        if txn.status == Status::Aborted {
            continue;
        }
        let first = accesses.len();
        for micro in &txn.micros {
            let (Micro::Write { key, .. } | Micro::Read { key, .. }) = *micro;
            let at = accesses[first..].iter().position(|access| access.key == key);
            let at = at.map_or_else(
                || {
                    accesses.push(Access { txn: number, key, read: None, wrote: None });
                    accesses.len() - 1
                },
                |at| first + at,
            );
            let access = &mut accesses[at];
            match *micro {
                Micro::Write { element, .. } => access.wrote = Some(element),
                Micro::Read { seen: Some(seen), .. }
                    if access.read.is_none() && access.wrote.is_none() =>
                {
                    access.read = Some(match txns.element(key, seen) {
                        Some(element) => Version::Written(element),
                        None if seen.is_null() => Version::Initial,
                        None => {
                            let next = foreign.len() as u32;
                            Version::Foreign(*foreign.entry((key, seen)).or_insert(next))
                        }
                    });
                }
                Micro::Read { .. } => {}
            }
        }
    }
    accesses
}

/// Why a data dependency holds.
fn why(txns: &Txns<'_>, accesses: &[Access], link: &Link, from: &str, to: &str) -> String {
    let key = txns.keys[link.key as usize];
    let of = |txn: u32| accesses.iter().find(|a| a.txn == txn && a.key == link.key);
    let value = |element: u32| txns.elements[element as usize].value.to_string();
    let shown = |version| match version {
        Some(Version::Written(element)) => value(element),
        _ => "null".to_owned(),
    };
    let read = |txn| shown(of(txn).and_then(|access| access.read));
    let wrote = |txn| of(txn).and_then(|access| access.wrote).map_or_else(String::new, value);
    match link.relation {
        Relation::Ww => format!(
            "{to} read {} in key {key}, which {from} wrote, and replaced it with {}",
            read(link.to),
            wrote(link.to)
        ),
        Relation::Wr => format!("{to} read {} in key {key}, which {from} wrote", read(link.to)),
        _ if of(link.from).is_some_and(|a| a.read == Some(Version::Initial)) => format!(
            "{from} read key {key} as it was before any write, and {to} wrote {}",
            wrote(link.to)
        ),
        _ => format!(
            "{from} read {} in key {key}, which {to} read as well and replaced with {}",
            read(link.from),
            wrote(link.to)
        ),
    }
}

/// A version of a key, and the committed transactions that read and replaced it.
type Rivals = (Version, u32, Vec<u32>);

/// Versions that more than one committed transaction replaced.
fn rivals(txns: &Txns<'_>, accesses: &[Access]) -> Vec<Rivals> {
    let mut replacing: FxHashMap<(Version, u32), Vec<u32>> = FxHashMap::default();
    for access in accesses {
        let committed = txns.txns[access.txn as usize].status == Status::Committed;
        if let (Some(read), Some(_), true) = (access.read, access.wrote, committed) {
            replacing.entry((read, access.key)).or_default().push(access.txn);
        }
    }
    let several = replacing.into_iter().filter(|(_, txns)| txns.len() > 1);
    let mut rivals: Vec<Rivals> =
        several.map(|((version, key), txns)| (version, key, txns)).collect();
    rivals.sort_unstable_by(|a, b| a.2.cmp(&b.2).then(a.1.cmp(&b.1)));
    rivals
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
