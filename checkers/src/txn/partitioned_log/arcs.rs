//! Dependencies between operations on logs.

use rayon::prelude::*;

use super::consumers::Walks;
use super::entries::{Entry, Log};
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
    for key in &logs.keys {
        let atom = builder.atom(&key.name.as_str().into());
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
    by_key: &[Log<'_>],
    walks: &Walks,
    order: bool,
) -> Dependencies {
    // Asked once for each entry, and not for each of the many who polled it.
    let senders = |log: &Log<'_>| {
        let senders = log.entries.iter().map(|entry| sender(log, entry));
        senders.map(|by| if is_whole(logs, by) { by } else { NOBODY }).collect()
    };
    let senders = by_key.par_iter().map(senders).collect();
    let mut web = Web { logs, by_key, senders, arcs: Vec::new() };
    web.polls();
    if order {
        web.order(walks);
    }
    let mut live: Vec<bool> = logs.operations.iter().map(crate::Operation::is_ok).collect();
    for arc in &web.arcs {
        live[arc.from as usize] = true;
        live[arc.to as usize] = true;
    }
    Dependencies { arcs: web.arcs, nodes: logs.operations.len() as u32, live }
}

/// The only operation that can have sent what is there.
fn sender(log: &Log<'_>, entry: &Entry) -> u32 {
    let record = &log.records[entry.record as usize];
    if record.sends == 1 { record.sender } else { NOBODY }
}

fn is_whole(logs: &Logs<'_>, operation: u32) -> bool {
    operation != NOBODY && logs.call(operation).is_whole
}

struct Web<'l, 'h> {
    logs: &'l Logs<'h>,
    by_key: &'l [Log<'h>],
    /// Per key and entry the only operation that can have sent it, if that happens at once.
    senders: Vec<Vec<u32>>,
    arcs: Vec<Arc>,
}

impl Web<'_, '_> {
    fn arc(&mut self, from: u32, to: u32, relation: Relation, key: u32) {
        if from != to && from != NOBODY && to != NOBODY {
            self.arcs.push(Arc { from, to, relation, key });
        }
    }

    fn polls(&mut self) {
        let logs = self.logs;
        self.arcs.reserve(logs.batches.iter().map(|batch| batch.count as usize).sum());
        for batch in logs.batches.iter().filter(|batch| is_whole(logs, batch.operation)) {
            for entry in self.by_key[batch.key as usize].given(batch) {
                let sender = self.senders[batch.key as usize][*entry as usize];
                self.arc(sender, batch.operation, Relation::Wr, batch.key);
            }
        }
    }

    fn order(&mut self, walks: &Walks) {
        let logs = self.logs;
        for (key, (log, way)) in (0u32..).zip(self.by_key.iter().zip(&walks.ways)) {
            let entries = &log.entries;
            for (next, pair) in (1..).zip(entries.windows(2)) {
                if pair[0].offset < pair[1].offset {
                    let senders = &self.senders[key as usize];
                    self.arc(senders[next - 1], senders[next], Relation::Ww, key);
                }
            }
            for end in way.ends.iter().filter(|end| is_whole(logs, end.operation)) {
                if let Some(to) = self.senders[key as usize].get(end.next as usize) {
                    self.arc(end.operation, *to, Relation::Rw, key);
                }
            }
        }
    }
}

/// Why a dependency holds.
pub(super) fn why(
    logs: &Logs<'_>,
    by_key: &[Log<'_>],
    link: &Link,
    from: &str,
    to: &str,
) -> String {
    let (key, log) = (&logs.keys[link.key as usize], &by_key[link.key as usize]);
    let name = &key.name;
    let what = |entry: Option<&Entry>| {
        entry.map_or_else(String::new, |entry| {
            let value = log.records[entry.record as usize].value.value();
            format!("{} at offset {}", shortened(&value), entry.offset)
        })
    };
    match link.relation {
        Relation::Wr => {
            let batches = key.batches.iter().map(|number| &logs.batches[*number as usize]);
            let mut given = batches
                .filter(|batch| batch.operation == link.to)
                .flat_map(|batch| log.given(batch))
                .map(|number| &log.entries[*number as usize]);
            let what = what(given.find(|entry| sender(log, entry) == link.from));
            format!("{to} polled {what} of key {name}, which {from} had sent")
        }
        Relation::Ww => {
            let pair = log.entries.windows(2).find(|pair| {
                sender(log, &pair[0]) == link.from && sender(log, &pair[1]) == link.to
            });
            let [one, next] = [0, 1].map(|at| what(pair.map(|pair| &pair[at])));
            format!("{from} sent {one} of key {name}, and {to} the next, {next}")
        }
        _ => {
            let next = log.entries.iter().find(|entry| sender(log, entry) == link.to);
            let what = what(next);
            format!("{from} was told that key {name} ended before {what}, which {to} sent")
        }
    }
}
