//! A running test: how far it is, what it does, what is broken, and what can be said so far.

use super::layout;
use crate::report::text;
use crate::serve::live::{Active, Opinion, Phase, Seen, Snapshot};
use maud::{Markup, html};
use perjury_checkers::Kind;
use std::fmt::Write as _;

/// Size of the small plot, in its own units.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 60.0;

/// The content of the page. What is between the marks of its parts is fetched anew each second.
pub(in crate::serve) fn content(snapshot: &Snapshot) -> Markup {
    let address = &snapshot.entry.address;
    let run = address.run_page();
    let time = layout::folder_time(address.time());
    html! {
        (layout::trail(&[("Runs", "/"), (&time, &run)], "live"))
        h1 { (layout::shortened(&snapshot.entry.name, 80)) ", live" }
        // Told to who cannot see it only when its words change.
        p id="live-status" class="live-status" role="status" {
            (layout::badge(snapshot.entry.state)) " " (status(snapshot))
        }
        p id="connection" class="trouble-lead" role="status" {}
        section class="so-far" aria-labelledby="so-far-title" {
            h2 id="so-far-title" { "Verdict so far" }
            div id="verdict-so-far" role="status" { (opinion(snapshot)) }
        }
        @if !snapshot.is_over {
            noscript {
                p class="note" { "Without JavaScript this page shows one moment: load it again." }
            }
        }
        div id="live" data-over=(snapshot.is_over) { (moving(snapshot, &run)) }
    }
}

fn status(snapshot: &Snapshot) -> Markup {
    let run = snapshot.entry.address.run_page();
    html! {
        @match snapshot.phase {
            Phase::Starting => "Nodes and the database are being started.",
            Phase::Load => "The load goes on.",
            Phase::Healing => "The load is over; faults are being mended.",
            Phase::FinalReads => "Final reads, then the database is stopped.",
            Phase::Checking => "The run is over and is being judged.",
            Phase::Ended => {
                "The run has ended. "
                a href=(format!("{run}file/report.html")) { "Open the report" } " or "
                a href=(run) { "see the run" } "."
            },
            Phase::Stopped => {
                "It has not ended, and nothing has been written to it for a while: it was killed, perhaps. "
                a href=(run) { "See the run" } "."
            },
        }
    }
}

fn opinion(snapshot: &Snapshot) -> Markup {
    let of = |operations: &u64| text::count(*operations, "operation");
    html! {
        @if snapshot.phase == Phase::Ended {
            p { "The run is judged: see its report." }
        } @else {
            @match &snapshot.opinion {
                Opinion::AtTheEnd { why } => p { "Judged at the end. " (text::printable(why)) },
                Opinion::NotYet => p { "Nothing can be said yet." },
                Opinion::Undecided { operations, why } => {
                    p { "The checkers could not decide on " (of(operations)) " so far." }
                    p class="soft" { (layout::shortened(why, 300)) }
                },
                Opinion::NoAnomaly { operations, is_all_that_is_judged, has_final_reads } => {
                    p { "No anomaly so far in " (of(operations)) "." }
                    @if *is_all_that_is_judged { p class="soft" { "Later ones are judged at the end." } }
                    @if *has_final_reads {
                        p class="soft" { "What the final reads show is judged at the end." }
                    }
                },
                Opinion::Anomaly { operations, titles, count } => {
                    p class="found" { "✗ " (text::count(*count, "anomaly")) " in " (of(operations)) ":" }
                    ul { @for title in titles { li { (layout::shortened(title, 300)) } } }
                },
            }
        }
    }
}

/// What changes all the time.
fn moving(snapshot: &Snapshot, run: &str) -> Markup {
    html! {
        (progress(snapshot))
        @if snapshot.is_over { p { a class="button" href=(run) { "To the run" } } }
        @if !snapshot.is_over {
            section aria-labelledby="rate-title" {
                h2 id="rate-title" { "Rate" }
                p { strong { (format!("{:.1}", snapshot.rate)) } " operations done a second, lately" }
                (sparkline(snapshot))
            }
        }
        (operations(snapshot))
        @if !snapshot.is_over {
            (faults(&snapshot.faults))
            (errors(&snapshot.errors))
        }
        @if snapshot.damaged_lines > 0 {
            p class="trouble-lead" {
                (text::count(snapshot.damaged_lines, "line")) " of the history cannot be read."
            }
        }
    }
}

