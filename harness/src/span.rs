//! Spans of time as people write them: `500ms`, `30s`, `2m`, `1h`, `3d`, or plain seconds.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// A duration with a readable text form, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// `seconds` seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Reads a span that may be as long as a century: an age, nothing that is waited for.
    pub fn long(text: &str) -> Result<Self, String> {
        Self::read(text, 36_525.0 * DAY, "a century")
    }

    fn read(text: &str, most: f64, most_words: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let seconds_per_unit = match unit.trim() {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => DAY,
            _ => return Err(format!("`{unit}` is no unit of time; write ms, s, m, h or d")),
        };
        let number: f64 = number
            .parse()
            .map_err(|_| format!("`{text}` is no span of time; write 30s, 500ms, 2m or 1h"))?;
        let seconds = number * seconds_per_unit;
        if seconds > most {
            return Err(format!("`{text}` is longer than {most_words}"));
        }
        Ok(Self(Duration::from_millis((seconds * 1000.0).round() as u64)))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A week bounds what can be asked for by a slip of the finger.
        Self::read(text, 7.0 * DAY, "a week")
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("0s"),
            _ if millis.is_multiple_of(86_400_000) => write!(f, "{}d", millis / 86_400_000),
            _ if millis.is_multiple_of(3_600_000) => write!(f, "{}h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => write!(f, "{}m", millis / 60_000),
            _ if millis.is_multiple_of(1000) => write!(f, "{}s", millis / 1000),
            _ => write!(f, "{millis}ms"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["500ms", "30s", "2m", "1h", "0s", "90s", "36h", "7d"] {
            assert_eq!(text.parse::<Span>().map(|span| span.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("60".parse::<Span>(), Ok(Span::seconds(60)));
        assert_eq!("1.5".parse::<Span>().map(|span| span.to_string()), Ok("1500ms".to_owned()));
    }

    #[test]
    fn says_what_to_write_instead() {
        assert!(
            "5 days".parse::<Span>().is_err_and(|error| error.contains("write ms, s, m, h or d"))
        );
        assert!("".parse::<Span>().is_err_and(|error| error.contains("write 30s")));
        assert!("900h".parse::<Span>().is_err_and(|error| error.contains("a week")));
        assert_eq!(Span::long("900h").map(|span| span.0.as_secs()), Ok(3_240_000));
        assert!(Span::long("40000d").is_err_and(|error| error.contains("a century")));
    }
}
