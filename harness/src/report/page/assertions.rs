//! What was asserted of the run, and which processes ended by themselves.

use crate::assertion::{Record, Source, State};
use crate::report::results::Results;
use crate::report::text;
use maud::{Markup, html};

/// Rows of either table; the rest is in `results.json`.
const ROWS_MAX: usize = 100;

pub(super) fn section(results: &Results) -> Markup {
    html! {
        @if !results.assertions.is_empty() { (assertions(&results.assertions)) }
        @if !results.ends.is_empty() { (ends(results)) }
    }
}

fn assertions(records: &[Record]) -> Markup {
    html! {
        section id="assertions" aria-labelledby="assertions-title" {
            h2 id="assertions-title" { "Assertions" }
            div class="scroll" tabindex="0" role="group" aria-label="Assertions" {
                table {
                    caption class="hidden" { "What was asserted, and what came of it" }
                    thead { tr {
                        th scope="col" { "Asserted" }
                        th scope="col" { "By" }
                        th scope="col" { "Outcome" }
                        th scope="col" class="number" { "Seen" }
                        th scope="col" { "Evidence" }
                    } }
                    tbody { @for record in records.iter().take(ROWS_MAX) { (row(record)) } }
                }
            }
            @if records.len() > ROWS_MAX { p class="note" { "results.json holds all." } }
        }
    }
}

fn row(record: &Record) -> Markup {
    let by = match record.source {
        Source::Client => "a client",
        Source::Log => "logs",
        Source::Fault => "faults",
    };
    let outcome = match record.state {
        State::Held => "held",
        State::Failed => "✗ failed",
        State::Unreached => "? never came about",
        State::Skipped => "not of this run",
    };
    html! {
        tr {
            th scope="row" {
                (record.kind.word()) " "
                (text::elide(&text::printable(&record.name), 160))
            }
            td { (by) }
            td { (outcome) }
            td class="number" { (text::number(record.held + record.failed)) }
            td class="evidence" {
                @for line in &record.evidence { p { (text::elide(&text::printable(line), 400)) } }
            }
        }
    }
}

fn ends(results: &Results) -> Markup {
    html! {
        section id="ends" aria-labelledby="ends-title" {
            h2 id="ends-title" { "Ended by itself" }
            p class="lead" { "Nobody had told these processes of the database to end." }
            ul {
                @for end in results.ends.iter().take(ROWS_MAX) {
                    li { (end.node) " at " (text::moment(end.at_ns)) ": " (end.how()) }
                }
            }
        }
    }
}
