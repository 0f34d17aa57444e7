//! The order of messages: those of one producer come out as it sent them.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::messages::Ledger;

/// A message that came out after one that its producer had sent later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reordered {
    pub(super) early: u32,
    pub(super) late: u32,
    /// How the early one came out at last, and the late one before it.
    pub(super) early_take: u32,
    pub(super) late_take: u32,
}

/// A message with one sender that came out.
struct Sent {
    process: u32,
    enqueue: u32,
    message: u32,
    /// The take that began first, with its begin, and the one that ended first, with its end.
    begun: (u64, u32),
    ended: (u64, u32),
}

/// Messages that certainly came out of order, each with one that came out before it. Only takes that
/// were over before others began count, and what one drain lists, in its order. Where messages may
/// come out again, a take of unknown outcome may have been the first, so nothing is said of
/// messages that it can have taken. n log n.
pub(super) fn reordered(ledger: &Ledger<'_>, duplicates_allowed: bool) -> Vec<Reordered> {
    let mut sent = sent(ledger);
    sent.sort_unstable_by_key(|sent| (sent.process, sent.enqueue));
    let unknown = ledger.unknown_dequeues.iter().copied().chain(ledger.unknown_drain).min();
    let unknown = match unknown.filter(|_| duplicates_allowed) {
        Some(take) => ledger.operations[take as usize].index,
        None => u64::MAX,
    };
    let mut found = Vec::new();
    let mut later: Option<&Sent> = None;
    for early in sent.iter().rev() {
        if later.is_some_and(|later| later.process != early.process) {
            later = None;
        }
        let enqueue = &ledger.operations[early.enqueue as usize];
        if let Some(late) = later
            && enqueue.end() < ledger.operations[late.enqueue as usize].index
            && late.ended.0 < early.begun.0
            && early.begun.0 < unknown
        {
            found.push(Reordered {
                early: early.message,
                late: late.message,
                early_take: early.begun.1,
                late_take: late.ended.1,
            });
        }
        if later.is_none_or(|later| early.ended.0 < later.ended.0) {
            later = Some(early);
        }
    }
    found.extend(within_drains(ledger, &sent, unknown));
    found.sort_by_key(|one| one.early);
    found.dedup_by_key(|one| one.early);
    found.sort_by_key(|one| ledger.operations[one.early_take as usize].end());
    found
}

fn sent(ledger: &Ledger<'_>) -> Vec<Sent> {
    let mut all = Vec::with_capacity(ledger.messages.len());
    for (message, of) in (0u32..).zip(&ledger.messages) {
        let [enqueue] = of.sent[..] else { continue };
        let takes = of.taken.iter().map(|take| (&ledger.operations[*take as usize], *take));
        let begun = takes.clone().map(|(operation, take)| (operation.index, take)).min();
        let ended = takes.map(|(operation, take)| (operation.end(), take)).min();
        if let (Some(begun), Some(ended)) = (begun, ended) {
            let process = ledger.operations[enqueue as usize].process;
            all.push(Sent { process, enqueue, message, begun, ended });
        }
    }
    all
}

/// What single drains list in another order than it was sent in.
fn within_drains(ledger: &Ledger<'_>, sent: &[Sent], unknown: u64) -> Vec<Reordered> {
    let value = |message: u32| ledger.messages[message as usize].value;
    let once = |sent: &&Sent| ledger.messages[sent.message as usize].taken.len() == 1;
    let by_value: FxHashMap<&Value, &Sent> =
        sent.iter().filter(once).map(|sent| (value(sent.message), sent)).collect();
    let mut found = Vec::new();
    for drain in &ledger.drains {
        let operation = &ledger.operations[*drain as usize];
        let list = operation.output().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if list.len() < 2 || operation.index >= unknown {
            continue;
        }
        // By producer: the message that was sent last of those listed by now.
        let mut latest: FxHashMap<u32, &Sent> = FxHashMap::default();
        for listed in list.iter().filter_map(|value| by_value.get(value).copied()) {
            let last = latest.entry(listed.process).or_insert(listed);
            if last.enqueue < listed.enqueue {
                *last = listed;
            } else if last.enqueue > listed.enqueue
                && ledger.operations[listed.enqueue as usize].is_ok()
            {
                let (early, late) = (listed.message, last.message);
                found.push(Reordered { early, late, early_take: *drain, late_take: *drain });
            }
        }
    }
    found
}
