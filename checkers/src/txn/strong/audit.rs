//! The audit: proofs are checked by code that shares nothing with what made them, before anybody
//! is told that a level does not hold.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cycle, Isolation, Level, Older, Order, Polygraph, Proof, Relation};
use crate::txn::key_value::INITIAL;

/// How many choices are tried at the most; as many calls are open at once at the most as there are
/// cases that a proof needs, which are few.
const MAX_STEPS: usize = 100_000;
/// Proofs with more cases are not looked at.
const MAX_CASES: usize = 256;

/// Whether a proof shows that the level does not hold; if not, what is wrong with it. For proofs
/// of a few cycles: quadratic in the versions of the keys that they speak of.
pub fn convinces(polygraph: &Polygraph, level: Level, proof: &Proof) -> Result<(), String> {
    if proof.cases.len() > MAX_CASES {
        return Err("too many cases".to_owned());
    }
    let mut judge = Judge { polygraph, level, shown: BTreeSet::new() };
    for lemma in &proof.lemmas {
        judge.opposites(lemma.older, lemma.otherwise)?;
        let used = judge.cycle(&lemma.cycle, &[lemma.otherwise])?;
        drop(used);
        judge.shown.insert(lemma.older);
    }
    for [one, other] in &proof.cases {
        judge.opposites(*one, *other)?;
    }
    let assumed: Vec<Older> = proof.cases.iter().flatten().copied().collect();
    let mut clauses = Vec::new();
    for cycle in &proof.cycles {
        clauses.push(judge.cycle(cycle, &assumed)?);
    }
    let mut chosen = vec![None; proof.cases.len()];
    let mut steps = 0;
    match escapes(&clauses, &mut chosen, &mut steps) {
        _ if steps > MAX_STEPS => Err("too many cases".to_owned()),
        true => Err("a choice is left".to_owned()),
        false => Ok(()),
    }
}

/// Whether the cases can be decided so that no cycle has all its assumptions. Assumptions are
/// numbered: two per case.
fn escapes(clauses: &[BTreeSet<usize>], chosen: &mut Vec<Option<bool>>, steps: &mut usize) -> bool {
    *steps += 1;
    if *steps > MAX_STEPS {
        return true;
    }
    let mut shortest: Option<Vec<usize>> = None;
    for clause in clauses {
        let state = |at: &usize| chosen[at / 2].map(|second| second == (at % 2 == 1));
        if clause.iter().any(|at| state(at) == Some(false)) {
            continue;
        }
        let open: Vec<usize> = clause.iter().copied().filter(|at| state(at).is_none()).collect();
        if open.is_empty() {
            return false;
        }
        if shortest.as_ref().is_none_or(|shortest| open.len() < shortest.len()) {
            shortest = Some(open);
        }
    }
    let Some(open) = shortest else { return true };
    // One of them must be false: the first, or, if that is true, another.
    let at = open[0];
    for second in [at % 2 == 0, at % 2 == 1] {
        chosen[at / 2] = Some(second);
        if escapes(clauses, chosen, steps) {
            return true;
        }
    }
    chosen[at / 2] = None;
    false
}

struct Judge<'p> {
    polygraph: &'p Polygraph,
    level: Level,
    shown: BTreeSet<Older>,
}

