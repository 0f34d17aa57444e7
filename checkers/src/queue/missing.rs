//! Messages that never came out: which of them are certainly lost.
//!
//! A drain says that the queue was empty at some moment. So a message that was acknowledged before
//! a drain began had been taken by the time that the drain ended, or was lost. What nobody tells
//! of having taken, a dequeue of unknown outcome may have, if it began by then. Each can have
//! taken one message, and the later a message had to be gone, the more of them there are: of the
//! messages by that deadline, those beyond the number of dequeues are lost (Hall's theorem, which
//! for such nested choices is a count). A drain of unknown outcome can have taken any number.

use super::messages::Ledger;

/// An acknowledged message that never came out, although it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) message: u32,
    pub(super) enqueue: u32,
    /// The drain by whose end it had to be gone: the last to end of those that began after it was
    /// acknowledged. An earlier one would say more, but only of a queue that hides nothing for a
    /// while, as those do that give a message out and want it acknowledged.
    pub(super) drain: u32,
}

/// Messages some of which are lost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) missing: Vec<Missing>,
    /// How many dequeues of unknown outcome, the first to begin, can have taken one.
    pub(super) takers: usize,
    /// How many are lost at the least.
    pub(super) lost: u64,
}

/// What became of the messages that never came out.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Nobody can have taken these.
    pub(super) lost: Vec<Missing>,
    pub(super) group: Option<Group>,
    /// Missing, but dequeues of unknown outcome may have taken them: those that are not lost.
    taken_by_dequeues: usize,
    /// Missing, but a drain of unknown outcome may have taken them.
    taken_by_drains: usize,
    /// Acknowledged and never seen, but no drain began after that.
    unchecked: usize,
}

impl Account {
    pub(super) fn new(ledger: &Ledger<'_>) -> Self {
        let mut account = Self::default();
        let mut missing = account.missing(ledger);
        let end = |drain: u32| ledger.operations[drain as usize].end();
        missing.sort_by_key(|one| (end(one.drain), one.enqueue));
        if let Some(drain) = ledger.unknown_drain {
            let begun = ledger.operations[drain as usize].index;
            let certain = missing.partition_point(|one| end(one.drain) < begun);
            account.taken_by_drains = missing.len() - certain;
            missing.truncate(certain);
        }
        let begins = |dequeue: &u32| ledger.operations[*dequeue as usize].index;
        let takers = |one: &Missing| {
            ledger.unknown_dequeues.partition_point(|dequeue| begins(dequeue) < end(one.drain))
        };
        let rest = missing.split_off(missing.partition_point(|one| takers(one) == 0));
        account.lost = missing;
        account.group = group(&rest, takers);
        let lost = account.group.as_ref().map_or(0, |group| group.lost as usize);
        account.taken_by_dequeues = rest.len() - lost;
        account
    }

    /// All that are missing; those that nobody looked for are counted.
    fn missing(&mut self, ledger: &Ledger<'_>) -> Vec<Missing> {
        let last = LastDrains::new(ledger);
        let mut missing = Vec::new();
        for (message, number) in ledger.messages.iter().zip(0u32..) {
            let acknowledged =
                message.sent.iter().filter(|send| ledger.operations[**send as usize].is_ok());
            let mut copies: Vec<(Option<u32>, u32)> = acknowledged
                .map(|send| (last.after(ledger.operations[*send as usize].end()), *send))
                .collect();
            // Those that came out are taken for the ones that had to be gone first.
            let deadline = |drain: u32| ledger.operations[drain as usize].end();
            copies.sort_by_key(|(drain, _)| drain.map_or(u64::MAX, deadline));
            for (drain, enqueue) in copies.into_iter().skip(message.taken.len()) {
                match drain {
                    Some(drain) => missing.push(Missing { message: number, enqueue, drain }),
                    None => self.unchecked += 1,
                }
            }
        }
        missing
    }

    /// How many are missing and not certainly lost.
    pub(super) fn excused(&self) -> usize {
        self.taken_by_dequeues + self.taken_by_drains
    }

    /// Why a history without anomalies is not valid for all that.
    pub(super) fn doubt(&self, ledger: &Ledger<'_>) -> Option<String> {
        if ledger.answered == 0 {
            let why = "nothing was taken out of the queue, so nothing can be judged; a drain after \
                       healing is part of this workload";
            return Some(why.to_owned());
        }
        if self.unchecked > 0 {
            return Some(format!(
                "{} messages were acknowledged and have not come out, but no drain that began \
                 later has ended; drain the queue once more when all is sent",
                self.unchecked
            ));
        }
        (self.taken_by_drains > 0).then(|| {
            format!(
                "{} messages are missing, and a drain of unknown outcome may have taken them all; \
                 a longer operation timeout lets drains end",
                self.taken_by_drains
            )
        })
    }
}

/// The shortest beginning of `rest` that shows the most losses; `None` if there need be none.
fn group(rest: &[Missing], takers: impl Fn(&Missing) -> usize) -> Option<Group> {
    let mut most: Option<(u64, usize)> = None;
    for (position, one) in rest.iter().enumerate() {
        let lost = (position + 1).saturating_sub(takers(one)) as u64;
        if lost > most.map_or(0, |(lost, _)| lost) {
            most = Some((lost, position));
        }
    }
    let (lost, position) = most?;
    let takers = takers(&rest[position]);
    Some(Group { missing: rest[..=position].to_vec(), takers, lost })
}

/// For each moment the last to end of the drains that begin after it.
struct LastDrains {
    /// Begin of a drain, and the last to end of it and those that begin later; by begin.
    from: Vec<(u64, u32)>,
}

impl LastDrains {
    fn new(ledger: &Ledger<'_>) -> Self {
        let mut last: Option<u32> = None;
        let end = |drain: u32| ledger.operations[drain as usize].end();
        let latest_first = ledger.drains.iter().rev();
        let mut from: Vec<(u64, u32)> = latest_first
            .map(|drain| {
                let later = last.filter(|last| end(*last) > end(*drain)).unwrap_or(*drain);
                last = Some(later);
                (ledger.operations[*drain as usize].index, later)
            })
            .collect();
        from.reverse();
        Self { from }
    }

    fn after(&self, moment: u64) -> Option<u32> {
        let at = self.from.partition_point(|(begin, _)| *begin < moment);
        self.from.get(at).map(|(_, drain)| *drain)
    }
}
