//! Constraints on the order of versions that session guarantees make, given what was read.
//!
//! A read that saw `u` was answered by a server on which `u` was the last version of that
//! register. So every other version of it that the server must have had is before `u`:
//!
//! - read your writes: what the session had written;
//! - monotonic reads: what the session had read;
//! - monotonic writes: with any write, what its session had written before it; and these are in
//!   that order;
//! - writes follow reads: with any write, what its session had read before it; and these are in
//!   that order.
//!
//! What a server must have follows from the sessions and from who read what, and does not
//! depend on the order. So there is an order if and only if these constraints have no cycle:
//! given an order, let each server have just what it must.
//!
//! Who read a write of another session knows of what that session did up to it. Each session
//! looks at what each other did once, as it learns of more, so the cost is the number of calls
//! times that of sessions at the worst. What was learnt is noted until the next read of that
//! register, which comes after all of it.

use rustc_hash::FxHashMap;

use super::Guarantees;
use crate::Budget;
use crate::linear::neighbours::cycle::Digraph;
use crate::linear::neighbours::log::{Log, Op};
use crate::linear::neighbours::versions::NONE;

/// Why one version is before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It was there at first.
    Initial,
    /// It was in place before the other's write began.
    RealTime,
    /// The same session wrote it first.
    Written,
    /// A compare-and-set replaced it by the other.
    Replaced,
    /// The session that wrote the other had read it.
    Followed,
    /// A session wrote it, and then read the other.
    Own,
    /// A session read it, and then the other.
    Read,
    /// A session knew of it, from what it had read, and then read the other.
    Known,
    /// From or to a helper: goes on with the reason before.
    Onward,
}

/// One version, or helper, is before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constraint {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) why: Why,
    /// The session and the place in it of the call that shows this, and of the one from which
    /// it knew `from`; [`NONE`] where that is of no use.
    pub(super) session: u32,
    pub(super) at: u32,
    pub(super) learnt: u32,
}

/// All constraints of a log.
pub(super) struct Constraints {
    nodes: usize,
    versions: usize,
    edges: Vec<Constraint>,
}

/// A version that servers must have from now on.
#[derive(Clone, Copy)]
struct Pending {
    version: u32,
    why: Why,
    learnt: u32,
}

impl Constraints {
    /// `None` if time was up.
    pub(super) fn new(log: &Log, guarantees: Guarantees, budget: &Budget) -> Option<Self> {
        let versions = log.versions.len();
        let mut constraints = Self { nodes: versions, versions, edges: Vec::new() };
        if guarantees.real_time {
            (0..log.keys()).for_each(|key| constraints.real_time(log, key));
        }
        for session in 0..log.sessions.len() as u32 {
            constraints.order(log, guarantees, session);
        }
        let mut view = View::new(log, guarantees);
        for session in 0..log.sessions.len() as u32 {
            if budget.is_cancelled() {
                return None;
            }
            view.follow(session, &mut constraints.edges);
        }
        constraints.initial(log);
        Some(constraints)
    }

    pub(super) fn len(&self) -> usize {
        self.edges.len()
    }

    /// Short cycles that have no version in common. Helpers are left out: what leads through
    /// them is one constraint.
    pub(super) fn cycles(&self, most: usize) -> Vec<Vec<Constraint>> {
        let ends = self.edges.iter().map(|edge| (edge.from, edge.to)).collect();
        let cycles = Digraph::new(self.nodes, ends).cycles(most);
        cycles.iter().map(|cycle| self.joined(cycle)).collect()
    }

    fn is_version(&self, node: u32) -> bool {
        (node as usize) < self.versions
    }

    fn joined(&self, cycle: &[u32]) -> Vec<Constraint> {
        let edges = cycle.iter().map(|edge| self.edges[*edge as usize]);
        let mut edges: Vec<Constraint> = edges.collect();
        let first = edges.iter().position(|edge| self.is_version(edge.from)).unwrap_or(0);
        edges.rotate_left(first);
        let mut joined: Vec<Constraint> = Vec::new();
        for edge in edges {
            match joined.last_mut() {
                Some(last) if !self.is_version(last.to) => last.to = edge.to,
                _ => joined.push(edge),
            }
        }
        joined
    }

    fn add(&mut self, from: u32, to: u32, why: Why) {
        let (session, at, learnt) = (NONE, NONE, NONE);
        self.edges.push(Constraint { from, to, why, session, at, learnt });
    }

    fn helper(&mut self) -> u32 {
        self.nodes += 1;
        self.nodes as u32 - 1
    }

    /// The initial version is before all others, which matters only if others are before it.
    fn initial(&mut self, log: &Log) {
        let last = self.edges.iter().map(|edge| edge.to).filter(|to| self.is_version(*to));
        let mut keys: Vec<u32> =
            last.filter(|to| log.is_initial(*to)).map(|to| log.version(to).key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            for version in log.written(key).skip(1) {
                self.add(log.initial(key), version, Why::Initial);
            }
        }
    }

    /// A helper for each moment at which a version was in place leads on to the next, and to
    /// what was begun before the next; so there are as many edges as versions.
    fn real_time(&mut self, log: &Log, key: u32) {
        let mut by_end: Vec<u32> = log.written(key).skip(1).collect();
        let mut by_start = by_end.clone();
        by_end.sort_unstable_by_key(|version| log.version(*version).end);
        by_start.sort_unstable_by_key(|version| log.version(*version).start);
        let mut ended = by_end.into_iter().peekable();
        let mut moment = None;
        for version in by_start {
            let start = log.version(version).start;
            while let Some(before) = ended.next_if(|before| log.version(*before).end < start) {
                let next = self.helper();
                if let Some(moment) = moment {
                    self.add(moment, next, Why::Onward);
                }
                self.add(before, next, Why::RealTime);
                moment = Some(next);
            }
            if let Some(moment) = moment {
                self.add(moment, version, Why::Onward);
            }
        }
    }

