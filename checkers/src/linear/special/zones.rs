//! Zones: registers whose values are written once each, decided in near-linear time.
//!
//! Gibbons & Korach, *Testing shared memories* (SIAM J. Comput. 26, 1997), section 4: the write
//! of a value and its reads are a *cluster*, which has to be contiguous in every linearization.
//! Its *zone* reaches from the first end to the last start of its calls: *forward* if in that
//! order, *backward* otherwise. A history is linearizable if and only if no read ends before
//! its write begins, no two forward zones overlap, and no backward zone lies inside a forward
//! one.
//!
//! Compare-and-sets are our addition. One from `a` to `b` reads `a` and writes `b` with nothing
//! in between, so it glues the cluster of `b` to that of `a`. Two from the same value contradict
//! each other; otherwise clusters form *chains*, contiguous each, and in a chain everything has
//! its place but reads of one value among themselves. So a history is linearizable if and only
//! if every chain begins with a plain write (or with the initial value), no call of a chain
//! ends before one in an earlier place begins, and the zones of whole chains are as above: for
//! these, the argument of the paper needs nothing but that a chain is contiguous.
//!
//! Calls of unknown outcome: a read says nothing; a write or compare-and-set whose value nobody
//! saw may as well never have happened; one whose value somebody saw did happen, by the time
//! that somebody was answered. (A compare-and-set that missed is looked at in the end, see
//! `misses.rs`: then an unknown write that nobody saw might matter, and where it might, the
//! general engine decides.)
//!
//! Cost: linear, but for sorting the zones by their lower ends. Memory: 16 bytes a value and
//! 32 a chain.

mod explain;
mod misses;

use super::Special;
use crate::linear::model::{NEVER, Timed, Values};
use crate::linear::models::RegisterCall;

use explain::Proof;
use misses::Fit;

/// No call.
const NONE: u32 = u32::MAX;
/// The number of the initial value: a model interns it before all others.
const INITIAL: u32 = 0;
/// How this engine is called.
const ENGINE: &str = "zones";

/// Who wrote a value and who saw it; numbers of calls, or [`NONE`].
#[derive(Clone, Copy, Debug)]
struct Cluster {
    writer: u32,
    /// The compare-and-set that took this value and left another.
    taker: u32,
    /// The read that ended first.
    first_read: u32,
    /// The read that began last.
    last_read: u32,
}

impl Cluster {
    const UNSEEN: Self = Self { writer: NONE, taker: NONE, first_read: NONE, last_read: NONE };

    fn is_seen(&self) -> bool {
        self.first_read != NONE || self.taker != NONE
    }
}

/// From the first end to the last start of a chain, as positions, and the calls that these are
/// of. The initial value was written at position -1.
#[derive(Clone, Copy, Debug)]
struct Zone {
    /// The value that the chain begins with.
    root: u32,
    first: u32,
    last: u32,
    first_end: i64,
    last_start: i64,
}

/// Why the calls contradict each other, to be explained.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    /// A value that was seen, and that nobody wrote.
    Phantom { value: u32 },
    /// Two compare-and-sets took the same value.
    Rivals { calls: [u32; 2] },
    /// In the chain that begins with `root`, `call` ended before one in an earlier place began.
    Inverted { root: u32, call: u32 },
    /// A value that only a circle of compare-and-sets can have written.
    Circle { value: u32 },
    /// Chains that would each have to be before the other.
    Crossed { zones: [Zone; 2] },
    /// A compare-and-set that missed, while the register can only have held what it sought.
    Missed { call: u32 },
}

/// The calls on a register, by value.
struct Register<'c> {
    calls: &'c [Timed<RegisterCall>],
    clusters: Vec<Cluster>,
    /// Compare-and-sets of unknown outcome.
    doubtful: Vec<u32>,
    /// Compare-and-sets that found another value than they sought.
    misses: Vec<u32>,
    rivals: Option<[u32; 2]>,
}

