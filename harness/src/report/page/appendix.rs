//! The end of the page: logs of the nodes, how to see it again, and the plan.

use super::opening::started;
use crate::report::results::Results;
use crate::report::{LogExcerpt, ReportInput, text};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Bytes of one excerpt, and of all together.
const EXCERPT_MAX: usize = 48 << 10;
const EXCERPTS_MAX: usize = 1 << 20;
/// Bytes of the plan.
const PLAN_MAX: usize = 128 << 10;

pub(super) fn logs(excerpts: &[LogExcerpt]) -> Markup {
    let mut left = EXCERPTS_MAX;
    let mut by_node: BTreeMap<&str, Vec<(&LogExcerpt, String)>> = BTreeMap::new();
    for excerpt in excerpts {
        let shown = tail(&text::printable(&excerpt.text), EXCERPT_MAX.min(left)).to_owned();
        left -= shown.len();
        by_node.entry(&excerpt.node).or_default().push((excerpt, shown));
    }
    html! {
        @if !excerpts.is_empty() {
            section id="logs" aria-labelledby="logs-title" {
                h2 id="logs-title" { "What the nodes said" }
                @for (node, files) in &by_node {
                    h3 { (node) }
                    @for (excerpt, shown) in files {
                        details class="log" {
                            summary {
                                code { (excerpt.file) } " "
                                span class="soft" { (text::count(shown.lines().count() as u64, "line")) }
                            }
                            pre tabindex="0" { (shown) }
                        }
                    }
                }
            }
        }
    }
}

/// The end of a text, from the beginning of a line.
fn tail(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut start = text.len() - max;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let end = &text[start..];
    end.find('\n').map_or(end, |newline| &end[newline + 1..])
}

pub(super) fn reproduce(input: &ReportInput<'_>) -> Markup {
    html! {
        section id="reproduce" aria-labelledby="reproduce-title" {
            h2 id="reproduce-title" { "See it again" }
            @if !input.reproduce.is_empty() {
                p class="lead" {
                    "The same seed asks the same operations and breaks the same things in the same \
                     order. Timing stays the machine's own."
                }
                pre class="command" tabindex="0" { code { (text::printable(input.reproduce)) } }
            }
            @if !input.plan_toml.is_empty() {
                details class="log" {
                    summary { "The plan, " code { "plan.toml" } }
                    pre tabindex="0" { (tail(&text::printable(input.plan_toml), PLAN_MAX)) }
                }
            }
        }
    }
}

pub(super) fn foot(results: &Results) -> Markup {
    html! {
        footer {
            p {
                (results.subject.tool) " on " (results.subject.host) ". Run began " (started(results))
                ". Times are since then, by the controller's monotonic clock."
            }
        }
    }
}
