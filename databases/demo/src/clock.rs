//! The wall clock of a server: the machine's, unless Perjury's agent steers it.

use perjury_clock::Clock;
use std::sync::LazyLock;
use std::time::Duration;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::from_env);

/// Time since 1970, as far as this server knows.
pub(crate) fn wall() -> Duration {
    CLOCK.now()
}

/// Stamps the log with this clock.
pub(crate) struct Stamps;

impl FormatTime for Stamps {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let since = i64::try_from(wall().as_micros()).unwrap_or(i64::MAX);
        let stamp = jiff::Timestamp::from_microsecond(since).unwrap_or_default();
        write!(writer, "{stamp:.6}")
    }
}
