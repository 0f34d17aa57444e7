//! Steering: what a program is told the time is, and how that is laid out in the steering file.
//!
//! Shared with the preloaded shim, which has no standard library: nothing but arithmetic here.
//!
//! The file is one page of 64-bit words in the machine's order. The agent writes the parameters,
//! with an odd generation while it does; programs write what they were told.

/// Bytes of the file.
pub const PAGE: usize = 4096;
/// What the first word has to be.
pub const MAGIC: u64 = u64::from_le_bytes(*b"PJCLOCK1");
/// Byte offsets of words, and of the first of several.
pub const GENERATION_AT: usize = 8;
pub const STEERING_AT: usize = 16;
/// Number of words of [`Steering`].
pub const STEERING_WORDS: usize = 6;
/// Where the program notes what it was told.
pub const PROGRAM_AT: usize = 128;
/// Where the agent's own probe does, apart from the program.
pub const PROBE_AT: usize = 256;
/// In a note: how often it asked; a lock, odd while the rest is written; then the last answer:
/// monotonic, raw and told time, and the generation in force.
pub const ASKED: usize = 0;
pub const LOCK: usize = 8;
pub const LAST: usize = 16;
pub const LAST_WORDS: usize = 4;

/// [`Steering::mode`]: the true time.
pub const TRUE: u64 = 0;
/// Off by `offset_ns`, and by `rate_ppb` more with each second.
pub const LINEAR: u64 = 1;
/// Always `frozen_ns`.
pub const FROZEN: u64 = 2;
/// Off by `offset_ns` and right in turn, `period_ns` each.
pub const STROBE: u64 = 3;
/// Drawn away at `rate_ppb` for `period_ns`, and then off by as much.
pub const SMEAR: u64 = 4;

const SECOND: i64 = 1_000_000_000;

/// What is done to a wall clock. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    pub mode: u64,
    /// The monotonic clock's time when it began.
    pub since_ns: i64,
    pub offset_ns: i64,
    /// At most four thousand million, either way.
    pub rate_ppb: i64,
    pub period_ns: i64,
    pub frozen_ns: i64,
}

impl Steering {
    /// What is told at `monotonic`, when it is really `raw`. All in nanoseconds.
    pub fn told(&self, monotonic: i64, raw: i64) -> i64 {
        let passed = monotonic.wrapping_sub(self.since_ns);
        let passed = if passed < 0 { 0 } else { passed };
        let shift = match self.mode {
            LINEAR => self.offset_ns.wrapping_add(gained(passed, self.rate_ppb)),
            FROZEN => return self.frozen_ns,
            STROBE if self.period_ns > 0 && (passed / self.period_ns) % 2 == 0 => self.offset_ns,
            SMEAR if passed < self.period_ns => gained(passed, self.rate_ppb),
            SMEAR => gained(self.period_ns, self.rate_ppb),
            _ => 0,
        };
        raw.wrapping_add(shift)
    }

    /// As it is in the file.
    pub fn to_words(self) -> [u64; STEERING_WORDS] {
        [
            self.mode,
            self.since_ns as u64,
            self.offset_ns as u64,
            self.rate_ppb as u64,
            self.period_ns as u64,
            self.frozen_ns as u64,
        ]
    }

    /// From the file.
    pub fn from_words(words: [u64; STEERING_WORDS]) -> Self {
        Self {
            mode: words[0],
            since_ns: words[1] as i64,
            offset_ns: words[2] as i64,
            rate_ppb: words[3] as i64,
            period_ns: words[4] as i64,
            frozen_ns: words[5] as i64,
        }
    }
}

/// What a clock gains at this rate. In two parts, so that nothing overflows.
fn gained(passed: i64, rate_ppb: i64) -> i64 {
    (passed / SECOND).wrapping_mul(rate_ppb) + (passed % SECOND).wrapping_mul(rate_ppb) / SECOND
}
