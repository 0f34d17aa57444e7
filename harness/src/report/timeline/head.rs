//! The head of a timeline: names, faults, phases and anomalies, as JSON inside the page.

use super::choose::Gap;
use super::columns::{Block, Encoder};
use super::words::line;
use crate::report::drawing::{Scene, offender};
use crate::report::faults::FaultRecord;
use crate::report::{Results, text};
use perjury_checkers::Anomaly;
use serde_json::{Value, json};

/// Faults, phases and gaps that a timeline knows.
const FAULTS_MAX: usize = 5_000;
const PHASES_MAX: usize = 100;
const GAPS_MAX: usize = 2_000;
/// Operations of one anomaly that are marked.
pub(super) const INVOLVED_MAX: usize = 200;
/// Characters of a title.
const TITLE_MAX: usize = 160;

/// What the head is made of besides the results.
pub(super) struct Facts<'a> {
    pub(super) encoder: &'a Encoder<'a>,
    pub(super) blocks: &'a [Block],
    pub(super) gaps: &'a [Gap],
    pub(super) tick: u64,
}

/// JSON that can stand in a script element: it has no `<`.
pub(super) fn head(
    facts: &Facts<'_>,
    results: &Results,
    scene: &Scene<'_>,
    anomalies: &[&Anomaly],
) -> String {
    let encoder = facts.encoder;
    let block = |block: &Block| json!([block.count, block.first_index, block.first_ticks]);
    let head = json!({
        "count": facts.blocks.iter().map(|block| block.count).sum::<usize>(),
        "tick": facts.tick,
        "end": results.duration_ns,
        "workers": workers(results),
        "blocks": facts.blocks.iter().map(block).collect::<Vec<_>>(),
        "functions": encoder.functions.names,
        "nodes": encoder.nodes.names,
        "errors": encoder.errors.names,
        "keyed": encoder.keyed,
        "keys": encoder.keys.names.len(),
        "keyUses": encoder.key_uses,
        "faults": results.faults.iter().take(FAULTS_MAX).filter_map(fault).collect::<Vec<_>>(),
        "phases": results.phases.iter().take(PHASES_MAX).map(|phase| {
            json!([line(&phase.name, 40), phase.from_ns, phase.to_ns])
        }).collect::<Vec<_>>(),
        "anomalies": anomalies.iter().map(|one| anomaly(one, scene)).collect::<Vec<_>>(),
        "gaps": facts.gaps.iter().take(GAPS_MAX).map(|gap| {
            json!([gap.from, gap.to, gap.count])
        }).collect::<Vec<_>>(),
    });
    head.to_string().replace('<', "\\u003c")
}

/// How many processes run at a time, if that is known: a process that got no answer goes on
/// under its number plus this, and so stays in its lane.
fn workers(results: &Results) -> u32 {
    let said = results.subject.options.get("concurrency");
    said.and_then(|said| said.parse().ok()).unwrap_or(0)
}

fn fault(fault: &FaultRecord) -> Option<Value> {
    let (from, _) = fault.span()?;
    Some(json!({
        "index": fault.index,
        "f": line(&fault.f, 40),
        "targets": line(&fault.target_words(), 80),
        "from": from,
        "seen": fault.observed_ns,
        "to": fault.to_ns,
        "outcome": fault.outcome.word(),
    }))
}

/// Its operations by the indices of their calls, in order of their calls, and the one to look at.
fn anomaly(anomaly: &Anomaly, scene: &Scene<'_>) -> Value {
    let involved = scene.involved(anomaly);
    let mut shown = involved.clone();
    shown.sort_by_key(|operation| (operation.called, operation.index));
    shown.truncate(INVOLVED_MAX);
    json!({
        "title": line(&anomaly.title, TITLE_MAX),
        "kind": text::elide(&text::printable(&anomaly.kind), 60),
        "operations": shown.iter().map(|operation| operation.index).collect::<Vec<_>>(),
        "at": offender(anomaly, &involved),
    })
}
