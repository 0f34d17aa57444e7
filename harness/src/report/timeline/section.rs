//! The timeline's place in the page: its controls, which the script brings to life.

use super::Timeline;
use crate::report::text;
use maud::{Markup, html};

/// The keys of the timeline, in words.
const KEYS: &str = "Keys, when the timeline has the focus: + and − zoom, left and right move, up and \
     down scroll lanes, n and p go to the next and the previous operation of a lane, 0 shows the \
     whole run, Enter zooms to the operation, Escape lets go of it. The wheel zooms once the \
     timeline has the focus, and with Ctrl always; a double click zooms in, dragging moves, two \
     fingers do both.";

impl Timeline {
    /// The section with its controls, hidden until the script has read the data.
    pub(in crate::report) fn section(&self) -> Markup {
        html! {
            @if self.count() > 0 {
                section id="timeline" class="timeline" aria-labelledby="timeline-title" {
                    h2 id="timeline-title" { "Timeline" }
                    p class="note timeline-off" {
                        "Here every operation of the run can be looked at, if scripts may run and the \
                         browser is from 2023 or later. Nothing else in this page needs them."
                    }
                    div class="timeline-on" hidden {
                        (self.toolbar())
                        (filters())
                        p class="timeline-count soft" role="status" {}
                        canvas class="timeline-overview" height="64" aria-hidden="true" {}
                        div class="timeline-scroll" {
                            div class="timeline-room" {
                                canvas class="timeline-lanes" tabindex="0" role="application"
                                    aria-label="Operations in time"
                                    aria-describedby="timeline-keys-help" {}
                            }
                        }
                        div class="timeline-detail" {}
                        p class="hidden timeline-said" aria-live="polite" {}
                        p class="note" id="timeline-keys-help" { (KEYS) }
                        @for note in self.notes() { p class="note" { (note) } }
                        (table())
                    }
                }
            }
        }
    }

    fn toolbar(&self) -> Markup {
        html! {
            div class="timeline-bar" {
                div class="timeline-group" role="group" aria-label="Lanes" {
                    button type="button" data-lanes="process" aria-pressed="true" { "By process" }
                    button type="button" data-lanes="key" aria-pressed="false" { "By key" }
                }
                div class="timeline-group" role="group" aria-label="Zoom" {
                    button type="button" data-zoom="out" aria-label="Zoom out" { "−" }
                    button type="button" data-zoom="in" aria-label="Zoom in" { "+" }
                    button type="button" data-zoom="all" { "Whole run" }
                }
                @if self.anomalies > 0 {
                    div class="timeline-group" role="group" aria-label="Jump to an anomaly" {
                        span class="soft" { "Anomaly" }
                        @for number in 0..self.anomalies {
                            button type="button" data-anomaly=(number)
                                aria-label=(format!("Jump to anomaly {}", number + 1)) { (number + 1) }
                        }
                    }
                }
            }
        }
    }

    /// What is not as exact, or not as complete, as in the history.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let left_out: usize = self.gaps.iter().map(|gap| gap.count).sum();
        if left_out > 0 {
            notes.push(format!(
                "{} of this run are not in this page: what is here was called around anomalies \
                 and faults, and at the run's beginning and end. The history has them all.",
                text::count(left_out as u64, "operation")
            ));
        }
        if self.tick > 1 {
            notes.push("Times of so many operations are told to the microsecond.".to_owned());
        }
        notes.push(match self.text_max {
            0 => "Values of so many operations do not fit here; the history has them.".to_owned(),
            max => format!("Of values longer than {max} characters the middle is left out."),
        });
        notes
    }
}

fn filters() -> Markup {
    let select = |name: &str, words: &str| {
        html! {
            label {
                span { (words) }
                select data-filter=(name) { option value="" { "all" } }
            }
        }
    };
    html! {
        div class="timeline-bar" {
            (select("outcome", "Outcome"))
            (select("function", "Function"))
            (select("node", "Node"))
            label {
                span { "Process" }
                input data-filter="process" type="text" inputmode="numeric" placeholder="all"
                    size="6";
            }
            label class="timeline-search" {
                span { "Search" }
                input type="search" data-search="words" placeholder="value, key:7 or #123"
                    autocomplete="off";
            }
            div class="timeline-group" role="group" aria-label="Hits" {
                button type="button" data-search="previous" aria-label="Previous hit" disabled { "‹" }
                button type="button" data-search="next" aria-label="Next hit" disabled { "›" }
                output data-search="hits" class="soft" {}
            }
        }
    }
}

fn table() -> Markup {
    html! {
        details class="timeline-table log" {
            summary { "Operations in view as a table" }
            div class="scroll" tabindex="0" role="group" aria-label="Operations in view" {
                table {
                    caption class="hidden" { "Operations in view, at most 200" }
                    thead { tr {
                        th scope="col" { "Call" }
                        th scope="col" { "Operation" }
                        th scope="col" class="number" { "Called" }
                        th scope="col" class="number" { "Took" }
                        th scope="col" class="number" { "Process" }
                        th scope="col" { "Node" }
                    } }
                    tbody {}
                }
            }
        }
    }
}
