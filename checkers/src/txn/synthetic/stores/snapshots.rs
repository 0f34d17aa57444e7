//! What a transaction sees of the commits of others.

use super::keys::{Key, Version};
use super::replicas::Clock;
use crate::linear::synthetic::Random;

/// How far back old snapshots go, in commits.
pub(super) const WINDOW: u32 = 6;

#[derive(Clone, Copy, Debug)]
pub(super) enum View {
    /// What there is when it is asked for.
    Current,
    /// What there was after a commit.
    At(u32),
    /// What there was, each time, after some commit of the last few.
    Lagging,
    /// What a replica knew.
    Known(Clock),
    /// What there was after a commit, but for some of the last few commits.
    Gaps { last: u32, seed: u64 },
}

impl View {
    /// How many versions of a key are seen: all up to the last that is.
    pub(super) fn length(self, key: &Key, now: u32, random: &mut Random) -> usize {
        match self {
            Self::Current => key.versions.len(),
            Self::At(commit) => key.length_at(commit),
            Self::Lagging => {
                key.length_at(now - random.below(u64::from(WINDOW.min(now)) + 1) as u32)
            }
            Self::Known(_) => key.length_seen(|version| self.sees(version)),
            Self::Gaps { .. } => key.length_seen(|version| self.sees(version)),
        }
    }

    /// Whether a version is seen, if that does not depend on when it is asked for.
    pub(super) fn sees(self, version: &Version) -> bool {
        match self {
            Self::Current | Self::Lagging => true,
            Self::At(commit) => version.commit <= commit,
            Self::Known(clock) => version.count <= clock[version.origin as usize],
            Self::Gaps { last, seed } => {
                let recent = version.commit + WINDOW > last;
                let hidden = recent && Random(seed ^ u64::from(version.commit)).chance(40);
                version.commit <= last && !hidden
            }
        }
    }

    /// Whether the last version of a key is seen.
    pub(super) fn sees_last(self, key: &Key, now: u32, random: &mut Random) -> bool {
        self.length(key, now, random) == key.versions.len()
    }
}
