//! Losses: records that were in a log, by all accounts, and are not there any more.

use super::consumers::{End, Walks};
use super::entries::{Entries, Entry};
use super::read::{Logs, NOBODY};

/// A record that is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
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
    pub(super) fn new(logs: &Logs<'_>, entries: &Entries, walks: &Walks) -> Self {
        let mut losses = Self::default();
        let ends: Vec<Ends> = walks.ends.iter().map(|ends| Ends::new(logs, ends)).collect();
        let end = |operation: u32| logs.ends[operation as usize];
        let mut polled = vec![false; logs.records.len()];
        for entry in entries.all.iter().filter(|entry| entry.polled != NOBODY) {
            polled[entry.record as usize] = true;
        }
        for entry in &entries.all {
            let (record, offset) = (entry.record, Some(entry.offset));
            let known = entry.known;
            // What was shown at another offset, or in whose place another was shown, is told so.
            if entry.polled == NOBODY && (polled[record as usize] || is_replaced(entries, entry)) {
                continue;
            }
            let place = entries.polled[entry.key as usize]
                .partition_point(|at| entries.all[*at as usize].offset < entry.offset);
            let passer = walks.passer(entry.key, place as u32).filter(|_| entry.polled == NOBODY);
            if let Some(operation) = passer {
                losses.lost.push(Loss { record, offset, known, operation });
                continue;
            }
            let last = if entry.polled == NOBODY { known } else { entry.last_polled };
            match ends[entry.key as usize].before(entry.offset, end(last)) {
                Some(operation) => losses.unseen.push(Loss { record, offset, known, operation }),
                None => losses.unchecked += usize::from(entry.polled == NOBODY),
            }
        }
        for sent in logs.sent.iter().filter(|sent| sent.offset.is_none()) {
            if polled[sent.record as usize] {
                continue;
            }
            let (record, known) = (sent.record, sent.operation);
            let key = logs.records[record as usize].key;
            match ends[key as usize].whole_after(end(known)) {
                Some(operation) => {
                    losses.unseen.push(Loss { record, offset: None, known, operation });
                }
                None => losses.unchecked += 1,
            }
        }
        losses
    }
}

/// Whether somebody was given another record at the same offset.
fn is_replaced(entries: &Entries, entry: &Entry) -> bool {
    let polled = &entries.polled[entry.key as usize];
    polled.binary_search_by_key(&entry.offset, |at| entries.all[*at as usize].offset).is_ok()
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
        let begin = |end: &End| logs.operations[end.operation as usize].index;
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
