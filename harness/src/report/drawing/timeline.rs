//! Operations as bars in time, a lane for each process.
//!
//! The order of all calls and answers is exact; distances are squeezed, because the operations
//! of an anomaly may take microseconds and lie seconds apart.

use super::{Scene, offender, px, text_width};
use crate::report::faults::FaultRecord;
use crate::report::text;
use maud::{Markup, html};
use perjury_checkers::{Anomaly, Operation, Outcome};
use serde_json::Value;
use std::collections::BTreeMap;

/// Bars in one drawing at most; the table below it names all operations.
const BARS_MAX: usize = 24;
/// Faults in one drawing at most.
const FAULTS_MAX: usize = 5;
/// Room for the names of processes.
const GUTTER: f64 = 104.0;
const RIGHT: f64 = 28.0;
const LANE: f64 = 58.0;
const BAR: f64 = 30.0;
const FAULT_ROW: f64 = 20.0;
const AXIS: f64 = 38.0;
/// Narrower drawings are stretched to this width.
const WIDTH_MIN: f64 = 780.0;
/// Labels are shortened as long as the drawing is wider than this, which is what the page has.
const WIDTH_WANTED: f64 = 950.0;
/// Room for what is said above the bar that cannot be explained.
const TAG: f64 = 180.0;
/// How far an operation without an answer reaches beyond the last answer.
const OPEN_END: f64 = 56.0;

/// Squeezed time: moments in order, each with its place.
struct Squeezed {
    /// Nanoseconds -> pixels.
    places: BTreeMap<u64, f64>,
    right: f64,
}

/// A bar, ready to be drawn.
struct Bar<'a> {
    operation: &'a Operation<'a>,
    label: String,
    lane: usize,
}

pub(super) fn draw(anomaly: &Anomaly, involved: &[&Operation<'_>], scene: &Scene<'_>) -> Markup {
    let culprit = offender(anomaly, involved);
    let shown = choose(involved, culprit);
    let lanes = lanes(&shown);
    let (bars, time) = fitted(&shown, &lanes, anomaly, culprit);
    let (from, to) = Scene::span(&shown).unwrap_or_default();
    let mut faults = scene.active(from, to);
    faults.truncate(FAULTS_MAX);
    let top = faults.len() as f64 * FAULT_ROW + 8.0;
    let bottom = top + lanes.len() as f64 * LANE;
    let (width, height) = (time.right + RIGHT, bottom + AXIS);
    let alt = format!("Operations in time: {}. {}", described(&bars, culprit), anomaly.title);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" class="drawing timeline"
            viewBox=(format!("0 0 {} {}", px(width), px(height)))
            width=(px(width)) height=(px(height)) role="img" aria-label=(alt)
        {
            @for (row, fault) in faults.iter().enumerate() {
                (band(fault, row, &time, bottom))
            }
            @for (process, lane) in &lanes {
                (lane_label(*process, *lane, top, time.right, &shown))
            }
            @if let Some(bar) = bars.iter().find(|bar| Some(bar.operation.index) == culprit) {
                (guides(bar, &time, top, bottom))
            }
            @for bar in &bars {
                (draw_bar(bar, &time, top, Some(bar.operation.index) == culprit))
            }
            (axis(&time, bottom))
        }
    }
}

/// In order of their calls; of too many, the last ones called, with the culprit.
fn choose<'a>(involved: &[&'a Operation<'a>], culprit: Option<u64>) -> Vec<&'a Operation<'a>> {
    let mut shown: Vec<&Operation<'_>> = involved.to_vec();
    shown.sort_by_key(|operation| (operation.called, operation.index));
    shown.dedup_by_key(|operation| operation.index);
    while shown.len() > BARS_MAX {
        let first = usize::from(shown.first().map(|operation| operation.index) == culprit);
        shown.remove(first);
    }
    shown
}

