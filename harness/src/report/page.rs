//! `report.html`: one file that needs nothing else, no network, and of scripts its timeline's only.

mod anomaly;
mod appendix;
mod assertions;
mod faults;
pub(crate) mod opening;
mod tables;
mod value;

use super::drawing::{self, Scene};
use super::headline::{self, Standing};
use super::plot::{self, Plot};
use super::timeline::{self, Timeline};
use super::{ReportInput, Results, text};
use anomaly::Case;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use perjury_checkers::{Finding, Operation};

/// Style of all pages, with its colours.
pub(crate) const STYLE: &str = concat!(include_str!("plot/palette.css"), include_str!("style.css"));

/// Anomalies with a section of their own; the rest is in `results.json`.
const ANOMALIES_MAX: usize = 20;

/// Forbids everything that a page without scripts does not need, so that not even a hole in the
/// escaping of a database's own words could run or load anything. The policy of a run's report is
/// this and its timeline's script: [`timeline::policy`].
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Renders the page. The same input gives the same bytes.
pub(super) fn render(
    input: &ReportInput<'_>,
    operations: &[Operation<'_>],
    plots: &[Plot],
) -> String {
    let results = input.results;
    let scene = Scene::new(operations, &results.faults);
    let anomalies = headline::anomalies(results);
    let explained: Vec<_> =
        anomalies.iter().take(ANOMALIES_MAX).map(|(_, anomaly)| *anomaly).collect();
    let timeline = Timeline::new(input, operations, &scene, &explained);
    let standing = Standing::of(results);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(input, standing))
            body {
                a class="skip" href="#main" { "Skip to the report" }
                main id="main" {
                    (opening::masthead(results))
                    (opening::verdict(results, standing))
                    (opening::tested(results))
                    (opening::checkers(results))
                    @for (number, (finding, anomaly)) in anomalies.iter().take(ANOMALIES_MAX).enumerate() {
                        (anomaly::section(&Case {
                            number: number + 1,
                            finding,
                            anomaly,
                            scene: &scene,
                            log_lines: results.log_lines.get(number).map_or(&[], Vec::as_slice),
                            reproduce: input.reproduce,
                        }))
                    }
                    @if anomalies.len() > ANOMALIES_MAX {
                        p class="note" {
                            "results.json holds "
                            (text::count((anomalies.len() - ANOMALIES_MAX) as u64, "more anomaly"))
                            "."
                        }
                    }
                    (unexplained(results))
                    (plots_section(plots, !results.faults.is_empty(), !anomalies.is_empty()))
                    (timeline.section())
                    (faults::section(results))
                    (assertions::section(results))
                    (tables::operations(results))
                    (tables::errors(results))
                    (appendix::logs(input.logs))
                    (appendix::reproduce(input))
                }
                (appendix::foot(results))
                (timeline.data())
            }
        }
    };
    // Names and other short texts of others come here as they are: markup is escaped already,
    // and this takes out what would command a terminal or turn the direction of reading.
    page.into_string().chars().filter(|c| text::is_visible(*c)).collect()
}

fn head(input: &ReportInput<'_>, standing: Standing) -> Markup {
    let subject = &input.results.subject;
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta http-equiv="Content-Security-Policy" content=(timeline::policy());
            title { (standing.word()) ": " (subject.name) " on " (subject.database) " – Perjury" }
            style {
                (PreEscaped(drawing::STYLE)) (PreEscaped(STYLE)) (PreEscaped(plot::STYLE))
                (PreEscaped(timeline::STYLE))
            }
        }
    }
}

/// Checkers explain only the first few of what they found.
fn unexplained(results: &Results) -> Markup {
    let more = |finding: &&Finding| finding.anomaly_count > finding.anomalies.len() as u64;
    html! {
        @for finding in results.findings.iter().filter(more) {
            p class="note" {
                (finding.checker) " found " (text::count(finding.anomaly_count, "anomaly"))
                " in all and explains " (text::number(finding.anomalies.len() as u64)) "."
            }
        }
    }
}

fn plots_section(plots: &[Plot], has_faults: bool, has_marks: bool) -> Markup {
    html! {
        section id="plots" aria-labelledby="plots-title" {
            h2 id="plots-title" { "The run in time" }
            @for plot in plots {
                figure class="plot" {
                    div class="plot-head" {
                        h3 { (plot.title) }
                        ul class="legend" {
                            @for (class, name) in &plot.legend {
                                li { span class=(format!("key {class}")) {} (name) }
                            }
                            @if has_faults { li { span class="key band" {} "fault in force" } }
                            @if has_marks { li { span class="key mark" {} "anomaly" } }
                        }
                    }
                    // Focusable, so that it can be scrolled without a pointer.
                    div class="scroll" tabindex="0" role="group" aria-label=(plot.title) { (plot.svg) }
                    figcaption { (plot.caption) }
                }
            }
        }
    }
}
