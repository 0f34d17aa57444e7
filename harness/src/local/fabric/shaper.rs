//! Shapers: what a link policy decides about each frame, from a seed and the frames before.
//!
//! Pure: no clock and no socket. Loss in bursts is a Gilbert channel (E. N. Gilbert, "Capacity of
//! a burst-noise channel", 1960); the rate limit is a token bucket that holds [`BURST_BYTES`].

use crate::cluster::{Distribution, LinkPolicy};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

/// What a slow link sends at once after a pause.
const BURST_BYTES: f64 = 6_000.0;

/// A policy at work on one link.
pub(super) struct Shaper {
    pub(super) policy: LinkPolicy,
    rng: ChaCha8Rng,
    /// In the midst of a run of losses.
    losing: bool,
    /// When all that waits for its turn will have left.
    free_at: Option<Instant>,
}

/// What becomes of a frame; each layer adds to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fate {
    /// When it leaves the link.
    pub(super) at: Instant,
    pub(super) lost: bool,
    /// Too many frames wait for their turn.
    pub(super) overflowed: bool,
    pub(super) reset: bool,
    /// A second one arrives with it.
    pub(super) doubled: bool,
    pub(super) reordered: bool,
    /// Which bit is flipped, as a fraction of 2^64, and whether the checksum is made to match.
    pub(super) corrupt: Option<(u64, bool)>,
}

impl Fate {
    /// Of a frame that comes now.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            at: now,
            lost: false,
            overflowed: false,
            reset: false,
            doubled: false,
            reordered: false,
            corrupt: None,
        }
    }

    /// Whether nothing is left to decide.
    pub(super) fn is_over(&self) -> bool {
        self.lost || self.overflowed || self.reset
    }
}

impl Shaper {
    /// Links with the same policy, and so the same seed, decide independently.
    pub(super) fn new(policy: LinkPolicy, link: usize) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&policy.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&(link as u64).to_le_bytes());
        Self { policy, rng: ChaCha8Rng::from_seed(seed), losing: false, free_at: None }
    }

    /// Decides about a frame of so many bytes. `established` says that a reset would hit it.
    pub(super) fn decide(&mut self, bytes: usize, established: bool, fate: &mut Fate) {
        if established && self.happens(self.policy.reset_percent) {
            fate.reset = true;
            return;
        }
        if self.loses() {
            fate.lost = true;
            return;
        }
        if self.happens(self.policy.corrupt_percent) {
            fate.corrupt = Some((self.rng.next_u64(), self.policy.corrupt_silently));
        }
        fate.doubled |= self.happens(self.policy.duplicate_percent);
        if self.policy.rate_kbit > 0.0 && !self.queue(bytes, fate) {
            fate.overflowed = true;
            return;
        }
        let mut ms = self.travel();
        if self.happens(self.policy.reorder_percent) {
            fate.reordered = true;
            ms += self.policy.reorder_ms;
        }
        fate.at += Duration::from_secs_f64(ms.clamp(0.0, 60_000.0) / 1000.0);
    }

    /// A number in [0, 1).
    fn fraction(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn happens(&mut self, percent: f64) -> bool {
        percent > 0.0 && self.fraction() * 100.0 < percent
    }

    fn loses(&mut self) -> bool {
        let share = self.policy.loss_percent / 100.0;
        if share <= 0.0 {
            return false;
        }
        let burst = self.policy.loss_burst;
        if burst <= 1.0 || share >= 1.0 {
            return self.happens(self.policy.loss_percent);
        }
        // The share of time in the losing state is `share`, its mean length is `burst` frames.
        let toss = self.fraction();
        self.losing =
            if self.losing { toss >= 1.0 / burst } else { toss < share / ((1.0 - share) * burst) };
        self.losing
    }

    /// Waits for the frame's turn. False if it would wait too long.
    fn queue(&mut self, bytes: usize, fate: &mut Fate) -> bool {
        let seconds = |bytes: f64| Duration::from_secs_f64(bytes / (self.policy.rate_kbit * 125.0));
        let credit = fate.at.checked_sub(seconds(BURST_BYTES)).unwrap_or(fate.at);
        let start = self.free_at.map_or(credit, |free_at| free_at.max(credit));
        let done = start + seconds(bytes as f64);
        let wait = done.saturating_duration_since(fate.at);
        if wait.as_secs_f64() * 1000.0 > self.policy.queue_limit_ms() {
            return false;
        }
        self.free_at = Some(done);
        fate.at = fate.at.max(done);
        true
    }

    /// How long it travels, in milliseconds.
    fn travel(&mut self) -> f64 {
        let LinkPolicy { delay_ms, jitter_ms, distribution, .. } = self.policy;
        match distribution {
            _ if jitter_ms <= 0.0 => delay_ms,
            Distribution::Constant => delay_ms,
            Distribution::Uniform => delay_ms + jitter_ms * (2.0 * self.fraction() - 1.0),
            Distribution::Normal => {
                // Box and Muller, 1958.
                let radius = (-2.0 * (1.0 - self.fraction()).ln()).sqrt();
                delay_ms + jitter_ms * radius * (TAU * self.fraction()).cos()
            }
            // A Pareto variable of shape 3 and scale 1 has the mean 1.5: half of it is tail.
            Distribution::Pareto => {
                delay_ms + jitter_ms * 2.0 * ((1.0 - self.fraction()).powf(-1.0 / 3.0) - 1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests;
