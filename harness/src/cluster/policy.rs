//! Link policies: what a network does to the packets of a link, short of cutting it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest delay, in milliseconds.
const DELAY_MAX_MS: f64 = 60_000.0;

/// How the delay of single packets is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Always `delay_ms`.
    #[default]
    Constant,
    /// Evenly from `delay_ms - jitter_ms` to `delay_ms + jitter_ms`.
    Uniform,
    /// With the mean `delay_ms` and the standard deviation `jitter_ms`.
    Normal,
    /// At least `delay_ms`, `jitter_ms` more on average, and at times very much more (shape 3).
    Pareto,
}

impl Distribution {
    pub const ALL: [Self; 4] = [Self::Constant, Self::Uniform, Self::Normal, Self::Pareto];

    /// As in JSON and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Uniform => "uniform",
            Self::Normal => "normal",
            Self::Pareto => "pareto",
        }
    }
}

/// What happens to each packet of a link, in this order: a connection may be reset, the packet may
/// be lost, damaged or doubled, it waits for its turn on a slow link, and then travels for a while.
/// The default does nothing. Percentages are of packets, from 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkPolicy {
    #[serde(skip_serializing_if = "is_zero")]
    pub delay_ms: f64,
    #[serde(skip_serializing_if = "is_zero")]
    pub jitter_ms: f64,
    #[serde(skip_serializing_if = "is_constant")]
    pub distribution: Distribution,
    #[serde(skip_serializing_if = "is_zero")]
    pub loss_percent: f64,
    /// Mean number of packets lost in a row; below 1 each is lost or not on its own.
    #[serde(skip_serializing_if = "is_zero")]
    pub loss_burst: f64,
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicate_percent: f64,
    #[serde(skip_serializing_if = "is_zero")]
    pub reorder_percent: f64,
    /// How much longer than the others a reordered packet travels, so that they overtake it.
    #[serde(skip_serializing_if = "is_zero")]
    pub reorder_ms: f64,
    #[serde(skip_serializing_if = "is_zero")]
    pub corrupt_percent: f64,
    /// Whether the checksum of a damaged packet is made to match. Otherwise the receiving kernel
    /// notices and drops it; with it, the receiving program gets a wrong bit.
    #[serde(skip_serializing_if = "is_false")]
    pub corrupt_silently: bool,
    /// 0 is no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub rate_kbit: f64,
    /// What would wait longer than this for its turn is dropped; 0 stands for 200.
    #[serde(skip_serializing_if = "is_zero")]
    pub queue_ms: f64,
    /// Of TCP segments: each such one is replaced by resets of its connection, to both ends.
    #[serde(skip_serializing_if = "is_zero")]
    pub reset_percent: f64,
    /// Only packets to this TCP or UDP port; 0 stands for all.
    #[serde(skip_serializing_if = "no_port")]
    pub port: u16,
    /// Decides, with the link, which packets are hit.
    pub seed: u64,
}

impl Default for LinkPolicy {
    fn default() -> Self {
        Self {
            delay_ms: 0.0,
            jitter_ms: 0.0,
            distribution: Distribution::Constant,
            loss_percent: 0.0,
            loss_burst: 0.0,
            duplicate_percent: 0.0,
            reorder_percent: 0.0,
            reorder_ms: 0.0,
            corrupt_percent: 0.0,
            corrupt_silently: false,
            rate_kbit: 0.0,
            queue_ms: 0.0,
            reset_percent: 0.0,
            port: 0,
            seed: 0,
        }
    }
}

impl LinkPolicy {
    /// Whether it does nothing.
    pub fn is_plain(&self) -> bool {
        [
            self.delay_ms,
            self.jitter_ms,
            self.loss_percent,
            self.duplicate_percent,
            self.reorder_percent,
            self.corrupt_percent,
            self.rate_kbit,
            self.reset_percent,
        ]
        .iter()
        .all(|number| *number == 0.0)
    }

    /// Mean time that a packet travels longer, in milliseconds, without waiting for its turn.
    pub fn mean_delay_ms(&self) -> f64 {
        let tail = if self.distribution == Distribution::Pareto { self.jitter_ms } else { 0.0 };
        self.delay_ms + tail
    }

    /// The longest wait for a turn on a slow link, in milliseconds.
    pub fn queue_limit_ms(&self) -> f64 {
        if self.queue_ms > 0.0 { self.queue_ms } else { 200.0 }
    }

