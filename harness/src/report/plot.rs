//! Plots over the run's time, each under the faults in force: latencies and their quantiles,
//! rates, errors, what faults did to the service, clocks, staleness.

mod clocks;
mod errors;
mod frame;
mod latency;
mod quantiles;
mod rate;
mod rows;
mod service;
mod staleness;

use super::clocks::ClockReading;
use super::faults::FaultRecord;
use super::series::{self, Series};
use crate::analysis::Sample;
use maud::{Markup, PreEscaped, html};
use perjury_checkers::{Finding, History, Operation};

/// Colours, for the page and for a plot by itself.
pub(crate) const PALETTE: &str = include_str!("plot/palette.css");
/// Style of the plots, for the page and for a plot by itself.
pub(crate) const STYLE: &str = include_str!("plot/plot.css");

/// What plots are made of.
pub(super) struct PlotInput<'a> {
    pub(super) history: &'a History,
    pub(super) operations: &'a [Operation<'a>],
    pub(super) faults: &'a [FaultRecord],
    /// Length of the run, nanoseconds.
    pub(super) end_ns: u64,
    /// Moments of anomalies, nanoseconds.
    pub(super) marks: &'a [u64],
    pub(super) clocks: &'a [ClockReading],
    pub(super) series: &'a Series,
    pub(super) findings: &'a [Finding],
    /// Whose operations these are, if not everybody's.
    pub(super) sample: Option<Sample>,
}

/// A plot with what it shows in words.
pub(super) struct Plot {
    /// For a file: `latency`.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What the plot says, one sentence.
    pub(super) caption: String,
    /// Classes of the style sheet with their names, for the legend.
    pub(super) legend: Vec<(&'static str, String)>,
    pub(super) svg: Markup,
}

/// All plots that this run has something for. Cost: linear in operations, but for sorts inside
/// windows of time.
pub(super) fn plots(input: &PlotInput<'_>) -> Vec<Plot> {
    let always = [latency::plot(input), quantiles::plot(input), rate::plot(input)];
    let sometimes = [
        errors::plot(input),
        service::availability(input),
        service::recovery(input),
        staleness::plot(input),
        clocks::plot(input),
    ];
    always.into_iter().chain(sometimes.into_iter().flatten()).collect()
}

impl Plot {
    /// The plot as an SVG file of its own, readable on light and dark ground.
    pub(super) fn file(&self) -> String {
        let drawing = self.svg.clone().into_string();
        let Some(end_of_tag) = drawing.find('>') else { return drawing };
        let (open, rest) = drawing.split_at(end_of_tag);
        let rest = rest.trim_start_matches('>');
        html! {
            (PreEscaped(open)) (PreEscaped(" xmlns=\"http://www.w3.org/2000/svg\">"))
            style { (PreEscaped(PALETTE)) (PreEscaped(STYLE)) "svg{background:var(--paper)}" }
            (PreEscaped(rest))
        }
        .into_string()
    }
}

fn named(legend: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    legend.iter().map(|(class, name)| (*class, (*name).to_owned())).collect()
}

impl PlotInput<'_> {
    /// Counts of windows as rates. Those of a sample stand for everybody's, as all workers are loaded
    /// evenly. Zeros are left out, which draws the same.
    fn per_second(&self, counts: &[u64]) -> rows::Series {
        let share = self.sample.map_or(1.0, Sample::share);
        let rate = |count: u64| count as f64 * 1e9 / (self.series.window_ns as f64 * share);
        let windows = (0..).zip(counts).filter(|(_, count)| **count > 0);
        windows.map(|(window, count)| (window, rate(*count))).collect()
    }

    /// What a caption says of rates that were counted in a sample.
    fn reckoned(&self) -> String {
        self.sample.map_or_else(String::new, |Sample { workers, of }| {
            format!(" They were counted for {workers} of {of} workers, and reckoned for all.")
        })
    }

    /// When the operation with this invocation index was called, nanoseconds.
    fn called(&self, index: u64) -> Option<u64> {
        let events = self.history.events();
        let position = events.binary_search_by_key(&index, |event| event.index).ok()?;
        Some(events[position].time)
    }

    /// When the completion came.
    fn completed(&self, operation: &Operation<'_>) -> Option<u64> {
        series::completed(self.history, operation)
    }
}
