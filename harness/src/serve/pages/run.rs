//! One run: what it concluded, its files, and ways to its neighbours.

use super::layout;
use crate::report::headline::Standing;
use crate::report::page::opening;
use crate::report::{Results, text};
use crate::serve::address::{Address, encoded};
use crate::serve::entry::{Entry, State};
use crate::serve::files::{self, LISTED_MAX, Listed};
use crate::store::SEALED_HISTORY;
use maud::{Markup, html};

/// Runs of the same test that are offered for comparison.
const OTHERS_MAX: usize = 200;

/// All that the page is made of.
pub(in crate::serve) struct View<'a> {
    pub(in crate::serve) entry: &'a Entry,
    /// None of a run that was not judged, or whose results cannot be read.
    pub(in crate::serve) results: Option<&'a Results>,
    pub(in crate::serve) files: &'a [Listed],
    /// Moments of all runs of this test, oldest first, this one's among them.
    pub(in crate::serve) times: &'a [String],
}

/// The content of the page.
pub(in crate::serve) fn content(view: &View<'_>) -> Markup {
    let address = &view.entry.address;
    html! {
        (trail(address))
        @match view.results {
            Some(results) => {
                (opening::verdict(results, Standing::of(results)))
                (ways(view))
                (opening::tested(results))
                (opening::checkers(results))
            },
            None => {
                (unjudged(view.entry))
                (ways(view))
            },
        }
        (file_list(view))
        (comparison(view))
    }
}

fn trail(address: &Address) -> Markup {
    let time = layout::folder_time(address.time());
    let here = format!("{} {time}", address.name());
    match address.campaign() {
        Some(campaign) => {
            let page = campaign.campaign_page();
            layout::trail(&[("Campaigns", "/campaigns"), (campaign.name(), &page)], &here)
        }
        None => {
            let same = crate::serve::query::link("/", &[("q", address.name())]);
            layout::trail(&[("Runs", "/"), (address.name(), &same)], &time)
        }
    }
}

fn unjudged(entry: &Entry) -> Markup {
    let (class, sentence, support) = match entry.state {
        State::Running => (
            "unknown",
            "This test goes on.",
            "Its verdict comes at the end. The live page shows how far it is.".to_owned(),
        ),
        State::Unfinished => (
            "unknown",
            "This run was never judged.",
            "Nothing has been written to it for a while, so it was killed, perhaps. What it \
             recorded is kept: perjury analyze judges it."
                .to_owned(),
        ),
        _ => (
            "failed",
            "The results of this run cannot be read.",
            format!("{}. perjury analyze makes them again from the history.", entry.trouble),
        ),
    };
    html! {
        section class=(format!("verdict {class}")) aria-label="State" {
            div class="sign" aria-hidden="true" { (entry.state.sign()) }
            div {
                p class="word" { (entry.state.word()) }
                h1 { (sentence) }
                p class="support" { (support) }
            }
        }
        @let facts = [("test", &entry.name), ("database", &entry.database), ("workload", &entry.workload)];
        dl class="facts" {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd { (layout::shortened(value, 80)) } }
            }
        }
    }
}

/// The report, the live page, the archive, the runs before and after.
fn ways(view: &View<'_>) -> Markup {
    let address = &view.entry.address;
    let has = |name: &str| view.files.iter().any(|file| file.parts == [name]);
    let place = view.times.iter().position(|time| time == address.time());
    let before = place.and_then(|place| place.checked_sub(1)).map(|place| &view.times[place]);
    let after = place.and_then(|place| view.times.get(place + 1));
    html! {
        nav class="ways" aria-label="This run" {
            @if has("report.html") {
                a class="button" href=(format!("{}file/report.html", address.run_page())) {
                    "Open the report"
                }
            }
            @if view.entry.state == State::Running {
                a class="button" id="live-link" href=(address.live_page()) { "Watch it live" }
            }
            a id="download" href=(format!("{}archive.zip", address.run_page())) {
                "Download the run (.zip)"
            }
            @if let Some(before) = before {
                a rel="prev" href=(address.at_time(before).run_page()) { "Previous run of this test" }
            }
            @if let Some(after) = after {
                a rel="next" href=(address.at_time(after).run_page()) { "Next run of this test" }
            }
        }
    }
}

fn file_list(view: &View<'_>) -> Markup {
    let base = format!("{}file/", view.entry.address.run_page());
    let bytes: u64 = view.files.iter().map(|file| file.bytes).sum();
    html! {
        section id="files" aria-labelledby="files-title" {
            h2 id="files-title" { "Files" }
            (table(view.files, &base))
            p class="note" {
                (text::count(view.files.len() as u64, "file")) ", " (files::size_words(bytes)) "."
                @if view.files.len() >= LISTED_MAX { " There are more; the archive has them all." }
            }
        }
    }
}

/// Files with their sizes; `base` is where they are.
pub(in crate::serve) fn table(files: &[Listed], base: &str) -> Markup {
    let has_history = files.iter().any(|file| file.parts == [SEALED_HISTORY]);
    html! {
        div class="scroll" tabindex="0" role="group" aria-label="Table of files" {
            table class="files" {
                caption class="hidden" { "Files, each with its size" }
                thead { tr {
                    th scope="col" { "File" }
                    th scope="col" class="number" { "Size" }
                    @if has_history { th scope="col" { "Also" } }
                } }
                tbody {
                    @for file in files {
                        @let link = format!("{base}{}", encoded(&file.parts));
                        @let name = file.parts.join("/");
                        tr {
                            th scope="row" { a href=(link) { (layout::shortened(&name, 120)) } }
                            td class="number" { (files::size_words(file.bytes)) }
                            @if has_history {
                                td {
                                    @if file.parts == [SEALED_HISTORY] {
                                        a href=(format!("{link}?plain")) { "as text" }
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

fn comparison(view: &View<'_>) -> Markup {
    let address = &view.entry.address;
    let others = view.times.iter().rev().filter(|time| *time != address.time());
    let others: Vec<&String> = others.take(OTHERS_MAX).collect();
    html! {
        section id="comparison" aria-labelledby="comparison-title" {
            h2 id="comparison-title" { "Compare" }
            @if others.is_empty() {
                p class="lead" {
                    "There is no other run of this test. "
                    a href=(crate::serve::query::link("/compare", &[("b", &address.text())])) {
                        "Compare it with a run of another test"
                    }
                }
            } @else {
                form class="filters" method="get" action="/compare" {
                    input type="hidden" name="b" value=(address.text());
                    div class="field" {
                        label for="with" { "Compare with" }
                        select id="with" name="a" {
                            @for time in others {
                                option value=(address.at_time(time).text()) { (layout::folder_time(time)) }
                            }
                        }
                    }
                    div class="field actions" { button type="submit" { "Compare" } }
                }
            }
        }
    }
}
