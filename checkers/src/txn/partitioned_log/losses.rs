//! Losses: records that were in a log, by all accounts, and are not there any more.

use super::consumers::{End, Walks, Way};
use super::entries::{Entry, Log};
use super::read::{Logs, NOBODY};

/// A record that is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    pub(super) key: u32,
    pub(super) record: u32,
    pub(super) offset: Option<u64>,
    /// Who knew that it is in the log: its sender, or somebody who polled it.
    pub(super) known: u32,
    /// Who should have been given it.
    pub(super) operation: u32,
}

/// What became of the records that were known to be in the log.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Nobody was ever given it, though somebody was given what comes before and after.
    pub(super) lost: Vec<Loss>,
    /// A consumer read to the end and was not given it, nor was anybody after that.
    pub(super) unseen: Vec<Loss>,
    /// Acknowledged and never polled, but nobody looked there.
    pub(super) unchecked: usize,
}

impl Losses {
    pub(super) fn new(logs: &Logs<'_>, by_key: &[Log<'_>], walks: &Walks) -> Self {
        let mut losses = Self::default();
        let ends: Vec<Ends> = walks.ways.iter().map(|way| Ends::new(logs, &way.ends)).collect();
        for ((log, way), ends) in by_key.iter().zip(&walks.ways).zip(&ends) {
            losses.of_key(logs, log, way, ends);
        }
        for sent in logs.sent.iter().filter(|sent| sent.offset.is_none()) {
            let (key, known, offset) = (sent.key, sent.operation, None);
            let record = by_key[key as usize].sent(sent);
            if by_key[key as usize].records[record as usize].polled != NOBODY {
                continue;
            }
            match ends[key as usize].whole_after(logs.end(known)) {
                Some(operation) => {
                    losses.unseen.push(Loss { key, record, offset, known, operation });
                }
                None => losses.unchecked += 1,
            }
        }
        losses
    }

    /// What became of the entries of a key.
    fn of_key(&mut self, logs: &Logs<'_>, log: &Log<'_>, way: &Way, ends: &Ends) {
        for entry in &log.entries {
            let (key, record, offset, known) = (entry.key, entry.record, entry.offset, entry.known);
            let unseen = entry.polled == NOBODY;
            // What was shown at another offset, or in whose place another was shown, is told so.
            let shown = log.records[record as usize].polled != NOBODY;
            if unseen && (shown || is_replaced(log, entry)) {
                continue;
            }
            let offset = Some(offset);
            if let Some(operation) = way.passer(entry.place).filter(|_| unseen) {
                self.lost.push(Loss { key, record, offset, known, operation });
                continue;
            }
            let last = if unseen { known } else { entry.last_polled };
            match ends.before(entry.offset, logs.end(last)) {
                Some(operation) => {
                    self.unseen.push(Loss { key, record, offset, known, operation });
                }
                None => self.unchecked += usize::from(unseen),
            }
        }
    }
}

/// Whether somebody was given another record at the same offset.
fn is_replaced(log: &Log<'_>, entry: &Entry) -> bool {
    let next = log.polled.get(entry.place as usize);
    next.is_some_and(|next| log.entries[*next as usize].offset == entry.offset)
}

/// What polls said of the end of one key.
struct Ends {
    /// Begins, ascending, and of each and all later ones the least position with who said so.
    least: Vec<(u64, u64, u32)>,
    /// The last to begin of those that had been given all there was.
    whole: Option<(u64, u32)>,
}

impl Ends {
    fn new(logs: &Logs<'_>, ends: &[End]) -> Self {
        let begin = |end: &End| logs.call(end.operation).begin;
        let mut sorted: Vec<&End> = ends.iter().collect();
        sorted.sort_by_key(|end| begin(end));
        let mut least: Vec<(u64, u64, u32)> = Vec::with_capacity(sorted.len());
        for end in sorted.iter().rev() {
            let (from, by) = match least.last() {
                Some((_, from, by)) if *from <= end.from => (*from, *by),
                _ => (end.from, end.operation),
            };
            least.push((begin(end), from, by));
        }
        least.reverse();
        let whole = sorted.iter().rev().find(|end| end.whole);
        Self { least, whole: whole.map(|end| (begin(end), end.operation)) }
    }

    /// Who began after `moment` and said that the log ends before `offset`.
    fn before(&self, offset: u64, moment: u64) -> Option<u32> {
        let later = self.least.partition_point(|(begin, ..)| *begin < moment);
        let (_, from, by) = self.least.get(later)?;
        (*from <= offset).then_some(*by)
    }

    /// Who began after `moment` and had been given everything.
    fn whole_after(&self, moment: u64) -> Option<u32> {
        self.whole.filter(|(begin, _)| *begin > moment).map(|(_, by)| by)
    }
}
