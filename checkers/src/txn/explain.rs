//! Explanation: cycles and other findings about transactions in words.

mod names;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cycles::{Cycle, Cycles, Link};
use super::graph::Relation;
use super::isolation::{ConsistencyModel, ruled_out, weakest_ruled_out};
use super::transactions::Transactions;
use crate::words::{seconds, transaction};
use crate::{Anomaly, Edge, Finding, Step};

/// Anomalies of each kind kept in full.
const MAX_KEPT: usize = 5;
/// Cycles of each kind told; they are sorted by length.
const MAX_CYCLES_TOLD: usize = 3;

/// Anomalies by kind: all counted, the first few kept.
#[derive(Debug, Default)]
pub(super) struct Flaws {
    pub(super) counts: BTreeMap<&'static str, u64>,
    kept: BTreeMap<&'static str, Vec<Anomaly>>,
}

impl Flaws {
    /// Counts an anomaly, and makes it only if it will be kept.
    pub(super) fn add(&mut self, kind: &'static str, make: impl FnOnce() -> Anomaly) {
        *self.counts.entry(kind).or_default() += 1;
        let kept = self.kept.entry(kind).or_default();
        if kept.len() < MAX_KEPT {
            kept.push(make());
        }
    }

    /// Keeps an example of something that is counted by [`Self::count`].
    pub(super) fn keep(&mut self, kind: &'static str, make: impl FnOnce() -> Anomaly) {
        let kept = self.kept.entry(kind).or_default();
        if kept.len() < MAX_KEPT {
            kept.push(make());
        }
    }

    pub(super) fn count(&mut self, kind: &'static str, more: u64) {
        *self.counts.entry(kind).or_default() += more;
    }

    /// The kept anomalies of kinds that pass, the worst first: those that rule out most.
    ///
    /// A cycle with session or real-time order in it says nothing new beside one of the same kind
    /// without; it is only counted.
    fn worst_first(self, pass: impl Fn(&str) -> bool) -> Vec<Anomaly> {
        let counts = self.counts;
        let new = |kind: &str| {
            let has = |kind: &str| counts.contains_key(kind);
            let of_session = kind.strip_suffix("-process");
            let of_time = kind.strip_suffix("-realtime");
            !of_session.is_some_and(has)
                && !of_time.is_some_and(|base| has(base) || has(&format!("{base}-process")))
        };
        let kinds = self.kept.into_iter().filter(|(kind, _)| pass(kind) && new(kind));
        let mut anomalies: Vec<Anomaly> = kinds.flat_map(|(_, kept)| kept).collect();
        anomalies.sort_by_key(|anomaly| {
            let cycle = !anomaly.edges.is_empty();
            (std::cmp::Reverse(anomaly.rules_out.len()), cycle, anomaly.kind.clone())
        });
        anomalies
    }
}

/// Per level whether something that was found rules it out, as `results.json` has it.
pub(super) fn models(flaws: &Flaws) -> Value {
    let refuted =
        |model: &ConsistencyModel| flaws.counts.keys().copied().find(|kind| model.forbids(kind));
    let models = ConsistencyModel::all().filter_map(|model| Some((model, refuted(&model)?)));
    let ruled_out: Map<String, Value> =
        models.map(|(model, kind)| (model.name().to_owned(), kind.into())).collect();
    let weakest = weakest_ruled_out(flaws.counts.keys().copied());
    let weakest: Vec<&str> = weakest.into_iter().map(ConsistencyModel::name).collect();
    let open = ConsistencyModel::all().filter(|model| refuted(model).is_none());
    let open: Vec<&str> = open.map(ConsistencyModel::name).collect();
    json!({"weakest-ruled-out": weakest, "ruled-out-by": ruled_out, "not-ruled-out": open})
}

/// The finding of a checker: invalid by what `model` forbids, if there is any of it.
pub(super) fn conclude(
    checker: &str,
    model: ConsistencyModel,
    flaws: Flaws,
    cancelled: bool,
    no_reads: bool,
    stats: Value,
) -> Finding {
    let forbidden = |kind: &str| model.forbids(kind);
    let count: u64 = flaws.counts.iter().filter(|(kind, _)| forbidden(kind)).map(|(_, n)| n).sum();
    let anomalies = flaws.worst_first(forbidden);
    if !anomalies.is_empty() {
        let mut finding = Finding::invalid(checker, anomalies, stats);
        finding.anomaly_count = count;
        return finding;
    }
    let reason = if cancelled {
        "time or memory was up before all cycles were searched; what was looked at has no \
         forbidden anomaly; give the analysis more of both"
    } else if no_reads {
        "no transaction that succeeded read anything, so nothing can be judged; see in the log \
         why reads got no answer"
    } else {
        return Finding::valid(checker, stats);
    };
    Finding { stats, ..Finding::unknown(checker, reason) }
}

/// An anomaly that is not a cycle.
pub(super) fn plain(
    kind: &'static str,
    title: String,
    explanation: String,
    steps: Vec<Step>,
    key: Option<&Value>,
) -> Anomaly {
    let mut operations: Vec<u64> = steps.iter().flat_map(|step| step.operations.clone()).collect();
    operations.sort_unstable();
    operations.dedup();
    Anomaly {
        kind: kind.to_owned(),
        title,
        explanation,
        steps,
        operations,
        edges: Vec::new(),
        dead_end: None,
        key: key.cloned(),
        rules_out: ruled_out(kind),
    }
}

