//! Every operation as a dot: when it was called, how long it took, how it ended.

use super::frame::{Frame, LogScale};
use super::{Plot, PlotInput};
use crate::report::drawing::px;
use crate::report::text;
use maud::html;
use perjury_checkers::{Kind, Outcome};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Dots in the whole plot at most.
const DOTS_MAX: usize = 20_000;
const HEIGHT: f64 = 250.0;
/// Dots closer than this, in pixels, become one; more if there are too many.
const GRID: f64 = 1.0;

/// Completed operations of one outcome: time of the call and latency, nanoseconds.
type Points = Vec<(u64, u64)>;

pub(super) fn plot(input: &PlotInput<'_>) -> Plot {
    let classes = [Kind::Ok, Kind::Fail, Kind::Info].map(|kind| (kind, points(input, kind)));
    let all = || classes.iter().flat_map(|(_, points)| points);
    let frame = Frame::new(input, HEIGHT);
    let least = all().map(|(_, latency)| *latency).min().unwrap_or(1_000_000);
    let greatest = all().map(|(_, latency)| *latency).max().unwrap_or(1_000_000);
    let scale = LogScale::new(least, greatest, &frame);
    let place = |(time, latency): &(u64, u64)| (frame.x(*time), scale.y(*latency));
    let grid = coarseness(&classes, place);
    let paths = classes.iter().map(|(kind, points)| (*kind, dots(points, grid, place)));
    let counts: Vec<String> = classes
        .iter()
        .map(|(kind, points)| format!("{} {}", text::number(points.len() as u64), name(*kind)))
        .collect();
    let data = html! {
        @for (kind, (path, _)) in paths.filter(|(_, (_, count))| *count > 0) {
            path class=(format!("dots {}", word(kind))) d=(path) {}
        }
    };
    let open = input.operations.iter().filter(|operation| operation.completion.is_none()).count();
    let open = match open {
        0 => String::new(),
        _ => format!(" {} never ended and cannot be drawn.", text::count(open as u64, "call")),
    };
    let caption = format!(
        "Every call by when it began and how long it took: {}.{open}",
        text::list(&counts, counts.len())
    );
    Plot {
        name: "latency",
        title: "Latency",
        legend: super::named(&[("ok", "ok"), ("fail", "failed"), ("info", "unknown")]),
        svg: frame.draw("latency", &caption, &scale.axis(), &data),
        caption,
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Fail => "fail",
        Kind::Info => "info",
        Kind::Ok | Kind::Invoke => "ok",
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Fail => "failed",
        Kind::Info => "unknown",
        Kind::Ok | Kind::Invoke => "ok",
    }
}

fn points(input: &PlotInput<'_>, kind: Kind) -> Points {
    let wanted = |outcome: &Outcome| match outcome {
        Outcome::Ok(_) => kind == Kind::Ok,
        Outcome::Failed => kind == Kind::Fail,
        Outcome::Unknown => kind == Kind::Info,
    };
    let operations = input.operations.iter().filter(|operation| wanted(&operation.outcome));
    operations
        .filter_map(|operation| {
            let latency = input.completed(operation)?.saturating_sub(operation.due);
            Some((operation.called, latency))
        })
        .collect()
}

fn cells(
    points: &Points,
    grid: f64,
    place: impl Fn(&(u64, u64)) -> (f64, f64),
) -> BTreeSet<(i64, i64)> {
    let cell = |(x, y): (f64, f64)| ((x / grid).round() as i64, (y / grid).round() as i64);
    points.iter().map(|point| cell(place(point))).collect()
}

/// The grid, doubled until no more than `DOTS_MAX` dots remain.
fn coarseness(classes: &[(Kind, Points)], place: impl Fn(&(u64, u64)) -> (f64, f64) + Copy) -> f64 {
    let mut grid = GRID;
    // A grid of 16 pixels has fewer cells than `DOTS_MAX`, so this ends.
    while classes.iter().map(|(_, points)| cells(points, grid, place).len()).sum::<usize>()
        > DOTS_MAX
    {
        grid *= 1.5;
    }
    grid
}

/// One path for all dots of a class; the style sheet gives them their shape.
fn dots(points: &Points, grid: f64, place: impl Fn(&(u64, u64)) -> (f64, f64)) -> (String, usize) {
    let cells = cells(points, grid, place);
    let mut path = String::with_capacity(cells.len() * 16);
    for (column, row) in &cells {
        let (x, y) = (*column as f64 * grid, *row as f64 * grid);
        let _ = write!(path, "M{} {}h.01", px(x), px(y));
    }
    (path, cells.len())
}