fn progress(snapshot: &Snapshot) -> Markup {
    // Seconds alone: the words change once a second.
    let seconds = |ns: u64| ns / 1_000_000_000;
    let elapsed = text::duration(seconds(snapshot.elapsed_ns) * 1_000_000_000);
    html! {
        div class="progress" {
            label for="elapsed" {
                "Time of the load: " (elapsed)
                @if let Some(limit) = snapshot.limit_ns { " of " (text::duration(limit)) }
            }
            @if let Some(limit) = snapshot.limit_ns {
                progress id="elapsed" max=(seconds(limit).max(1)) value=(seconds(snapshot.elapsed_ns)) {}
            } @else {
                progress id="elapsed" {}
            }
        }
    }
}

/// Operations done in each of the last seconds, with those that failed or are unknown beneath.
fn sparkline(snapshot: &Snapshot) -> Markup {
    let rates = &snapshot.rates;
    let most = rates.iter().map(|second| second.ok.max(second.fail + second.info)).max();
    let most = most.unwrap_or(0).max(1);
    let step = WIDTH / rates.len().saturating_sub(1).max(1) as f64;
    let line = |of: fn(&crate::serve::live::Second) -> u64| {
        let mut points = String::new();
        for (place, second) in rates.iter().enumerate() {
            let y = HEIGHT - 2.0 - of(second) as f64 * (HEIGHT - 4.0) / most as f64;
            let _ = write!(points, "{:.1},{y:.1} ", place as f64 * step);
        }
        points
    };
    let words = format!(
        "Operations a second over the last {} s, at most {most}; dashed: failed or unknown",
        rates.len()
    );
    html! {
        figure {
            svg class="sparkline" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(words)
                preserveAspectRatio="none" {
                polyline class="ok" points=(line(|second| second.ok)) {}
                polyline class="bad" points=(line(|second| second.fail + second.info)) {}
            }
            figcaption { (words) "." }
        }
    }
}

fn operations(snapshot: &Snapshot) -> Markup {
    let all = [("All", &snapshot.total)];
    let each = snapshot.functions.iter().map(|(f, counts)| (f.as_str(), counts));
    html! {
        section aria-labelledby="operations-title" {
            h2 id="operations-title" { "Operations" }
            div class="scroll" tabindex="0" role="group" aria-label="Operations by outcome" {
                table id="live-operations" {
                    caption class="hidden" { "Calls by function and outcome" }
                    thead { tr {
                        th scope="col" { "Function" }
                        @for name in ["Called", "Ok", "Failed", "Unknown", "In flight"] {
                            th scope="col" class="number" { (name) }
                        }
                    } }
                    tbody {
                        @for (f, counts) in all.into_iter().chain(each) {
                            @let answered = counts.ok + counts.fail + counts.info;
                            tr {
                                th scope="row" { (layout::shortened(f, 60)) }
                                @for count in counts.columns() { td class="number" { (count) } }
                                td class="number" {
                                    (text::number(counts.invoked.saturating_sub(answered)))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn faults(faults: &[Active]) -> Markup {
    html! {
        section aria-labelledby="faults-title" {
            h2 id="faults-title" { "Faults in force" }
            @if faults.is_empty() { p { "None now." } }
            ul id="live-faults" class="plain" {
                @for fault in faults {
                    li {
                        strong { (layout::shortened(&fault.f, 60)) } " "
                        (layout::shortened(&fault.targets, 120)) " "
                        span class="soft" {
                            "since " (text::moment(fault.from_ns))
                            @if !fault.is_observed { ", not seen to be in force" }
                        }
                    }
                }
            }
        }
    }
}

fn errors(errors: &[Seen]) -> Markup {
    html! {
        section aria-labelledby="errors-title" {
            h2 id="errors-title" { "Recent errors" }
            @if errors.is_empty() {
                p { "None so far." }
            } @else {
                div class="scroll" tabindex="0" role="group" aria-label="Table of errors" {
                    table id="live-errors" {
                        caption class="hidden" { "Errors, those seen last in front" }
                        thead { tr {
                            th scope="col" { "Last seen" }
                            th scope="col" class="number" { "Times" }
                            th scope="col" { "Function" }
                            th scope="col" { "Outcome" }
                            th scope="col" { "Error" }
                        } }
                        tbody {
                            @for seen in errors {
                                tr {
                                    td class="when" { (text::moment(seen.last_ns)) }
                                    td class="number" { (text::number(seen.count)) }
                                    td { code { (layout::shortened(&seen.f, 40)) } }
                                    td { (if seen.kind == Kind::Fail { "failed" } else { "unknown" }) }
                                    td class="wide" { (layout::shortened(&seen.error, 300)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