/// Decides, if no value was written twice, and the initial value never. Calls are ordered by
/// start.
pub(in crate::linear) fn decide(calls: &[Timed<RegisterCall>], values: &Values) -> Option<Special> {
    let register = Register::read(calls)?;
    let flaw = match register.zones() {
        Err(flaw) => flaw,
        Ok(zones) => match register.fit_misses(&zones) {
            Fit::Fits => return Some(Special::linearizable(ENGINE)),
            Fit::Misfit { call } => Flaw::Missed { call },
            Fit::Unclear => return None,
        },
    };
    let proof = Proof { register: &register, values };
    Some(Special::contradiction(ENGINE, proof.explain(flaw)))
}

impl<'c> Register<'c> {
    /// Sorts calls by value; `None` if a value was written twice.
    fn read(calls: &'c [Timed<RegisterCall>]) -> Option<Self> {
        let highest = calls.iter().map(|timed| timed.call.highest()).max().unwrap_or(INITIAL);
        // Numbers are dense, unless most calls failed and were left out; absurd ones are not ours.
        if highest as usize > 64 * (calls.len() + 1024) {
            return None;
        }
        let clusters = vec![Cluster::UNSEEN; highest as usize + 1];
        let mut register =
            Self { calls, clusters, doubtful: Vec::new(), misses: Vec::new(), rivals: None };
        for (number, timed) in (0u32..).zip(calls) {
            let known = timed.end != NEVER;
            match timed.call {
                RegisterCall::Write(value) => register.claim(value, number)?,
                // Such a one changes nothing, and sees what it seeks.
                RegisterCall::Cas(old, new) if old == new && known => register.see(old, number),
                RegisterCall::Cas(old, new) if old == new => {}
                RegisterCall::Cas(old, new) => {
                    register.claim(new, number)?;
                    if known {
                        register.take(old, number);
                    } else {
                        register.doubtful.push(number);
                    }
                }
                RegisterCall::Read(value) if known => register.see(value, number),
                RegisterCall::CasMiss(_) if known => register.misses.push(number),
                RegisterCall::Read(_) | RegisterCall::CasMiss(_) => {}
            }
        }
        register.settle();
        Some(register)
    }

    fn claim(&mut self, value: u32, number: u32) -> Option<()> {
        let cluster = &mut self.clusters[value as usize];
        if cluster.writer != NONE || value == INITIAL {
            return None;
        }
        cluster.writer = number;
        Some(())
    }

    fn see(&mut self, value: u32, number: u32) {
        let cluster = &mut self.clusters[value as usize];
        cluster.last_read = number;
        let first = self.calls.get(cluster.first_read as usize);
        if first.is_none_or(|first| self.calls[number as usize].end < first.end) {
            cluster.first_read = number;
        }
    }

    /// Whether this is the only compare-and-set to take that value.
    fn take(&mut self, value: u32, number: u32) -> bool {
        let cluster = &mut self.clusters[value as usize];
        if cluster.taker != NONE {
            self.rivals.get_or_insert([cluster.taker, number]);
            return false;
        }
        cluster.taker = number;
        true
    }

    /// Counts compare-and-sets of unknown outcome as having happened if their value was seen.
    fn settle(&mut self) {
        for at in 0..self.doubtful.len() {
            let mut number = self.doubtful[at];
            while let RegisterCall::Cas(old, new) = self.calls[number as usize].call {
                let taken = self.clusters[old as usize].taker == number;
                if taken || !self.clusters[new as usize].is_seen() || !self.take(old, number) {
                    break;
                }
                // By this, what wrote `old` has been seen, too.
                match self.clusters[old as usize].writer {
                    writer if writer != NONE && self.is_unknown(writer) => number = writer,
                    _ => break,
                }
            }
        }
    }

    fn is_unknown(&self, number: u32) -> bool {
        self.calls[number as usize].end == NEVER
    }

    fn start(&self, number: u32) -> i64 {
        i64::from(self.calls[number as usize].start)
    }

    fn end(&self, number: u32) -> i64 {
        i64::from(self.calls[number as usize].end)
    }

    /// Whether the register surely held this value at some time.
    fn has_been(&self, cluster: &Cluster) -> bool {
        cluster.is_seen() || cluster.writer != NONE && !self.is_unknown(cluster.writer)
    }

    /// The value that this call left behind, if it changed anything.
    fn left(&self, number: u32) -> Option<u32> {
        self.calls[number as usize].call.left()
    }

