//! The load: how much was asked for, how much came of it, and who was the limit.

use super::stats::Latency;
use super::text;
use crate::plan::Plan;
use crate::scheduler::{PhaseSummary, Spread};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A scheduler that has something to do for longer than this share of the load is the limit.
const BUSY: f64 = 0.95;
/// One that waits for its own disk for longer than this share, too.
const STALLED: f64 = 0.02;
/// So late may one operation of a hundred be by the harness's own fault, in nanoseconds.
const SCHEDULING_MAX: u64 = 10_000_000;
/// Less than this share of what was asked for was done: somebody was the limit.
const ENOUGH: f64 = 0.95;

/// What the main load was like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadRecord {
    /// `closed`: operations wait for a free worker. `constant`, `poisson`: they come whatever the
    /// database does, and latencies count from when they were due.
    pub arrival: String,
    /// Operations a second that were asked for, on average over the load; absent for as many as
    /// are answered. Surges come on top of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offered: Option<f64>,
    /// Operations a second that were ended, well or badly.
    pub achieved: f64,
    /// How long after they were due operations began; of an open load.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub late: Option<Latency>,
    /// How much of that a worker was free: the harness's own error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scheduling_error: Option<Latency>,
    /// The share of the time, from 0 to 1, in which the scheduler had something to do.
    pub busy: f64,
    /// The share of the time in which nothing was asked since the disk had not taken the history.
    pub stalled: f64,
    /// Who kept the load from being greater, if it was not the database: `harness`, `disk` or, for an
    /// open load, `workers`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limited_by: Option<Limit>,
}

/// Who was the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    Harness,
    Disk,
    Workers,
}

impl LoadRecord {
    /// What the load of this plan was like.
    pub fn of(plan: &Plan, summary: &PhaseSummary) -> Self {
        // Without the time in which the last calls were waited for.
        let limit = u64::try_from(plan.time_limit.0.as_nanos()).unwrap_or(u64::MAX);
        let nanos = summary.ended.saturating_sub(summary.began).min(limit).max(1);
        let share = |part: u64| (part as f64 / nanos as f64).min(1.0);
        let mut load = Self {
            arrival: plan.arrival.to_string(),
            // A load that was ended early is compared with what was due until then.
            offered: (!plan.rate.is_unlimited()).then(|| plan.rate.mean(nanos)),
            achieved: summary.operations.total() as f64 * 1e9 / nanos as f64,
            late: latency(&summary.late),
            scheduling_error: latency(&summary.scheduling),
            busy: 1.0 - share(summary.idle),
            stalled: share(summary.stalled),
            limited_by: None,
        };
        load.limited_by = load.limit();
        load
    }

    fn limit(&self) -> Option<Limit> {
        let error = self.scheduling_error.map_or(0, |error| error.p99_ns);
        let too_few = self.offered.is_some_and(|offered| self.achieved < ENOUGH * offered);
        if self.stalled > STALLED {
            Some(Limit::Disk)
        } else if self.busy > BUSY || error > SCHEDULING_MAX {
            Some(Limit::Harness)
        } else if self.late.is_some() && too_few {
            Some(Limit::Workers)
        } else {
            None
        }
    }

    /// `20,000 a second asked for, 19,874 done; begun 0.08 ms late at p99`.
    pub fn sentence(&self) -> String {
        let number = |rate: f64| text::number(rate.round() as u64);
        let done = number(self.achieved);
        let mut sentence = match self.offered {
            Some(offered) => format!("{} a second asked for, {done} done", number(offered)),
            None => format!("{done} a second, as many as were answered"),
        };
        if let Some(late) = self.late {
            sentence += &format!("; begun {} late at p99", text::duration(late.p99_ns));
        }
        sentence
    }

    /// What to do about it, where the database was not the limit.
    pub fn warning(&self) -> Option<&'static str> {
        Some(match self.limited_by? {
            Limit::Harness => {
                "the harness itself was the limit: this machine could not keep up with the load"
            }
            Limit::Disk => {
                "the harness itself was the limit: its disk could not take the history fast enough"
            }
            Limit::Workers => {
                "all workers were busy when operations were due: raise --concurrency, if the \
                 database should be asked more at a time"
            }
        })
    }
}

fn latency(spread: &Spread) -> Option<Latency> {
    let at = |share| spread.quantile(share);
    let found =
        Latency { p50_ns: at(0.5), p95_ns: at(0.95), p99_ns: at(0.99), max_ns: spread.max() };
    (spread.count() > 0).then_some(found)
}
