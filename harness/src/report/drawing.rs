//! Drawings of anomalies: operations as bars in time, or transactions joined by dependencies.

mod cycle;
mod timeline;

use super::faults::FaultRecord;
use maud::{Markup, PreEscaped, html};
use perjury_checkers::{Anomaly, History, Operation};
use std::collections::BTreeMap;

/// Style of the drawings, for the page and for a drawing by itself.
pub(super) const STYLE: &str = include_str!("drawing.css");

/// Width of a character of the drawings' monospace text at 12 px, with some slack.
const CHARACTER: f64 = 7.25;

/// What a drawing may show.
pub(super) struct Scene<'a> {
    /// By invocation index.
    pub(super) operations: BTreeMap<u64, &'a Operation<'a>>,
    pub(super) faults: &'a [FaultRecord],
}

impl<'a> Scene<'a> {
    /// All client operations of a run, and its faults.
    pub(super) fn new(operations: &'a [Operation<'a>], faults: &'a [FaultRecord]) -> Self {
        let by_index = operations.iter().map(|operation| (operation.index, operation)).collect();
        Self { operations: by_index, faults }
    }

    /// The operations of an anomaly, in its order; those that are not in the history are left out.
    pub(super) fn involved(&self, anomaly: &Anomaly) -> Vec<&'a Operation<'a>> {
        anomaly.operations.iter().filter_map(|index| self.operations.get(index).copied()).collect()
    }

    /// From the first call to the last answer among `involved`, nanoseconds.
    pub(super) fn span(involved: &[&Operation<'_>]) -> Option<(u64, u64)> {
        let from = involved.iter().map(|operation| operation.called).min()?;
        let to = involved.iter().map(|operation| operation.returned.unwrap_or(operation.called));
        Some((from, to.max()?))
    }

    /// Faults that may have been in force at some time of a span, in order.
    pub(super) fn active(&self, from: u64, to: u64) -> Vec<&'a FaultRecord> {
        let meets = |fault: &&FaultRecord| {
            fault.span().is_some_and(|(begins, ends)| begins <= to && from <= ends)
        };
        self.faults.iter().filter(meets).collect()
    }
}

/// The drawing of an anomaly: of a cycle if it has dependencies, otherwise of bars in time.
/// `None` when it names no operation of this history.
pub(super) fn draw(anomaly: &Anomaly, scene: &Scene<'_>) -> Option<Markup> {
    let involved = scene.involved(anomaly);
    if involved.is_empty() {
        return None;
    }
    if anomaly.edges.is_empty() {
        return Some(timeline::draw(anomaly, &involved, scene));
    }
    cycle::draw(anomaly, scene).or_else(|| Some(timeline::draw(anomaly, &involved, scene)))
}

/// The drawing of an anomaly as an SVG file of its own, readable on light and dark ground.
/// Empty when the anomaly names no operation of this history.
pub fn picture(anomaly: &Anomaly, history: &History, faults: &[FaultRecord]) -> String {
    drawn(anomaly, &history.operations(), faults)
}

/// The same, of no run: only the operations that the anomaly speaks of have to be there.
pub fn picture_of(anomaly: &Anomaly, operations: &[Operation<'_>]) -> String {
    drawn(anomaly, operations, &[])
}

/// The same, with faults that may have been in force meanwhile.
pub fn picture_among(
    anomaly: &Anomaly,
    operations: &[Operation<'_>],
    faults: &[FaultRecord],
) -> String {
    drawn(anomaly, operations, faults)
}

fn drawn(anomaly: &Anomaly, operations: &[Operation<'_>], faults: &[FaultRecord]) -> String {
    let scene = Scene::new(operations, faults);
    let Some(drawing) = draw(anomaly, &scene) else { return String::new() };
    let drawing = drawing.into_string();
    // The style goes inside the one `svg` element, after its opening tag.
    let Some(end_of_tag) = drawing.find('>') else { return String::new() };
    let (open, rest) = drawing.split_at(end_of_tag + 1);
    html! { (PreEscaped(open)) style { (PreEscaped(STYLE)) } (PreEscaped(rest)) }.into_string()
}

/// The operation that cannot be explained: the last one that the proof speaks of, otherwise the
/// last one called.
pub(super) fn offender(anomaly: &Anomaly, involved: &[&Operation<'_>]) -> Option<u64> {
    let is_involved = |index: &&u64| involved.iter().any(|operation| operation.index == **index);
    let said = anomaly.steps.iter().rev().find_map(|step| {
        let known = step.operations.iter().filter(is_involved);
        known.max_by_key(|index| {
            let operation = involved.iter().find(|operation| operation.index == **index);
            operation.map_or(0, |operation| operation.called)
        })
    });
    let last = || involved.iter().max_by_key(|operation| operation.called);
    said.copied().or_else(|| last().map(|operation| operation.index))
}

/// A coordinate with one decimal at most: short, and the same on every machine.
pub(crate) fn px(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // No "-0".
    format!("{}", rounded + 0.0)
}

/// Room that `text` takes in the drawings' monospace font.
fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}
