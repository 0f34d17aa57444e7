//! The log: calls on all registers of a history, by who made them.

use rustc_hash::FxHashMap;

use super::reading::Register;
use super::versions::{INITIAL, NEVER_END, NONE, Versions};
use crate::History;
use crate::linear::model::NEVER;

/// One call of one process. A compare-and-set reads and then writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) key: u32,
    /// Its number in that register's calls.
    pub(super) call: u32,
    /// The version that an answered call saw, if somebody may have written that by then.
    pub(super) read: Option<u32>,
    /// The version that it wrote, if it surely happened.
    pub(super) write: Option<u32>,
    /// Whether it was answered.
    pub(super) known: bool,
}

/// One version of one register; the initial one has no writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    pub(super) key: u32,
    pub(super) value: u32,
    /// Which operation of which session wrote it; [`NONE`] if none did.
    pub(super) session: u32,
    pub(super) index: u32,
    /// When its write began, and by when it was surely in place.
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Calls by session, versions by number. A session is a process.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Each in the order in which it called.
    pub(super) sessions: Vec<Vec<Op>>,
    /// By register, and then by value.
    pub(super) versions: Vec<Version>,
    /// Where the versions of each register begin.
    first: Vec<u32>,
}

impl Log {
    /// Sorts calls by session; `process` tells who made call `n` of register `k`. Costs a sort.
    pub(super) fn new(registers: &[Versions<'_>], process: impl Fn(usize, usize) -> u32) -> Self {
        let mut log = Self::default();
        for (key, register) in (0u32..).zip(registers) {
            log.first.push(log.versions.len() as u32);
            log.versions.extend((0..register.count()).map(|value| Version {
                key,
                value,
                session: NONE,
                index: NONE,
                start: register.start(value).unwrap_or(NEVER_END),
                end: register.end(value),
            }));
        }
        let mut calls: Vec<(u32, u32, u32)> = Vec::new();
        for (key, register) in (0u32..).zip(registers) {
            let numbered = (0u32..).zip(register.calls);
            calls.extend(numbered.map(|(number, timed)| (timed.start, key, number)));
        }
        calls.sort_unstable();
        let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
        for (_, key, call) in calls {
            let fresh = log.sessions.len() as u32;
            let who = process(key as usize, call as usize);
            let session = *numbers.entry(who).or_insert(fresh);
            if session == fresh {
                log.sessions.push(Vec::new());
            }
            let op = log.op(registers, key, call);
            let session_ops = &mut log.sessions[session as usize];
            if let Some(version) = op.write {
                let version = &mut log.versions[version as usize];
                (version.session, version.index) = (session, session_ops.len() as u32);
            }
            session_ops.push(op);
        }
        log
    }

    fn op(&self, registers: &[Versions<'_>], key: u32, call: u32) -> Op {
        let register = &registers[key as usize];
        let timed = &register.calls[call as usize];
        let known = timed.end != NEVER;
        let first = self.first[key as usize];
        let end = i64::from(timed.end);
        let possible = |value: &u32| register.start(*value).is_some_and(|start| start < end);
        let read = timed.call.found().filter(|_| known).filter(possible);
        let happened = |value: &u32| register.end(*value) != NEVER_END;
        Op {
            key,
            call,
            read: read.map(|value| first + value),
            write: timed.call.left().filter(happened).map(|value| first + value),
            known,
        }
    }

    /// The version that a register had at first.
    pub(super) fn initial(&self, key: u32) -> u32 {
        self.first[key as usize] + INITIAL
    }

    pub(super) fn is_initial(&self, version: u32) -> bool {
        self.versions[version as usize].value == INITIAL
    }

    pub(super) fn version(&self, version: u32) -> &Version {
        &self.versions[version as usize]
    }

    /// The operation that wrote a version; nobody wrote the initial one.
    pub(super) fn writer(&self, version: &Version) -> Option<&Op> {
        self.sessions.get(version.session as usize)?.get(version.index as usize)
    }

    /// The versions of one register that were surely written, the initial one first.
    pub(super) fn written(&self, key: u32) -> impl Iterator<Item = u32> {
        let end = self.first.get(key as usize + 1).map_or(self.versions.len() as u32, |end| *end);
        (self.first[key as usize]..end).filter(|version| {
            let Version { session, value, .. } = self.versions[*version as usize];
            session != NONE || value == INITIAL
        })
    }

    pub(super) fn keys(&self) -> u32 {
        self.first.len() as u32
    }
}

/// Who made a call, by the event that began it.
pub(super) fn process(history: &History, register: &Register<'_>, call: usize) -> u32 {
    let event = history.events().get(register.calls[call].start as usize / 2);
    event.and_then(|event| event.process.client()).unwrap_or(u32::MAX)
}
