//! Quantiles of the latency of successful operations, window by window.

use super::frame::{Frame, LogScale};
use super::{Plot, PlotInput};
use crate::report::drawing::px;
use crate::report::stats::Latency;
use crate::report::text;
use maud::html;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEIGHT: f64 = 190.0;

/// A name, a class of the style sheet, and how to read it off.
type Line = (&'static str, &'static str, fn(&Latency) -> u64);

const LINES: [Line; 4] = [
    ("max", "q-max", |latency| latency.max_ns),
    ("p99", "q99", |latency| latency.p99_ns),
    ("p95", "q95", |latency| latency.p95_ns),
    ("p50", "q50", |latency| latency.p50_ns),
];

pub(super) fn plot(input: &PlotInput<'_>) -> Plot {
    let width = input.series.window_ns;
    let windows: BTreeMap<u64, Latency> = (0..)
        .zip(&input.series.latency)
        .filter_map(|(window, latency)| Some((window, (*latency)?)))
        .collect();
    let frame = Frame::new(input, HEIGHT);
    let least = windows.values().map(|latency| latency.p50_ns).min().unwrap_or(1_000_000);
    let greatest = windows.values().map(|latency| latency.max_ns).max().unwrap_or(1_000_000);
    let scale = LogScale::new(least, greatest, &frame);
    let data = html! {
        @for (_, class, read) in LINES {
            path class=(format!("line {class}")) d=(line(&windows, width, |latency, middle| {
                (frame.x(middle), scale.y(read(latency)))
            })) {}
        }
    };
    let caption = format!(
        "Quantiles of the latency of successful calls, in windows of {}. A gap is a window \
         without any.",
        text::duration(width)
    );
    Plot {
        name: "quantiles",
        title: "Latency quantiles",
        legend: LINES.iter().map(|(name, class, _)| (*class, (*name).to_owned())).collect(),
        svg: frame.draw("quantiles", &caption, &scale.axis(), &data),
        caption,
    }
}

/// A line through the middles of windows, broken where one is missing.
fn line(
    windows: &BTreeMap<u64, Latency>,
    width: u64,
    place: impl Fn(&Latency, u64) -> (f64, f64),
) -> String {
    let mut path = String::new();
    let mut expected = None;
    for (window, latency) in windows {
        let (x, y) = place(latency, window * width + width / 2);
        let joins = expected == Some(*window);
        let _ = write!(path, "{}{} {}", if joins { "L" } else { "M" }, px(x), px(y));
        if !joins {
            // A lone window would be an invisible path: a stub shows it.
            path.push_str("h1");
        }
        expected = Some(window + 1);
    }
    path
}
