//! The smallest shift of reads into the past that makes a history atomic.
//!
//! Golab, Li & Shah, *Analyzing consistency properties for fun and profit* (PODC 2011), section
//! 3: a history is Delta-atomic if it is atomic after every read's start was put Delta earlier.
//! By zones (Gibbons & Korach 1997), atomic means that no two values would each have to be
//! before the other, where one has to be if it was surely in place before the other's write or
//! last read began. For each pair that would have to, there is a smallest shift that frees one
//! of the two, and Delta is the greatest of these.

/// A moment: nanoseconds, and then the position in the history.
pub(super) type Moment = (i64, i64);

/// What one value takes of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone {
    pub(super) value: u32,
    /// When it was surely in place.
    pub(super) end: Moment,
    /// When its write began. Not after `end`.
    pub(super) write: Moment,
    /// When its last read began.
    pub(super) read: Option<Moment>,
}

/// Two values that are out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crossing {
    /// How far reads have to be shifted until they are not, in nanoseconds; a little more, if
    /// moments must differ.
    pub(super) shift: i64,
    pub(super) values: [u32; 2],
}

impl Zone {
    /// When its last call begins, with reads shifted by a little more than this.
    fn start(&self, shift: Option<i64>) -> Moment {
        let read = match (self.read, shift) {
            (None, _) => return self.write,
            (Some(read), None) => read,
            (Some((time, _)), Some(shift)) => (time.saturating_sub(shift), i64::MIN),
        };
        read.max(self.write)
    }
}

/// The crossing that needs the greatest shift; `None` if the history is atomic as it is. Exact;
/// costs `n log n` for sorting, then a pass for each of a few dozen shifts.
pub(super) fn greatest_crossing(zones: &mut [Zone]) -> Option<Crossing> {
    zones.sort_unstable_by_key(|zone| zone.end);
    let atomic = crossing(zones, None)?;
    let Some(mut least) = crossing(zones, Some(0)) else {
        return Some(Crossing { shift: 0, ..atomic });
    };
    // No pair crosses when every read is before everything.
    let latest = zones.iter().filter_map(|zone| zone.read).max().map_or(0, |(time, _)| time);
    let earliest = zones.first().map_or(0, |zone| zone.end.0);
    let mut most = latest.saturating_sub(earliest).max(0);
    while least.shift < i64::MAX
        && let Some(more) = crossing(zones, Some(least.shift))
    {
        least = more;
        let middle = least.shift + (most - least.shift).max(0) / 2;
        match crossing(zones, Some(middle)) {
            Some(more) => least = more,
            None => most = middle,
        }
    }
    Some(least)
}

/// Of the pairs found to cross at this shift, the one that needs the greatest. Some are found
/// if there are any.
fn crossing(zones: &[Zone], shift: Option<i64>) -> Option<Crossing> {
    let mut found: Option<Crossing> = None;
    let mut open: Option<&Zone> = None;
    for zone in zones {
        let start = zone.start(shift);
        if let Some(other) = open
            && zone.end < other.start(shift)
            && other.end < start
        {
            let needed = needed(other, zone);
            if found.is_none_or(|found| found.shift < needed) {
                found = Some(Crossing { shift: needed, values: [other.value, zone.value] });
            }
        }
        if zone.end < start && open.is_none_or(|other| other.start(shift) < start) {
            open = Some(zone);
        }
    }
    found
}

/// The smallest shift by which these two do not cross.
fn needed(a: &Zone, b: &Zone) -> i64 {
    let frees = |first: &Zone, second: &Zone| {
        let (time, _) = second.read.filter(|_| second.write <= first.end)?;
        Some(time.saturating_sub(first.end.0))
    };
    [frees(a, b), frees(b, a)].into_iter().flatten().min().unwrap_or(i64::MAX).max(0)
}
