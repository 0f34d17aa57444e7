//! The alarm: wakes the scheduler to the microsecond, where the runtime's timer has ticks of a
//! millisecond.

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// Farther away, the runtime's timer is good enough, and costs no call of the kernel.
const NEAR: Duration = Duration::from_millis(3);

/// Deadlines are cut to this: the loop comes round again anyway.
const FAR: Duration = Duration::from_secs(3600);

/// A timer of the kernel.
struct Timer(TimerFd);

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Waits until a time.
pub(super) struct Alarm {
    /// `None` where there can be none: then it is late by a millisecond or two.
    timer: Option<AsyncFd<Timer>>,
    /// The time it is set to.
    set: Option<u64>,
}

impl Alarm {
    pub(super) fn new() -> Self {
        let timer = timer().inspect_err(|error| {
            tracing::warn!("no precise timer, operations may be a millisecond late: {error}");
        });
        Self { timer: timer.ok(), set: None }
    }

    /// Waits `pause`, until the time `at`; or less, if that is long. May be dropped and asked again.
    pub(super) async fn wait(&mut self, at: u64, pause: Duration) {
        let Some(timer) = &self.timer else {
            return tokio::time::sleep(pause.min(FAR)).await;
        };
        if pause >= NEAR {
            return tokio::time::sleep(pause.min(FAR) - NEAR / 2).await;
        }
        if self.set != Some(at) {
            let expiration = Expiration::OneShot(TimeSpec::from_duration(pause));
            if timer.get_ref().0.set(expiration, TimerSetTimeFlags::empty()).is_err() {
                return tokio::time::sleep(pause).await;
            }
            self.set = Some(at);
        }
        ring(timer).await;
        self.set = None;
    }
}

#[expect(unsafe_code, reason = "the runtime has to be promised that the descriptor stays the same")]
fn timer() -> io::Result<AsyncFd<Timer>> {
    let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
    let timer = Timer(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
    // SAFETY: the timer owns its descriptor, which is the same until it is dropped.
    Ok(unsafe { AsyncFd::register(timer) }?)
}

/// Until it expires. That it was set anew meanwhile shows when it is read.
async fn ring(timer: &AsyncFd<Timer>) {
    while let Ok(mut ready) = timer.readable().await {
        let read = ready.try_io(|timer| timer.get_ref().0.wait().map_err(io::Error::from));
        if read.is_ok() {
            return;
        }
    }
}
