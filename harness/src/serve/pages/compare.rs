//! Two runs side by side: what was set, what was counted, and what was found in only one of them.

use super::layout;
use crate::report::headline::{self, Standing};
use crate::report::stats::Counts;
use crate::report::{Results, text};
use crate::serve::address::Address;
use crate::serve::entry::State;
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of a table.
const ROWS_MAX: usize = 200;

/// One of the two.
pub(in crate::serve) struct Side<'a> {
    pub(in crate::serve) address: &'a Address,
    pub(in crate::serve) results: &'a Results,
}

/// The form that asks which two, with what was asked before.
pub(in crate::serve) fn form(a: &str, b: &str, trouble: Option<&str>) -> Markup {
    html! {
        @if let Some(trouble) = trouble { p class="trouble-lead" role="alert" { (trouble) } }
        form id="pair" class="filters" method="get" action="/compare" {
            @for (id, title, value) in [("a", "First run", a), ("b", "Second run", b)] {
                div class="field wide-field" {
                    label for=(id) { (title) }
                    input type="text" id=(id) name=(id) value=(value) required maxlength="400"
                        placeholder="NAME/TIME, as in the store" autocomplete="off" spellcheck="false";
                }
            }
            div class="field actions" { button type="submit" { "Compare" } }
        }
    }
}

/// The content of the page without two runs.
pub(in crate::serve) fn question(a: &str, b: &str, trouble: Option<&str>) -> Markup {
    html! {
        h1 { "Compare two runs" }
        (form(a, b, trouble))
        p class="lead" { "The page of a run offers the other runs of the same test." }
    }
}

/// The content of the page.
pub(in crate::serve) fn content(a: &Side<'_>, b: &Side<'_>) -> Markup {
    let (one, two) = (a.address.text(), b.address.text());
    let swapped = crate::serve::query::link("/compare", &[("a", &two), ("b", &one)]);
    html! {
        h1 { "Comparison" }
        (form(&one, &two, None))
        p class="lead" { a href=(swapped) { "Swap the two" } }
        (verdicts(a, b))
        (settings(a.results, b.results))
        (operations(a.results, b.results))
        (faults(a.results, b.results))
        (findings(a.results, b.results))
        (anomalies(a.results, b.results))
    }
}

fn verdicts(a: &Side<'_>, b: &Side<'_>) -> Markup {
    html! {
        section class="pair" aria-label="Verdicts" {
            @for (title, side) in [("First", a), ("Second", b)] {
                article {
                    h2 { (title) ": "
                        a href=(side.address.run_page()) { (layout::shortened(&side.address.text(), 80)) }
                    }
                    p { (layout::badge(State::Judged(Standing::of(side.results)))) }
                    p { (text::elide(&headline::sentence(side.results), 600)) }
                    p class="soft" { (text::elide(&headline::support(side.results), 600)) }
                }
            }
        }
    }
}

/// A column's title and its class.
type Heading = (&'static str, Option<&'static str>);

/// Headings of columns of words.
fn headings<const N: usize>(titles: [&'static str; N]) -> [Heading; N] {
    titles.map(|title| (title, None))
}

/// A table of three columns or more, inside of a section of its own.
fn section(id: &str, title: &str, columns: &[Heading], rows: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby=(format!("{id}-title")) {
            h2 id=(format!("{id}-title")) { (title) }
            div class="scroll" tabindex="0" role="group" aria-label=(title) {
                table class="compared" {
                    caption class="hidden" { (title) " of both runs" }
                    thead { tr {
                        @for (title, class) in columns { th scope="col" class=[*class] { (title) } }
                    } }
                    tbody { (rows) }
                }
            }
        }
    }
}

