//! Plots over the run's time: latencies, their quantiles, and rates, under the faults in force.

mod frame;
mod latency;
mod quantiles;
mod rate;

use super::faults::FaultRecord;
use maud::Markup;
use perjury_checkers::{History, Operation};

/// What plots are made of.
pub(super) struct PlotInput<'a> {
    pub(super) history: &'a History,
    pub(super) operations: &'a [Operation],
    pub(super) faults: &'a [FaultRecord],
    /// Length of the run, nanoseconds.
    pub(super) end_ns: u64,
    /// Moments of anomalies, nanoseconds.
    pub(super) marks: &'a [u64],
}

/// A plot with what it shows in words.
pub(super) struct Plot {
    pub(super) title: &'static str,
    /// What the plot says, one sentence.
    pub(super) caption: String,
    /// Classes of the style sheet with their names, for the legend.
    pub(super) legend: Vec<(&'static str, &'static str)>,
    pub(super) svg: Markup,
}

/// All plots. Cost: linear in operations, but for sorts inside windows of time.
pub(super) fn plots(input: &PlotInput<'_>) -> Vec<Plot> {
    vec![latency::plot(input), quantiles::plot(input), rate::plot(input)]
}

impl PlotInput<'_> {
    /// When the completion came: also for `info`, whose operation has no `returned`.
    fn completed(&self, operation: &Operation) -> Option<u64> {
        if operation.returned.is_some() {
            return operation.returned;
        }
        let wanted = operation.completion?;
        let events = self.history.events();
        let position = events.binary_search_by_key(&wanted, |event| event.index).ok()?;
        Some(events[position].time)
    }
}
