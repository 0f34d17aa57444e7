//! Cells over the nights: a strip of marks for each, with when it was last good and first bad.

use super::linked;
use crate::campaign::outputs::Input;
use crate::campaign::outputs::trend::NIGHTS_MAX;
use crate::campaign::outputs::words::{self, Look};
use crate::campaign::record::{Campaign, Cell};
use maud::{Markup, html};

pub(super) fn section(input: &Input<'_>) -> Markup {
    let mut nights: Vec<&Campaign> = input.history.campaigns().rev().take(NIGHTS_MAX).collect();
    nights.reverse();
    let [first, .., last] = &*nights else { return html! {} };
    html! {
        section id="nights" aria-labelledby="nights-title" {
            h2 id="nights-title" { "Night by night" }
            p class="lead" {
                "The last " (nights.len()) " nights, from " (words::date(first.started)) " to "
                (words::date(last.started)) ", this one at the right."
            }
            div class="scroll" tabindex="0" role="group" aria-label="Nights" {
                table class="nights" {
                    thead { tr {
                        th scope="col" { "Cell" }
                        th scope="col" { "Nights" }
                        th scope="col" { "Last good" }
                        th scope="col" { "Bad since" }
                    } }
                    tbody {
                        @for cell in &input.campaign.cells { (row(input, cell, &nights)) }
                    }
                }
            }
        }
    }
}

fn row(input: &Input<'_>, cell: &Cell, nights: &[&Campaign]) -> Markup {
    let all: Vec<Option<&Cell>> = input.history.of(&cell.id).collect();
    let shown = &all[all.len() - nights.len()..];
    let since = input.history.since(&cell.id);
    // For a cell that is good now there is nothing to date.
    let bad = !cell.outcome.is_good();
    html! {
        tr {
            th scope="row" { (linked(cell)) }
            td {
                span class="strip" role="img" aria-label=(spoken(shown)) {
                    @for (night, cell) in nights.iter().zip(shown) { (mark(night, *cell)) }
                }
            }
            td class="when" {
                @if bad {
                    @match since.last_good {
                        Some(good) => (words::date(good.started)),
                        None => span class="soft" { "never" },
                    }
                }
            }
            td class="when" {
                @if bad && let Some(first) = since.first_bad {
                    (words::date(first.started)) " "
                    span class="soft" { (Look::of(first.outcome).word) }
                }
            }
        }
    }
}

fn mark(night: &Campaign, cell: Option<&Cell>) -> Markup {
    let date = words::date(night.started);
    html! {
        @match cell.map(|cell| Look::of(cell.outcome)) {
            Some(look) => i class=(format!("tone-{}", look.class)) title=(format!("{date} {}", look.word)) {
                (look.sign)
            },
            None => i class="absent" title=(format!("{date} not in the matrix")) {},
        }
    }
}

/// The strip for those who cannot see it.
fn spoken(nights: &[Option<&Cell>]) -> String {
    let run = nights.iter().flatten();
    let good = run.clone().filter(|cell| cell.outcome.is_good()).count();
    format!("good in {good} of {} nights", run.count())
}
