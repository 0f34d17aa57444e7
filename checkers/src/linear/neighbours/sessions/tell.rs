//! Telling: a circle of constraints on the order of versions, in words.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Guarantees;
use super::graph::{Constraint, Why};
use crate::linear::models::CasRegister;
use crate::linear::neighbours::log::{Log, Op};
use crate::linear::neighbours::reading::{Register, told};
use crate::linear::neighbours::versions::NONE;
use crate::tally::anomaly;
use crate::words::shortened;
use crate::{Anomaly, Edge, Step};

pub(super) struct Teller<'t, 'h> {
    pub(super) model: &'t CasRegister,
    pub(super) registers: &'t [Register<'h>],
    pub(super) log: &'t Log,
    pub(super) guarantees: Guarantees,
}

/// The model and all that imply it, where versions have one order for all sessions.
pub(super) fn rules_out(model: &str) -> Vec<&str> {
    let mut models = vec![model, "causal-convergence", "sequential", "linearizable"];
    models.dedup();
    models
}

/// How a write was reached on the way back from another: from which, and by a read where.
type Reached = FxHashMap<(u32, u32), ((u32, u32), Option<u32>)>;

impl Teller<'_, '_> {
    /// The anomaly that a circle of constraints is.
    pub(super) fn anomaly(&self, cycle: &[Constraint]) -> Anomaly {
        let mut steps: Vec<Step> = Vec::new();
        let mut edges = Vec::new();
        for constraint in cycle {
            for op in self.calls(constraint) {
                let step = self.step(op);
                if !steps.contains(&step) {
                    steps.push(step);
                }
            }
            edges.extend(self.edge(constraint));
        }
        steps.sort_by_key(|step| step.operations.first().copied());
        let reasons: Vec<String> = cycle.iter().map(|c| self.reason(c)).collect();
        let kind = self.kind(cycle);
        let (title, meaning) = words(kind);
        let explanation = format!("{meaning} {} This is a circle.", reasons.join(" "));
        let models = self.models(kind, cycle);
        let mut anomaly = anomaly(kind, title.to_owned(), explanation, steps, &models);
        anomaly.edges = edges;
        let key = self.key(cycle[0].from);
        if cycle.iter().all(|constraint| self.key(constraint.from) == key) {
            anomaly.key = self.registers[key as usize].key.cloned();
        }
        anomaly
    }

    /// The models that this circle rules out.
    fn models(&self, kind: &str, cycle: &[Constraint]) -> Vec<&str> {
        let broken = match kind {
            "missing-read-write-dependency" => "writes-follow-reads",
            "non-monotonic-writes" => "monotonic-writes",
            "missing-your-writes" => "read-your-writes",
            _ => "monotonic-reads",
        };
        let name = self.guarantees.name;
        if cycle.iter().any(|constraint| constraint.why == Why::RealTime) {
            // Models without real time may order these writes otherwise.
            let mut models = vec![broken, name, "linearizable"];
            models.dedup();
            return models;
        }
        let mut models = rules_out(broken);
        if !models.contains(&name) {
            models.insert(1, name);
        }
        let mut sessions = cycle.iter().map(|c| c.session).filter(|session| *session != NONE);
        let first = sessions.next();
        if sessions.all(|session| Some(session) == first) {
            // These let each session see an order of its own.
            let weaker: &[&str] =
                if self.guarantees.follow { &["causal"] } else { &["pram", "causal"] };
            models.splice(1..1, weaker.iter().copied());
        }
        models
    }

    fn key(&self, version: u32) -> u32 {
        self.log.version(version).key
    }

