//! The list of all runs.

use super::layout;
use super::selection::{Column, PAGE, Selection};
use crate::report::text;
use crate::serve::entry::{Entry, State};
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Characters of a name in the table.
const NAME_MAX: usize = 60;
/// Faults named in the table.
const FAULTS_MAX: usize = 6;

/// The content of the page.
pub(in crate::serve) fn content(all: &[Arc<Entry>], selection: &Selection) -> Markup {
    let chosen = selection.of(all);
    let pages = chosen.len().div_ceil(PAGE).max(1);
    let page = selection.page.min(pages);
    let shown = &chosen[(page - 1) * PAGE..chosen.len().min(page * PAGE)];
    html! {
        h1 { "Runs" }
        (filters(all, selection))
        p id="count" class="count" role="status" { (count(all.len(), chosen.len(), page, pages)) }
        div id="results" {
            @if shown.is_empty() {
                (nothing(all.is_empty()))
            } @else {
                (table(shown, selection))
                (pages_nav(selection, page, pages))
            }
        }
    }
}

fn count(all: usize, chosen: usize, page: usize, pages: usize) -> String {
    let runs = text::count(all as u64, "run");
    let mut words = match chosen {
        _ if chosen == all => runs,
        _ => format!("{} of {runs}", text::number(chosen as u64)),
    };
    if pages > 1 {
        words.push_str(&format!(", page {page} of {pages}"));
    }
    words
}

fn nothing(is_empty: bool) -> Markup {
    html! {
        p class="lead" {
            @if is_empty {
                "There is no run in this store yet: " code { "perjury test" } " makes one."
            } @else {
                "No run is like that. " a href="/" { "Show all runs" }
            }
        }
    }
}

fn filters(all: &[Arc<Entry>], selection: &Selection) -> Markup {
    let names = |of: fn(&Entry) -> &str| -> BTreeSet<&str> {
        all.iter().map(|run| of(run)).filter(|name| !name.is_empty()).collect()
    };
    let databases = names(|run| &run.database);
    let workloads = names(|run| &run.workload);
    let faults: BTreeSet<&str> =
        all.iter().flat_map(|run| &run.faults).map(String::as_str).collect();
    let states: Vec<(&str, &str)> =
        State::all().into_iter().map(|state| (state.key(), state.word())).collect();
    let [databases, workloads, faults] = [databases, workloads, faults].map(pairs);
    html! {
        form id="filters" class="filters" method="get" action="/" role="search" aria-label="Runs" {
            div class="field wide-field" {
                label for="search" { "Search" }
                input type="search" id="search" name="q" value=(selection.search) maxlength="200"
                    autocomplete="off" spellcheck="false"
                    placeholder="name, time, seed, kind of anomaly";
            }
            (select("verdict", "Verdict", &states, &selection.verdict))
            (select("database", "Database", &databases, &selection.database))
            (select("workload", "Workload", &workloads, &selection.workload))
            (select("fault", "Fault", &faults, &selection.fault))
            // Kept when the form is sent; headings of columns change it.
            @if selection.sort != Column::Started || !selection.descending {
                input type="hidden" name="sort" value=(selection.sort.key());
                input type="hidden" name="order" value=(if selection.descending { "down" } else { "up" });
            }
            div class="field actions" {
                button type="submit" { "Show" }
                a href="/" { "Clear" }
            }
        }
    }
}

/// Values that are their own names.
fn pairs(names: BTreeSet<&str>) -> Vec<(&str, &str)> {
    names.into_iter().map(|name| (name, name)).collect()
}

/// A choice of one, or of any. What was asked for is a choice even if no run has it.
fn select(id: &str, title: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    let is_there = chosen.is_empty() || options.iter().any(|(value, _)| *value == chosen);
    html! {
        div class="field" {
            label for=(id) { (title) }
            select id=(id) name=(id) {
                option value="" { "any" }
                @for (value, name) in options {
                    option value=(value) selected[*value == chosen] { (text::elide(name, NAME_MAX)) }
                }
                @if !is_there { option value=(chosen) selected { (text::elide(chosen, NAME_MAX)) } }
            }
        }
    }
}

fn table(shown: &[Arc<Entry>], selection: &Selection) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="group" aria-label="Table of runs" {
            table id="runs" {
                caption class="hidden" { "Runs, each with its verdict and what was tested" }
                thead { tr { @for column in Column::ALL { (heading(column, selection)) } } }
                tbody { @for run in shown { (row(run)) } }
            }
        }
    }
}

fn heading(column: Column, selection: &Selection) -> Markup {
    let is_sorted = selection.sort == column;
    let order = match (is_sorted, selection.descending) {
        (true, true) => Some("descending"),
        (true, false) => Some("ascending"),
        (false, _) => None,
    };
    let arrow = match order {
        Some("descending") => "▾",
        Some(_) => "▴",
        None => "",
    };
    html! {
        th scope="col" class=[column.is_number().then_some("number")] aria-sort=[order] {
            a class="sort" href=(selection.sorted_by(column).link()) {
                (column.title()) span class="arrow" aria-hidden="true" { (arrow) }
            }
        }
    }
}

fn row(run: &Entry) -> Markup {
    let number = |number: Option<u64>| number.map(text::number).unwrap_or_default();
    let anomalies = match run.anomalies {
        Some(1..) => "number found",
        _ => "number",
    };
    html! {
        tr {
            td {
                @if run.state == State::Running {
                    a href=(run.address.live_page()) title="Watch it live" { (layout::badge(run.state)) }
                } @else { (layout::badge(run.state)) }
            }
            th scope="row" {
                a href=(run.address.run_page()) { (layout::shortened(&run.name, NAME_MAX)) }
                @if !run.trouble.is_empty() {
                    span class="trouble" { (layout::shortened(&run.trouble, 120)) }
                }
            }
            td { (layout::shortened(&run.database, NAME_MAX)) }
            td { (layout::shortened(&run.workload, NAME_MAX)) }
            td class="faults-of" { (layout::shortened(&faults(run), NAME_MAX)) }
            td class="when" {
                @match run.started {
                    Some(started) => (layout::moment(started)),
                    None => (layout::folder_time(run.address.time())),
                }
            }
            td class="number" { (run.duration_ns.map(text::duration).unwrap_or_default()) }
            td class="number" { (number(run.operations)) }
            td class=(anomalies) { (number(run.anomalies)) }
        }
    }
}

/// `kill, pause, and 3 more`.
fn faults(run: &Entry) -> String {
    let mut words = run.faults.iter().take(FAULTS_MAX).cloned().collect::<Vec<_>>().join(", ");
    match run.faults.len().saturating_sub(FAULTS_MAX) {
        0 => {}
        more => words.push_str(&format!(", and {more} more")),
    }
    words
}

fn pages_nav(selection: &Selection, page: usize, pages: usize) -> Markup {
    html! {
        @if pages > 1 {
            nav class="pages" aria-label="Pages of runs" {
                @if page > 1 { a rel="prev" href=(selection.on_page(page - 1).link()) { "Previous" } }
                span { "Page " (page) " of " (pages) }
                @if page < pages { a rel="next" href=(selection.on_page(page + 1).link()) { "Next" } }
            }
        }
    }
}
