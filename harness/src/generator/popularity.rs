//! Popularity: how often each of several keys is chosen.

use super::draw::below;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// What is said where a choice was not understood.
const HELP: &str = "write uniform, zipf:1.1 (the exponent), or hot:1:0.8 (one key for 80 % of the \
                    operations)";

/// How keys are chosen. Those in use are numbered; the first is the most popular.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Popularity {
    /// Each as often.
    Uniform,
    /// The `n`th as often as 1 / n^exponent (Zipf's law): skewed as what people ask for is.
    Zipf(f64),
    /// So many keys share this part of all operations, and the others the rest.
    Hot { keys: usize, share: f64 },
}

impl FromStr for Popularity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no choice of keys: {HELP}");
        let parts: Vec<&str> = text.split(':').collect();
        let found = match parts.as_slice() {
            ["uniform"] => Self::Uniform,
            ["zipf", exponent] => Self::Zipf(exponent.parse().map_err(|_| wrong())?),
            ["hot", keys, share] => Self::Hot {
                keys: keys.parse().map_err(|_| wrong())?,
                share: share.parse().map_err(|_| wrong())?,
            },
            _ => return Err(wrong()),
        };
        match found {
            Self::Zipf(exponent) if !(0.0..=10.0).contains(&exponent) => {
                Err(format!("`{text}`: the exponent lies between 0 and 10"))
            }
            Self::Hot { keys, share } if keys == 0 || !(0.0..=1.0).contains(&share) => {
                Err(format!("`{text}`: at least one key, and a share from 0 to 1"))
            }
            found => Ok(found),
        }
    }
}

impl fmt::Display for Popularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
            Self::Hot { keys, share } => write!(f, "hot:{keys}:{share}"),
        }
    }
}

impl Serialize for Popularity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Popularity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Chooses among a fixed number of keys.
#[derive(Clone, Debug)]
pub struct Chooser {
    count: usize,
    /// Of each key, the weights of all up to it; empty when all weigh the same.
    sums: Vec<u64>,
}

impl Chooser {
    /// Among `count` keys, at least one.
    pub fn new(popularity: Popularity, count: usize) -> Self {
        let count = count.max(1);
        let weight = |key: usize| match popularity {
            Popularity::Uniform => 1.0,
            Popularity::Zipf(exponent) => ((key + 1) as f64).powf(-exponent),
            Popularity::Hot { keys, .. } if keys >= count => 1.0,
            Popularity::Hot { keys, share } if key < keys => share / keys as f64,
            Popularity::Hot { keys, share } => (1.0 - share) / (count - keys) as f64,
        };
        // Whole numbers: a draw is the same on every machine. No key is left out altogether.
        let sums = (0..count).scan(0_u64, |sum, key| {
            *sum += ((weight(key) * (1_u64 << 40) as f64) as u64).max(1);
            Some(*sum)
        });
        let sums = if popularity == Popularity::Uniform { Vec::new() } else { sums.collect() };
        Self { count, sums }
    }

    /// A key, from 0. One draw almost always.
    pub fn choose(&self, rng: &mut ChaCha8Rng) -> usize {
        match self.sums.last() {
            None => below(rng, self.count as u64) as usize,
            Some(total) => {
                let point = below(rng, *total);
                self.sums.partition_point(|sum| *sum <= point)
            }
        }
    }
}
