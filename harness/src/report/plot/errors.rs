//! Errors a second, a row for each of the most frequent.

use super::frame::Frame;
use super::rows::{Row, Rows};
use super::{Plot, PlotInput};
use crate::report::text;
use perjury_checkers::Kind;

/// `None` for a run without errors.
pub(super) fn plot(input: &PlotInput<'_>) -> Option<Plot> {
    let width = input.series.window_ns;
    let drawn: Vec<Row> = input
        .series
        .errors
        .iter()
        .map(|series| {
            let class = if series.kind == Kind::Fail { "fail" } else { "info" };
            Row {
                name: series.error.clone(),
                series: vec![(class, input.per_second(&series.count))],
            }
        })
        .collect();
    if drawn.is_empty() {
        return None;
    }
    let label = |value: f64| format!("{}/s", text::number(value as u64));
    let rows = Rows { rows: &drawn, width, label };
    let frame = Frame::new(input, rows.height());
    let (axes, lines) = rows.draw(&frame);
    let more = match input.series.other_errors {
        0 => String::new(),
        others => format!(" {} are not drawn.", text::count(others, "other kind")),
    };
    let caption = format!(
        "Errors a second in windows of {}, the most frequent kinds. Numbers in their texts are \
         taken for the same.{more}{}",
        text::duration(width),
        input.reckoned()
    );
    Some(Plot {
        name: "errors",
        title: "Errors",
        legend: super::named(&[("fail", "failed"), ("info", "unknown")]),
        svg: frame.draw("errors", &caption, &axes, &lines),
        caption,
    })
}
