//! Rates: how many operations a second, and how that changes while the load lasts.
//!
//! `200`, or stretches one after another: `100 for 10s, 100..5000 for 30s, 5000` is a step, a ramp
//! and what stays; with `repeat` at the end they come again and again.

#[cfg(test)]
mod tests;

use crate::span::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// What is said where a rate was not understood.
const HELP: &str =
    "write operations a second, such as 200, or stretches: 100 for 10s, 100..5000 for 30s, 5000";
/// Operations a second that nobody means.
const MOST: f64 = 1e9;

/// Operations a second over the time of a load, over all workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// Never empty. All but the last have a length; the last too if they are repeated.
    stretches: Vec<Stretch>,
    repeats: bool,
}

/// A stretch of time in which the rate goes evenly from one number to another.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    from: f64,
    to: f64,
    /// `None` lasts for ever.
    length: Option<Span>,
}

/// How operations come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// Staggered; while no worker is free they wait, and what was missed is not made up for
    #[default]
    Closed,
    /// At equal intervals, whatever the database does: who finds no worker free is late
    Constant,
    /// As from many independent users, whatever the database does
    Poisson,
}

impl Arrival {
    /// Whether operations come whatever the database does.
    pub fn is_open(self) -> bool {
        self != Self::Closed
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        })
    }
}

impl Rate {
    /// The same number all the time; 0 is as many as are answered.
    pub fn constant(rate: f64) -> Self {
        Self { stretches: vec![Stretch { from: rate, to: rate, length: None }], repeats: false }
    }

    /// As many as are answered: nothing holds them back.
    pub fn is_unlimited(&self) -> bool {
        self.as_constant() == Some(0.0)
    }

    /// How many operations are due in the first `nanos` of a load.
    pub fn expected(&self, nanos: u64) -> f64 {
        let (mut count, mut left) = (0.0, nanos as f64);
        if self.repeats {
            let (length, all) = self.round();
            count = (left / length).floor() * all;
            left %= length;
        }
        for stretch in &self.stretches {
            let inside = left.min(stretch.nanos());
            count += stretch.expected(inside);
            left -= inside;
        }
        count
    }

    /// When `count` operations will have been due, in nanoseconds: the inverse of
    /// [`Rate::expected`]. `None` when there are never so many.
    pub fn time_of(&self, count: f64) -> Option<u64> {
        let (mut time, mut left) = (0.0, count);
        if self.repeats {
            let (length, all) = self.round();
            time = (left / all).floor() * length;
            left %= all;
        }
        for stretch in &self.stretches {
            let all = stretch.expected(stretch.nanos());
            // The very last operation of a stretch is the first of the next.
            if left < all {
                return Some((time + stretch.time_of(left)).round() as u64);
            }
            left -= all;
            time += stretch.nanos();
        }
        // Of a load that is repeated all are found, but for what rounding leaves.
        (self.repeats && time.is_finite()).then_some(time as u64)
    }

    /// Operations a second, on the average over the first `nanos`.
    pub fn mean(&self, nanos: u64) -> f64 {
        self.as_constant().unwrap_or_else(|| self.expected(nanos) * 1e9 / nanos.max(1) as f64)
    }

    fn as_constant(&self) -> Option<f64> {
        match self.stretches.as_slice() {
            [Stretch { from, length: None, .. }] => Some(*from),
            _ => None,
        }
    }

    /// Nanoseconds and operations of all stretches once.
    fn round(&self) -> (f64, f64) {
        let each = self.stretches.iter();
        each.map(|stretch| (stretch.nanos(), stretch.expected(stretch.nanos())))
            .fold((0.0, 0.0), |(length, all), (nanos, count)| (length + nanos, all + count))
    }
}

impl Stretch {
    fn nanos(&self) -> f64 {
        self.length.map_or(f64::INFINITY, |length| length.0.as_nanos() as f64)
    }

    /// By how much the rate grows in a nanosecond, in operations a nanosecond.
    fn slope(&self) -> f64 {
        (self.to - self.from) / 1e9 / self.nanos()
    }

    /// Operations due in its first `nanos`: the area under the line.
    fn expected(&self, nanos: f64) -> f64 {
        if nanos.is_infinite() {
            return if self.from > 0.0 { f64::INFINITY } else { 0.0 };
        }
        nanos * (self.from / 1e9 + self.slope() * nanos / 2.0)
    }

    /// After how many nanoseconds `count` operations are due.
    fn time_of(&self, count: f64) -> f64 {
        let from = self.from / 1e9;
        // The root of a quadratic equation in the form that divides by no small difference.
        let root = (from * from + 2.0 * self.slope() * count).max(0.0).sqrt();
        if count == 0.0 { 0.0 } else { 2.0 * count / (from + root) }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let repeats = parts.last() == Some(&"repeat");
        if repeats {
            parts.pop();
        }
        let stretches: Vec<Stretch> =
            parts.iter().map(|part| stretch(part)).collect::<Result<_, _>>()?;
        let timed = if repeats { stretches.len() } else { stretches.len().saturating_sub(1) };
        if let Some(at) = stretches[..timed].iter().position(|stretch| stretch.length.is_none()) {
            return Err(format!("`{}` has to say for how long: {HELP}", parts[at]));
        }
        let rate = Self { stretches, repeats };
        let nothing = rate.stretches.is_empty() || (repeats && rate.round().1 <= 0.0);
        if nothing {
            return Err(format!("`{text}` asks for nothing: {HELP}"));
        }
        Ok(rate)
    }
}

/// `100`, `100 for 10s` or `100..5000 for 30s`.
fn stretch(text: &str) -> Result<Stretch, String> {
    let number = |word: &str| {
        let number: f64 =
            word.trim().parse().map_err(|_| format!("`{text}` is no rate: {HELP}"))?;
        if !(0.0..=MOST).contains(&number) {
            return Err(format!("`{text}` is not between 0 and a billion"));
        }
        Ok(number)
    };
    let (rates, length) = match text.split_once(" for ") {
        Some((rates, length)) => (rates, Some(length.parse::<Span>()?)),
        None => (text, None),
    };
    if length.is_some_and(|length| length.0.is_zero()) {
        return Err(format!("`{text}` takes no time: {HELP}"));
    }
    let (from, to) = match rates.split_once("..") {
        Some((from, to)) => (number(from)?, number(to)?),
        None => (number(rates)?, number(rates)?),
    };
    if from != to && length.is_none() {
        return Err(format!("`{text}` has to say for how long: {HELP}"));
    }
    Ok(Stretch { from, to, length })
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, stretch) in self.stretches.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            write!(f, "{}", stretch.from)?;
            if stretch.from != stretch.to {
                write!(f, "..{}", stretch.to)?;
            }
            if let Some(length) = stretch.length {
                write!(f, " for {length}")?;
            }
        }
        f.write_str(if self.repeats { ", repeat" } else { "" })
    }
}

/// A number where it is one, as people write it; otherwise text.
impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_constant() {
            Some(rate) => serializer.serialize_f64(rate),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RateVisitor;
        impl de::Visitor<'_> for RateVisitor {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(HELP)
            }

            fn visit_f64<E: de::Error>(self, rate: f64) -> Result<Rate, E> {
                self.visit_str(&rate.to_string())
            }

            fn visit_i64<E: de::Error>(self, rate: i64) -> Result<Rate, E> {
                self.visit_str(&rate.to_string())
            }

            fn visit_u64<E: de::Error>(self, rate: u64) -> Result<Rate, E> {
                self.visit_str(&rate.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(RateVisitor)
    }
}
