//! The beginning of the page: what the campaign came to, and what needs looking at first.

use super::{badge, linked};
use crate::campaign::outputs::Input;
use crate::campaign::outputs::words::{self, Look};
use crate::campaign::record::Cell;
use crate::report::text;
use maud::{Markup, html};

/// Cells with a paragraph of their own.
const SHOWN_MAX: usize = 40;

pub(super) fn masthead(input: &Input<'_>) -> Markup {
    let campaign = input.campaign;
    html! {
        header class="masthead" {
            span class="brand" { "perjury" }
            span { "campaign " (campaign.name) }
            time datetime=(campaign.started) { (words::moment(campaign.started)) }
        }
    }
}

pub(super) fn verdict(input: &Input<'_>) -> Markup {
    let campaign = input.campaign;
    let counts = words::counts(campaign);
    let (sign, class) = match counts.first() {
        None => ("?", "unknown"),
        Some((worst, _)) if worst.is_good() => ("✓", "passed"),
        Some((worst, _)) => (Look::of(*worst).sign, Look::of(*worst).class),
    };
    html! {
        section class=(format!("verdict tone-{class}")) aria-label="Outcome" {
            div class="sign" aria-hidden="true" { (sign) }
            div {
                p class="word" {
                    (campaign.name) span { "exit code " (campaign.exit_code()) }
                }
                h1 { (words::headline(campaign)) }
                p class="support" { (words::support(campaign)) }
            }
        }
    }
}

pub(super) fn tiles(input: &Input<'_>) -> Markup {
    let campaign = input.campaign;
    let run = campaign.cells.iter().filter(|cell| !cell.attempts.is_empty()).count();
    let seconds: f64 = campaign.cells.iter().map(words::seconds).sum();
    let last = campaign.cells.iter().flat_map(|cell| &cell.attempts);
    let ok: u64 = last.filter_map(|attempt| attempt.figures).map(|figures| figures.ok).sum();
    let retried = words::retried(campaign).len();
    let span = campaign.ended.map(|ended| ended.duration_since(campaign.started).as_secs_f64());
    let took = span.map_or("not ended".to_owned(), words::duration);
    html! {
        section id="facts" aria-label="Facts" {
            div class="tiles" {
                (tile("Cells run", &format!("{run} of {}", campaign.cells.len()), &shard(input)))
                (tile("Took", &took, &format!("{} in tests", words::duration(seconds))))
                (tile("Operations done", &text::number(ok), "answered with ok"))
                (tile("Run again", &text::number(retried as u64), "after infrastructure failures"))
                (tile("Nights on record", &text::number(input.history.len() as u64), "this one included"))
            }
            dl class="facts" {
                div { dt { "seed" } dd { (campaign.seed) } }
                div { dt { "matrix" } dd title=(campaign.matrix) { (text::elide(&campaign.matrix, 20)) } }
                div { dt { "host" } dd { (campaign.host) } }
            }
        }
    }
}

fn shard(input: &Input<'_>) -> String {
    match input.campaign.shard {
        Some(shard) => format!("part {} of {}", shard.number, shard.of),
        None => "the whole matrix".to_owned(),
    }
}

fn tile(name: &str, value: &str, more: &str) -> Markup {
    html! {
        div class="tile" {
            p class="tile-name" { (name) }
            p class="tile-value" { (value) }
            p class="tile-more" { (more) }
        }
    }
}

pub(super) fn to_look_at(input: &Input<'_>) -> Markup {
    let bad = words::not_good(input.campaign);
    html! {
        @if !bad.is_empty() {
            section id="look" aria-labelledby="look-title" {
                h2 id="look-title" { "Look at these first" }
                @for cell in bad.iter().take(SHOWN_MAX) { (entry(input, cell)) }
                @if bad.len() > SHOWN_MAX {
                    p class="note" {
                        "And " (text::number((bad.len() - SHOWN_MAX) as u64)) " more, in the matrix above."
                    }
                }
            }
        }
    }
}

fn entry(input: &Input<'_>, cell: &Cell) -> Markup {
    let look = Look::of(cell.outcome);
    let since = input.history.since_words(&cell.id);
    html! {
        article class=(format!("look tone-{}", look.class)) {
            h3 { (linked(cell)) " " (badge(cell.outcome)) }
            p class="story" { (text::elide(&words::story(cell), 600)) }
            p class="soft" {
                "Expected: " (words::expected(&cell.expected)) "."
                @if !since.is_empty() { " " (sentence(&since)) }
                @if cell.attempts.len() > 1 {
                    " Run " (text::times(cell.attempts.len() as u64)) "."
                }
            }
            @if let Some(command) = words::command(cell) { p { code { (command) } } }
        }
    }
}

/// With a capital in front and a full stop behind.
fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
