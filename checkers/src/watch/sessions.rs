//! Sessions: what each watcher was told, held against the journal.

use rustc_hash::{FxHashMap, FxHashSet};

use super::journal::Journal;
use super::read::{NOBODY, Reading, Watched};

/// A watcher was told of all from one revision to another, and not of this change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    /// In the journal.
    pub(super) change: u32,
    /// The answer that lacks it.
    pub(super) operation: u32,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// A watcher that had to be up to date was told that a revision is the last, and a greater one had been
/// acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) write: u32,
    pub(super) operation: u32,
    pub(super) to: u64,
}

/// A watcher was told of `event` after it had been told of all up to a revision that is not less.
#[derive(Clone, Copy, Debug)]
pub(super) struct Back {
    pub(super) event: u32,
    /// The operation that had told so, which may be the same.
    pub(super) before: u32,
    pub(super) revision: u64,
}

/// What all watchers show.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    pub(super) lost: Vec<Lost>,
    pub(super) ended: Vec<Ended>,
    /// Told again.
    pub(super) repeated: Vec<Back>,
    /// Told too late.
    pub(super) reordered: Vec<Back>,
    /// Answers that end within a revision.
    pub(super) torn: Vec<Lost>,
    pub(super) watchers: usize,
    /// Acknowledged writes that no answer covers.
    pub(super) unwatched: usize,
    /// The most revisions that an answer was behind what had been acknowledged before it began.
    pub(super) most_behind: u64,
}

/// How far a watcher has come.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The number of what it was told without being asked to begin again.
    session: u32,
    /// All before this revision has been told.
    next: u64,
    /// By whom.
    operation: u32,
}

impl Sessions {
    pub(super) fn new(reading: &Reading<'_>, journal: &Journal<'_>) -> Self {
        let mut sessions = Self::default();
        let mut positions: FxHashMap<u32, Position> = FxHashMap::default();
        let mut covered: Vec<(u64, u64)> = Vec::new();
        let mut late: Vec<(u32, Back)> = Vec::new();
        let mut of_watch: Vec<u32> = Vec::with_capacity(reading.watches.len());
        let mut next = 0;
        for watch in &reading.watches {
            let process = reading.operation(watch.operation).process;
            let before = positions.get(&process).copied();
            // Who asks for what it has seen already begins again.
            let goes_on = before.filter(|before| watch.from.is_none_or(|from| from >= before.next));
            let mut position = goes_on.unwrap_or_else(|| {
                next += 1;
                Position { session: next - 1, next: 0, operation: NOBODY }
            });
            if let Some(from) = watch.from {
                position.next = position.next.max(from);
            }
            of_watch.push(position.session);
            order(reading, watch, &mut position, &mut late);
            if let Some(from) = sessions.complete(reading, journal, watch) {
                covered.push((from, watch.to));
            }
            if watch.to >= position.next {
                (position.next, position.operation) = (watch.to.saturating_add(1), watch.operation);
            }
            positions.insert(process, position);
        }
        sessions.watchers = positions.len();
        sessions.sort_out(reading, &of_watch, late);
        sessions.up_to_date(reading);
        sessions.cover(reading, covered);
        sessions
    }

    /// What came too late was either told before or not.
    fn sort_out(&mut self, reading: &Reading<'_>, of_watch: &[u32], late: Vec<(u32, Back)>) {
        let concerned: FxHashSet<u32> = late.iter().map(|(session, _)| *session).collect();
        if concerned.is_empty() {
            return;
        }
        let mut first: FxHashMap<(u32, u64, u32), u32> = FxHashMap::default();
        let watches = reading.watches.iter().zip(of_watch);
        for (watch, session) in watches.filter(|(_, session)| concerned.contains(session)) {
            for (number, event) in (watch.first..).zip(reading.events_of(watch)) {
                first.entry((*session, event.revision, event.key)).or_insert(number);
            }
        }
        for (session, back) in late {
            let event = &reading.events[back.event as usize];
            let first = first.get(&(session, event.revision, event.key)).copied();
            if first.is_some_and(|first| first < back.event) {
                self.repeated.push(back);
            } else {
                self.reordered.push(back);
            }
        }
    }

