//! Trends: how a cell's figures changed against the median of its earlier nights.
//!
//! A trend is told and never judged: machines differ from night to night.

use super::Input;
use crate::campaign::record::{Cell, Figures};

/// A change beyond this share of the median is named.
const NOTICEABLE: f64 = 0.25;
/// Earlier nights that a median needs.
const EARLIER_MIN: usize = 3;
/// Nights that a line shows, this one included.
pub(super) const NIGHTS_MAX: usize = 30;

/// A figure of which trends are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Throughput,
    Latency,
    Recovery,
}

/// One figure of one cell over the nights.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trend {
    pub(super) figure: Figure,
    /// Oldest first, this night last; none where a night did not measure it.
    pub(super) nights: Vec<Option<f64>>,
    /// Of the earlier nights, if there are enough of them.
    pub(super) median: Option<f64>,
}

impl Figure {
    pub(super) const ALL: [Self; 3] = [Self::Throughput, Self::Latency, Self::Recovery];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Throughput => "ok a second",
            Self::Latency => "p99 latency",
            Self::Recovery => "recovery",
        }
    }

    /// The value as it is read: `1234`, `12.3 ms`, `4.2 s`.
    pub(super) fn shown(self, value: f64) -> String {
        let digits = match value {
            _ if value >= 100.0 => 0,
            _ if value >= 10.0 => 1,
            _ => 2,
        };
        let unit = match self {
            Self::Throughput => "",
            Self::Latency => " ms",
            Self::Recovery => " s",
        };
        format!("{value:.digits$}{unit}")
    }

    fn of(self, figures: &Figures) -> Option<f64> {
        let value = match self {
            Self::Throughput => Some(figures.ok_per_second),
            Self::Latency => Some(figures.p99_ms),
            Self::Recovery => figures.recovery_s,
        };
        value.filter(|value| value.is_finite() && *value >= 0.0)
    }

    /// Whether more of it is better.
    fn grows_better(self) -> bool {
        self == Self::Throughput
    }
}

impl Trend {
    /// The trend of a figure of the cell.
    pub(super) fn of(input: &Input<'_>, id: &str, figure: Figure) -> Self {
        let value = |cell: &Cell| {
            let figures = cell.attempts.iter().rev().find_map(|attempt| attempt.figures.as_ref());
            figures.and_then(|figures| figure.of(figures))
        };
        let all: Vec<Option<f64>> = input.history.of(id).map(|cell| cell.and_then(value)).collect();
        let earlier = &all[..all.len().saturating_sub(1)];
        let median = median(earlier.iter().flatten().copied().collect());
        let shown = all.len().saturating_sub(NIGHTS_MAX);
        Self { figure, median, nights: all[shown..].to_vec() }
    }

    /// This night's value.
    pub(super) fn now(&self) -> Option<f64> {
        self.nights.last().copied().flatten()
    }

    /// Against the median, as a share of it: 0.5 is half as much again.
    pub(super) fn change(&self) -> Option<f64> {
        let median = self.median.filter(|median| *median > 0.0)?;
        self.now().map(|now| now / median - 1.0)
    }

    /// The change, if it is one to be named.
    pub(super) fn noticeable(&self) -> Option<f64> {
        self.change().filter(|change| change.abs() > NOTICEABLE)
    }

    /// Whether the change is for the better.
    pub(super) fn is_better(&self) -> bool {
        self.change().is_some_and(|change| (change > 0.0) == self.figure.grows_better())
    }

    /// `p99 latency 48 ms, 60% more than the median of 30 ms`, if it is to be named.
    pub(super) fn words(&self) -> Option<String> {
        let (change, now, median) = (self.noticeable()?, self.now()?, self.median?);
        Some(format!(
            "{} {}, {} the median of {}",
            self.figure.name(),
            self.figure.shown(now),
            compared(change),
            self.figure.shown(median)
        ))
    }
}

/// `60% more than`, `3.5 times`.
fn compared(change: f64) -> String {
    match change {
        _ if change >= 2.0 => format!("{:.1} times", change + 1.0),
        _ if change > 0.0 => format!("{:.0}% more than", change * 100.0),
        _ => format!("{:.0}% less than", -change * 100.0),
    }
}

/// The middle one, if there are enough.
fn median(mut values: Vec<f64>) -> Option<f64> {
    if values.len() < EARLIER_MIN {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values.get(middle).copied();
    }
    Some(f64::midpoint(values[middle - 1], values[middle]))
}

/// Every noticeable change of the campaign with its cell's id, in the order of the matrix.
pub(super) fn noticeable(input: &Input<'_>) -> Vec<(String, Trend)> {
    let cells = input.campaign.cells.iter();
    let trends = cells.flat_map(|cell| {
        Figure::ALL
            .into_iter()
            .map(move |figure| (cell.id.clone(), Trend::of(input, &cell.id, figure)))
    });
    trends.filter(|(_, trend)| trend.noticeable().is_some()).collect()
}
