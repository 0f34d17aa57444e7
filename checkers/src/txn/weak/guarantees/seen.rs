//! How a writer was visible to a reader, under a session guarantee.

use super::super::super::key_value::KeyValue;
use super::super::super::transactions::NEVER;
use super::super::WeakLevel;
use super::super::chains::Chains;
use super::super::cycles::{Link, Why};
use super::super::inferred::Inferred;

/// The links that make the earlier writer visible.
pub(in super::super) fn visible(
    kv: &KeyValue,
    chains: &Chains,
    level: WeakLevel,
    edge: Inferred,
) -> Vec<Link> {
    let finder = Finder { kv, chains };
    let reader = edge.reader(kv);
    let session = |from, to| Link { from, to, why: Why::Session };
    let own = matches!(level, WeakLevel::ReadYourWrites | WeakLevel::Pram);
    if own && finder.in_session(edge.before, reader) {
        return vec![session(edge.before, reader)];
    }
    // The last reads that could have shown it come first.
    let own = kv.read_range(reader).start..edge.read as usize;
    let lasting = matches!(level, WeakLevel::Pram | WeakLevel::MonotonicReads);
    let mut earlier: Vec<usize> = own.rev().collect();
    let mut before = kv.before[reader as usize];
    while lasting && before != NEVER {
        earlier.extend(kv.read_range(before).rev());
        before = kv.before[before as usize];
    }
    for read in earlier {
        let seen = kv.all_reads()[read].from;
        let at = kv.reader(read as u32);
        let Some(mut path) = finder.reaches(level, edge.before, seen) else { continue };
        path.push(Link { from: seen, to: at, why: Why::Read(read as u32) });
        if at != reader {
            path.push(session(at, reader));
        }
        return path;
    }
    Vec::new()
}

struct Finder<'f> {
    kv: &'f KeyValue,
    chains: &'f Chains,
}

impl Finder<'_> {
    /// Whether a session ran both in this order.
    fn in_session(&self, before: u32, after: u32) -> bool {
        if before == NEVER || after == NEVER || before == after {
            return false;
        }
        let place = |txn: u32| (self.chains.chain[txn as usize], self.chains.place[txn as usize]);
        let mut at = after;
        while at != NEVER {
            if place(at).0 == place(before).0 {
                return place(before).1 <= place(at).1;
            }
            at = self.kv.before[self.chains.members(place(at).0)[0] as usize];
        }
        false
    }

    /// The links from a writer to the transaction that was seen.
    fn reaches(&self, level: WeakLevel, before: u32, seen: u32) -> Option<Vec<Link>> {
        let session = |from, to| Link { from, to, why: Why::Session };
        if seen == NEVER {
            return None;
        }
        if level == WeakLevel::WritesFollowReads {
            let mut at = seen;
            while at != NEVER {
                let mut reads = self.kv.read_range(at);
                if let Some(read) = reads.find(|read| self.kv.all_reads()[*read].from == before) {
                    let mut path = vec![Link { from: before, to: at, why: Why::Read(read as u32) }];
                    if at != seen {
                        path.push(session(at, seen));
                    }
                    return Some(path);
                }
                at = self.kv.before[at as usize];
            }
            return None;
        }
        if before == seen && level != WeakLevel::MonotonicWrites {
            return Some(Vec::new());
        }
        let follows = level != WeakLevel::MonotonicReads && self.in_session(before, seen);
        follows.then(|| vec![session(before, seen)])
    }
}
