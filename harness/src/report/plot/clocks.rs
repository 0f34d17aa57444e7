//! How far each node's clock was from the controller's.

use super::frame::{Frame, y_tick};
use super::{Plot, PlotInput};
use crate::report::clocks::ClockReading;
use crate::report::drawing::px;
use crate::report::text;
use maud::html;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEIGHT: f64 = 170.0;
/// The scale is never finer than this, nanoseconds: readings are wrong by about as much.
const FINEST: f64 = 5e6;
/// Classes of the style sheet for lines of different nodes.
const CLASSES: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// `None` when no clock was read.
pub(super) fn plot(input: &PlotInput<'_>) -> Option<Plot> {
    if input.clocks.is_empty() {
        return None;
    }
    let mut nodes: BTreeMap<&str, Vec<&ClockReading>> = BTreeMap::new();
    for reading in input.clocks {
        nodes.entry(&reading.node).or_default().push(reading);
    }
    let frame = Frame::new(input, HEIGHT);
    let offsets = || input.clocks.iter().map(|reading| reading.offset_ns as f64);
    let step = nice_step(offsets().fold(0.0, f64::max) - offsets().fold(0.0, f64::min));
    let low = (offsets().fold(0.0, f64::min) / step).floor();
    let high = (offsets().fold(0.0, f64::max) / step).ceil().max(low + 1.0);
    let y = |offset: f64| {
        frame.bottom - (offset / step - low) / (high - low) * (frame.bottom - frame.top - 8.0)
    };
    let axis = html! {
        @for tick in low as i64..=high as i64 {
            (y_tick(y(tick as f64 * step), &signed(tick, step)))
        }
    };
    let lines = html! {
        @for (at, readings) in nodes.values().enumerate() {
            path class=(format!("line {}", CLASSES[at % CLASSES.len()]))
                d=(line(readings, frame.x(input.end_ns), |time, offset| (frame.x(time), y(offset)))) {}
        }
    };
    let legend = nodes.keys().enumerate().map(|(at, node)| (CLASSES[at % CLASSES.len()], node));
    let worst = input.clocks.iter().map(|reading| reading.error_ns).max().unwrap_or(0);
    let caption = format!(
        "How far the clock that the database is told was ahead of the controller's (below zero: \
         behind it). Each reading is right to {} at least.",
        text::duration(worst)
    );
    Some(Plot {
        name: "clocks",
        title: "Clock offsets",
        legend: legend.map(|(class, node)| (class, (*node).to_owned())).collect(),
        svg: frame.draw("clocks", &caption, &axis, &lines),
        caption,
    })
}

/// Straight from one reading to the next, and on to `end`, a coordinate.
fn line(readings: &[&ClockReading], end: f64, place: impl Fn(u64, f64) -> (f64, f64)) -> String {
    let mut path = String::new();
    for (at, reading) in readings.iter().enumerate() {
        let (x, y) = place(reading.at_ns, reading.offset_ns as f64);
        let _ = write!(path, "{}{} {}", if at == 0 { "M" } else { "L" }, px(x), px(y));
    }
    // What changes is read and kept, so the last one holds to the end.
    let _ = write!(path, "H{}", px(end));
    path
}

/// About four steps over the range, in round numbers.
fn nice_step(range: f64) -> f64 {
    let mut step = FINEST;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if step * 4.0 >= range || step > 1e18 {
            break;
        }
        step *= factor;
    }
    step
}

/// `+2 s`, `-20 ms`, `0`.
fn signed(tick: i64, step: f64) -> String {
    let words = text::duration((tick.unsigned_abs() as f64 * step) as u64);
    match tick {
        0 => words,
        1.. => format!("+{words}"),
        _ => format!("-{words}"),
    }
}
