//! Rows: small charts one above the other over the same time, each with a scale of its own.

use super::frame::{Frame, LEFT, RIGHT, WIDTH, y_tick};
use crate::report::drawing::px;
use crate::report::text;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const ROW: f64 = 84.0;
const GAP: f64 = 14.0;
/// Characters of a row's name.
const NAME_MAX: usize = 100;

/// Number of the window -> value; zero where there is none.
pub(super) type Series = BTreeMap<u64, f64>;

/// One of the small charts: a line for each class of the style sheet.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) series: Vec<(&'static str, Series)>,
}

/// All rows in a frame. `width` is that of a window in nanoseconds, `label` says a value.
pub(super) struct Rows<'a> {
    pub(super) rows: &'a [Row],
    pub(super) width: u64,
    pub(super) label: fn(f64) -> String,
}

impl Rows<'_> {
    /// How high a frame has to be.
    pub(super) fn height(&self) -> f64 {
        self.rows.len().max(1) as f64 * (ROW + GAP)
    }

    /// The axes, and what lies over them.
    pub(super) fn draw(&self, frame: &Frame) -> (Markup, Markup) {
        let drawn = self.rows.iter().enumerate().map(|(at, row)| self.draw_row(frame, at, row));
        let (axes, lines): (Vec<Markup>, Vec<Markup>) = drawn.unzip();
        let all = |parts: &[Markup]| html! { @for part in parts { (part) } };
        (all(&axes), all(&lines))
    }

    fn draw_row(&self, frame: &Frame, at: usize, row: &Row) -> (Markup, Markup) {
        let top = frame.top + at as f64 * (ROW + GAP) + GAP;
        let bottom = top + ROW;
        let most = row.series.iter().flat_map(|(_, series)| series.values()).copied();
        let high = nice_ceiling(most.fold(0.0, f64::max));
        let y = |value: f64| bottom - value / high * (ROW - 4.0);
        let axis = html! {
            (y_tick(bottom, "0"))
            (y_tick(bottom - (ROW - 4.0), &(self.label)(high)))
        };
        let lines = html! {
            @for (class, series) in row.series.iter().filter(|(_, series)| !series.is_empty()) {
                @let line = line(frame, series, self.width, y);
                @if *class == "ok" {
                    path class="area ok" d=(format!("{line}V{b}H{l}Z", b = px(bottom), l = px(LEFT))) {}
                }
                path class=(format!("line {class}")) d=(line) {}
            }
            text class="row-name" x=(px(WIDTH - RIGHT - 6.0)) y=(px(top + 12.0)) text-anchor="end" {
                (text::elide(&text::printable(&row.name), NAME_MAX))
            }
        };
        (axis, lines)
    }
}

/// A line with a step for each window, zero where there is no value.
fn line(frame: &Frame, series: &Series, width: u64, y: impl Fn(f64) -> f64) -> String {
    let mut path = format!("M{} {}", px(LEFT), px(y(0.0)));
    let mut last = (0, 0.0);
    for (window, value) in series {
        if *window > last.0 && last.1 != 0.0 {
            let _ = write!(path, "H{}V{}", px(frame.x(last.0 * width)), px(y(0.0)));
        }
        if *value > 0.0 || last.1 > 0.0 {
            let left = frame.x(window * width);
            let _ = write!(path, "H{}V{}", px(left), px(y(*value)));
        }
        last = (window + 1, *value);
    }
    let _ = write!(path, "H{}", px(frame.x(last.0 * width)));
    if last.1 != 0.0 {
        let _ = write!(path, "V{}", px(y(0.0)));
    }
    path
}

/// The next of 1, 2, 5, 10, 20, 50, ...
fn nice_ceiling(value: f64) -> f64 {
    let mut ceiling = 1.0;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if ceiling >= value || ceiling > 1e18 {
            break;
        }
        ceiling *= factor;
    }
    ceiling
}