/// Lanes from the top in order of each process's first call.
fn lanes(shown: &[&Operation<'_>]) -> BTreeMap<u32, usize> {
    let mut lanes = BTreeMap::new();
    for operation in shown {
        let next = lanes.len();
        lanes.entry(operation.process).or_insert(next);
    }
    lanes
}

/// Bars with labels as long as still fits: many calls one after another make a wide drawing.
fn fitted<'a>(
    shown: &[&'a Operation<'a>],
    lanes: &BTreeMap<u32, usize>,
    anomaly: &Anomaly,
    culprit: Option<u64>,
) -> (Vec<Bar<'a>>, Squeezed) {
    let mut label_max = 32;
    loop {
        let bars = bars(shown, lanes, anomaly, label_max);
        let time = Squeezed::new(&bars, culprit);
        if time.right + RIGHT <= WIDTH_WANTED || label_max <= 14 {
            return (bars, time);
        }
        label_max -= 2;
    }
}

fn bars<'a>(
    shown: &[&'a Operation<'a>],
    lanes: &BTreeMap<u32, usize>,
    anomaly: &Anomaly,
    label_max: usize,
) -> Vec<Bar<'a>> {
    // A key stands above the drawing, unless others are in it too.
    let of_key = |key: &Value| shown.iter().all(|operation| operation.input.get(0) == Some(key));
    let key = anomaly.key.as_ref().filter(|key| of_key(key));
    let bar = |operation: &&'a Operation<'a>| {
        let label = text::operation(operation, key);
        let label = text::elide(&text::printable(&label), label_max).into_owned();
        Bar { operation, label, lane: lanes[&operation.process] }
    };
    shown.iter().map(bar).collect()
}

impl Squeezed {
    /// Gives every call and answer a place, left to right: a gap grows with the logarithm of the
    /// time that it stands for, and every bar is wide enough for its label.
    fn new(bars: &[Bar<'_>], culprit: Option<u64>) -> Self {
        // What is said above the culprit must not run into its neighbour.
        let room = |bar: &Bar<'_>| match Some(bar.operation.index) == culprit {
            true => room(bar).max(TAG),
            false => room(bar),
        };
        let mut moments: BTreeMap<u64, Vec<&Bar<'_>>> = BTreeMap::new();
        for bar in bars {
            moments.entry(bar.operation.called).or_default();
            if let Some(returned) = bar.operation.returned {
                moments.entry(returned).or_default().push(bar);
            }
        }
        let mut places: BTreeMap<u64, f64> = BTreeMap::new();
        let mut last: Option<(u64, f64)> = None;
        for (moment, ending) in &moments {
            let mut place = last.map_or(GUTTER + 18.0, |(time, place)| place + gap(moment - time));
            for bar in ending {
                place = place
                    .max(places.get(&bar.operation.called).copied().unwrap_or(0.0) + room(bar));
            }
            places.insert(*moment, place);
            last = Some((*moment, place));
        }
        let mut right = last.map_or(GUTTER, |(_, place)| place) + 12.0;
        for bar in bars.iter().filter(|bar| bar.operation.returned.is_none()) {
            let with_label = places[&bar.operation.called] + room(bar) + 20.0;
            right = right.max(with_label).max(right_of(&places) + OPEN_END);
        }
        Self { places, right }.stretched()
    }

    fn stretched(mut self) -> Self {
        let factor = (WIDTH_MIN - RIGHT - GUTTER) / (self.right - GUTTER);
        if factor > 1.0 {
            for place in self.places.values_mut() {
                *place = GUTTER + (*place - GUTTER) * factor;
            }
            self.right = WIDTH_MIN - RIGHT;
        }
        self
    }

    /// The place of any moment: between two known ones in proportion, outside them at the rim.
    fn place(&self, moment: u64) -> f64 {
        let before = self.places.range(..=moment).next_back();
        let after = self.places.range(moment..).next();
        match (before, after) {
            (Some((t0, x0)), Some((t1, x1))) if t1 > t0 => {
                x0 + (x1 - x0) * ((moment - t0) as f64 / (t1 - t0) as f64)
            }
            (Some((_, place)), Some(_)) => *place,
            (None, _) => GUTTER,
            (_, None) => self.right,
        }
    }
}

