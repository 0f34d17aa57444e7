//! Explanation: cycles and other findings about transactions in words.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cycles::{Cycle, Link};
use super::graph::Relation;
use super::isolation::{ConsistencyModel, ruled_out};
use super::parse::Txns;
use crate::words::{seconds, shortened};
use crate::{Anomaly, Edge, Finding, Step};

/// Anomalies of each kind kept in full.
const MAX_KEPT: usize = 8;

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

    /// The kept anomalies of kinds that pass, the worst first: those that rule out most.
    fn worst_first(self, pass: impl Fn(&str) -> bool) -> Vec<Anomaly> {
        let kinds = self.kept.into_iter().filter(|(kind, _)| pass(kind));
        let mut anomalies: Vec<Anomaly> = kinds.flat_map(|(_, kept)| kept).collect();
        anomalies.sort_by_key(|anomaly| {
            let cycle = !anomaly.edges.is_empty();
            (std::cmp::Reverse(anomaly.rules_out.len()), cycle, anomaly.kind.clone())
        });
        anomalies
    }
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

/// A cycle in words. `why` says why a data dependency holds, calling its ends by the names
/// given.
pub(super) fn cycle(
    txns: &Txns<'_>,
    cycle: &Cycle,
    why: impl Fn(&Link, &str, &str) -> String,
) -> Anomaly {
    let name = |txn: u32| {
        let at = cycle.links.iter().position(|link| link.from == txn);
        format!("T{}", at.map_or(0, |at| at + 1))
    };
    let mut steps: Vec<Step> = Vec::new();
    let mut edges: Vec<Edge> = Vec::new();
    let mut named: Vec<u32> = Vec::new();
    for link in cycle.links.iter().filter(|link| {
        let new = !named.contains(&link.from);
        named.push(link.from);
        new
    }) {
        let text = format!("Let {} be {}.", name(link.from), introduction(txns, link.from));
        steps.push(Step { text, operations: vec![txns.index(link.from)] });
    }
    for link in &cycle.links {
        let (from, to) = (name(link.from), name(link.to));
        let why = match link.relation {
            Relation::Process => process_order(txns, link, &from, &to),
            Relation::Realtime => real_time(txns, link, &from, &to),
            _ => why(link, &from, &to),
        };
        let operations = vec![txns.index(link.from), txns.index(link.to)];
        steps.push(Step { text: format!("{from} comes before {to}, because {why}."), operations });
        let (from, to) = (txns.index(link.from), txns.index(link.to));
        edges.push(Edge { from, to, kind: word(link.relation).to_owned(), why });
    }
    let first = name(cycle.links[0].from);
    steps.push(Step {
        text: format!("So {first} would have to come before itself: a contradiction."),
        operations: vec![txns.index(cycle.links[0].from)],
    });
    let mut operations: Vec<u64> = cycle.links.iter().map(|link| txns.index(link.from)).collect();
    operations.sort_unstable();
    operations.dedup();
    let key = cycle.links.iter().find_map(|link| txns.keys.get(link.key as usize));
    Anomaly {
        kind: cycle.kind.to_owned(),
        title: title(cycle),
        explanation: explanation(cycle.kind),
        steps,
        operations,
        edges,
        dead_end: None,
        key: key.map(|key| (*key).clone()),
        rules_out: ruled_out(cycle.kind),
    }
}

/// The same with a capital letter.
pub(super) fn capital_introduction(txns: &Txns<'_>, txn: u32) -> String {
    let text = introduction(txns, txn);
    text.replacen("process", "Process", 1)
}

/// "process 3's transaction [...], from 1.2 s to 1.3 s"
pub(super) fn introduction(txns: &Txns<'_>, txn: u32) -> String {
    let operation = txns.txns[txn as usize].operation;
    let value = operation.output().unwrap_or(&operation.input);
    let span = match operation.returned {
        Some(returned) => {
            format!("from {} to {}", seconds(operation.called), seconds(returned))
        }
        None => format!("begun at {}, without an answer", seconds(operation.called)),
    };
    format!("process {}'s transaction {}, {span}", operation.process, shortened(value))
}

fn word(relation: Relation) -> &'static str {
    match relation {
        Relation::Ww => "ww",
        Relation::Wr => "wr",
        Relation::Rw => "rw",
        Relation::Process => "process",
        Relation::Realtime | Relation::Onward => "realtime",
    }
}

fn process_order(txns: &Txns<'_>, link: &Link, from: &str, to: &str) -> String {
    let process = txns.txns[link.from as usize].operation.process;
    format!("process {process} ran {from} and then {to}")
}

fn real_time(txns: &Txns<'_>, link: &Link, from: &str, to: &str) -> String {
    let returned = txns.txns[link.from as usize].operation.returned.unwrap_or_default();
    let called = txns.txns[link.to as usize].operation.called;
    format!(
        "{from} was complete at {}, and {to} began after that, at {}",
        seconds(returned),
        seconds(called)
    )
}

fn title(cycle: &Cycle) -> String {
    let base = cycle.kind.trim_end_matches("-realtime").trim_end_matches("-process");
    let what = match base {
        "G0" => "Write cycle",
        "G1c" => "Circular information flow",
        "G-single" => "Read skew",
        "G-nonadjacent" => "Nonadjacent anti-dependency cycle",
        _ => "Anti-dependency cycle",
    };
    let several = cycle.links.len();
    format!("{what} of {several} transactions ({})", cycle.kind)
}

fn explanation(kind: &str) -> String {
    let base = kind.trim_end_matches("-realtime").trim_end_matches("-process");
    let what = match base {
        "G0" => "The writes of these transactions are interleaved: each overwrote the other.",
        "G1c" => "Each of these transactions saw, or overwrote, what the next one did.",
        "G-single" => {
            "One of these transactions missed a write of another whose effects it otherwise \
             depends on: it saw the database in two states at once."
        }
        "G-nonadjacent" => {
            "Several of these transactions missed writes of others, in a way that no set of \
             snapshots explains."
        }
        _ => {
            "Each of these transactions missed a write of the next: they ran as if the others \
             had not happened (write skew)."
        }
    };
    let order = if kind.ends_with("-realtime") {
        " Part of the order is that one was complete before another began."
    } else if kind.ends_with("-process") {
        " Part of the order is that one process ran them one after the other."
    } else {
        ""
    };
    format!("{what}{order} No serial order of them gives what they saw.")
}
