//! Completions a second by function and outcome, a row for each function.

use super::frame::Frame;
use super::rows::{Row, Rows};
use super::{Plot, PlotInput};
use crate::report::text;

pub(super) fn plot(input: &PlotInput<'_>) -> Plot {
    let width = input.series.window_ns;
    let rate = |counts: &[u64]| input.per_second(counts);
    let functions = input.series.completions.iter();
    let drawn: Vec<Row> = functions
        .map(|(name, counts)| Row {
            name: name.clone(),
            series: vec![
                ("ok", rate(&counts.ok)),
                ("fail", rate(&counts.fail)),
                ("info", rate(&counts.info)),
            ],
        })
        .collect();
    let label = |value: f64| format!("{}/s", text::number(value as u64));
    let rows = Rows { rows: &drawn, width, label };
    let frame = Frame::new(input, rows.height());
    let (axes, lines) = rows.draw(&frame);
    let caption = format!(
        "Completions a second in windows of {}, by function and outcome. Each row has a scale of \
         its own.{}",
        text::duration(width),
        input.reckoned()
    );
    Plot {
        name: "rate",
        title: "Rate",
        legend: super::named(&[("ok", "ok"), ("fail", "failed"), ("info", "unknown")]),
        svg: frame.draw("rate", &caption, &axes, &lines),
        caption,
    }
}