fn right_of(places: &BTreeMap<u64, f64>) -> f64 {
    places.values().copied().fold(GUTTER, f64::max)
}

fn gap(nanoseconds: u64) -> f64 {
    (14.0 + 11.0 * (1.0 + nanoseconds as f64 / 20_000.0).log10()).min(96.0)
}

fn room(bar: &Bar<'_>) -> f64 {
    text_width(&bar.label) + 22.0
}

fn draw_bar(bar: &Bar<'_>, time: &Squeezed, top: f64, is_culprit: bool) -> Markup {
    let operation = bar.operation;
    let left = time.place(operation.called);
    let right = operation.returned.map_or(time.right, |returned| time.place(returned));
    let y = top + bar.lane as f64 * LANE + 20.0;
    let class = match operation.outcome {
        _ if is_culprit => "bar culprit",
        Outcome::Ok(_) => "bar ok",
        Outcome::Failed => "bar fail",
        Outcome::Unknown => "bar info",
    };
    let full = text::elide(&text::printable(&text::operation(operation, None)), 2000).into_owned();
    let middle = y + BAR / 2.0;
    // The tag begins with the bar, or, too near the right rim, ends with it.
    let near_rim = is_culprit && left + TAG > time.right + RIGHT;
    let (anchor, tag) =
        if near_rim { ("end", right.min(time.right)) } else { ("start", left + 2.0) };
    html! {
        g class=(class) {
            title { "#" (operation.index) ": " (full) }
            @if operation.returned.is_some() {
                rect x=(px(left)) y=(px(y)) width=(px(right - left)) height=(px(BAR)) rx="6" {}
            } @else {
                // Open at its right end: it may have happened at any later time.
                path d=(open_bar(left, right - 14.0, y)) {}
                path class="open-end" d=(arrow_right(right, middle)) {}
            }
            text class="label" x=(px(left + 10.0)) y=(px(middle + 4.0)) { (bar.label) }
            text class="tag" x=(px(tag)) y=(px(y - 5.0)) text-anchor=(anchor) {
                "#" (operation.index)
                @if is_culprit { tspan class="culprit-mark" dx="6" { "✗ cannot be explained" } }
                @if operation.returned.is_none() { tspan dx="6" { "outcome unknown" } }
            }
        }
    }
}

fn open_bar(left: f64, right: f64, y: f64) -> String {
    let (left, right, top) = (px(left + 6.0), px(right), px(y));
    format!("M{right} {top}H{left}a6 6 0 0 0 -6 6v{}a6 6 0 0 0 6 6H{right}", px(BAR - 12.0))
}

fn arrow_right(right: f64, middle: f64) -> String {
    format!("M{} {y}H{}m-7 -6l7 6l-7 6", px(right - 14.0), px(right + 8.0), y = px(middle))
}

