//! Calls as bars on a common time axis, drawn with characters.
//!
//! The order of all beginnings and ends is exact; distances are squeezed, because what belongs
//! together may take microseconds and lie seconds apart.

use super::{Paint, Shown};
use crate::report::text;
use perjury_checkers::Anomaly;
use std::collections::BTreeMap;

/// Bars in one drawing.
const BARS_MAX: usize = 24;
/// Room for the names of processes.
const GUTTER: usize = 14;
/// The longest and the shortest label that is tried.
const LABELS: [usize; 6] = [30, 24, 18, 14, 10, 0];

/// A lane for each process, in order of first calls, below each other, and the axis. No line is
/// wider than `width` characters, at least 60.
pub fn draw(operations: &[Shown], anomaly: &Anomaly, paint: Paint, width: usize) -> Vec<String> {
    let width = width.max(60);
    let shown = choose(operations, culprit(anomaly));
    // Two columns for the mark.
    let room = width - GUTTER - 2;
    let fitting = LABELS.iter().find_map(|label| Laid::out(&shown, *label, room));
    let Some(laid) = fitting else {
        return vec!["  (too many calls at once to be drawn in so few columns)".to_owned()];
    };
    let mut lanes: BTreeMap<u32, usize> = BTreeMap::new();
    for shown in &shown {
        let next = lanes.len();
        lanes.entry(shown.process).or_insert(next);
    }
    let mut order: Vec<(usize, u32)> = lanes.iter().map(|(p, lane)| (*lane, *p)).collect();
    order.sort_unstable();
    let mut lines = Vec::new();
    for (_, process) in order {
        let of = |bar: &&Bar| bar.shown.process == process;
        let bars: Vec<&Bar> = laid.bars.iter().filter(of).collect();
        lines.push(lane(process, &bars, culprit(anomaly), paint));
    }
    lines.push(laid.axis(room));
    lines
}

/// The operation that cannot be explained, where the proof is no cycle.
fn culprit(anomaly: &Anomaly) -> Option<u64> {
    if !anomaly.edges.is_empty() {
        return None;
    }
    let last = anomaly.steps.iter().rev().find_map(|step| step.operations.last());
    last.or(anomaly.operations.last()).copied()
}

/// Of too many, the last ones called, with the culprit.
fn choose(operations: &[Shown], culprit: Option<u64>) -> Vec<&Shown> {
    let mut shown: Vec<&Shown> = operations.iter().collect();
    while shown.len() > BARS_MAX {
        let first = usize::from(shown.first().map(|one| one.index) == culprit);
        shown.remove(first);
    }
    shown
}

/// A call with its place: columns from the gutter's end, both inclusive.
struct Bar<'a> {
    shown: &'a Shown,
    label: String,
    left: usize,
    right: usize,
}

struct Laid<'a> {
    bars: Vec<Bar<'a>>,
    /// Nanoseconds -> column.
    places: BTreeMap<u64, usize>,
}