fn settings(a: &Results, b: &Results) -> Markup {
    let (one, two) = (set(a), set(b));
    let names: BTreeSet<&str> = one.keys().chain(two.keys()).map(String::as_str).collect();
    let differs = |name: &&str| one.get(*name) != two.get(*name);
    let (different, alike): (Vec<&str>, Vec<&str>) = names.into_iter().partition(differs);
    let value = |all: &BTreeMap<String, String>, name: &str| {
        html! {
            @match all.get(name) {
                Some(value) => code { (layout::shortened(value, 160)) },
                None => span class="soft" { "not set" },
            }
        }
    };
    let rows = |names: &[&str], is_different: bool| {
        html! {
            @for name in names.iter().take(ROWS_MAX) {
                tr class=[is_different.then_some("differs")] {
                    th scope="row" { (layout::shortened(name, 80)) }
                    td { (value(&one, name)) }
                    td { (value(&two, name)) }
                    td { @if is_different { strong { "differs" } } @else { span class="soft" { "same" } } }
                }
            }
        }
    };
    let all = html! { (rows(&different, true)) (rows(&alike, false)) };
    section("settings", "Settings", &headings(["Setting", "First", "Second", "Compared"]), &all)
}

/// Everything that shaped a run, in words.
fn set(results: &Results) -> BTreeMap<String, String> {
    let subject = &results.subject;
    let mut set = subject.options.clone();
    let own = [
        ("database", subject.database.clone()),
        ("workload", subject.workload.clone()),
        ("seed", subject.seed.to_string()),
        ("nodes", subject.nodes.join(", ")),
        ("tool", subject.tool.clone()),
        ("host", subject.host.clone()),
    ];
    set.extend(own.map(|(name, value)| (name.to_owned(), value)));
    set
}

/// A measure of both, with how the second is to the first.
struct Measure {
    name: String,
    of: [Option<u64>; 2],
    words: fn(u64) -> String,
}

fn operations(a: &Results, b: &Results) -> Markup {
    let mut measures = vec![Measure {
        name: "Duration".to_owned(),
        of: [Some(a.duration_ns), Some(b.duration_ns)],
        words: text::duration,
    }];
    let total = [a.total(), b.total()];
    measures.extend(counts("All functions", [Some(&total[0]), Some(&total[1])]));
    let functions: BTreeSet<&String> = a.operations.keys().chain(b.operations.keys()).collect();
    for f in functions.into_iter().take(ROWS_MAX) {
        measures.extend(counts(f, [a.operations.get(f), b.operations.get(f)]));
    }
    let rows = html! { @for measure in &measures { (measured(measure)) } };
    let number = Some("number");
    let titles =
        [("Measure", None), ("First", number), ("Second", number), ("Second to first", number)];
    section("operations", "Operations", &titles, &rows)
}

/// One number of a function's calls, if it is there.
type Pick = fn(&Counts) -> Option<u64>;

fn counts(f: &str, of: [Option<&Counts>; 2]) -> Vec<Measure> {
    let both = |pick: Pick| of.map(|counts| counts.and_then(pick));
    let measure = |what: &str, of, words| Measure { name: format!("{f}: {what}"), of, words };
    let mut measures = vec![
        measure("called", both(|counts| Some(counts.invoked)), text::number),
        measure("ok", both(|counts| Some(counts.ok)), text::number),
        measure("unknown", both(|counts| Some(counts.info)), text::number),
        measure("failed", both(|counts| Some(counts.fail)), text::number),
    ];
    let declined = both(|counts| Some(counts.declined));
    if declined.iter().flatten().any(|count| *count > 0) {
        measures.push(measure("failed, as it was declined", declined, text::number));
    }
    let latencies: [(&str, Pick); 3] = [
        ("median latency", |counts| counts.latency.map(|latency| latency.p50_ns)),
        ("latency p99", |counts| counts.latency.map(|latency| latency.p99_ns)),
        ("longest latency", |counts| counts.latency.map(|latency| latency.max_ns)),
    ];
    for (what, pick) in latencies {
        let of = both(pick);
        if of.iter().any(Option::is_some) {
            measures.push(measure(what, of, text::duration));
        }
    }
    measures
}

fn measured(measure: &Measure) -> Markup {
    let ratio = match measure.of {
        [Some(one), Some(two)] => ratio(one, two),
        _ => "only in one".to_owned(),
    };
    html! {
        tr {
            th scope="row" { (layout::shortened(&measure.name, 100)) }
            @for value in measure.of {
                td class="number" { @if let Some(value) = value { ((measure.words)(value)) } }
            }
            td class="number" { (ratio) }
        }
    }
}

