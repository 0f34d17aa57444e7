//! One anomaly: what happened, drawn, proved, and placed in the run.

use crate::report::drawing::{Scene, draw, offender};
use crate::report::faults::FaultRecord;
use crate::report::logs::LogLine;
use crate::report::text;
use maud::{Markup, html};
use perjury_checkers::finding::{DeadEnd, kinds};
use perjury_checkers::{Anomaly, Finding, Operation, Outcome};

/// Steps of a proof on the page; the rest is in `results.json`.
const STEPS_MAX: usize = 60;
/// Operations in the table.
const OPERATIONS_MAX: usize = 40;
/// Values longer than this lose their middle; the full text is in the title.
const VALUE_MAX: usize = 56;
/// Characters of a value that a title holds.
const TITLE_MAX: usize = 2000;
/// Characters of a checker's sentence.
const SENTENCE_MAX: usize = 1200;
/// A clock that is off by less than this is not spoken of, nanoseconds.
const SHIFT_SHOWN_NS: u64 = 10_000_000;

/// An anomaly with what surrounds it.
pub(super) struct Case<'a> {
    /// From 1, in the report's order.
    pub(super) number: usize,
    pub(super) finding: &'a Finding,
    pub(super) anomaly: &'a Anomaly,
    pub(super) scene: &'a Scene<'a>,
    pub(super) log_lines: &'a [LogLine],
    /// The command that runs it again; may be empty.
    pub(super) reproduce: &'a str,
}

pub(super) fn section(case: &Case<'_>) -> Markup {
    let Case { number, finding, anomaly, scene, log_lines, reproduce } = *case;
    let involved = scene.involved(anomaly);
    let id = format!("anomaly-{number}");
    html! {
        article class="anomaly" id=(id) aria-labelledby=(format!("{id}-title")) {
            p class="kicker" {
                "Anomaly " (number) " " code { (anomaly.kind) } " found by " (finding.checker)
            }
            h2 id=(format!("{id}-title")) { (sentence(&anomaly.title)) }
            p class="explanation" { (sentence(&anomaly.explanation)) }
            @if let Some(drawing) = draw(anomaly, scene) {
                figure {
                    div class="scroll" tabindex="0" role="group" aria-label="Drawing" { (drawing) }
                    figcaption { (caption(anomaly)) }
                }
            }
            @if !anomaly.rules_out.is_empty() {
                p class="rules-out" {
                    "This rules out "
                    @for model in &anomaly.rules_out { span class="model" { (model) } " " }
                }
            }
            @if let Some(kind) = kinds::find(&anomaly.kind) {
                p class="kind" {
                    strong { (kind.name) } ": " (kind.about) " It breaks " (kind.breaks) "."
                    span class="source" { " " (kind.source) "." }
                }
            }
            @if !anomaly.steps.is_empty() { (proof(anomaly)) }
            @if let Some(end) = &anomaly.dead_end { (dead_end(end)) }
            @if !involved.is_empty() { (moment(anomaly, &involved, scene)) }
            @if !log_lines.is_empty() { (logs(log_lines)) }
            @if !reproduce.is_empty() {
                h3 { "See it again" }
                pre class="command" tabindex="0" { code { (text::printable(reproduce)) } }
            }
        }
    }
}

fn sentence(words: &str) -> String {
    text::elide(&text::printable(words), SENTENCE_MAX).into_owned()
}

fn caption(anomaly: &Anomaly) -> &'static str {
    if anomaly.edges.is_empty() {
        "Each bar is a call, from when it was sent to when it was answered. The order of all \
         beginnings and ends is exact; distances are squeezed. What lies wholly left of the first \
         dashed line was over before the marked call began."
    } else {
        "An arrow leads from the transaction that must come first to the one that must come after \
         it. Following the arrows leads back to the beginning, so no order of these transactions \
         is possible. ww: overwrites, wr: reads what was written, rw: did not see what was written. \
         Where more than one is drawn, each is a case of the proof, or shows why an arrow holds."
    }
}

fn proof(anomaly: &Anomaly) -> Markup {
    html! {
        h3 { "Proof" }
        ol class="proof" {
            @for step in anomaly.steps.iter().take(STEPS_MAX) {
                li {
                    (sentence(&step.text))
                    @for index in step.operations.iter().take(8) { " " span class="op" { "#" (index) } }
                }
            }
        }
        @if anomaly.steps.len() > STEPS_MAX {
            p class="note" { "The rest of the proof is in results.json." }
        }
    }
}

