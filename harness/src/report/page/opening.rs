//! The beginning of the page: the verdict in one sentence, and what was tested.

use super::tables::stats_line;
use crate::report::headline::{self, Standing};
use crate::report::results::Results;
use crate::report::text;
use maud::{Markup, html};
use perjury_checkers::Verdict;
use std::collections::BTreeMap;

/// Reasons shown below the verdict.
const REASONS_MAX: usize = 12;

pub(super) fn masthead(results: &Results) -> Markup {
    let subject = &results.subject;
    html! {
        header class="masthead" {
            span class="brand" { "perjury" }
            span { (subject.name) }
            time datetime=(subject.started) { (started(results)) }
        }
    }
}

/// `2026-01-02 03:04:05 UTC`.
pub(super) fn started(results: &Results) -> String {
    results.subject.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub(crate) fn verdict(results: &Results, standing: Standing) -> Markup {
    // The first is what the sentence says already.
    let shown: Vec<_> = results.reasons.iter().skip(1).take(REASONS_MAX).collect();
    html! {
        section class=(format!("verdict {}", standing.class())) aria-label="Verdict" {
            div class="sign" aria-hidden="true" { (standing.sign()) }
            div {
                p class="word" { (standing.word()) span { "exit code " (results.exit_code) } }
                h1 { (headline::sentence(results)) }
                p class="support" { (headline::support(results)) }
                @if !shown.is_empty() {
                    ul class="reasons" {
                        @for reason in &shown {
                            li { code { (reason.code) } " " (reason.text) }
                        }
                    }
                }
            }
        }
    }
}

pub(crate) fn tested(results: &Results) -> Markup {
    let subject = &results.subject;
    let total = results.total();
    let seconds = results.duration_ns as f64 / 1e9;
    let rate = if seconds > 0.0 { total.invoked as f64 / seconds } else { 0.0 };
    html! {
        section id="tested" aria-labelledby="tested-title" {
            h2 id="tested-title" { "What was tested" }
            div class="tiles" {
                (tile("Database", &subject.database, &format!("workload {}", subject.workload)))
                (tile("Nodes", &subject.nodes.len().to_string(), &text::list(&subject.nodes, 7)))
                (tile("Duration", &text::duration(results.duration_ns), &phases(results)))
                (tile("Operations", &text::number(total.invoked), &format!(
                    "{}, {} a second", total.answered(), text::number(rate.round() as u64))))
                (tile("Faults", &text::number(results.faults.len() as u64), &fault_kinds(results)))
            }
            @if let Some(sample) = results.sample {
                p class="note" { (sample.sentence()) }
            }
            @if let Some(load) = &results.load {
                p class="load" { "Load: " (load.sentence()) "." }
                @if let Some(warning) = load.warning() {
                    p class="note" { "The load: " (warning) "." }
                }
            }
            dl class="facts" {
                div { dt { "seed" } dd { (subject.seed) } }
                @for (name, value) in &subject.options {
                    div { dt { (name) } dd title=(value) { (text::elide(value, 80)) } }
                }
            }
        }
    }
}

fn tile(name: &str, value: &str, more: &str) -> Markup {
    html! {
        div class="tile" {
            p class="tile-name" { (name) }
            p class="tile-value" title=(value) { (text::elide(value, 24)) }
            p class="tile-more" { (more) }
        }
    }
}

fn phases(results: &Results) -> String {
    let phase = |phase: &crate::report::Phase| {
        let long = text::duration(phase.to_ns.saturating_sub(phase.from_ns));
        format!("{} {long}", phase.name)
    };
    results.phases.iter().map(phase).collect::<Vec<_>>().join(", ")
}

/// `kill 4, pause 3`.
pub(super) fn fault_kinds(results: &Results) -> String {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for fault in &results.faults {
        *kinds.entry(&fault.f).or_default() += 1;
    }
    if kinds.is_empty() {
        return "none asked for".to_owned();
    }
    let words: Vec<String> = kinds.iter().map(|(f, count)| format!("{f} {count}")).collect();
    text::list(&words, 8)
}

pub(crate) fn checkers(results: &Results) -> Markup {
    html! {
        @if !results.findings.is_empty() {
            section id="checkers" aria-labelledby="checkers-title" {
                h2 id="checkers-title" { "Who judged" }
                div class="scroll" tabindex="0" role="group" aria-label="Checkers and their verdicts" {
                    table {
                        caption class="hidden" { "Checkers and their verdicts" }
                        thead { tr {
                            th scope="col" { "Checker" }
                            th scope="col" { "Verdict" }
                            th scope="col" class="number" { "Anomalies" }
                            th scope="col" { "What it looked at" }
                        } }
                        tbody {
                            @for finding in &results.findings {
                                tr {
                                    th scope="row" { (finding.checker) }
                                    td { (badge(finding.verdict)) }
                                    td class="number" { (text::number(finding.anomaly_count)) }
                                    td class="wide" {
                                        @match &finding.reason {
                                            Some(reason) => (reason),
                                            None => (stats_line(&finding.stats)),
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn badge(verdict: Verdict) -> Markup {
    let standing = Standing::of_verdict(verdict);
    html! {
        span class=(format!("badge {}", standing.class())) {
            span aria-hidden="true" { (standing.sign()) } (standing.word())
        }
    }
}
