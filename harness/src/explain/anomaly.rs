//! One anomaly: what it is, its proof, its calls in time, and what was broken then.

use super::bars;
use super::lines::Lines;
use super::{InForce, Paint, Shown, Subject};
use crate::report::{headline, text};
use perjury_checkers::finding::kinds::{self, Kind};
use perjury_checkers::finding::{Anomaly, DeadEnd, Finding};
use perjury_checkers::{Edge, Operation};
use serde::Serialize;

/// An anomaly with its number and its finding, as reports number them.
pub type Numbered<'a> = (usize, &'a Finding, &'a Anomaly);

/// All anomalies that are kept, numbered from 1 as in the report.
pub fn numbered(findings: &[Finding]) -> Vec<Numbered<'_>> {
    let all = (1..).zip(headline::anomalies_of(findings));
    all.map(|(number, (finding, anomaly))| (number, finding, anomaly)).collect()
}

/// The anomaly that `id` means: its number, its kind if only one is of it, or
/// `CHECKER/NUMBER`, counted within what that checker found.
///
/// # Errors
/// A sentence that says which anomalies there are.
pub fn select<'a>(findings: &'a [Finding], id: &str) -> Result<Numbered<'a>, String> {
    let all = numbered(findings);
    if all.is_empty() {
        return Err("there are no anomalies: no checker found one".to_owned());
    }
    if let Ok(number) = id.parse::<usize>() {
        let found = number.checked_sub(1).and_then(|at| all.get(at));
        return found.copied().ok_or_else(|| none(id, &all));
    }
    if let Some((checker, number)) = id.rsplit_once('/') {
        let mut of = all.iter().filter(|(_, finding, _)| finding.checker == checker);
        let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let found = at.and_then(|at| of.nth(at));
        return found.copied().ok_or_else(|| none(id, &all));
    }
    let of_kind: Vec<&Numbered<'_>> =
        all.iter().filter(|(_, _, anomaly)| anomaly.kind == id).collect();
    match of_kind.as_slice() {
        [] => Err(none(id, &all)),
        [one] => Ok(**one),
        several => {
            let numbers: Vec<String> = several.iter().map(|one| one.0.to_string()).collect();
            Err(format!("several anomalies are {id}: give a number, {}", numbers.join(" or ")))
        }
    }
}

fn none(id: &str, all: &[Numbered<'_>]) -> String {
    let one = |(number, _, anomaly): &Numbered<'_>| {
        format!("\n  {number}  {}: {}", anomaly.kind, text::elide(&anomaly.title, 70))
    };
    let told: Vec<String> = all.iter().take(40).map(one).collect();
    let id = text::printable(id);
    format!("there is no anomaly `{id}`. There are:{}", text::printable(&told.concat()))
}

/// An anomaly and everything around it, as `--json` has it.
#[derive(Clone, Debug, Serialize)]
pub struct AnomalyStory {
    /// As in the report.
    pub number: usize,
    pub checker: String,
    pub anomaly: Anomaly,
    /// What its kind means, whatever the history; null for a kind that nobody knows.
    pub class: Option<Kind>,
    /// The operations involved, in order of their calls.
    pub operations: Vec<Shown>,
    pub faults: Vec<InForce>,
    /// The command that does it again.
    pub run_again: String,
    #[serde(skip)]
    timed: bool,
}

impl AnomalyStory {
    /// Tells one of the subject's anomalies.
    pub fn new(subject: &Subject<'_>, (number, finding, anomaly): Numbered<'_>) -> Self {
        let mut involved: Vec<&Operation<'_>> =
            anomaly.operations.iter().filter_map(|index| subject.find(*index).ok()).collect();
        involved.sort_by_key(|operation| (operation.called, operation.index));
        involved.dedup_by_key(|operation| operation.index);
        let from = involved.first().map_or(0, |operation| operation.called);
        let ended = |operation: &&Operation<'_>| operation.returned.unwrap_or(operation.called);
        let to = involved.iter().map(ended).max().unwrap_or(from);
        Self {
            number,
            checker: finding.checker.clone(),
            anomaly: anomaly.clone(),
            class: kinds::find(&anomaly.kind),
            operations: involved.iter().map(|operation| subject.shown(operation)).collect(),
            faults: if involved.is_empty() { Vec::new() } else { subject.in_force(from, to) },
            run_again: subject.again.clone(),
            timed: subject.timed,
        }
    }

    /// The story for a terminal, no line wider than `width` characters.
    pub fn render(&self, paint: Paint, width: usize) -> String {
        let mut lines = Lines::new(paint, width, self.timed);
        let anomaly = &self.anomaly;
        lines.heading(&format!("Anomaly {}: {}", self.number, anomaly.title));
        lines.note(&format!("{}, found by {}", anomaly.kind, self.checker));
        lines.text(&anomaly.explanation);
        if let Some(class) = &self.class {
            lines.section(&format!("What {} means", anomaly.kind));
            lines.item(&class.about);
            lines.item(&format!("It breaks {}.", class.breaks));
            lines.note(&format!("See {}.", class.source));
        }
        if !anomaly.steps.is_empty() {
            lines.section("Proof");
        }
        for (at, step) in anomaly.steps.iter().enumerate() {
            let operations: Vec<String> =
                step.operations.iter().take(8).map(|index| format!("#{index}")).collect();
            let text = format!("{} {}", step.text, operations.join(" "));
            lines.numbered(&format!("{}.", at + 1), &text);
        }
        if self.timed && !self.operations.is_empty() {
            lines.section("In time");
            lines.drawn(bars::draw(&self.operations, anomaly, paint, width));
        }
        lines.operations("Operations", &self.operations);
        self.edges(&mut lines);
        self.dead_end(&mut lines);
        if !anomaly.rules_out.is_empty() {
            lines.section("Rules out");
            lines.item(&anomaly.rules_out.join(", "));
        }
        lines.faults(&self.faults);
        lines.again(&self.run_again);
        lines.done()
    }

    fn edges(&self, lines: &mut Lines) {
        if self.anomaly.edges.is_empty() {
            return;
        }
        lines.section("Why no order of them is possible");
        for Edge { from, to, kind, why } in &self.anomaly.edges {
            lines.numbered("-", &format!("#{from} before #{to} ({kind}): {why}"));
        }
    }

    fn dead_end(&self, lines: &mut Lines) {
        let Some(dead_end) = &self.anomaly.dead_end else { return };
        let DeadEnd { operation, verified, states, candidates, .. } = dead_end;
        lines.section("Where the search ended");
        lines.item(&format!(
            "The {} that ended before #{operation} did can be put in order.",
            text::count(*verified, "operation")
        ));
        if !states.is_empty() {
            lines.item(&format!("What is there then: {}.", states.join(" or ")));
        }
        for candidate in candidates {
            lines.numbered("-", &format!("next #{}? {}", candidate.operation, candidate.why));
        }
    }
}
