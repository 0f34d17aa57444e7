//! Errors a second, a row for each of the most frequent.

use super::frame::Frame;
use super::rows::{Row, Rows, Series};
use super::{Plot, PlotInput};
use crate::report::text;
use perjury_checkers::{Event, Kind, Process};
use std::collections::BTreeMap;

/// Windows over the whole run.
const WINDOWS: u64 = 120;
/// Errors with a row of their own.
const ROWS_MAX: usize = 6;
/// How much of an error's text tells it from others, in characters.
const TEXT_MAX: usize = 90;
/// How many different errors are counted at all.
const COUNTED_MAX: usize = 10_000;

/// What tells errors apart: the outcome, and the text without its numbers.
type Sort = (Kind, String);

/// `None` for a run without errors.
pub(super) fn plot(input: &PlotInput<'_>) -> Option<Plot> {
    let width = input.end_ns.div_ceil(WINDOWS).max(1);
    let (frequent, sorts) = counted(input, width);
    if frequent.is_empty() {
        return None;
    }
    let left_out = sorts - frequent.len();
    let drawn: Vec<Row> = frequent.into_iter().map(|(sort, series)| row(sort, series)).collect();
    let label = |value: f64| format!("{}/s", text::number(value as u64));
    let rows = Rows { rows: &drawn, width, label };
    let frame = Frame::new(input, rows.height());
    let (axes, lines) = rows.draw(&frame);
    let more = match left_out {
        0 => String::new(),
        _ => format!(" {} of other kinds not drawn.", text::count(left_out as u64, "error")),
    };
    let caption = format!(
        "Errors a second in windows of {}, the most frequent kinds. Numbers in their texts are \
         taken for the same.{more}",
        text::duration(width)
    );
    Some(Plot {
        name: "errors",
        title: "Errors",
        legend: super::named(&[("fail", "failed"), ("info", "unknown")]),
        svg: frame.draw("errors", &caption, &axes, &lines),
        caption,
    })
}

/// The most frequent errors with how many a second there were, and how many kinds there are.
fn counted(input: &PlotInput<'_>, width: u64) -> (Vec<(Sort, Series)>, usize) {
    let mut counts: BTreeMap<Sort, (u64, Series)> = BTreeMap::new();
    let of_clients = |event: &&Event| matches!(event.process, Process::Client(_));
    for event in input.history.events().iter().filter(of_clients) {
        let Some(error) = &event.error else { continue };
        let sort = (event.kind, sort_of(error));
        if counts.len() >= COUNTED_MAX && !counts.contains_key(&sort) {
            continue;
        }
        let (total, series) = counts.entry(sort).or_default();
        *total += 1;
        *series.entry(event.time / width).or_default() += 1e9 / width as f64;
    }
    let kinds = counts.len();
    let mut frequent: Vec<(Sort, (u64, Series))> = counts.into_iter().collect();
    frequent.sort_by_key(|(_, (total, _))| std::cmp::Reverse(*total));
    frequent.truncate(ROWS_MAX);
    (frequent.into_iter().map(|(sort, (_, series))| (sort, series)).collect(), kinds)
}

/// The error's text with each number as `#`: ports, times and values are no different kinds.
fn sort_of(error: &str) -> String {
    let mut sort = String::new();
    let mut in_number = false;
    for c in text::printable(error).chars() {
        let is_digit = c.is_ascii_digit();
        match (is_digit, in_number) {
            (true, false) => sort.push('#'),
            (true, true) => {}
            (false, _) => sort.push(if c == '\n' { ' ' } else { c }),
        }
        in_number = is_digit;
    }
    text::elide(&sort, TEXT_MAX).into_owned()
}

fn row((kind, name): Sort, series: Series) -> Row {
    let class = if kind == Kind::Fail { "fail" } else { "info" };
    Row { name, series: vec![(class, series)] }
}
