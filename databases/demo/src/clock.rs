//! The wall clock of a server: the machine's, unless Perjury's agent steers it.

use perjury_clock::Clock;
use std::sync::{Arc, LazyLock};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

static CLOCK: LazyLock<Arc<Clock>> = LazyLock::new(|| Arc::new(Clock::from_env()));

/// The clock of this process.
pub(crate) fn own() -> Arc<Clock> {
    Arc::clone(&CLOCK)
}

/// Stamps the log with this clock.
pub(crate) struct Stamps;

impl FormatTime for Stamps {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let since = i64::try_from(CLOCK.now().as_micros()).unwrap_or(i64::MAX);
        let stamp = jiff::Timestamp::from_microsecond(since).unwrap_or_default();
        write!(writer, "{stamp:.6}")
    }
}
