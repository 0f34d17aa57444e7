//! How the database did: small lines of figures over the nights, and what changed noticeably.

use super::linked;
use crate::campaign::outputs::Input;
use crate::campaign::outputs::trend::{self, Figure, Trend};
use crate::campaign::record::Cell;
use crate::report::drawing::px;
use crate::report::text;
use maud::{Markup, html};

const WIDTH: f64 = 108.0;
const HEIGHT: f64 = 26.0;
/// Room around the line, so that its ends are not cut.
const EDGE: f64 = 3.0;
/// Changes that are told in words.
const WORDS_MAX: usize = 20;

pub(super) fn section(input: &Input<'_>) -> Markup {
    let measured = |cell: &&Cell| cell.attempts.iter().any(|attempt| attempt.figures.is_some());
    let cells: Vec<&Cell> = input.campaign.cells.iter().filter(measured).collect();
    if cells.is_empty() {
        return html! {};
    }
    html! {
        section id="figures" aria-labelledby="figures-title" {
            h2 id="figures-title" { "How the databases did" }
            (changes(input))
            div class="scroll" tabindex="0" role="group" aria-label="Figures" {
                table class="figures" {
                    thead { tr {
                        th scope="col" { "Cell" }
                        @for figure in Figure::ALL { th scope="col" colspan="2" { (figure.name()) } }
                    } }
                    tbody {
                        @for cell in &cells {
                            tr {
                                th scope="row" { (linked(cell)) }
                                @for figure in Figure::ALL {
                                    (drawn(&Trend::of(input, &cell.id, figure)))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn changes(input: &Input<'_>) -> Markup {
    let changed = trend::noticeable(input);
    let elsewhere =
        input.history.campaigns().filter(|night| night.host != input.campaign.host).count();
    html! {
        p class="lead" {
            "Each number is this night's, with its change against the median of the earlier nights where "
            "that is more than 25%. A change is told and never judged."
            @if elsewhere > 0 {
                " " (text::count(elsewhere as u64, "night"))
                " of these ran on another machine: compare with care."
            }
        }
        @if !changed.is_empty() {
            ul class="changes" {
                @for (id, trend) in changed.iter().take(WORDS_MAX) {
                    li {
                        span class=(if trend.is_better() { "better" } else { "worse" }) {
                            (if trend.is_better() { "better" } else { "worse" })
                        }
                        code { (id) } " " (trend.words().unwrap_or_default())
                    }
                }
                @if changed.len() > WORDS_MAX {
                    li class="soft" { "And " (changed.len() - WORDS_MAX) " more, in the table" }
                }
            }
        }
    }
}

fn drawn(trend: &Trend) -> Markup {
    let noticed = trend.noticeable();
    html! {
        td class="spark" { (line(trend)) }
        td class="value" {
            @match trend.now() {
                Some(now) => {
                    (trend.figure.shown(now))
                    @if let Some(change) = noticed {
                        " "
                        span class=(if trend.is_better() { "better" } else { "worse" }) {
                            (if change > 0.0 { "▲" } else { "▼" }) (format!("{:.0}%", change.abs() * 100.0))
                        }
                    }
                },
                None => span class="soft" { "–" },
            }
        }
    }
}

/// The line from zero up, so that its height says how much it is; dashed: the median.
fn line(trend: &Trend) -> Markup {
    let known: Vec<f64> = trend.nights.iter().flatten().copied().collect();
    let top = known.iter().copied().fold(0.0, f64::max);
    if known.len() < 2 || top <= 0.0 {
        return html! {};
    }
    let steps = (trend.nights.len() - 1).max(1) as f64;
    let x = |night: usize| EDGE + night as f64 / steps * (WIDTH - 2.0 * EDGE);
    let y = |value: f64| HEIGHT - EDGE - value.min(top) / top * (HEIGHT - 2.0 * EDGE);
    let mut path = String::new();
    let mut is_broken = true;
    for (night, value) in trend.nights.iter().enumerate() {
        let Some(value) = value else {
            is_broken = true;
            continue;
        };
        let letter = if is_broken { 'M' } else { 'L' };
        // A night alone between two gaps is a dot: a line of no length with round ends.
        path.push_str(&format!("{letter}{} {}", px(x(night)), px(y(*value))));
        path.push_str(if is_broken { "h0" } else { "" });
        is_broken = false;
    }
    let alt = format!("{} over {} nights", trend.figure.name(), known.len());
    html! {
        svg class="spark" role="img" aria-label=(alt) viewBox=(format!("0 0 {} {}", px(WIDTH), px(HEIGHT)))
            width=(px(WIDTH)) height=(px(HEIGHT))
        {
            @if let Some(median) = trend.median {
                @let height = px(y(median));
                line class="median" x1=(px(EDGE)) x2=(px(WIDTH - EDGE)) y1=(height) y2=(height) {}
            }
            path class="line" d=(path) {}
            @if let Some(now) = trend.now() {
                circle cx=(px(x(trend.nights.len() - 1))) cy=(px(y(now))) r="2.6" {}
            }
        }
    }
}
