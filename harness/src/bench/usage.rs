//! Usage: what this process has used of the machine so far.

use std::time::Duration;

/// A reading.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    /// Of all threads, in user space and in the kernel.
    pub(super) cpu: Duration,
    /// The most memory that was ever resident, in kilobytes.
    pub(super) peak_kb: u64,
}

impl Usage {
    pub(super) fn now() -> Self {
        let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF);
        let Ok(usage) = usage else { return Self { cpu: Duration::ZERO, peak_kb: 0 } };
        let span = |time: nix::sys::time::TimeVal| {
            Duration::from_micros(
                u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0),
            )
        };
        let cpu = span(usage.user_time()) + span(usage.system_time());
        Self { cpu, peak_kb: u64::try_from(usage.max_rss()).unwrap_or(0) }
    }
}
