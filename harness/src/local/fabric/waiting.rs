//! Waiting frames: those that a slow or long link holds, until they are due.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

/// Frames held for one port's sender, at most: 150 MB of full ones.
const HELD_MAX: usize = 100_000;

/// A frame on its way.
pub(super) struct Held {
    at: Instant,
    /// Those that are due at the same time leave in the order in which they came.
    number: u64,
    pub(super) to: usize,
    pub(super) link: usize,
    pub(super) bytes: Vec<u8>,
}

/// The frames that one port sent and that have not arrived yet. Each port's thread has its own.
#[derive(Default)]
pub(super) struct Waiting {
    heap: BinaryHeap<Reverse<Held>>,
    number: u64,
}

impl Waiting {
    /// Keeps a frame until `at`. False if there is no room.
    pub(super) fn hold(&mut self, at: Instant, to: usize, link: usize, bytes: &[u8]) -> bool {
        if self.heap.len() >= HELD_MAX {
            return false;
        }
        self.number += 1;
        self.heap.push(Reverse(Held { at, number: self.number, to, link, bytes: bytes.to_vec() }));
        true
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|held| held.0.at)
    }

    /// The next one, if it is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<Held> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|held| held.0)
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Held {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn frames_leave_when_they_are_due_and_in_order() {
        let mut waiting = Waiting::default();
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        for (at, name) in [(5, 1), (3, 2), (5, 3), (9, 4)] {
            assert!(waiting.hold(ms(at), 0, 0, &[name]));
        }
        assert_eq!(waiting.next(), Some(ms(3)));
        assert!(waiting.due(ms(2)).is_none());
        let due: Vec<u8> =
            std::iter::from_fn(|| waiting.due(ms(5))).map(|held| held.bytes[0]).collect();
        assert_eq!(due, [2, 1, 3]);
        assert_eq!(waiting.next(), Some(ms(9)));
    }
}
