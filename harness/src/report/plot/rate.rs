//! Completions a second by function and outcome, a row for each function.

use super::frame::{Frame, LEFT, RIGHT, WIDTH, y_tick};
use super::{Plot, PlotInput};
use crate::report::drawing::px;
use crate::report::text;
use maud::{Markup, html};
use perjury_checkers::Outcome;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const ROW: f64 = 84.0;
const GAP: f64 = 14.0;
/// Windows over the whole run.
const WINDOWS: u64 = 120;
/// Functions with a row of their own; the rest share the last row.
const ROWS_MAX: usize = 6;
const CLASSES: [&str; 3] = ["ok", "fail", "info"];

/// Completions of one function: number of the window -> ok, fail, info.
type Windows = BTreeMap<u64, [u64; 3]>;

pub(super) fn plot(input: &PlotInput<'_>) -> Plot {
    let width = input.end_ns.div_ceil(WINDOWS).max(1);
    let rows = rows(input, width);
    let height = rows.len().max(1) as f64 * (ROW + GAP);
    let frame = Frame::new(input, height);
    let drawn = rows.iter().enumerate().map(|(at, row)| draw_row(&frame, at, row, width));
    let (axes, lines): (Vec<Markup>, Vec<Markup>) = drawn.unzip();
    let all = |parts: &[Markup]| html! { @for part in parts { (part) } };
    let caption = format!(
        "Completions a second in windows of {}, by function and outcome. Each row has a scale of \
         its own.",
        text::duration(width)
    );
    Plot {
        title: "Rate",
        legend: vec![("ok", "ok"), ("fail", "failed"), ("info", "unknown")],
        svg: frame.draw("rate", &caption, &all(&axes), &all(&lines)),
        caption,
    }
}

/// Functions with their completions, the busiest kept, in order of their names.
fn rows(input: &PlotInput<'_>, width: u64) -> Vec<(String, Windows)> {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for operation in input.operations {
        *totals.entry(&operation.f).or_default() += 1;
    }
    let mut busiest: Vec<(&str, u64)> = totals.into_iter().collect();
    busiest.sort_by_key(|(_, total)| std::cmp::Reverse(*total));
    let has_rest = busiest.len() > ROWS_MAX;
    busiest.truncate(if has_rest { ROWS_MAX - 1 } else { ROWS_MAX });
    let mut rows: BTreeMap<&str, Windows> =
        busiest.iter().map(|(f, _)| (*f, Windows::new())).collect();
    let mut rest = Windows::new();
    for operation in input.operations {
        let Some(completed) = input.completed(operation) else { continue };
        let row = rows.get_mut(&*operation.f).unwrap_or(&mut rest);
        let class = match operation.outcome {
            Outcome::Ok(_) => 0,
            Outcome::Failed => 1,
            Outcome::Unknown => 2,
        };
        row.entry(completed / width).or_default()[class] += 1;
    }
    let mut rows: Vec<(String, Windows)> =
        rows.into_iter().map(|(f, windows)| (f.to_owned(), windows)).collect();
    if has_rest {
        rows.push(("others".to_owned(), rest));
    }
    rows
}

/// The axis of a row, and its lines.
fn draw_row(
    frame: &Frame,
    at: usize,
    (name, windows): &(String, Windows),
    width: u64,
) -> (Markup, Markup) {
    let top = frame.top + at as f64 * (ROW + GAP) + GAP;
    let bottom = top + ROW;
    let per_second = |count: u64| count as f64 * 1e9 / width as f64;
    let most = windows.values().flatten().copied().max().unwrap_or(0);
    let high = nice_ceiling(per_second(most));
    let y = |count: u64| bottom - per_second(count) / high * (ROW - 4.0);
    let axis = html! {
        (y_tick(bottom, "0"))
        (y_tick(bottom - (ROW - 4.0), &format!("{}/s", text::number(high as u64))))
    };
    let present = |class: &usize| windows.values().any(|counts| counts[*class] > 0);
    let lines = html! {
        @for class in (0..CLASSES.len()).filter(present) {
            @let line = line(frame, windows, class, width, y);
            @if class == 0 {
                path class="area ok" d=(format!("{line}V{b}H{l}Z", b = px(bottom), l = px(LEFT))) {}
            }
            path class=(format!("line {}", CLASSES[class])) d=(line) {}
        }
        text class="row-name" x=(px(WIDTH - RIGHT - 6.0)) y=(px(top + 12.0)) text-anchor="end" {
            (text::elide(&text::printable(name), 24))
        }
    };
    (axis, lines)
}

/// A line with a step for each window, zero where nothing completed.
fn line(
    frame: &Frame,
    windows: &Windows,
    class: usize,
    width: u64,
    y: impl Fn(u64) -> f64,
) -> String {
    let mut path = format!("M{} {}", px(LEFT), px(y(0)));
    let mut last = (0, 0);
    for (window, counts) in windows {
        let count = counts[class];
        if *window > last.0 && last.1 != 0 {
            let _ = write!(path, "H{}V{}", px(frame.x(last.0 * width)), px(y(0)));
        }
        if count > 0 || last.1 > 0 {
            let left = frame.x(window * width);
            let _ = write!(path, "H{}V{}", px(left), px(y(count)));
        }
        last = (window + 1, count);
    }
    let _ = write!(path, "H{}", px(frame.x(last.0 * width)));
    if last.1 != 0 {
        let _ = write!(path, "V{}", px(y(0)));
    }
    path
}

/// The next of 1, 2, 5, 10, 20, 50, ...
fn nice_ceiling(value: f64) -> f64 {
    let mut ceiling = 1.0;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if ceiling >= value || ceiling > 1e12 {
            break;
        }
        ceiling *= factor;
    }
    ceiling
}
