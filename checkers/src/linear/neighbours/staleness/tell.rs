//! Telling: stale reads, and what proves them, in words.

use super::core::Clusters;
use super::measure::Stale;
use super::shift::Crossing;
use super::{Judged, RULED_OUT};
use crate::linear::models::CasRegister;
use crate::linear::neighbours::reading::{of_key, on, told};
use crate::tally::anomaly;
use crate::words::shortened;
use crate::{Anomaly, Step};

/// How many newer writes a proof names.
const MAX_NEWER: usize = 8;

pub(super) struct Teller<'t, 'p, 'h> {
    pub(super) model: &'t CasRegister,
    pub(super) judged: &'t Judged<'p, 'h>,
}

impl Teller<'_, '_, '_> {
    fn step(&self, number: u32) -> Step {
        told(self.judged.register, self.model, number)
    }

    fn value(&self, value: u32) -> String {
        shortened(self.judged.register.values.get(value))
    }

    /// A read that surely saw an old value.
    pub(super) fn stale(&self, stale: &Stale) -> Anomaly {
        let Judged { register, versions, reads, .. } = self.judged;
        let value = versions.found(stale.read).unwrap_or(0);
        let begun = i64::from(versions.calls[stale.read as usize].start);
        let between = |newer: &u32| {
            versions.start(*newer).is_some_and(|start| start > versions.end(value))
                && versions.end(*newer) < begun
        };
        let mut newer: Vec<u32> = versions.written().filter(between).collect();
        newer.sort_by_key(|newer| versions.end(*newer));
        newer.truncate(MAX_NEWER);
        // Who wrote these, and who saw them first, by which they were surely in place.
        let mut numbers: Vec<u32> = vec![stale.read];
        for value in newer.iter().chain([&value]) {
            numbers.extend(versions.writer(*value));
            let seen = reads.iter().filter(|read| versions.found(**read) == Some(*value));
            let first = seen.min_by_key(|read| versions.calls[**read as usize].end);
            let end = |number: u32| i64::from(versions.calls[number as usize].end);
            let late = versions.writer(*value).is_some_and(|w| end(w) > versions.end(*value));
            numbers.extend(first.filter(|_| late));
        }
        numbers.sort_unstable();
        numbers.dedup();
        let steps: Vec<Step> = numbers.iter().map(|number| self.step(*number)).collect();
        let (old, versions) = (self.value(value), stale.versions);
        let (key, long) = (of_key(register), milliseconds(stale.nanoseconds));
        let (writes, behind) = match versions {
            1 => ("1 later write was".to_owned(), "1 version".to_owned()),
            _ => (format!("{versions} later writes were"), format!("{versions} versions")),
        };
        let explanation = format!(
            "When this read began, {old} had surely been overwritten {long} ago, and {writes} \
             complete."
        );
        let title = format!("Read{key} {behind} and {long} behind");
        on(register, anomaly("stale-read", title, explanation, steps, RULED_OUT))
    }

    /// Two values that would each have to be before the other.
    pub(super) fn crossing(&self, crossing: Crossing) -> Anomaly {
        let [a, b] = crossing.values.map(|value| self.value(value));
        let explanation = format!(
            "{a} and {b} would each have to be written before the other, if reads saw the latest \
             value: each was surely in place before the last call on the other began. It takes \
             reads that are {} old to explain this.",
            milliseconds(crossing.shift as u64)
        );
        let title = format!("Stale read{}", of_key(self.judged.register));
        self.clusters(&crossing.values, title, explanation)
    }

    /// A few writes and reads that are not 2-atomic.
    pub(super) fn not_two_atomic(&self) -> Anomaly {
        let Judged { register, versions, reads, .. } = self.judged;
        let core = Clusters::new(versions, reads).core();
        let explanation = "These writes have no order, respecting real time, in which each read \
                           sees one of the last two writes before it: one of the reads is more \
                           than one version old, whichever it is."
            .to_owned();
        let title = format!("Read{} more than one version old", of_key(register));
        self.clusters(&core, title, explanation)
    }

    /// An anomaly of these values: what wrote them, who saw them first, who asked last.
    fn clusters(&self, values: &[u32], title: String, explanation: String) -> Anomaly {
        let Judged { register, versions, reads, .. } = self.judged;
        let mut numbers: Vec<u32> = Vec::new();
        for value in values {
            let seen = || reads.iter().filter(|read| versions.found(**read) == Some(*value));
            numbers.extend(versions.writer(*value));
            numbers.extend(seen().min_by_key(|read| versions.calls[**read as usize].end));
            numbers.extend(seen().next_back());
        }
        numbers.sort_unstable();
        numbers.dedup();
        let steps = numbers.iter().map(|number| self.step(*number)).collect();
        on(register, anomaly("stale-read", title, explanation, steps, RULED_OUT))
    }
}

fn milliseconds(nanoseconds: u64) -> String {
    format!("{:.3} ms", nanoseconds as f64 / 1e6)
}