/// Where the search for an order of the calls came to its end, and why nothing leads on.
fn dead_end(end: &DeadEnd) -> Markup {
    html! {
        h3 { "Where no order is left" }
        p {
            "The " (text::count(end.verified, "call")) " on this object that ended before "
            span class="op" { "#" (end.operation) }
            " can be put into an order that explains every answer. Then it can only be: "
            @for (position, state) in end.states.iter().enumerate() {
                @if position > 0 { " or " }
                code { (text::elide(&text::printable(state), VALUE_MAX)) }
            }
            @if end.states.is_empty() { "nothing at all" }
            "."
        }
        @if !end.candidates.is_empty() {
            div class="scroll" {
                table class="moment" {
                    caption class="hidden" { "Calls that were open then, and why none leads on" }
                    thead { tr {
                        th scope="col" class="number" { "Call" }
                        th scope="col" { "Could it be next?" }
                    } }
                    tbody { @for candidate in end.candidates.iter().take(OPERATIONS_MAX) {
                        tr {
                            th scope="row" class="number" { "#" (candidate.operation) }
                            td { (sentence(&candidate.why)) }
                        }
                    } }
                }
            }
        }
    }
}

/// What the nodes wrote then, all together in order of time.
fn logs(lines: &[LogLine]) -> Markup {
    let shifted = lines.iter().any(|line| line.offset_ns.unsigned_abs() >= SHIFT_SHOWN_NS);
    html! {
        h3 { "What the nodes wrote then" }
        p class="note" {
            "By the controller's clock, in seconds of the run."
            @if shifted { " The clocks of some nodes were off; that is taken off here." }
        }
        div class="scroll" tabindex="0" role="group" aria-label="Log lines" {
            table class="lines" {
                caption class="hidden" { "Log lines around this anomaly" }
                thead class="hidden" { tr {
                    th scope="col" { "Time" } th scope="col" { "Node" } th scope="col" { "Line" }
                } }
                tbody { @for line in lines { (log_line(line)) } }
            }
        }
    }
}

fn log_line(line: &LogLine) -> Markup {
    let at = line.at_ns as f64 / 1e9;
    let off = match line.offset_ns.unsigned_abs() {
        0..SHIFT_SHOWN_NS => String::new(),
        off => {
            let way = if line.offset_ns > 0 { "ahead" } else { "behind" };
            format!(", clock {} {way}", text::duration(off))
        }
    };
    html! {
        tr {
            td class="number" { (format!("{at:.3}")) }
            th scope="row" title=(format!("{}{off}", line.file)) { (line.node) }
            td { code { (text::printable(&line.text)) } }
        }
    }
}

/// When it was, what was broken then, and which node answered what.
fn moment(anomaly: &Anomaly, involved: &[&Operation<'_>], scene: &Scene<'_>) -> Markup {
    let culprit = offender(anomaly, involved).filter(|_| anomaly.edges.is_empty());
    let (from, to) = Scene::span(involved).unwrap_or_default();
    let active = scene.active(from, to);
    let mut shown: Vec<&Operation<'_>> = involved.to_vec();
    shown.sort_by_key(|operation| (operation.called, operation.index));
    let left_out = shown.len().saturating_sub(OPERATIONS_MAX);
    shown.truncate(OPERATIONS_MAX);
    html! {
        h3 { "The moment" }
        p {
            "From " strong { (text::moment(from)) } " to " strong { (text::moment(to)) } " of the run, "
            @if active.is_empty() { "with no fault in force." } @else {
                "while " (text::count(active.len() as u64, "fault")) " may have been in force: "
                @for (position, fault) in active.iter().take(6).enumerate() {
                    @if position > 0 { ", " }
                    (fault_link(fault))
                }
                @if active.len() > 6 { " and others" }
                "."
            }
        }
        div class="scroll" tabindex="0" role="group" aria-label="Operations of this anomaly" {
            table class="moment" {
                caption class="hidden" { "Operations of this anomaly" }
                thead { tr {
                    th scope="col" class="number" { "Call" }
                    th scope="col" { "Operation" }
                    th scope="col" class="number" { "Called" }
                    th scope="col" class="number" { "Took" }
                    th scope="col" class="number" { "Process" }
                    th scope="col" { "Node" }
                } }
                tbody { @for operation in &shown { (row(operation, culprit)) } }
            }
        }
        @if left_out > 0 { p class="note" { (text::count(left_out as u64, "more operation")) "." } }
    }
}

fn row(operation: &Operation<'_>, culprit: Option<u64>) -> Markup {
    let words = text::printable(&text::operation(operation, None));
    let marked = culprit == Some(operation.index);
    let took = match (&operation.outcome, operation.returned) {
        (Outcome::Unknown, _) | (_, None) => "unknown".to_owned(),
        (_, Some(returned)) => text::duration(returned.saturating_sub(operation.called)),
    };
    html! {
        tr class=[marked.then_some("culprit")] {
            th scope="row" class="number" { "#" (operation.index) }
            td title=(text::elide(&words, TITLE_MAX)) {
                code { (text::elide(&words, VALUE_MAX)) }
                @if marked { " " span class="mark-word" { "✗ cannot be explained" } }
            }
            td class="number" { (text::moment(operation.called)) }
            td class="number" { (took) }
            td class="number" { (operation.process) }
            td { (operation.node.unwrap_or("")) }
        }
    }
}

fn fault_link(fault: &FaultRecord) -> Markup {
    html! {
        a href=(format!("#fault-{}", fault.index)) {
            (fault.f) " " (text::elide(&text::printable(&fault.target_words()), 40))
        }
    }
}