impl Judge<'_> {
    /// Checks a cycle, and says which of the assumptions it used.
    fn cycle(&self, cycle: &Cycle, assumed: &[Older]) -> Result<BTreeSet<usize>, String> {
        let polygraph = self.polygraph;
        let mut used = BTreeSet::new();
        if cycle.is_empty() {
            return Err("an empty cycle".to_owned());
        }
        for (at, link) in cycle.iter().enumerate() {
            let next = &cycle[(at + 1) % cycle.len()];
            let (from, to) = (link.from, link.to);
            let reads = |txn: u32, version: u32| polygraph.read(txn).contains(&version);
            let fine = match link.relation {
                Relation::Session => {
                    self.level.order != Order::None && in_session_order(polygraph, from, to)
                }
                Relation::RealTime => {
                    self.level.order == Order::RealTime
                        && polygraph.timed
                        && polygraph.ends[from as usize] < polygraph.begins[to as usize]
                }
                Relation::Wr(version) => polygraph.writer(version) == from && reads(to, version),
                Relation::Ww(older) => {
                    polygraph.writer(older.first) == from && polygraph.writer(older.second) == to
                }
                Relation::Rw(older) => {
                    reads(from, older.first) && polygraph.writer(older.second) == to
                }
            };
            if !fine || next.from != to || from == to {
                return Err(format!("{link:?} in {cycle:?}"));
            }
            if let Relation::Ww(older) | Relation::Rw(older) = link.relation {
                if let Some(at) = assumed.iter().position(|assumed| *assumed == older) {
                    used.insert(at);
                } else if !self.shown.contains(&older) && !self.is_known(older) {
                    return Err(format!("{older:?} is not known"));
                }
            }
            // Whoever comes after something only when it commits may have begun before.
            let prefix = self.level.isolation == Isolation::Prefix;
            let at_commit = match link.relation {
                Relation::Rw(_) => true,
                Relation::Ww(_) => prefix,
                _ => false,
            };
            let from_begin = matches!(next.relation, Relation::Rw(_));
            if self.level.isolation != Isolation::Serializable && at_commit && from_begin {
                return Err(format!("no contradiction at {to} in {cycle:?}"));
            }
        }
        Ok(used)
    }

    /// Whether what was read shows that a version is older, in whatever order of versions.
    fn is_known(&self, older: Older) -> bool {
        let polygraph = self.polygraph;
        let Older { first, second } = older;
        let key = polygraph.key_of(first);
        if polygraph.key_of(second) != key || first == second {
            return false;
        }
        let initial = polygraph.versions(key).start;
        if self.block(initial, first, &[second]).is_some() {
            return true;
        }
        // If x is older than y, so is the block that x begins than the one that y ends.
        let lifted = |x: u32, y: u32| {
            x != y && ((x, y) == (first, second) || self.are_apart((x, first), (second, y)))
        };
        let read_before = |y: u32| {
            let writer = polygraph.writer(y);
            writer != INITIAL && self.read_of_key(writer, key).any(|x| lifted(x, y))
        };
        polygraph.versions(key).any(read_before)
            || polygraph.known.iter().any(|(x, y)| polygraph.key_of(*x) == key && lifted(*x, *y))
    }

    /// One of two blocks of versions comes before the other.
    fn opposites(&self, one: Older, other: Older) -> Result<(), String> {
        let apart = self.are_apart((other.second, one.first), (one.second, other.first));
        if apart { Ok(()) } else { Err(format!("{one:?} and {other:?} are no opposites")) }
    }

    /// Whether there are such blocks of versions of one key that have none in common. Nothing
    /// comes between the versions of either, so all of one come before all of the other.
    fn are_apart(&self, one: (u32, u32), other: (u32, u32)) -> bool {
        let [(a, b), (c, d)] = [one, other];
        let key = self.polygraph.key_of(a);
        [b, c, d].iter().all(|version| self.polygraph.key_of(*version) == key)
            && [(a, b, c, d), (c, d, a, b)].into_iter().any(|(a, b, c, d)| {
                self.block(a, b, &[c, d]).is_some_and(|taken| self.block(c, d, &taken).is_some())
            })
    }

    fn read_of_key(&self, txn: u32, key: u32) -> impl Iterator<Item = u32> {
        let read = self.polygraph.read(txn).iter().copied();
        read.filter(move |version| self.polygraph.key_of(*version) == key)
    }

    /// The versions from one to another, each written by who read the one before, so that
    /// nothing can be in between; but for these versions.
    fn block(&self, first: u32, last: u32, without: &[u32]) -> Option<Vec<u32>> {
        let polygraph = self.polygraph;
        if without.contains(&first) || without.contains(&last) {
            return None;
        }
        if first == last || self.level.isolation == Isolation::Prefix {
            // There something may be in between.
            return (first == last).then(|| vec![first]);
        }
        let key = polygraph.key_of(first);
        // Per version that was reached the one that was written on top of it.
        let mut above = BTreeMap::from([(last, last)]);
        let mut open = vec![last];
        while let Some(version) = open.pop() {
            if version == first {
                let mut block = vec![first];
                let mut at = first;
                while at != last {
                    at = above[&at];
                    block.push(at);
                }
                return Some(block);
            }
            let writer = polygraph.writer(version);
            if writer == INITIAL {
                continue;
            }
            for former in self.read_of_key(writer, key) {
                if !without.contains(&former) && !above.contains_key(&former) {
                    above.insert(former, version);
                    open.push(former);
                }
            }
        }
        None
    }
}

fn in_session_order(polygraph: &Polygraph, first: u32, second: u32) -> bool {
    let [a, b] = [first as usize, second as usize];
    polygraph.sessions[a] == polygraph.sessions[b]
        && first < second
        && (!polygraph.timed || polygraph.ends[a] < polygraph.begins[b])
}