    /// What the order of one session's calls says by itself.
    fn order(&mut self, log: &Log, guarantees: Guarantees, session: u32) {
        // The last write to each register, or to any if these are in order, too.
        let mut last: FxHashMap<u32, u32> = FxHashMap::default();
        let mut reads: Option<u32> = None;
        for (at, op) in (0u32..).zip(&log.sessions[session as usize]) {
            if let Some(version) = op.write {
                if let Some(reads) = reads {
                    self.add(reads, version, Why::Onward);
                }
                let group = if guarantees.writes { 0 } else { op.key };
                if let Some(before) = last.get(&group) {
                    self.add(*before, version, Why::Written);
                }
                if op.known {
                    last.insert(group, version);
                }
                if let Some(old) = op.read {
                    self.add(old, version, Why::Replaced);
                }
            }
            let read = op.read.filter(|read| guarantees.follow && !log.is_initial(*read));
            if let Some(read) = read {
                let next = self.helper();
                if let Some(reads) = reads {
                    self.add(reads, next, Why::Onward);
                }
                let (why, learnt) = (Why::Followed, NONE);
                self.edges.push(Constraint { from: read, to: next, why, session, at, learnt });
                reads = Some(next);
            }
        }
    }
}

/// What one session after another knows.
struct View<'l> {
    log: &'l Log,
    guarantees: Guarantees,
    session: u32,
    /// Per session, how many of its calls are known of; and which are not 0.
    known: Vec<u32>,
    touched: Vec<u32>,
    /// Per register, what servers must have that no read has come after yet.
    pending: FxHashMap<u32, Vec<Pending>>,
    /// Per register, the place of this session's last read of it.
    last_read: FxHashMap<u32, u32>,
    stack: Vec<(u32, u32, u32)>,
}

impl<'l> View<'l> {
    fn new(log: &'l Log, guarantees: Guarantees) -> Self {
        Self {
            log,
            guarantees,
            session: 0,
            known: vec![0; log.sessions.len()],
            touched: Vec::new(),
            pending: FxHashMap::default(),
            last_read: FxHashMap::default(),
            stack: Vec::new(),
        }
    }

    fn follow(&mut self, session: u32, edges: &mut Vec<Constraint>) {
        for other in self.touched.drain(..) {
            self.known[other as usize] = 0;
        }
        self.pending.clear();
        self.last_read.clear();
        self.session = session;
        let log = self.log;
        let ops = &log.sessions[session as usize];
        let reads = (0u32..).zip(ops).filter(|(_, op)| op.read.is_some());
        self.last_read.extend(reads.map(|(at, op)| (op.key, at)));
        for (at, op) in (0u32..).zip(ops) {
            if let Some(read) = op.read {
                self.read(at, op, read, edges);
            }
            let own = op.write.filter(|_| op.known && self.guarantees.own);
            if let Some(version) = own {
                self.note(at, Pending { version, why: Why::Own, learnt: at });
            }
        }
    }

    /// What servers must have had comes before what was read.
    fn read(&mut self, at: u32, op: &Op, read: u32, edges: &mut Vec<Constraint>) {
        let session = self.session;
        let pending = self.pending.entry(op.key).or_default();
        for Pending { version, why, learnt } in pending.iter().copied() {
            if version != read {
                edges.push(Constraint { from: version, to: read, why, session, at, learnt });
            }
        }
        let Guarantees { reads, writes, follow, .. } = self.guarantees;
        if reads {
            pending.clear();
            pending.push(Pending { version: read, why: Why::Read, learnt: at });
        }
        if (writes || follow) && !self.log.is_initial(read) {
            self.learn(at, read);
        }
    }

    /// Notes what servers that have this version must have, too.
    fn learn(&mut self, at: u32, seen: u32) {
        self.reach(seen);
        let log = self.log;
        let Guarantees { writes, follow, .. } = self.guarantees;
        while let Some((session, from, to)) = self.stack.pop() {
            for op in &log.sessions[session as usize][from as usize..to as usize] {
                if let Some(version) =
                    op.write.filter(|version| writes && op.known && *version != seen)
                {
                    self.note(at, Pending { version, why: Why::Known, learnt: at });
                }
                if let Some(version) = op.read.filter(|version| follow && !log.is_initial(*version))
                {
                    self.note(at, Pending { version, why: Why::Known, learnt: at });
                    self.reach(version);
                }
            }
        }
    }

    /// Has the calls up to the one that wrote `version` looked at, if they were not yet.
    fn reach(&mut self, version: u32) {
        let version = self.log.version(version);
        if version.session == NONE {
            return;
        }
        let known = &mut self.known[version.session as usize];
        if *known > version.index {
            return;
        }
        if *known == 0 {
            self.touched.push(version.session);
        }
        self.stack.push((version.session, *known, version.index + 1));
        *known = version.index + 1;
    }

    fn note(&mut self, at: u32, pending: Pending) {
        let version = self.log.version(pending.version);
        if self.last_read.get(&version.key).is_none_or(|last| *last <= at) {
            return;
        }
        let noted = self.pending.entry(version.key).or_default();
        // The later of two writes of one session stands for both.
        let same = |last: &Pending| {
            let last = self.log.version(last.version);
            let in_order = last.session == version.session && last.index <= version.index;
            in_order && self.log.writer(last).is_some_and(|op| op.known)
        };
        match noted.last_mut() {
            Some(last) if last.why != Why::Read && same(last) => *last = pending,
            _ => noted.push(pending),
        }
    }
}