/// `×1.25`, `same`; of nothing there is no ratio.
fn ratio(one: u64, two: u64) -> String {
    match (one, two) {
        _ if one == two => "same".to_owned(),
        (0, _) => "from none".to_owned(),
        _ => match two as f64 / one as f64 {
            ratio if ratio >= 99.5 => format!("×{ratio:.0}"),
            ratio => format!("×{ratio:.2}"),
        },
    }
}

fn faults(a: &Results, b: &Results) -> Markup {
    let count = |results: &Results| {
        let mut kinds: BTreeMap<String, [u64; 2]> = BTreeMap::new();
        for fault in &results.faults {
            let [asked, seen] = kinds.entry(fault.f.clone()).or_default();
            *asked += 1;
            *seen += u64::from(fault.observed_ns.is_some());
        }
        kinds
    };
    let (one, two) = (count(a), count(b));
    let kinds: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
    let words = |counts: Option<&[u64; 2]>| match counts {
        Some([asked, seen]) => {
            format!("{} asked for, {} seen", text::number(*asked), text::number(*seen))
        }
        None => "none".to_owned(),
    };
    let rows = html! {
        @if kinds.is_empty() { tr { th scope="row" { "none" } td {} td {} } }
        @for kind in kinds.into_iter().take(ROWS_MAX) {
            tr class=[(one.get(kind) != two.get(kind)).then_some("differs")] {
                th scope="row" { (layout::shortened(kind, 80)) }
                td { (words(one.get(kind))) }
                td { (words(two.get(kind))) }
            }
        }
    };
    section("faults", "Faults", &headings(["Fault", "First", "Second"]), &rows)
}

fn findings(a: &Results, b: &Results) -> Markup {
    let of = |results: &Results| {
        let finding = |finding: &perjury_checkers::Finding| {
            (finding.checker.clone(), (finding.verdict, finding.anomaly_count))
        };
        results.findings.iter().map(finding).collect::<BTreeMap<_, _>>()
    };
    let (one, two) = (of(a), of(b));
    let checkers: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
    let cell = |found: Option<&(perjury_checkers::Verdict, u64)>| {
        html! {
            @match found {
                Some((verdict, count)) => {
                    (layout::badge(State::Judged(Standing::of_verdict(*verdict))))
                    @if *count > 0 { " " (text::count(*count, "anomaly")) }
                },
                None => span class="soft" { "only in the other" },
            }
        }
    };
    let rows = html! {
        @for checker in checkers.into_iter().take(ROWS_MAX) {
            tr class=[(one.get(checker) != two.get(checker)).then_some("differs")] {
                th scope="row" { (layout::shortened(checker, 80)) }
                td { (cell(one.get(checker))) }
                td { (cell(two.get(checker))) }
            }
        }
    };
    section("findings", "Checkers", &headings(["Checker", "First", "Second"]), &rows)
}

fn anomalies(a: &Results, b: &Results) -> Markup {
    let of = |results: &Results| {
        let mut kinds: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for (_, anomaly) in headline::anomalies(results) {
            let new = || (0, anomaly.title.clone());
            kinds.entry(anomaly.kind.clone()).or_insert_with(new).0 += 1;
        }
        kinds
    };
    let (one, two) = (of(a), of(b));
    let kinds: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
    let cell = |found: Option<&(u64, String)>| {
        html! {
            @match found {
                Some((count, title)) => {
                    (text::number(*count)) ", such as: " (layout::shortened(title, 160))
                },
                None => span class="soft" { "none" },
            }
        }
    };
    let place = |kind: &String| match (one.contains_key(kind), two.contains_key(kind)) {
        (true, false) => "only in the first",
        (false, true) => "only in the second",
        _ => "in both",
    };
    let rows = html! {
        @if kinds.is_empty() { tr { th scope="row" { "none" } td {} td {} td {} } }
        @for kind in kinds.into_iter().take(ROWS_MAX) {
            tr class=[(place(kind) != "in both").then_some("differs")] {
                th scope="row" { code { (layout::shortened(kind, 80)) } }
                td { (cell(one.get(kind))) }
                td { (cell(two.get(kind))) }
                td { (place(kind)) }
            }
        }
    };
    section(
        "anomalies",
        "Anomalies that are explained",
        &headings(["Kind", "First", "Second", "Where"]),
        &rows,
    )
}
