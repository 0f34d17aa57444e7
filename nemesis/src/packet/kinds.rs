//! Kinds of trouble that packets have, and how much of it. Pure: choices from a random stream.

use perjury_harness::Options;
use perjury_harness::cluster::{Distribution, LinkPolicy};
use perjury_harness::generator::{below, pick};
use rand_chacha::ChaCha8Rng;

/// What is done to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Delay,
    Loss,
    Duplicate,
    Reorder,
    Corrupt,
    Rate,
    Reset,
    /// Some of everything that a bad radio link does.
    Flaky,
}

/// Which packets of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Both,
    /// Those that it gets.
    In,
    /// Those that it sends.
    Out,
}

impl Side {
    pub(crate) const ALL: [Self; 3] = [Self::Both, Self::In, Self::Out];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// Numbers that the user has fixed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pins {
    delay_ms: Option<f64>,
    percent: Option<f64>,
    rate_kbit: Option<f64>,
}

impl Pins {
    pub(crate) fn of(options: &Options) -> Result<Self, String> {
        let number = |key: &str, most: f64| {
            let Some(text) = options.get(key) else { return Ok(None) };
            match text.parse::<f64>() {
                Ok(number) if number > 0.0 && number <= most => Ok(Some(number)),
                _ => Err(format!("`{key}={text}`: give a number above 0, up to {most}")),
            }
        };
        Ok(Self {
            delay_ms: number("packet-delay-ms", 10_000.0)?,
            percent: number("packet-percent", 100.0)?,
            rate_kbit: number("packet-rate-kbit", 1_000_000.0)?,
        })
    }
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Delay,
        Self::Loss,
        Self::Duplicate,
        Self::Reorder,
        Self::Corrupt,
        Self::Rate,
        Self::Reset,
        Self::Flaky,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Loss => "loss",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Corrupt => "corrupt",
            Self::Rate => "rate",
            Self::Reset => "reset",
            Self::Flaky => "flaky",
        }
    }

    /// A policy of this kind. Every kind draws as often as any other, so that to pin a number
    /// changes no other choice.
    pub(crate) fn draw(self, pins: &Pins, rng: &mut ChaCha8Rng) -> LinkPolicy {
        let choose = |rng: &mut ChaCha8Rng, of: &[f64]| pick(rng, of).copied().unwrap_or(of[0]);
        let delay_ms = pins.delay_ms.unwrap_or(choose(rng, &[20.0, 60.0, 150.0, 300.0]));
        let percent = pins.percent.unwrap_or(choose(rng, &[5.0, 15.0, 30.0, 50.0]));
        let rate_kbit = pins.rate_kbit.unwrap_or(choose(rng, &[256.0, 1000.0, 4000.0]));
        let spread = choose(rng, &[0.1, 0.3]);
        let burst = choose(rng, &[0.0, 0.0, 4.0]);
        let distribution = pick(rng, &Distribution::ALL).copied().unwrap_or_default();
        let seed = below(rng, 1 << 53);
        let plain = LinkPolicy { seed, ..LinkPolicy::default() };
        let jitter_ms = match distribution {
            Distribution::Constant => 0.0,
            _ => (delay_ms * spread).round(),
        };
        match self {
            Self::Delay => LinkPolicy { delay_ms, jitter_ms, distribution, ..plain },
            Self::Loss => LinkPolicy { loss_percent: percent, loss_burst: burst, ..plain },
            Self::Duplicate => LinkPolicy { duplicate_percent: percent, ..plain },
            Self::Reorder => LinkPolicy { reorder_percent: percent, reorder_ms: 8.0, ..plain },
            Self::Corrupt => LinkPolicy { corrupt_percent: percent, ..plain },
            Self::Rate => LinkPolicy { rate_kbit, ..plain },
            Self::Reset => LinkPolicy { reset_percent: (percent / 5.0).clamp(1.0, 20.0), ..plain },
            Self::Flaky => LinkPolicy {
                delay_ms: delay_ms / 2.0,
                jitter_ms: (delay_ms / 5.0).round(),
                distribution: Distribution::Normal,
                loss_percent: percent / 3.0,
                loss_burst: burst,
                duplicate_percent: 5.0,
                reorder_percent: 10.0,
                reorder_ms: 8.0,
                ..plain
            },
        }
    }

    /// What it is like, to ask whether a node can do it.
    pub(crate) fn example(self, pins: &Pins) -> LinkPolicy {
        self.draw(pins, &mut perjury_harness::Seed::root(0).rng())
    }
}
