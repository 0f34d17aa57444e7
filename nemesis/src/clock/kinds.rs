//! Kinds of wrong clocks, and how far off each is drawn to be.

use crate::targets::parse_list;
use crate::wire::clock::Skew;
use perjury_harness::Options;
use perjury_harness::generator::{below, pick};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// What a clock jumps by at most unless an option says otherwise: nearly five minutes.
pub(super) const MAX_MS: u64 = 288_000;
/// What it jumps by at least.
const MIN_MS: u64 = 11;
/// The slowest drift that the kernel's clock shows within the time that is looked at.
const MIN_PPM: u64 = 100;
/// In millionths. An ordinary bad clock loses 17 seconds a day, which is 200.
const RATES_PPM: [i64; 8] = [200, -200, 10_000, -10_000, 100_000, -100_000, 1_000_000, -500_000];

/// One kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Jump,
    Strobe,
    Drift,
    Freeze,
    Smear,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Jump, Self::Strobe, Self::Drift, Self::Freeze, Self::Smear];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jump => "jump",
            Self::Strobe => "strobe",
            Self::Drift => "drift",
            Self::Freeze => "freeze",
            Self::Smear => "smear",
        }
    }

    pub(super) fn parse(word: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let known = Self::ALL.into_iter().find(|kind| kind.name() == word);
        known.ok_or_else(|| format!("`{word}` is no kind of wrong clock; there are {}", names()))
    }

    /// What a number in a script means.
    pub(super) fn number(self) -> Option<&'static str> {
        match self {
            Self::Jump | Self::Strobe | Self::Smear => Some("delta_ms"),
            Self::Drift => Some("rate_ppm"),
            Self::Freeze => None,
        }
    }

    /// How wrong, of this kind.
    pub(super) fn draw(self, limit_ms: u64, rng: &mut ChaCha8Rng) -> Skew {
        match self {
            Self::Jump => Skew::Jump { delta_ms: delta(limit_ms, rng) },
            Self::Strobe => Skew::Strobe {
                delta_ms: delta(limit_ms, rng),
                // From milliseconds to a quarter of a second.
                period_ms: 4 << below(rng, 7),
            },
            Self::Drift => {
                Skew::Drift { rate_ppm: pick(rng, &RATES_PPM).copied().unwrap_or(RATES_PPM[0]) }
            }
            Self::Freeze => Skew::Freeze {},
            Self::Smear => Skew::Smear {
                delta_ms: if below(rng, 2) == 0 { 1000 } else { -1000 },
                over_ms: 2000 << below(rng, 4),
            },
        }
    }
}

/// Small and large alike, ahead or behind: from 11 ms to 288 s, even in the logarithm, which is
/// how Jepsen's clock nemesis spreads them.
fn delta(limit_ms: u64, rng: &mut ChaCha8Rng) -> i64 {
    let doubled = MIN_MS << below(rng, 15);
    let size = doubled + doubled * below(rng, 600) / 1000;
    let size = i64::try_from(size.min(limit_ms)).unwrap_or(i64::MAX);
    if below(rng, 2) == 0 { size } else { -size }
}

/// Those that `clock-kinds` pins.
pub(super) fn kinds(options: &Options) -> Result<Vec<Kind>, String> {
    parse_list("clock-kinds", options.get("clock-kinds"), &Kind::ALL, Kind::name)
}

/// What `clock-max-ms` says.
pub(super) fn limit_ms(options: &Options) -> Result<u64, String> {
    let Some(text) = options.get("clock-max-ms") else { return Ok(MAX_MS) };
    let limit = text.parse().ok().filter(|limit| (MIN_MS..=31_536_000_000).contains(limit));
    limit.ok_or_else(|| format!("`clock-max-ms={text}`: give milliseconds, at least {MIN_MS}"))
}

/// From an operation's value.
pub(super) fn read(value: &Value) -> Result<Skew, String> {
    let mut value = value.clone();
    if let Value::Object(map) = &mut value {
        for word in ["spec", "targets", "fallback"] {
            map.remove(word);
        }
    }
    let skew = serde_json::from_value(value.clone())
        .map_err(|error| format!("{value} is no wrong clock: {error}"))?;
    visible(skew)?;
    Ok(skew)
}

/// What is too small to be told from a clock that is right would be believed without evidence.
fn visible(skew: Skew) -> Result<(), String> {
    match skew {
        Skew::Jump { delta_ms } | Skew::Strobe { delta_ms, .. } | Skew::Smear { delta_ms, .. }
            if delta_ms.unsigned_abs() < MIN_MS =>
        {
            Err(format!("delta_ms {delta_ms} is too little to be measured: at least {MIN_MS}"))
        }
        Skew::Drift { rate_ppm } if rate_ppm.unsigned_abs() < MIN_PPM => {
            Err(format!("rate_ppm {rate_ppm} is too little to be measured: at least {MIN_PPM}"))
        }
        _ => Ok(()),
    }
}