/// Counts cycles, and tells their examples.
pub(super) fn add(
    txns: &Transactions,
    write: &str,
    flaws: &mut Flaws,
    cycles: Cycles,
    why: impl Fn(&Link, &str, &str) -> String,
) {
    for (kind, examples) in &cycles.examples {
        for example in examples.iter().take(MAX_CYCLES_TOLD) {
            flaws.keep(kind, || cycle(txns, write, example, &why));
        }
    }
    for (kind, count) in cycles.counts {
        flaws.count(kind, count);
    }
}

/// A cycle in words. `write` is the history's word for a write; `why` says why a data
/// dependency holds, calling its ends by the names given.
pub(super) fn cycle(
    txns: &Transactions,
    write: &str,
    cycle: &Cycle,
    why: impl Fn(&Link, &str, &str) -> String,
) -> Anomaly {
    let told = Told { txns, write, links: &cycle.links };
    let mut steps: Vec<Step> = Vec::new();
    let mut edges: Vec<Edge> = Vec::new();
    for (at, link) in told.shown() {
        let text = format!("Let T{} be {}.", at + 1, introduction(txns, link.from, write));
        steps.push(Step { text, operations: vec![told.index(link.from)] });
    }
    for (at, link) in told.shown() {
        let (from, to) = (format!("T{}", at + 1), told.name(at + 1));
        let why = match link.relation {
            Relation::Process => process_order(txns, link, &from, &to),
            Relation::Realtime => real_time(txns, link, &from, &to),
            _ => why(link, &from, &to),
        };
        let (first, second) = (told.index(link.from), told.index(link.to));
        let text = format!("{from} comes before {to}, because {why}.");
        steps.push(Step { text, operations: vec![first, second] });
        let kind = word(link.relation).to_owned();
        edges.push(Edge { from: first, to: second, kind, why });
    }
    if let Some(text) = told.left_out() {
        steps.push(Step { text, operations: Vec::new() });
    }
    steps.push(Step {
        text: "So T1 would have to come before itself: a contradiction.".to_owned(),
        operations: vec![told.index(cycle.links[0].from)],
    });
    let mut operations: Vec<u64> = cycle.links.iter().map(|link| told.index(link.from)).collect();
    operations.sort_unstable();
    operations.dedup();
    let key = cycle.links.iter().find(|link| (link.key as usize) < txns.key_count());
    Anomaly {
        kind: cycle.kind.to_owned(),
        title: names::title(cycle),
        explanation: names::explanation(cycle),
        steps,
        operations,
        edges,
        dead_end: None,
        key: key.map(|link| txns.key(link.key)),
        rules_out: ruled_out(cycle.kind),
    }
}

/// More links than this are not told one by one.
const MAX_TOLD: usize = 64;

/// How a cycle is told: its transactions are called T1, T2, and so on.
struct Told<'t> {
    txns: &'t Transactions,
    write: &'t str,
    links: &'t [Link],
}

impl Told<'_> {
    fn index(&self, txn: u32) -> u64 {
        self.txns.txn(txn).index
    }

    /// The name of the transaction at a place, which may be one after the last.
    fn name(&self, at: usize) -> String {
        format!("T{}", at % self.links.len() + 1)
    }

    /// Links with their places: all, or the first and the last of very many.
    fn shown(&self) -> impl Iterator<Item = (usize, &Link)> {
        let (count, half) = (self.links.len(), MAX_TOLD / 2);
        let shown = move |at: usize| count <= MAX_TOLD || at < half || at >= count - half;
        self.links.iter().enumerate().filter(move |(at, _)| shown(*at))
    }

    fn left_out(&self) -> Option<String> {
        let more = self.links.len().checked_sub(MAX_TOLD).filter(|more| *more > 0)?;
        let middle = self.links.get(MAX_TOLD / 2)?;
        let text = introduction(self.txns, middle.from, self.write);
        Some(format!("{more} more in between follow each other the same way, the first is {text}."))
    }
}

/// The same with a capital letter.
pub(super) fn capital_introduction(txns: &Transactions, txn: u32, write: &str) -> String {
    let text = introduction(txns, txn, write);
    text.replacen("process", "Process", 1)
}

/// "process 3's transaction [...], from 1.2 s to 1.3 s"
pub(super) fn introduction(txns: &Transactions, number: u32, write: &str) -> String {
    let txn = txns.txn(number);
    let text = transaction(&txns.text(number, write));
    let who = format!("process {}'s transaction {text}", txn.process);
    if !txns.is_timed() {
        return format!("{who}, number {number}");
    }
    let called = seconds(txn.called);
    match txn.returned {
        u64::MAX => format!("{who}, begun at {called}, without an answer"),
        returned => format!("{who}, from {called} to {}", seconds(returned)),
    }
}

fn word(relation: Relation) -> &'static str {
    match relation {
        Relation::Ww => "ww",
        Relation::Wr => "wr",
        Relation::Rw | Relation::PredicateRw | Relation::RwWr => "rw",
        Relation::Process => "process",
        Relation::Realtime | Relation::Onward => "realtime",
    }
}

pub(super) fn process_order(txns: &Transactions, link: &Link, from: &str, to: &str) -> String {
    let process = txns.txn(link.from).process;
    format!("process {process} ran {from} and then {to}")
}

pub(super) fn real_time(txns: &Transactions, link: &Link, from: &str, to: &str) -> String {
    let (returned, called) = (txns.txn(link.from).returned, txns.txn(link.to).called);
    format!(
        "{from} was complete at {}, and {to} began after that, at {}",
        seconds(returned),
        seconds(called)
    )
}