    /// Refuses what cannot be done.
    ///
    /// # Errors
    /// Names the number that is out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        let percentages = [
            ("loss_percent", self.loss_percent),
            ("duplicate_percent", self.duplicate_percent),
            ("reorder_percent", self.reorder_percent),
            ("corrupt_percent", self.corrupt_percent),
            ("reset_percent", self.reset_percent),
        ];
        let times = [
            ("delay_ms", self.delay_ms),
            ("jitter_ms", self.jitter_ms),
            ("reorder_ms", self.reorder_ms),
            ("queue_ms", self.queue_ms),
        ];
        let counts =
            [("loss_burst", self.loss_burst, 10_000.0), ("rate_kbit", self.rate_kbit, 1e8)];
        let ranges = percentages.map(|(name, value)| (name, value, 100.0)).into_iter();
        let ranges = ranges.chain(times.map(|(name, value)| (name, value, DELAY_MAX_MS)));
        for (name, value, most) in ranges.chain(counts) {
            // Also false for what is not a number.
            if !(0.0..=most).contains(&value) {
                return Err(format!("`{name}` is from 0 to {most}, not {value}"));
            }
        }
        if self.reorder_percent > 0.0 && self.reorder_ms <= 0.0 {
            return Err(
                "`reorder_percent` needs `reorder_ms`, by which packets are overtaken".into()
            );
        }
        Ok(())
    }
}

impl fmt::Display for LinkPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.delay_ms > 0.0 || self.jitter_ms > 0.0 {
            let spread = match self.distribution {
                Distribution::Constant => String::new(),
                other => format!(" ± {} ms ({})", self.jitter_ms, other.name()),
            };
            parts.push(format!("{} ms{spread} delay", self.delay_ms));
        }
        for (percent, what) in [
            (self.loss_percent, "lost"),
            (self.duplicate_percent, "doubled"),
            (self.reorder_percent, "overtaken"),
            (self.corrupt_percent, "damaged"),
            (self.reset_percent, "reset"),
        ] {
            if percent > 0.0 {
                parts.push(format!("{percent} % {what}"));
            }
        }
        if self.rate_kbit > 0.0 {
            parts.push(format!("{} kbit/s", self.rate_kbit));
        }
        if parts.is_empty() { f.write_str("nothing") } else { f.write_str(&parts.join(", ")) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn no_port(value: &u16) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_constant(value: &Distribution) -> bool {
    *value == Distribution::Constant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_nothing_is_written() {
        let policy = LinkPolicy { loss_percent: 5.0, seed: 7, ..LinkPolicy::default() };
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(text, r#"{"loss_percent":5.0,"seed":7}"#);
        assert_eq!(serde_json::from_str::<LinkPolicy>(&text).unwrap(), policy);
        assert!(!policy.is_plain() && LinkPolicy { seed: 7, ..LinkPolicy::default() }.is_plain());
        assert!(serde_json::from_str::<LinkPolicy>(r#"{"los_percent":5}"#).is_err());
    }

    #[test]
    fn senseless_numbers_are_named() {
        let check = |policy: LinkPolicy| policy.check().unwrap_err();
        let plain = LinkPolicy::default();
        assert!(
            check(LinkPolicy { loss_percent: 101.0, ..plain.clone() }).contains("loss_percent")
        );
        assert!(check(LinkPolicy { delay_ms: -1.0, ..plain.clone() }).contains("delay_ms"));
        assert!(check(LinkPolicy { jitter_ms: f64::NAN, ..plain.clone() }).contains("jitter_ms"));
        let overtaken = LinkPolicy { reorder_percent: 5.0, ..plain.clone() };
        assert!(check(overtaken).contains("reorder_ms"));
        assert!(plain.check().is_ok());
    }

    #[test]
    fn it_says_what_it_does() {
        let policy = LinkPolicy {
            delay_ms: 80.0,
            jitter_ms: 10.0,
            distribution: Distribution::Normal,
            loss_percent: 2.5,
            ..LinkPolicy::default()
        };
        assert_eq!(policy.to_string(), "80 ms ± 10 ms (normal) delay, 2.5 % lost");
        assert_eq!(LinkPolicy::default().to_string(), "nothing");
    }
}