    /// Whether an answer has all changes that it is about. Gives the first revision of these, if that
    /// is known.
    fn complete(
        &mut self,
        reading: &Reading<'_>,
        journal: &Journal<'_>,
        watch: &Watched,
    ) -> Option<u64> {
        let events = reading.events_of(watch);
        let from = watch.from.or_else(|| events.iter().map(|event| event.revision).min())?;
        let (first, end) = (journal.before(from), journal.before(watch.to.saturating_add(1)));
        let mut there: Vec<(u64, u32)> = (watch.first..)
            .zip(events)
            .filter(|(number, event)| {
                // What nobody can have written is told so, and may be in nobody's journal.
                journal.explained[*number as usize] || journal.has(event.revision, event.key)
            })
            .map(|(_, event)| (event.revision, event.key))
            .filter(|(revision, _)| (from..=watch.to).contains(revision))
            .collect();
        there.sort_unstable();
        there.dedup();
        if there.len() < end.saturating_sub(first) {
            let place = |at: usize| (journal.changes[at].revision, journal.changes[at].key);
            let missing = (first..end)
                .zip(0..)
                .find(|(at, number)| there.get(*number).copied() != Some(place(*at)));
            if let Some((at, _)) = missing {
                let revision = journal.changes[at].revision;
                let half = events.iter().any(|event| event.revision == revision);
                let (change, operation) = (at as u32, watch.operation);
                let lost = Lost { change, operation, from, to: watch.to };
                if half { self.torn.push(lost) } else { self.lost.push(lost) }
            }
        }
        Some(from)
    }

    /// Whether who had to be up to date was.
    fn up_to_date(&mut self, reading: &Reading<'_>) {
        let acknowledged = |number: &u32| reading.writes[*number as usize].revision.is_some();
        let mut writes: Vec<u32> = (0..reading.writes.len() as u32).filter(acknowledged).collect();
        let ends = |write: u32| reading.operation(reading.writes[write as usize].operation).end();
        let revision = |write: u32| reading.writes[write as usize].revision.unwrap_or(0);
        writes.sort_by_key(|write| ends(*write));
        let (mut over, mut greatest): (usize, Option<u32>) = (0, None);
        for watch in &reading.watches {
            let begin = reading.operation(watch.operation).index;
            while over < writes.len() && ends(writes[over]) < begin {
                if greatest.is_none_or(|greatest| revision(greatest) < revision(writes[over])) {
                    greatest = Some(writes[over]);
                }
                over += 1;
            }
            let Some(write) = greatest.filter(|write| revision(*write) > watch.to) else {
                continue;
            };
            self.most_behind = self.most_behind.max(revision(write) - watch.to);
            if watch.latest {
                let (operation, to) = (watch.operation, watch.to);
                self.ended.push(Ended { write, operation, to });
            }
        }
    }

    /// Counts the writes that no answer is about.
    fn cover(&mut self, reading: &Reading<'_>, mut covered: Vec<(u64, u64)>) {
        covered.sort_unstable();
        let mut revisions: Vec<u64> =
            reading.writes.iter().filter_map(|write| write.revision).collect();
        revisions.sort_unstable();
        let (mut next, mut furthest) = (0, None);
        for revision in revisions {
            while next < covered.len() && covered[next].0 <= revision {
                furthest = furthest.max(Some(covered[next].1));
                next += 1;
            }
            self.unwatched += usize::from(furthest.is_none_or(|furthest| furthest < revision));
        }
    }
}

/// Whether an answer's events come one after the other, and after what was told before.
fn order(
    reading: &Reading<'_>,
    watch: &Watched,
    position: &mut Position,
    late: &mut Vec<(u32, Back)>,
) {
    // Keys of the last revision: several may follow each other in one answer, each once.
    let mut keys: FxHashSet<u32> = FxHashSet::default();
    let mut fresh = false;
    for (number, event) in (watch.first..).zip(reading.events_of(watch)) {
        if event.revision >= position.next {
            (position.next, position.operation) =
                (event.revision.saturating_add(1), watch.operation);
            keys.clear();
            fresh = true;
        }
        let of_last = fresh && event.revision.saturating_add(1) == position.next;
        if !of_last || !keys.insert(event.key) {
            let (before, revision) = (position.operation, position.next.saturating_sub(1));
            late.push((position.session, Back { event: number, before, revision }));
        }
    }
}