impl<'a> Laid<'a> {
    /// `None` if there is no room for labels of so many characters.
    fn out(shown: &[&'a Shown], label: usize, room: usize) -> Option<Self> {
        let labels: Vec<String> = shown.iter().map(|one| words(one, label)).collect();
        let mut moments: BTreeMap<u64, usize> = BTreeMap::new();
        for one in shown {
            moments.insert(one.called_ns, 0);
            moments.extend(one.returned_ns.map(|returned| (returned, 0)));
        }
        let times: Vec<u64> = moments.keys().copied().collect();
        for (at, time) in times.iter().enumerate() {
            let mut place = at.checked_sub(1).map_or(0, |before| moments[&times[before]] + 1);
            for (one, label) in shown.iter().zip(&labels) {
                // A bar that ends here has its label and two ends; the next one begins after it.
                if one.returned_ns == Some(*time) {
                    place = place.max(moments[&one.called_ns] + label.chars().count() + 3);
                }
            }
            moments.insert(*time, place);
        }
        let open = shown.iter().zip(&labels).filter(|(one, _)| one.returned_ns.is_none());
        let needed = open.map(|(one, label)| moments[&one.called_ns] + label.chars().count() + 6);
        let last = times.last().map_or(0, |time| moments[time]);
        let needed = needed.max().unwrap_or(0).max(last);
        if needed >= room {
            return None;
        }
        // What is left over is shared out in proportion.
        let limit =
            if shown.iter().any(|one| one.returned_ns.is_none()) { room - 6 } else { room - 1 };
        let wide = |place: usize| place * limit.max(needed) / needed.max(1);
        let places: BTreeMap<u64, usize> =
            moments.iter().map(|(time, place)| (*time, wide(*place))).collect();
        let bar = |one: &&'a Shown| {
            let left = places[&one.called_ns];
            let right = one.returned_ns.map_or(room - 1, |returned| places[&returned]);
            // There may be more room than was asked for.
            let inner = right.saturating_sub(left + 2);
            let index = one.index.to_string().len() + 2;
            let label = if label == 0 { 0 } else { label.max(inner.saturating_sub(index)) };
            Bar { shown: one, label: words(one, label), left, right }
        };
        let bars = shown.iter().map(bar).collect();
        Some(Self { bars, places })
    }

    /// Ticks at calls and answers, with times where there is room.
    fn axis(&self, room: usize) -> String {
        let mut line: Vec<char> = vec![' '; room];
        let first = self.places.keys().next().copied().unwrap_or(0);
        let mut free = 0;
        for (time, place) in &self.places {
            let label = match time - first {
                0 => text::moment(*time),
                later => format!("+{}", text::duration(later)),
            };
            let length = label.chars().count();
            if *place < free || place + length > room {
                continue;
            }
            for (at, c) in label.chars().enumerate() {
                line[place + at] = c;
            }
            free = place + length + 2;
        }
        let words: String = line.into_iter().collect();
        format!("{:GUTTER$}{}", "", words.trim_end())
    }
}

/// `#12 write 3 → ok`, or only the number.
fn words(shown: &Shown, label: usize) -> String {
    let index = format!("#{}", shown.index);
    if label == 0 {
        return index;
    }
    let words = shown.words.replace(['\n', '\t'], " ");
    format!("{index} {}", text::elide(&words, label))
}

fn lane(process: u32, bars: &[&Bar<'_>], culprit: Option<u64>, paint: Paint) -> String {
    let node = bars.first().and_then(|bar| bar.shown.node.as_deref()).unwrap_or_default();
    let name =
        text::elide(&format!("p{process} {}", text::printable(node)), GUTTER - 3).into_owned();
    let mut line = format!("  {name:<width$}", width = GUTTER - 2);
    let mut column = 0;
    for bar in bars {
        if bar.left > column {
            line.push_str(&" ".repeat(bar.left - column));
        }
        let open = bar.shown.returned_ns.is_none();
        let inner = (bar.right + 1).saturating_sub(bar.left.max(column) + 2);
        let filled = inner.saturating_sub(bar.label.chars().count());
        let (begin, rest, end) = match open {
            true => ("├", "┄".repeat(filled), "▶"),
            false => ("├", "─".repeat(filled), "┤"),
        };
        let drawn = format!("{begin}{}{rest}{end}", bar.label);
        column = bar.left.max(column) + drawn.chars().count();
        line.push_str(&match (Some(bar.shown.index) == culprit, bar.shown.outcome) {
            (true, _) => paint.wrong(&drawn),
            (_, "unknown") => paint.doubtful(&drawn),
            (_, "failed" | "declined") => paint.dim(&drawn),
            _ => drawn,
        });
    }
    if bars.iter().any(|bar| Some(bar.shown.index) == culprit) {
        line.push_str(&format!(" {}", paint.wrong("✗")));
    }
    line
}
