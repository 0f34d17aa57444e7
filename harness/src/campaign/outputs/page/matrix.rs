//! The matrix: a row for each database, workload and setting, a column for each nemesis.

use crate::campaign::outputs::Input;
use crate::campaign::outputs::words::{self, Look, OUTCOMES};
use crate::campaign::record::Cell;
use maud::{Markup, html};

/// Axes with a place of their own; the others are settings.
const PLACED: [&str; 4] = ["database", "workload", "nemesis", "repeat"];

/// A row's database, workload and settings.
type Row<'a> = (&'a str, &'a str, String);

/// Where the last run of a cell can be read of, if anywhere.
type Link<'a> = &'a dyn Fn(&Cell) -> Option<String>;

pub(in crate::campaign::outputs) fn section(input: &Input<'_>, link: Link<'_>) -> Markup {
    let cells = &input.campaign.cells;
    let columns = unique(cells.iter().map(|cell| words::axis(cell, "nemesis")));
    let rows = grouped(unique(cells.iter().map(row)));
    let has_settings = rows.iter().any(|(row, _)| !row.2.is_empty());
    html! {
        section id="matrix" aria-labelledby="matrix-title" {
            h2 id="matrix-title" { "The matrix" }
            (legend(input))
            div class="scroll" tabindex="0" role="group" aria-label="The matrix" {
                table class="matrix" {
                    thead { tr {
                        th scope="col" { "Database" }
                        th scope="col" { "Workload" }
                        @if has_settings { th scope="col" { "Settings" } }
                        @for nemesis in &columns { th scope="col" { (nemesis.replace(['+', ','], " + ")) } }
                    } }
                    tbody {
                        @for (row_key, first_of) in &rows {
                            tr {
                                @if let Some(span) = first_of {
                                    th scope="rowgroup" rowspan=(span) { (row_key.0) }
                                }
                                th scope="row" class="workload" { (row_key.1) }
                                @if has_settings { td class="settings" { (row_key.2) } }
                                @for nemesis in &columns {
                                    td {
                                        @for cell in cells.iter().filter(|cell| {
                                            words::axis(cell, "nemesis") == *nemesis && row(cell) == *row_key
                                        }) { (cell_box(cell, link)) }
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

fn row(cell: &Cell) -> Row<'_> {
    let others = cell.axes.iter().filter(|(name, _)| !PLACED.contains(&name.as_str()));
    let settings: Vec<String> = others.map(|(name, value)| format!("{name} {value}")).collect();
    (words::axis(cell, "database"), words::axis(cell, "workload"), settings.join(", "))
}

/// Rows of one database together, the first of each with how many there are.
fn grouped(rows: Vec<Row<'_>>) -> Vec<(Row<'_>, Option<usize>)> {
    let mut grouped = Vec::new();
    for database in unique(rows.iter().map(|row| row.0)) {
        let of: Vec<&Row<'_>> = rows.iter().filter(|row| row.0 == database).collect();
        let count = of.len();
        let numbered = of.into_iter().enumerate();
        grouped.extend(numbered.map(|(number, row)| (row.clone(), (number == 0).then_some(count))));
    }
    grouped
}

/// Each once, in the order in which they come first.
fn unique<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut unique = Vec::new();
    for one in all {
        if !unique.contains(&one) {
            unique.push(one);
        }
    }
    unique
}

fn cell_box(cell: &Cell, link: Link<'_>) -> Markup {
    let look = Look::of(cell.outcome);
    let class = format!("box tone-{}", look.class);
    let title = format!("{}: {}", cell.id, words::story(cell));
    let inside = html! {
        span class="sign" aria-hidden="true" { (look.sign) }
        span { (look.word) }
        @if cell.attempts.len() > 1 {
            span class="tries" title="run again after an infrastructure failure" {
                "×" (cell.attempts.len())
            }
        }
    };
    html! {
        @match link(cell) {
            Some(link) => a class=(class) href=(link) title=(title) { (inside) },
            None => span class=(class) title=(title) { (inside) },
        }
    }
}

/// Only what there is, good outcomes first.
fn legend(input: &Input<'_>) -> Markup {
    let counts = words::counts(input.campaign);
    let there = OUTCOMES.iter().rev().filter(|outcome| counts.iter().any(|(of, _)| of == *outcome));
    let has_retries = !words::retried(input.campaign).is_empty();
    html! {
        ul class="legend outcomes" {
            @for outcome in there {
                @let look = Look::of(*outcome);
                li {
                    span class=(format!("mark tone-{}", look.class)) aria-hidden="true" { (look.sign) }
                    b { (look.word) } " " (look.meaning)
                }
            }
            @if has_retries { li { b { "×2" } " run twice" } }
        }
    }
}