    /// The value that this call found.
    fn found(&self, number: u32) -> Option<u32> {
        self.calls[number as usize].call.found()
    }

    /// The zones of all chains, by lower end, or why there is no linearization.
    fn zones(&self) -> Result<Vec<Zone>, Flaw> {
        if let Some(calls) = self.rivals {
            let value = self.found(calls[0]).unwrap_or(INITIAL);
            let written = value == INITIAL || self.clusters[value as usize].writer != NONE;
            return Err(if written { Flaw::Rivals { calls } } else { Flaw::Phantom { value } });
        }
        let mut zones = Vec::with_capacity(self.clusters.len());
        let (mut in_chains, mut been) = (0usize, 0usize);
        for (value, cluster) in (0u32..).zip(&self.clusters) {
            if value == INITIAL {
                been += 1;
                zones.push(self.walk(value, &mut in_chains)?);
            } else if self.has_been(cluster) {
                been += 1;
                match self.calls.get(cluster.writer as usize).map(|writer| writer.call) {
                    None => return Err(Flaw::Phantom { value }),
                    Some(RegisterCall::Write(_)) => zones.push(self.walk(value, &mut in_chains)?),
                    Some(_) => {}
                }
            }
        }
        if in_chains < been {
            return Err(self.circle(&zones));
        }
        crossed(zones)
    }

    /// Follows a chain and takes its measure; counts its values.
    fn walk(&self, root: u32, count: &mut usize) -> Result<Zone, Flaw> {
        let mut zone =
            Zone { root, first: NONE, last: NONE, first_end: i64::MAX, last_start: i64::MIN };
        if root == INITIAL {
            (zone.first_end, zone.last_start) = (-1, -1);
        }
        let mut value = root;
        loop {
            *count += 1;
            let cluster = &self.clusters[value as usize];
            let places =
                [(cluster.writer, cluster.writer), (cluster.first_read, cluster.last_read)];
            for (first, last) in places.into_iter().filter(|(first, _)| *first != NONE) {
                let (end, start) = (self.end(first), self.start(last));
                if end < zone.last_start {
                    return Err(Flaw::Inverted { root, call: first });
                }
                if end < zone.first_end {
                    (zone.first_end, zone.first) = (end, first);
                }
                if start > zone.last_start {
                    (zone.last_start, zone.last) = (start, last);
                }
            }
            let taker = self.calls.get(cluster.taker as usize);
            let Some(RegisterCall::Cas(_, next)) = taker.map(|taker| taker.call) else {
                return Ok(zone);
            };
            value = next;
        }
    }

    /// The first value that the register is known to have held, but that is in no chain.
    fn circle(&self, zones: &[Zone]) -> Flaw {
        let mut in_chain = vec![false; self.clusters.len()];
        for zone in zones {
            let mut value = Some(zone.root);
            while let Some(next) = value {
                in_chain[next as usize] = true;
                let taker = self.clusters[next as usize].taker;
                value = if taker == NONE { None } else { self.left(taker) };
            }
        }
        let outside = (0u32..).zip(&self.clusters).find(|(value, cluster)| {
            *value != INITIAL && self.has_been(cluster) && !in_chain[*value as usize]
        });
        Flaw::Circle { value: outside.map_or(INITIAL, |(value, _)| value) }
    }
}

/// Sorts zones by lower end; two that cross are a flaw.
///
/// Of two chains, one has to be before the other if it has a call that ends before one of the
/// other begins. Both ways is a contradiction, and there is no other: without it, the order by
/// lower ends respects all of real time.
fn crossed(mut zones: Vec<Zone>) -> Result<Vec<Zone>, Flaw> {
    zones.sort_unstable_by_key(|zone| zone.first_end.min(zone.last_start));
    let mut forward: Option<&Zone> = None;
    for zone in &zones {
        if let Some(before) = forward.filter(|before| zone.first_end < before.last_start) {
            return Err(Flaw::Crossed { zones: [*before, *zone] });
        }
        if zone.first_end < zone.last_start {
            forward = Some(zone);
        }
    }
    Ok(zones)
}

#[cfg(test)]
mod tests;
