//! Completions a second by function and outcome, a row for each function.

use super::frame::Frame;
use super::rows::{Row, Rows, Series};
use super::{Plot, PlotInput};
use crate::report::text;
use perjury_checkers::Outcome;
use std::collections::BTreeMap;

/// Windows over the whole run.
const WINDOWS: u64 = 120;
/// Functions with a row of their own; the rest share the last row.
const ROWS_MAX: usize = 6;
const CLASSES: [&str; 3] = ["ok", "fail", "info"];

/// Completions of one function: number of the window -> ok, fail, info.
type Windows = BTreeMap<u64, [u64; 3]>;

pub(super) fn plot(input: &PlotInput<'_>) -> Plot {
    let width = input.end_ns.div_ceil(WINDOWS).max(1);
    let counted = counted(input, width);
    let drawn: Vec<Row> =
        counted.into_iter().map(|(name, windows)| row(name, &windows, width)).collect();
    let label = |value: f64| format!("{}/s", text::number(value as u64));
    let rows = Rows { rows: &drawn, width, label };
    let frame = Frame::new(input, rows.height());
    let (axes, lines) = rows.draw(&frame);
    let caption = format!(
        "Completions a second in windows of {}, by function and outcome. Each row has a scale of \
         its own.",
        text::duration(width)
    );
    Plot {
        name: "rate",
        title: "Rate",
        legend: super::named(&[("ok", "ok"), ("fail", "failed"), ("info", "unknown")]),
        svg: frame.draw("rate", &caption, &axes, &lines),
        caption,
    }
}

/// Functions with their completions, the busiest kept, in order of their names.
fn counted(input: &PlotInput<'_>, width: u64) -> Vec<(String, Windows)> {
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

fn row(name: String, windows: &Windows, width: u64) -> Row {
    let per_second = |count: u64| count as f64 * 1e9 / width as f64;
    let series = |class: usize| -> Series {
        let counts = windows.iter().map(|(window, counts)| (*window, per_second(counts[class])));
        // Windows in which only others completed are zero, which a missing one is, too.
        counts.filter(|(_, rate)| *rate > 0.0).collect()
    };
    Row { name, series: (0..CLASSES.len()).map(|at| (CLASSES[at], series(at))).collect() }
}
