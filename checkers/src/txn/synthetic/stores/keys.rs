//! What a simulated store holds: all versions of each key, and who has locked it.

use crate::linear::synthetic::Random;

/// Nobody.
pub(super) const NOBODY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    pub(super) value: u32,
    /// Which commit it was, from 1.
    pub(super) commit: u32,
    /// The replica that committed it, and which of its commits it was, from 1.
    pub(super) origin: u32,
    pub(super) count: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) versions: Vec<Version>,
    /// Who writes it, by the number of the transaction.
    pub(super) writer: u32,
    /// Who has read it, where reads are locked.
    pub(super) readers: Vec<u32>,
    next: u32,
}

impl Key {
    /// How many versions there were after this commit.
    pub(super) fn length_at(&self, commit: u32) -> usize {
        self.versions.partition_point(|version| version.commit <= commit)
    }

    /// How many versions there were when the last one was written that is seen.
    pub(super) fn length_seen(&self, sees: impl Fn(&Version) -> bool) -> usize {
        self.versions.iter().rposition(sees).map_or(0, |last| last + 1)
    }

    /// A value that was never written.
    pub(super) fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }
}

pub(super) struct Keys {
    pub(super) all: Vec<Key>,
    /// Those in use, hottest first.
    active: Vec<u32>,
    most: u32,
}

impl Keys {
    pub(super) fn new(active: u32, most: u32) -> Self {
        let mut keys = Self { all: Vec::new(), active: Vec::new(), most: most.max(1) };
        for _ in 0..active.max(1) {
            let key = keys.create();
            keys.active.push(key);
        }
        keys
    }

    fn create(&mut self) -> u32 {
        self.all.push(Key { versions: Vec::new(), writer: NOBODY, readers: Vec::new(), next: 0 });
        self.all.len() as u32 - 1
    }

    /// A key in use, each twice as likely as the next; replaced if it was written enough.
    pub(super) fn choose(&mut self, random: &mut Random) -> u32 {
        let mut at = random.bits().trailing_zeros() as usize;
        at %= self.active.len();
        let key = self.active[at];
        if self.all[key as usize].next >= self.most {
            self.active[at] = self.create();
        }
        self.active[at]
    }
}
