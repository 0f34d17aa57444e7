//! How old the values were that reads saw, a row for each of the keys with the oldest.

use super::frame::Frame;
use super::rows::{Row, Rows, Series};
use super::{Plot, PlotInput};
use crate::report::text;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Windows over the whole run.
const WINDOWS: u64 = 120;
/// Keys with a row.
const ROWS_MAX: usize = 6;

/// As the checker of staleness puts it into its stats.
#[derive(Deserialize)]
struct StaleRead {
    operation: u64,
    key: Option<Value>,
    nanoseconds: u64,
}

/// `None` when nobody measured staleness, or no read was stale.
pub(super) fn plot(input: &PlotInput<'_>) -> Option<Plot> {
    let width = input.end_ns.div_ceil(WINDOWS).max(1);
    let stale: Vec<StaleRead> = input
        .findings
        .iter()
        .filter_map(|finding| {
            serde_json::from_value(finding.stats.get("stale_reads")?.clone()).ok()
        })
        .flat_map(|reads: Vec<StaleRead>| reads)
        .collect();
    if stale.is_empty() {
        return None;
    }
    let mut keys: BTreeMap<String, (u64, Series)> = BTreeMap::new();
    for read in &stale {
        let Some(called) = input.called(read.operation) else { continue };
        let name =
            read.key.as_ref().map_or("value".to_owned(), |key| format!("key {}", text::value(key)));
        let (worst, series) = keys.entry(name).or_default();
        *worst = (*worst).max(read.nanoseconds);
        let oldest = series.entry(called / width).or_default();
        *oldest = oldest.max(read.nanoseconds as f64);
    }
    let count = keys.len();
    let mut worst: Vec<(String, (u64, Series))> = keys.into_iter().collect();
    worst.sort_by_key(|(_, (worst, _))| std::cmp::Reverse(*worst));
    worst.truncate(ROWS_MAX);
    let row =
        |(name, (_, series)): (String, (u64, Series))| Row { name, series: vec![("info", series)] };
    let drawn: Vec<Row> = worst.into_iter().map(row).collect();
    let rows = Rows { rows: &drawn, width, label: |value| text::duration(value as u64) };
    let frame = Frame::new(input, rows.height());
    let (axes, lines) = rows.draw(&frame);
    let caption = format!(
        "How long the value that a read saw had surely been overwritten when the read began, the \
         longest in windows of {}. {} of {} with stale reads.",
        text::duration(width),
        text::number(drawn.len() as u64),
        text::count(count as u64, "key")
    );
    Some(Plot {
        name: "staleness",
        title: "Staleness by key",
        legend: super::named(&[("info", "age of what was read")]),
        svg: frame.draw("staleness", &caption, &axes, &lines),
        caption,
    })
}
