//! Times at the beginning of lines of logs, in the shapes that databases write them.
//!
//! | shape | written by |
//! |---|---|
//! | `2026-01-02T03:04:05.678Z`, with offset, with a space for the `T` | most |
//! | `2026-01-02 03:04:05.678 UTC [4711]` | PostgreSQL |
//! | `2026-01-02 03:04:05,678 [myid:1]` | Log4j: ZooKeeper |
//! | `2026-01-02  3:04:05 0 [Note]` | MariaDB |
//! | `2026/01/02 03:04:05.678901` | Go's log: NATS |
//! | `4711:M 02 Jan 2026 03:04:05.678 *` | Redis |
//! | `"ts":1767323045.678` | zap |

/// Bytes of a line among which a time is looked for.
const SEARCHED: usize = 120;
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const SECOND: i128 = 1_000_000_000;

/// The first time in a line, nanoseconds since 1970. Without an offset it is taken for UTC.
pub(super) fn time_of(line: &str) -> Option<i128> {
    let bytes = &line.as_bytes()[..line.len().min(SEARCHED)];
    let begins = |at: &usize| {
        bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[*at - 1].is_ascii_alphanumeric())
    };
    (0..bytes.len()).filter(begins).find_map(|at| {
        let rest = Reader { bytes: &bytes[at..] };
        rest.numeric()
            .or_else(|| rest.named_month())
            .or_else(|| bytes[..at].ends_with(b"\"ts\":").then(|| rest.epoch()).flatten())
    })
}

/// What is left of a line.
#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    /// `2026-01-02T03:04:05`, with `/` for `-` and a space for `T`.
    fn numeric(mut self) -> Option<i128> {
        let year = self.number(4)?;
        let separator = self.one(b"-/")?;
        let month = self.number(2)?;
        self.one(&[separator])?;
        let day = self.number(2)?;
        self.one(b"T ")?;
        self.time_of_day([year, month, day])
    }

    /// `02 Jan 2026 03:04:05`.
    fn named_month(mut self) -> Option<i128> {
        let day = self.number(2)?;
        self.one(b" ")?;
        let month = MONTHS.iter().position(|month| self.bytes.starts_with(month))? as i64 + 1;
        self.bytes = &self.bytes[3..];
        self.one(b" ")?;
        let year = self.number(4)?;
        self.one(b" ")?;
        self.time_of_day([year, month, day])
    }

    /// `1767323045.678`: ten digits before the point are years from 2001 to 2286.
    fn epoch(mut self) -> Option<i128> {
        let seconds = self.number(10)?;
        Some(i128::from(seconds) * SECOND + self.fraction())
    }

    fn time_of_day(mut self, [year, month, day]: [i64; 3]) -> Option<i128> {
        // A padded hour.
        let hour = match self.one(b" ") {
            Some(_) => self.number(1)?,
            None => self.number(2)?,
        };
        self.one(b":")?;
        let minute = self.number(2)?;
        self.one(b":")?;
        let second = self.number(2)?;
        let fraction = self.fraction();
        let small = |number: i64| i8::try_from(number).ok();
        let date =
            jiff::civil::Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
        // A leap second counts as the one before it.
        let time =
            jiff::civil::Time::new(small(hour)?, small(minute)?, small(second.min(59))?, 0).ok()?;
        let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp().as_nanosecond() + fraction - self.offset())
    }

    /// Nanoseconds after a point or a comma; nothing of it is needed.
    fn fraction(&mut self) -> i128 {
        let is_one = matches!(self.bytes, [b'.' | b',', digit, ..] if digit.is_ascii_digit());
        if !is_one {
            return 0;
        }
        let digits = self.bytes[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = &self.bytes[1..=digits];
        self.bytes = &self.bytes[1 + digits..];
        let padded = text.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        padded.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'))
    }

    /// `+01:00`, `-0530`, after a space or not; anything else is UTC.
    fn offset(&mut self) -> i128 {
        let read = |mut rest: Self| {
            let sign = if rest.one(b"+-")? == b'+' { 1 } else { -1 };
            let hours = rest.number(2)?;
            let _ = rest.one(b":");
            Some(sign * i128::from(hours * 3600 + rest.number(2)? * 60) * SECOND)
        };
        read(Self { bytes: self.bytes }).unwrap_or(0)
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (text, rest) = self.bytes.split_at_checked(digits)?;
        if !text.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.bytes = rest;
        Some(text.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    }

    fn one(&mut self, of: &[u8]) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        if !of.contains(first) {
            return None;
        }
        self.bytes = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_in_the_shapes_that_logs_have() {
        let wanted: jiff::Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        for line in [
            "2026-01-02T03:04:05.678Z INFO ready",
            "2026-01-02 03:04:05.678 INFO without an offset",
            "[2026-01-02T04:04:05.678+01:00] INFO",
            "2026-01-01T23:04:05.678000-0400 INFO",
            "{\"level\":\"info\",\"ts\":\"2026-01-02T03:04:05.678Z\",\"msg\":\"x\"}",
            "{\"level\":\"info\",\"ts\":1767323045.678,\"msg\":\"x\"}",
            "2026-01-02 03:04:05.678 UTC [4711] LOG:  ready",
            "2026-01-02 03:04:05,678 [myid:1] - INFO  [main:Q@1] - ready",
            "[4711] 2026/01/02 03:04:05.678000 [INF] ready",
            "4711:M 02 Jan 2026 03:04:05.678 * ready",
            "2026-01-02 03:04:05.678000+00:00 [info] <0.9.0> ready",
        ] {
            assert_eq!(time_of(line), Some(wanted.as_nanosecond()), "{line}");
        }
        let whole: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(time_of("2026-01-02  3:04:05 0 [Note] x"), Some(whole.as_nanosecond()));
        for line in [
            "",
            "no time",
            "12:00:00",
            "2026-99-99T99:99:99Z",
            "é2026-01-02T",
            "42 Jan 2026 03:04:05",
            "1767323045.678 is no time by itself",
            "x12026-01-02T03:04:05Z",
        ] {
            assert_eq!(time_of(line), None, "{line}");
        }
    }
}
