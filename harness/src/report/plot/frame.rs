//! The frame of a plot: axes, grid, fault bands with a lane for each kind, and marks.

use super::PlotInput;
use crate::report::drawing::px;
use crate::report::text;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Width of every plot; it shrinks with the page.
pub(super) const WIDTH: f64 = 1000.0;
pub(super) const LEFT: f64 = 74.0;
pub(super) const RIGHT: f64 = 14.0;
const LANE: f64 = 15.0;
const AXIS: f64 = 26.0;
/// Kinds of fault with a lane of their own.
const LANES_MAX: usize = 8;
/// Marks of anomalies at most.
const MARKS_MAX: usize = 40;

/// A plot's geometry.
pub(super) struct Frame {
    end_ns: u64,
    /// Kind of fault -> spans that overlap or touch merged.
    lanes: Vec<(String, Vec<(f64, f64)>)>,
    /// All lanes together.
    bands: Vec<(f64, f64)>,
    marks: Vec<f64>,
    /// Upper and lower rim of the plotting area.
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// A frame around an area of `height` pixels.
    pub(super) fn new(input: &PlotInput<'_>, height: f64) -> Self {
        let end_ns = input.end_ns.max(1);
        let x = |time: u64| x_of(time, end_ns);
        let mut by_kind: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        let mut bands = Vec::new();
        for fault in input.faults {
            let Some((from, to)) = fault.span() else { continue };
            let span = (x(from), x(to).max(x(from) + 1.0));
            by_kind.entry(&fault.f).or_default().push(span);
            bands.push(span);
        }
        let lanes: Vec<(String, Vec<(f64, f64)>)> = by_kind
            .into_iter()
            .take(LANES_MAX)
            .map(|(f, spans)| (f.to_owned(), merged(spans)))
            .collect();
        let mut marks: Vec<f64> = input.marks.iter().map(|mark| x(*mark)).collect();
        marks.sort_by(f64::total_cmp);
        marks.dedup_by(|one, other| (*one - *other).abs() < 2.0);
        marks.truncate(MARKS_MAX);
        let top = lanes.len() as f64 * LANE + 12.0;
        Self { end_ns, lanes, bands: merged(bands), marks, top, bottom: top + height }
    }

    /// The place of a moment.
    pub(super) fn x(&self, time: u64) -> f64 {
        x_of(time, self.end_ns)
    }

    /// The whole plot: what lies behind the data, the data, the axes.
    pub(super) fn draw(&self, class: &str, alt: &str, y_axis: &Markup, data: &Markup) -> Markup {
        let height = self.bottom + AXIS;
        html! {
            svg class=(format!("plot {class}")) role="img" aria-label=(alt)
                viewBox=(format!("0 0 {} {}", px(WIDTH), px(height)))
            {
                (self.draw_bands())
                (y_axis)
                (self.x_axis())
                (data)
                (self.draw_marks())
            }
        }
    }

    fn draw_bands(&self) -> Markup {
        html! {
            @for (left, right) in &self.bands {
                rect class="band" x=(px(*left)) y=(px(self.top)) width=(px(right - left))
                    height=(px(self.bottom - self.top)) {}
            }
            @for (row, (name, spans)) in self.lanes.iter().enumerate() {
                @let y = row as f64 * LANE + 4.0;
                text class="lane-name" x=(px(LEFT - 8.0)) y=(px(y + 8.5)) text-anchor="end" {
                    (text::elide(name, 10))
                }
                @for (left, right) in spans {
                    rect class="strip" x=(px(*left)) y=(px(y)) width=(px(right - left)) height="9"
                        rx="2" { title { (name) } }
                }
            }
        }
    }

    fn x_axis(&self) -> Markup {
        let step = nice_time_step(self.end_ns);
        let ticks: Vec<u64> = (0..=self.end_ns / step).map(|tick| tick * step).collect();
        html! {
            g class="axis" {
                line x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(self.bottom)) y2=(px(self.bottom)) {}
                @for tick in &ticks {
                    @let x = self.x(*tick);
                    line x1=(px(x)) x2=(px(x)) y1=(px(self.bottom)) y2=(px(self.bottom + 4.0)) {}
                    text x=(px(x)) y=(px(self.bottom + 18.0)) text-anchor="middle" {
                        (text::duration(*tick))
                    }
                }
            }
        }
    }

    fn draw_marks(&self) -> Markup {
        html! {
            @for mark in &self.marks {
                g class="mark" {
                    title { "anomaly" }
                    line x1=(px(*mark)) x2=(px(*mark)) y1=(px(self.top)) y2=(px(self.bottom)) {}
                    path d=(format!("M{} {}h10l-5 8z", px(mark - 5.0), px(self.top - 6.0))) {}
                }
            }
        }
    }
}

/// A horizontal grid line with its label.
pub(super) fn y_tick(y: f64, label: &str) -> Markup {
    html! {
        line class="grid" x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(y)) y2=(px(y)) {}
        text class="y" x=(px(LEFT - 8.0)) y=(px(y + 3.5)) text-anchor="end" { (label) }
    }
}

/// A logarithmic scale of latencies, whole decades from the least to the greatest.
pub(super) struct LogScale {
    low: f64,
    high: f64,
    top: f64,
    bottom: f64,
}

impl LogScale {
    /// `least` and `greatest` in nanoseconds; below a microsecond nothing is told apart.
    pub(super) fn new(least: u64, greatest: u64, frame: &Frame) -> Self {
        let low = (least.max(1_000) as f64).log10().floor();
        let high = (greatest.max(1_000) as f64).log10().ceil().max(low + 1.0);
        Self { low, high, top: frame.top, bottom: frame.bottom }
    }

    pub(super) fn y(&self, nanoseconds: u64) -> f64 {
        let decades = (nanoseconds.max(1) as f64).log10().clamp(self.low, self.high);
        self.bottom - (decades - self.low) / (self.high - self.low) * (self.bottom - self.top)
    }

    pub(super) fn axis(&self) -> Markup {
        let decades = self.low as i32..=self.high as i32;
        html! {
            @for decade in decades {
                @let nanoseconds = 10_f64.powi(decade) as u64;
                (y_tick(self.y(nanoseconds), &text::duration(nanoseconds)))
            }
        }
    }
}

fn x_of(time: u64, end_ns: u64) -> f64 {
    LEFT + (time.min(end_ns) as f64 / end_ns as f64) * (WIDTH - LEFT - RIGHT)
}

/// Joins spans that overlap or lie closer than a pixel.
fn merged(mut spans: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    spans.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (left, right) in spans {
        match merged.last_mut() {
            Some(last) if left <= last.1 + 0.5 => last.1 = last.1.max(right),
            _ => merged.push((left, right)),
        }
    }
    merged
}

/// The step of a time axis: at most ten of them, in round numbers of seconds, minutes or hours.
fn nice_time_step(end_ns: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    let steps_of_seconds = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21_600];
    let below_a_second = [1, 2, 5, 10, 20, 50, 100, 200, 500].map(|step| step * SECOND / 1000);
    let steps = below_a_second.into_iter().chain(steps_of_seconds.map(|step| step * SECOND));
    let enough = |step: &u64| end_ns / step <= 10;
    let mut steps = steps.filter(enough);
    // A run of many days: ten steps whatever they are.
    steps.next().unwrap_or((end_ns / 10).max(1))
}
