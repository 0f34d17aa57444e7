//! Counts and measures of a set: how many elements came to what, and how long it took.

use serde_json::{Value, json};

use super::elements::{Fate, Ledger};
use crate::tally::{Tally, quantiles};

#[derive(Debug, Default)]
pub(super) struct Lifetimes {
    stable: u64,
    lost: u64,
    stale: u64,
    never_read: u64,
    flickering: u64,
    removed: u64,
    /// Nanoseconds from when an element was known to when all later reads have it.
    until_stable: Vec<u64>,
    /// Nanoseconds from when a lost element was known to the last read that has it.
    until_lost: Vec<u64>,
}

impl Lifetimes {
    pub(super) fn count(&mut self, ledger: &Ledger<'_>, number: u32, fate: &Fate) {
        self.removed += u64::from(ledger.elements[number as usize].removed.is_some());
        match *fate {
            Fate::Stable => {
                self.stable += 1;
                self.until_stable.push(0);
            }
            Fate::NeverRead => self.never_read += 1,
            Fate::Lost { lasted, .. } => {
                self.lost += 1;
                self.until_lost.push(lasted);
            }
            Fate::Stale { lag, .. } => {
                self.stale += 1;
                self.until_stable.push(lag);
                self.flickering += u64::from(ledger.flickers(number));
            }
        }
    }

    pub(super) fn stats(self, ledger: &Ledger<'_>, back: &Tally, duplicated: u64) -> Value {
        let worst = self.until_stable.iter().max().copied().unwrap_or(0);
        json!({
            "added": ledger.elements.iter().filter(|e| e.acknowledged().is_some()).count(),
            "attempted": ledger.elements.iter().filter(|e| e.add.is_some()).count(),
            "reads": ledger.reads.len(),
            "stable": self.stable,
            "lost": self.lost,
            "stale": self.stale,
            "never_read": self.never_read,
            "removed": self.removed,
            // Back after a removal, or seen, then missing, then seen again.
            "resurrected": back.count() + self.flickering,
            "duplicated": duplicated,
            "worst_stale_seconds": worst as f64 / 1e9,
            "stable_latency_ms": quantiles(self.until_stable),
            "lost_latency_ms": quantiles(self.until_lost),
        })
    }
}
