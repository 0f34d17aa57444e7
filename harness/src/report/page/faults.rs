//! The fault log: what was broken when, and how that is known.

use super::value;
use crate::report::faults::{FaultOutcome, FaultRecord, Mend};
use crate::report::results::Results;
use crate::report::service::Service;
use crate::report::text;
use maud::{Markup, html};

/// Faults on the page; the rest is in `results.json`.
const FAULTS_MAX: usize = 200;

pub(super) fn section(results: &Results) -> Markup {
    let faults = &results.faults;
    html! {
        section id="faults" aria-labelledby="faults-title" {
            h2 id="faults-title" { "Faults" }
            @if faults.is_empty() {
                p class="note" { "Nothing was broken in this run." }
            } @else {
                p class="lead" {
                    "A fault counts only if it was observed on the node itself. The evidence is what \
                     was seen there, not what a command said."
                }
                div class="scroll" tabindex="0" role="group" aria-label="Faults in order" {
                    table class="faults" {
                        caption class="hidden" { "Faults with their evidence, in order" }
                        thead { tr {
                            th scope="col" { "When" }
                            th scope="col" { "Fault" }
                            th scope="col" { "Outcome" }
                            th scope="col" { "Evidence" }
                            th scope="col" class="number" { "Served" }
                        } }
                        tbody { @for fault in faults.iter().take(FAULTS_MAX) { (row(fault)) } }
                    }
                }
                @if faults.len() > FAULTS_MAX {
                    p class="note" {
                        "results.json holds "
                        (text::count((faults.len() - FAULTS_MAX) as u64, "more fault")) "."
                    }
                }
            }
        }
    }
}

fn row(fault: &FaultRecord) -> Markup {
    let long = fault.to_ns.map(|to| text::duration(to.saturating_sub(fault.from_ns)));
    html! {
        tr id=(format!("fault-{}", fault.index)) {
            td class="when" {
                (text::moment(fault.from_ns))
                span class="soft" {
                    @match (long, fault.outcome) {
                        (Some(long), _) => { "for " (long) }
                        (None, FaultOutcome::Installed) => "never seen healed",
                        (None, _) => "",
                    }
                }
            }
            th scope="row" {
                (text::elide(&fault.f, 40))
                span class="soft" { (text::elide(&text::printable(&fault.target_words()), 80)) }
            }
            td { (outcome(fault.outcome)) }
            td class="evidence" {
                @if let Some(reason) = &fault.reason { p { (text::elide(reason, 600)) } }
                @if !fault.evidence.is_null() { (value::render(&fault.evidence)) }
                @if let Some(mend) = &fault.mend { (mended(mend)) }
            }
            td class="number" {
                @if let Some(service) = &fault.service { (served(service)) }
            }
        }
    }
}

/// The share of calls that were served, and how long it took until all was well again.
fn served(service: &Service) -> Markup {
    html! {
        @if let Some(share) = service.availability() {
            (format!("{:.0} %", 100.0 * share))
            span class="soft" {
                (text::number(service.served())) " of " (text::number(service.calls))
                @if service.declined > 0 { " (" (text::number(service.declined)) " declined)" }
                ", longest outage " (text::duration(service.longest_outage_ns))
            }
        } @else {
            "no calls"
        }
        @for error in &service.errors {
            span class="soft" {
                (text::times(error.count)) " " (text::elide(&text::printable(&error.error), 80))
            }
        }
        @if let Some(recovery) = service.recovery_ns {
            span class="soft" { "back " (text::duration(recovery)) " after mending" }
        }
        @if let Some(slowest) = service.node_recovery_ns.values().max() {
            span class="soft" { "on every node " (text::duration(*slowest)) }
        }
    }
}

fn mended(mend: &Mend) -> Markup {
    let when = text::moment(mend.to_ns.unwrap_or(mend.from_ns));
    html! {
        details {
            summary { (text::elide(&mend.f, 40)) " at " (when) ": " (mend.outcome.word()) }
            @if let Some(reason) = &mend.reason { p { (text::elide(reason, 600)) } }
            @if !mend.evidence.is_null() { (value::render(&mend.evidence)) }
        }
    }
}

fn outcome(outcome: FaultOutcome) -> Markup {
    let (sign, class) = match outcome {
        FaultOutcome::Installed => ("●", "installed"),
        FaultOutcome::Healed => ("✓", "healed"),
        FaultOutcome::Skipped => ("–", "skipped"),
        FaultOutcome::Indeterminate => ("?", "indeterminate"),
    };
    html! {
        span class=(format!("outcome {class}")) {
            span aria-hidden="true" { (sign) } " " (outcome.word())
        }
    }
}
