//! Time that something takes.

use std::time::Instant;

/// Seconds: by the clock on the wall, and of all processors together, which other work on the
/// machine disturbs less.
pub struct Clock {
    pub wall: f64,
    pub cpu: f64,
}

/// Runs something and says how long it took.
pub fn timed<T>(run: impl FnOnce() -> T) -> (T, Clock) {
    // The C library puts off the work for what was freed until the next large allocation: what the
    // making of a history left behind is not for what is measured to pay.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 20)));
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let result = run();
    (result, Clock { wall: begun.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu })
}

/// User and system time of this process; Linux counts in hundredths.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
