//! Dependencies between operations on logs.

use super::consumers::Walks;
use super::entries::Entries;
use super::read::{Logs, NOBODY};
use crate::txn::cycles::Link;
use crate::txn::graph::{Arc, Relation};
use crate::txn::transactions::{Builder, NEVER, NewTxn, Status, Transactions};
use crate::txn::windows::Dependencies;
use crate::words::shortened;

/// The operations as transactions, numbered alike; keys, too. They have no steps.
pub(super) fn transactions(logs: &Logs<'_>) -> Transactions {
    let mut builder = Builder::new(true);
    builder.reserve(logs.operations.len(), 0, 0);
    for name in &logs.keys {
        let atom = builder.atom(&name.as_str().into());
        builder.key(atom);
    }
    for operation in logs.operations {
        let status = match operation.outcome {
            crate::Outcome::Ok(_) => Status::Committed,
            crate::Outcome::Failed => Status::Aborted,
            crate::Outcome::Unknown => Status::Unknown,
        };
        let known = status != Status::Unknown;
        builder.begin(NewTxn {
            index: operation.index,
            called: operation.called,
            returned: operation.returned.filter(|_| known).unwrap_or(u64::MAX),
            process: operation.process,
            begin: 2 * operation.index as u32,
            end: if known { (2 * operation.end() + 1) as u32 } else { NEVER },
            status,
        });
    }
    builder.finish()
}

/// Who polled a record comes after who sent it (`wr`). With `order`, also: who sent the next entry
/// of a key comes after who sent the one before (`ww`), and after who was told that the log
/// ended before it (`rw`).
pub(super) fn dependencies(
    logs: &Logs<'_>,
    entries: &Entries,
    walks: &Walks,
    order: bool,
) -> Dependencies {
    // Asked once for each record, and not for each of the many who polled it.
    let whole = |by: &u32| *by != NOBODY && logs.whole[*by as usize];
    let senders = (0..logs.records.len() as u32).map(|record| sender(logs, record));
    let mut web = Web {
        logs,
        senders: senders.map(|by| if whole(&by) { by } else { NOBODY }).collect(),
        arcs: Vec::with_capacity(logs.sightings.len()),
    };
    for sighting in logs.sightings.iter().filter(|sighting| sighting.polled) {
        let sender = web.senders[sighting.record as usize];
        web.arc(sender, sighting.operation, Relation::Wr, sighting.key);
    }
    if order {
        web.order(entries, walks);
    }
    let mut live: Vec<bool> = logs.operations.iter().map(crate::Operation::is_ok).collect();
    for arc in &web.arcs {
        live[arc.from as usize] = true;
        live[arc.to as usize] = true;
    }
    Dependencies { arcs: web.arcs, nodes: logs.operations.len() as u32, live }
}

/// The only operation that can have sent a record.
fn sender(logs: &Logs<'_>, record: u32) -> u32 {
    let record = &logs.records[record as usize];
    if record.sends == 1 { record.sender } else { NOBODY }
}

struct Web<'l, 'h> {
    logs: &'l Logs<'h>,
    /// Of each record, the only operation that can have sent it, if that happens at once.
    senders: Vec<u32>,
    arcs: Vec<Arc>,
}

impl Web<'_, '_> {
    fn arc(&mut self, from: u32, to: u32, relation: Relation, key: u32) {
        let whole = |number: u32| number != NOBODY && self.logs.whole[number as usize];
        if from != to && whole(from) && whole(to) {
            self.arcs.push(Arc { from, to, relation, key });
        }
    }

    fn order(&mut self, entries: &Entries, walks: &Walks) {
        for key in 0..self.logs.keys.len() as u32 {
            let of_key = entries.of_key(key);
            for pair in of_key.windows(2).filter(|pair| pair[0].offset < pair[1].offset) {
                let [from, to] =
                    [pair[0], pair[1]].map(|entry| self.senders[entry.record as usize]);
                self.arc(from, to, Relation::Ww, key);
            }
            for end in &walks.ends[key as usize] {
                let next = of_key.partition_point(|entry| entry.offset < end.from);
                if let Some(next) = of_key.get(next) {
                    let to = self.senders[next.record as usize];
                    self.arc(end.operation, to, Relation::Rw, key);
                }
            }
        }
    }
}

/// Why a dependency holds.
pub(super) fn why(logs: &Logs<'_>, entries: &Entries, link: &Link, from: &str, to: &str) -> String {
    let name = &logs.keys[link.key as usize];
    let of_key = entries.of_key(link.key);
    let value = |record: u32| shortened(logs.records[record as usize].value);
    match link.relation {
        Relation::Wr => {
            let seen = logs.sightings.iter().find(|sighting| {
                sighting.polled
                    && sighting.operation == link.to
                    && sighting.key == link.key
                    && sender(logs, sighting.record) == link.from
            });
            let what = seen.map_or_else(String::new, |sighting| {
                format!("{} at offset {}", value(sighting.record), sighting.offset)
            });
            format!("{to} polled {what} of key {name}, which {from} had sent")
        }
        Relation::Ww => {
            let pair = of_key.windows(2).find(|pair| {
                sender(logs, pair[0].record) == link.from && sender(logs, pair[1].record) == link.to
            });
            let what = |at: usize| {
                pair.map_or_else(String::new, |pair| {
                    format!("{} at offset {}", value(pair[at].record), pair[at].offset)
                })
            };
            format!("{from} sent {} of key {name}, and {to} the next, {}", what(0), what(1))
        }
        _ => {
            let next = of_key.iter().find(|entry| sender(logs, entry.record) == link.to);
            let what = next.map_or_else(String::new, |entry| {
                format!("{} at offset {}", value(entry.record), entry.offset)
            });
            format!("{from} was told that key {name} ended before {what}, which {to} sent")
        }
    }
}
