//! The timeline of a report: every operation of the run, to zoom and to search, inside the page.

mod choose;
mod columns;
mod head;
mod section;
mod words;

#[cfg(test)]
mod tests;

use super::ReportInput;
use super::drawing::Scene;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use choose::Gap;
use columns::{BLOCK, Block, Encoder};
use maud::{Markup, PreEscaped, html};
use perjury_checkers::{Anomaly, Operation};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// What the timeline adds to the style of the page.
pub(super) const STYLE: &str = include_str!("timeline/timeline.css");

/// The one script of the page: a function of its own, in parts that follow each other.
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n",
    include_str!("timeline/data.js"),
    include_str!("timeline/lanes.js"),
    include_str!("timeline/words.js"),
    include_str!("timeline/paint.js"),
    include_str!("timeline/bars.js"),
    include_str!("timeline/view.js"),
    include_str!("timeline/find.js"),
    include_str!("timeline/start.js"),
    "})();\n",
);

/// Bytes of a timeline's data in the page. With some room for the rest a page stays below 20 MB.
const BUDGET: usize = 16 << 20;
/// Operations of a timeline. Beyond that a browser gets slow.
const OPERATIONS_MAX: usize = 4_000_000;
/// From how many operations on times are told in microseconds, which takes half of the bytes.
const FINE_MAX: usize = 250_000;
/// Characters of each question and of each answer, to be tried in turn until the data fits.
const TEXTS: [usize; 5] = [40, 28, 18, 10, 0];

/// The page's policy: nothing may be loaded, and no script may run but the timeline's, which is
/// known by its hash.
pub(super) fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; \
         img-src data:; base-uri 'none'; form-action 'none'"
    )
}

/// The operations of a run, ready to be put into a page.
pub(super) struct Timeline {
    head: String,
    blocks: Vec<Block>,
    texts: Vec<String>,
    keys: String,
    gaps: Vec<Gap>,
    /// Characters of each question and answer.
    text_max: usize,
    tick: u64,
    anomalies: usize,
}

impl Timeline {
    /// `operations` are those of the history, and `anomalies` have a section in the page, in this
    /// order. The same arguments give the same bytes. Cost: linear, about a second a million.
    pub(super) fn new(
        input: &ReportInput<'_>,
        operations: &[Operation<'_>],
        scene: &Scene<'_>,
        anomalies: &[&Anomaly],
    ) -> Self {
        Self::within(input, operations, scene, anomalies, (OPERATIONS_MAX, BUDGET))
    }

    /// At most so many operations and, unless those are few, bytes.
    pub(super) fn within(
        input: &ReportInput<'_>,
        operations: &[Operation<'_>],
        scene: &Scene<'_>,
        anomalies: &[&Anomaly],
        (mut max, budget): (usize, usize),
    ) -> Self {
        let moments = moments(input, scene, anomalies);
        loop {
            let chosen = choose::choose(operations, &moments, max);
            let count: usize = chosen.iter().map(Range::len).sum();
            let tick = if count > FINE_MAX { 1_000 } else { 1 };
            let mut encoder = Encoder::new(operations, input.history, tick);
            let parts: Vec<Range<usize>> = chosen.iter().flat_map(parts).collect();
            let blocks: Vec<Block> =
                parts.iter().map(|part| encoder.columns(part.clone())).collect();
            let keys = columns::pack(encoder.keys.names.join("\n").as_bytes());
            let bytes = keys.len() + blocks.iter().map(|block| block.columns.len()).sum::<usize>();
            if bytes > budget && count > BLOCK {
                max = (count as u128 * budget as u128 * 9 / 10 / bytes as u128) as usize;
                continue;
            }
            let (text_max, texts) = texts(&mut encoder, &parts, budget.saturating_sub(bytes));
            let gaps = choose::gaps(operations, &chosen, input.results.duration_ns);
            let facts = head::Facts { encoder: &encoder, blocks: &blocks, gaps: &gaps, tick };
            let head = head::head(&facts, input.results, scene, anomalies);
            let anomalies = anomalies.len();
            return Self { head, blocks, texts, keys, gaps, text_max, tick, anomalies };
        }
    }

    fn count(&self) -> usize {
        self.blocks.iter().map(|block| block.count).sum()
    }

    /// The data and the script: to stand at the end of the page, after everything that can be
    /// read without them.
    pub(super) fn data(&self) -> Markup {
        html! {
            @if self.count() > 0 {
                script type="application/json" id="timeline-head" { (PreEscaped(&self.head)) }
                script type="text/plain" id="timeline-keys" { (self.keys) }
                @for block in &self.blocks {
                    script type="text/plain" class="timeline-columns" { (block.columns) }
                }
                @for block in &self.texts {
                    script type="text/plain" class="timeline-texts" { (block) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// A range in blocks.
fn parts(range: &Range<usize>) -> Vec<Range<usize>> {
    range.clone().step_by(BLOCK).map(|start| start..(start + BLOCK).min(range.end)).collect()
}

/// What operations should not be left out around, in nanoseconds.
fn moments(input: &ReportInput<'_>, scene: &Scene<'_>, anomalies: &[&Anomaly]) -> Vec<u64> {
    let mut moments = Vec::new();
    for anomaly in anomalies {
        let involved = scene.involved(anomaly);
        moments.extend(involved.iter().take(head::INVOLVED_MAX).map(|operation| operation.called));
    }
    for fault in &input.results.faults {
        moments.push(fault.from_ns);
        moments.extend(fault.observed_ns.into_iter().chain(fault.to_ns));
    }
    moments
}

/// Texts as long as fits into so many bytes, and how long that is. Some blocks are tried first,
/// so that not all of a large history has to be put in words more than once.
fn texts(encoder: &mut Encoder<'_>, parts: &[Range<usize>], budget: usize) -> (usize, Vec<String>) {
    let step = parts.len().div_ceil(4).max(1);
    for max in TEXTS {
        if parts.len() > 4 {
            let tried = parts.iter().step_by(step);
            let (mut bytes, mut operations) = (0, 0);
            for part in tried {
                operations += part.len();
                bytes += encoder.texts(part.clone(), max).len();
            }
            let all: usize = parts.iter().map(Range::len).sum();
            if bytes as u128 * all as u128 > budget as u128 * operations as u128 {
                continue;
            }
        }
        let texts: Vec<String> =
            parts.iter().map(|part| encoder.texts(part.clone(), max)).collect();
        if texts.iter().map(String::len).sum::<usize>() <= budget {
            return (max, texts);
        }
    }
    (0, parts.iter().map(|part| encoder.texts(part.clone(), 0)).collect())
}