    fn kind(&self, cycle: &[Constraint]) -> &'static str {
        let has = |why| cycle.iter().any(|constraint| constraint.why == why);
        let across = |constraint: &Constraint| {
            constraint.why == Why::Written && self.key(constraint.from) != self.key(constraint.to)
        };
        let mut known = cycle.iter().filter(|constraint| constraint.why == Why::Known);
        if has(Why::Followed) || known.any(|constraint| self.through_reads(constraint)) {
            "missing-read-write-dependency"
        } else if has(Why::Known) || cycle.iter().any(across) {
            "non-monotonic-writes"
        } else if has(Why::Own) {
            "missing-your-writes"
        } else {
            "non-monotonic-reads"
        }
    }

    fn op(&self, session: u32, at: u32) -> Option<&Op> {
        self.log.sessions.get(session as usize)?.get(at as usize)
    }

    fn writer(&self, version: u32) -> Option<&Op> {
        self.log.writer(self.log.version(version))
    }

    fn step(&self, op: &Op) -> Step {
        told(&self.registers[op.key as usize], self.model, op.call)
    }

    /// The calls that show a constraint.
    fn calls(&self, constraint: &Constraint) -> Vec<&Op> {
        let Constraint { from, to, why, session, at, learnt } = *constraint;
        let shows = self.op(session, at);
        let mut calls: Vec<&Op> =
            [self.writer(from), self.writer(to)].into_iter().flatten().collect();
        match why {
            Why::Initial | Why::Replaced | Why::Written => {}
            Why::RealTime | Why::Onward => calls.extend(self.first_seen(from, to)),
            Why::Followed => calls.extend(shows),
            Why::Own | Why::Read => calls.extend(self.op(session, learnt).into_iter().chain(shows)),
            Why::Known => {
                calls.extend(self.way(constraint));
                calls.extend(self.op(session, learnt).into_iter().chain(shows));
            }
        }
        calls
    }

    /// If a write was not acknowledged before another began, but somebody saw it, who did first.
    fn first_seen(&self, from: u32, to: u32) -> Option<&Op> {
        let end = |op: &Op| i64::from(self.registers[op.key as usize].calls[op.call as usize].end);
        if self.writer(from).is_some_and(|op| end(op) < self.log.version(to).start) {
            return None;
        }
        let ops = self.log.sessions.iter().flatten();
        ops.filter(|op| op.read == Some(from)).min_by_key(|op| end(op))
    }

    /// How a session knew of a version: from what it read back to the write in question, the
    /// writes and reads between.
    fn way(&self, constraint: &Constraint) -> Vec<&Op> {
        let read = self.op(constraint.session, constraint.learnt).and_then(|op| op.read);
        let Some(start) = read.and_then(|read| self.writer_place(read)) else { return Vec::new() };
        let goal = self.writer_place(constraint.from);
        // Places of writes, with the place from which each was reached, and the read between.
        let mut reached = Reached::default();
        let mut looked: FxHashMap<u32, u32> = FxHashMap::default();
        let mut queue = VecDeque::from([start]);
        reached.insert(start, (start, None));
        while let Some(place) = queue.pop_front() {
            if Some(place) == goal {
                break;
            }
            let (session, index) = place;
            let done = looked.entry(session).or_insert(0);
            let from = std::mem::replace(done, (*done).max(index + 1));
            for at in (from..=index).rev() {
                let Some(op) = self.op(session, at) else { continue };
                let before = (session, at);
                if op.write.is_some() && op.known && self.guarantees.writes {
                    reached.entry(before).or_insert_with(|| {
                        queue.push_back(before);
                        (place, None)
                    });
                }
                let source = op.read.filter(|_| self.guarantees.follow);
                if let Some(source) = source.and_then(|read| self.writer_place(read)) {
                    reached.entry(source).or_insert_with(|| {
                        queue.push_back(source);
                        (place, Some(at))
                    });
                }
            }
        }
        let mut calls = Vec::new();
        let mut place = goal.filter(|goal| reached.contains_key(goal));
        while let Some(here) = place {
            calls.extend(self.op(here.0, here.1));
            let Some(((session, index), read)) = reached.get(&here).copied() else { break };
            calls.extend(read.and_then(|at| self.op(session, at)));
            place = Some((session, index)).filter(|next| *next != here);
        }
        calls
    }

    fn writer_place(&self, version: u32) -> Option<(u32, u32)> {
        let version = self.log.version(version);
        self.log.writer(version).map(|_| (version.session, version.index))
    }

    fn through_reads(&self, constraint: &Constraint) -> bool {
        self.way(constraint).iter().any(|op| op.write.is_none())
    }

    fn value(&self, version: u32) -> String {
        let version = self.log.version(version);
        let register = &self.registers[version.key as usize];
        let value = shortened(register.values.get(version.value));
        match register.key {
            Some(key) => format!("{value} of key {}", shortened(key)),
            None => value,
        }
    }

    /// Why one version is before another; one sentence.
    fn reason(&self, constraint: &Constraint) -> String {
        let (old, new) = (self.value(constraint.from), self.value(constraint.to));
        let who = self.op(constraint.session, constraint.at).map_or(String::new(), |op| {
            let operation = self.registers[op.key as usize].operation(op.call as usize);
            format!("process {}", operation.process)
        });
        let why = match constraint.why {
            Why::Initial => "which was there at first".to_owned(),
            Why::RealTime | Why::Onward => {
                "which was complete before the other's write began".to_owned()
            }
            Why::Written => "which the same process wrote first".to_owned(),
            Why::Replaced => "which a compare-and-set replaced by the other".to_owned(),
            Why::Followed => format!("which {who} had read when it wrote the other"),
            Why::Own => format!("which {who} had written when it read the other"),
            Why::Read => format!("which {who} had read when it read the other"),
            Why::Known => {
                format!("on which what {who} had read before depends, when it read the other")
            }
        };
        format!("{new} has to come after {old}, {why}.")
    }

    fn edge(&self, constraint: &Constraint) -> Option<Edge> {
        let index = |version: u32| {
            let op = self.writer(version)?;
            Some(self.registers[op.key as usize].operation(op.call as usize).index)
        };
        let kind = match constraint.why {
            Why::RealTime => "realtime",
            Why::Written => "process",
            _ => "ww",
        };
        Some(Edge {
            from: index(constraint.from)?,
            to: index(constraint.to)?,
            kind: kind.to_owned(),
            why: self.reason(constraint),
        })
    }
}

/// Title and meaning of an anomaly.
fn words(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "missing-read-write-dependency" => (
            "Missing read-write dependency",
            "A process saw what another had written, but not what that one had seen before it \
             wrote.",
        ),
        "non-monotonic-writes" => (
            "Non-monotonic writes",
            "A process saw what another had written, but not what that one had written before.",
        ),
        "missing-your-writes" => {
            ("Missing your writes", "A process did not see what it had written itself.")
        }
        _ => ("Non-monotonic reads", "A process saw a value, and later an older one."),
    }
}