fn lane_label(process: u32, lane: usize, top: f64, right: f64, shown: &[&Operation<'_>]) -> Markup {
    let middle = top + lane as f64 * LANE + 20.0 + BAR / 2.0;
    let node = shown
        .iter()
        .find(|operation| operation.process == process)
        .and_then(|operation| operation.node);
    html! {
        line class="lane" x1=(px(GUTTER - 8.0)) x2=(px(right)) y1=(px(middle)) y2=(px(middle)) {}
        text class="process" x="0" y=(px(middle + if node.is_some() { -3.0 } else { 4.0 })) {
            "process " (process)
        }
        @if let Some(node) = node {
            text class="node" x="0" y=(px(middle + 12.0)) { "via " (text::elide(node, 12)) }
        }
    }
}

/// Where the culprit begins and ends, through all lanes: what lies wholly left of the first line
/// was over before it began.
fn guides(bar: &Bar<'_>, time: &Squeezed, top: f64, bottom: f64) -> Markup {
    let moments = [Some(bar.operation.called), bar.operation.returned];
    html! {
        @for place in moments.into_iter().flatten().map(|moment| px(time.place(moment))) {
            line class="guide" x1=(place) x2=(place) y1=(px(top)) y2=(px(bottom)) {}
        }
    }
}

fn band(fault: &FaultRecord, row: usize, time: &Squeezed, bottom: f64) -> Markup {
    let (from, to) = fault.span().unwrap_or_default();
    let (left, right) = (time.place(from), time.place(to).max(time.place(from) + 3.0));
    let y = row as f64 * FAULT_ROW + 2.0;
    let words = fault_words(fault);
    // A label that does not fit after the band's beginning ends at the rim instead.
    let fits = left + 6.0 + text_width(&words) <= time.right + RIGHT;
    let (anchor, x) = if fits { ("start", left + 6.0) } else { ("end", time.right + RIGHT - 4.0) };
    html! {
        g class="fault" {
            title { (words) }
            rect class="band" x=(px(left)) y=(px(y)) width=(px(right - left)) height=(px(bottom - y)) {}
            rect class="strip" x=(px(left)) y=(px(y)) width=(px(right - left)) height="16" rx="3" {}
            text x=(px(x)) y=(px(y + 12.0)) text-anchor=(anchor) { (words) }
        }
    }
}

fn fault_words(fault: &FaultRecord) -> String {
    let from = text::moment(fault.from_ns);
    let until = fault.to_ns.map_or("never seen healed".to_owned(), text::moment);
    let targets = text::printable(&fault.target_words());
    let targets = text::elide(&targets, 32);
    let space = if targets.is_empty() { "" } else { " " };
    format!("{}{space}{targets}, {from} to {until}", text::elide(&fault.f, 24))
}

/// Ticks at calls and answers; labels where there is room, the first in time of the run and the
/// others from there on.
fn axis(time: &Squeezed, bottom: f64) -> Markup {
    let mut ticks: Vec<(f64, Option<String>)> = Vec::new();
    let mut free_from = 0.0;
    let first = time.places.keys().next().copied().unwrap_or(0);
    for (moment, place) in &time.places {
        let label = match moment - first {
            0 => text::moment(*moment),
            // Past a second, three digits would not tell neighbours apart.
            later @ 1_000_000_000.. => format!("+{}", text::moment(later)),
            later => format!("+{}", text::duration(later)),
        };
        let half = text_width(&label) / 2.0;
        let is_free = place - half >= free_from;
        if is_free {
            free_from = place + half + 10.0;
        }
        ticks.push((*place, is_free.then_some(label)));
    }
    html! {
        g class="axis" {
            line x1=(px(GUTTER - 8.0)) x2=(px(time.right)) y1=(px(bottom + 4.0)) y2=(px(bottom + 4.0)) {}
            @for (place, label) in &ticks {
                line x1=(px(*place)) x2=(px(*place)) y1=(px(bottom + 4.0)) y2=(px(bottom + 9.0)) {}
                @if let Some(label) = label {
                    text x=(px(*place)) y=(px(bottom + 23.0)) text-anchor="middle" { (label) }
                }
            }
        }
    }
}

/// The drawing in words, for those who cannot see it.
fn described(bars: &[Bar<'_>], culprit: Option<u64>) -> String {
    let words = |bar: &Bar<'_>| {
        let mark =
            if Some(bar.operation.index) == culprit { ", which cannot be explained" } else { "" };
        let until = match bar.operation.returned {
            Some(returned) => format!("to {}", text::moment(returned)),
            None => "without an answer".to_owned(),
        };
        format!(
            "process {}: {} from {} {until}{mark}",
            bar.operation.process,
            bar.label,
            text::moment(bar.operation.called)
        )
    };
    bars.iter().map(words).collect::<Vec<_>>().join("; ")
}
