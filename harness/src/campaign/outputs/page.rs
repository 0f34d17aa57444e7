//! `campaign.html`: one file that needs nothing else, no script, no network.

mod figures;
mod matrix;
mod nights;
mod opening;

pub(super) use matrix::section as matrix;

use super::Input;
use super::words::{self, Look};
use crate::campaign::record::{Cell, Outcome};
use crate::report::{page as report, text};
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) const STYLE: &str = include_str!("page/style.css");

/// Renders the page. The same input gives the same bytes.
pub(super) fn render(input: &Input<'_>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(input))
            body class="campaign" {
                a class="skip" href="#main" { "Skip to the campaign" }
                main id="main" {
                    (opening::masthead(input))
                    (opening::verdict(input))
                    (opening::tiles(input))
                    (matrix(input, &words::link))
                    (opening::to_look_at(input))
                    (nights::section(input))
                    (figures::section(input))
                    (again(input))
                }
                footer {
                    p {
                        "Written by " (input.campaign.tool) " on " (input.campaign.host)
                        ". All numbers are in campaign.json."
                    }
                }
            }
        }
    };
    // As in a run's report: what would turn the direction of reading is taken out.
    page.into_string().chars().filter(|c| text::is_visible(*c)).collect()
}

fn head(input: &Input<'_>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta http-equiv="Content-Security-Policy" content=(report::POLICY);
            title { (input.campaign.name) ": " (words::counts_words(input.campaign)) " – Perjury" }
            style { (PreEscaped(report::STYLE)) (PreEscaped(STYLE)) }
        }
    }
}

/// An outcome as a small label.
fn badge(outcome: Outcome) -> Markup {
    let look = Look::of(outcome);
    html! {
        span class=(format!("badge tone-{}", look.class)) {
            span aria-hidden="true" { (look.sign) } (look.word)
        }
    }
}

/// The cell's id, as a link to its report where there is one.
fn linked(cell: &Cell) -> Markup {
    html! {
        @match words::link(cell) {
            Some(link) => a href=(link) { code { (cell.id) } },
            None => code { (cell.id) },
        }
    }
}

/// How each cell can be run alone again.
fn again(input: &Input<'_>) -> Markup {
    html! {
        section id="again" aria-labelledby="again-title" {
            h2 id="again-title" { "Run a cell alone again" }
            p class="lead" {
                "From this page's folder. A run's plan holds its seed: the same choices are made again, "
                "though a real cluster answers to them in its own time."
            }
            div class="scroll" tabindex="0" role="group" aria-label="Commands" {
                table {
                    thead { tr {
                        th scope="col" { "Cell" }
                        th scope="col" class="number" { "Seed" }
                        th scope="col" class="number" { "Time" }
                        th scope="col" class="number" { "Tries" }
                        th scope="col" { "Command" }
                    } }
                    tbody {
                        @for cell in &input.campaign.cells {
                            tr {
                                th scope="row" { (linked(cell)) }
                                td class="number" { (cell.seed) }
                                td class="number" {
                                    @if !cell.attempts.is_empty() {
                                        (words::duration(words::seconds(cell)))
                                    }
                                }
                                td class="number" { (cell.attempts.len()) }
                                td {
                                    @match words::command(cell) {
                                        Some(command) => code { (command) },
                                        None => span class="soft" { "has not been run" },
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
