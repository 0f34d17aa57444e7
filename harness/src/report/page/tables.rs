//! Numbers: operations by function, and the errors that were seen most.

use crate::report::results::Results;
use crate::report::stats::Counts;
use crate::report::text;
use maud::{Markup, html};
use perjury_checkers::Kind;
use serde_json::Value;

/// Functions in the table.
const FUNCTIONS_MAX: usize = 40;

pub(super) fn operations(results: &Results) -> Markup {
    html! {
        section id="operations" aria-labelledby="operations-title" {
            h2 id="operations-title" { "Operations" }
            div class="scroll" tabindex="0" role="group" aria-label="Calls by function" {
                table {
                    caption class="hidden" { "Calls by function, with latencies of successful ones" }
                    thead { tr {
                        th scope="col" { "Function" }
                        @for name in ["Called", "Ok", "Failed", "Unknown"] {
                            th scope="col" class="number" { (name) }
                        }
                        th scope="col" class="shares" { "Share" }
                        @for name in ["p50", "p95", "p99", "Max"] {
                            th scope="col" class="number" { (name) }
                        }
                    } }
                    tbody {
                        @for (f, counts) in results.operations.iter().take(FUNCTIONS_MAX) {
                            (row(f, counts))
                        }
                    }
                }
            }
        }
    }
}

fn row(f: &str, counts: &Counts) -> Markup {
    let latency = counts.latency;
    let quantiles = latency.map(|l| [l.p50_ns, l.p95_ns, l.p99_ns, l.max_ns].map(text::duration));
    html! {
        tr {
            th scope="row" { code { (text::elide(f, 40)) } }
            @for count in counts.columns() { td class="number" { (count) } }
            td class="shares" { (shares(counts)) }
            @for quantile in quantiles.unwrap_or_default() { td class="number" { (quantile) } }
        }
    }
}

/// The three outcomes as parts of one bar.
fn shares(counts: &Counts) -> Markup {
    let whole = counts.invoked.max(1) as f64;
    let parts = [("ok", counts.ok), ("fail", counts.fail), ("info", counts.info)];
    html! {
        span class="share" aria-hidden="true" {
            @for (class, count) in parts.iter().filter(|(_, count)| *count > 0) {
                span class=(class) style=(format!("width:{:.1}%", *count as f64 * 100.0 / whole)) {}
            }
        }
    }
}

pub(super) fn errors(results: &Results) -> Markup {
    html! {
        @if !results.errors.is_empty() {
            section id="errors" aria-labelledby="errors-title" {
                h2 id="errors-title" { "Errors" }
                div class="scroll" tabindex="0" role="group" aria-label="Errors by frequency" {
                    table {
                        caption class="hidden" { "Errors by frequency" }
                        thead { tr {
                            th scope="col" class="number" { "Times" }
                            th scope="col" { "Function" }
                            th scope="col" { "Outcome" }
                            th scope="col" { "Error" }
                        } }
                        tbody {
                            @for error in &results.errors {
                                tr {
                                    td class="number" { (text::number(error.count)) }
                                    td { code { (text::elide(&error.f, 40)) } }
                                    td { (if error.kind == Kind::Fail { "failed" } else { "unknown" }) }
                                    td class="wide" { (text::printable(&error.error)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A checker's numbers in one line: `keys 12, operations 4,811`.
pub(super) fn stats_line(stats: &Value) -> String {
    let Some(fields) = stats.as_object() else { return String::new() };
    let known = fields.iter().filter(|(_, value)| !value.is_null());
    let words = |(name, value): (&String, &Value)| {
        let value = match value.as_object() {
            // Quantiles, or counts by name.
            Some(parts) => {
                let parts = parts.iter().map(|(name, part)| format!("{name}: {}", figure(part)));
                format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
            }
            None => figure(value),
        };
        format!("{} {}", name.replace('_', " "), text::elide(&value, 60))
    };
    text::printable(&known.take(10).map(words).collect::<Vec<_>>().join(", "))
}

/// A number in few digits, anything else as it is.
fn figure(value: &Value) -> String {
    match (value.as_u64(), value.as_f64()) {
        (Some(count), _) => text::number(count),
        (_, Some(fraction)) if fraction >= 100.0 => text::number(fraction.round() as u64),
        (_, Some(fraction)) => {
            let steps = if fraction.abs() < 0.1 { 10_000.0 } else { 100.0 };
            ((fraction * steps).round() / steps).to_string()
        }
        _ => text::value(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_of_a_checker_are_short_and_known() {
        let stats = json!({
            "operations": 4811,
            "stable_ms": {"0": 0.004_9, "0.5": 12.345_6, "1": 1949.8},
            "taken_back_after_ms": null,
            "type": "g-counter",
        });
        let line = "operations 4,811, stable ms {0: 0.0049, 0.5: 12.35, 1: 1,950}, type g-counter";
        assert_eq!(stats_line(&stats), line);
        assert_eq!(stats_line(&Value::Null), "");
    }
}
