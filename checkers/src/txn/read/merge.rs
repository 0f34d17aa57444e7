//! Merging: calls and answers of all chunks, put together as transactions.

use rustc_hash::FxHashMap;

use super::chunk::{Actor, Chunk, NONE, RawEvent, Word};
use crate::Kind;
use crate::history::{MAX_EVENTS, Recovery};
use crate::txn::transactions::{Action, Atom, Builder, NEVER, NewTxn, Status, Transactions};

/// What the format demands of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Ours: a breach is an error, which the careful reader has to explain.
    Strict,
    /// Other harnesses': what is missing is filled in, see [`crate::history`].
    Lenient,
}

/// An event that only ends a call.
const ALREADY: u32 = NEVER - 1;

/// The transactions of a history, the same as [`Transactions::from_history`] makes of it;
/// `None` if the careful reader has to look. Linear.
pub(super) fn merge(
    mut chunks: Vec<Chunk<'_>>,
    rules: Rules,
) -> Option<(Transactions, Recovery, u64)> {
    let count: usize = chunks.iter().map(|chunk| chunk.events.len()).sum();
    (count <= MAX_EVENTS).then_some(())?;
    let mut recovery = Recovery::default();
    number(&mut chunks, rules, &mut recovery)?;
    if rules == Rules::Strict {
        let mut functions = chunks.iter().filter_map(|chunk| chunk.function);
        let first = functions.next();
        functions.all(|function| Some(function) == first).then_some(())?;
    }
    let mut pairs = Pairs { completions: Vec::with_capacity(count), ..Pairs::default() };
    for event in chunks.iter().flat_map(|chunk| &chunk.events) {
        pairs.take(event, rules)?;
    }
    recovery.open_calls = pairs.abandoned + pairs.still_open();
    let events = pairs.completions.len() as u64;
    Some((Emitter::new(chunks, pairs.completions).all()?, recovery, events))
}

/// Gives an index and a time to every event, and leaves out those of other processes.
fn number(chunks: &mut [Chunk<'_>], rules: Rules, recovery: &mut Recovery) -> Option<()> {
    let all = || chunks.iter().flat_map(|chunk| &chunk.events);
    let read = all().count() as u64;
    let (mut numbered, mut timed) = (true, true);
    for event in all() {
        numbered &= event.index != NONE;
        timed &= event.time != NONE;
        recovery.skipped += u64::from(event.actor == Actor::Other);
    }
    (rules == Rules::Lenient || numbered && timed).then_some(())?;
    recovery.renumbered = if numbered { 0 } else { read };
    let (mut position, mut latest, mut next) = (0, 0, 0);
    for chunk in chunks {
        for event in &mut chunk.events {
            if !numbered {
                event.index = position;
            }
            position += 1;
            if event.actor == Actor::Other {
                continue;
            }
            if !timed {
                event.time = event.index;
            }
            recovery.retimed += u64::from(!timed || event.time < latest);
            (rules == Rules::Lenient || event.time >= latest).then_some(())?;
            latest = latest.max(event.time);
            event.time = latest;
            (event.index >= next).then_some(())?;
            next = event.index + 1;
        }
        if recovery.skipped > 0 {
            // Their steps are gone already.
            chunk.events.retain(|event| event.actor != Actor::Other);
        }
    }
    Some(())
}

/// Processes with numbers below this are looked up in a table.
const DIRECT: u32 = 1 << 16;
const IDLE: u32 = NEVER;
/// After an `info`; only [`Rules::Strict`] cares.
const ENDED: u32 = NEVER - 1;

/// Which answer belongs to which call.
#[derive(Default)]
struct Pairs {
    /// Per event the position of its completion: [`NEVER`] without one, [`ALREADY`] if it is
    /// one itself.
    completions: Vec<u32>,
    /// Per process its open call, [`IDLE`] or [`ENDED`].
    direct: Vec<u32>,
    others: FxHashMap<u32, u32>,
    /// Calls that stayed open when their process called again.
    abandoned: u64,
}

impl Pairs {
    fn take(&mut self, event: &RawEvent, rules: Rules) -> Option<()> {
        let at = self.completions.len() as u32;
        if event.actor != Actor::Client {
            self.completions.push(NEVER);
            return Some(());
        }
        let state = if event.process < DIRECT {
            let process = event.process as usize;
            if process >= self.direct.len() {
                self.direct.resize(process + 1, IDLE);
            }
            &mut self.direct[process]
        } else {
            self.others.entry(event.process).or_insert(IDLE)
        };
        let open = (*state < ENDED).then_some(*state);
        let ended = *state == ENDED;
        if event.kind == Kind::Invoke {
            *state = at;
            self.abandoned += u64::from(open.is_some());
            self.completions.push(NEVER);
            return (rules == Rules::Lenient || open.is_none() && !ended).then_some(());
        }
        let info = rules == Rules::Strict && event.kind == Kind::Info;
        *state = if info { ENDED } else { IDLE };
        match open {
            Some(call) => {
                self.completions[call as usize] = at;
                self.completions.push(ALREADY);
                Some(())
            }
            None => {
                self.completions.push(at);
                (rules == Rules::Lenient).then_some(())
            }
        }
    }

    fn still_open(&self) -> u64 {
        let states = self.direct.iter().chain(self.others.values());
        states.filter(|state| **state < ENDED).count() as u64
    }
}

/// Makes transactions of events.
struct Emitter<'a> {
    chunks: Vec<Chunk<'a>>,
    completions: Vec<u32>,
    /// Per chunk the position of its first event.
    starts: Vec<u32>,
    /// Per chunk and atom of its own the atom of all.
    atoms: Vec<Vec<Atom>>,
    builder: Builder,
}

impl<'a> Emitter<'a> {
    fn new(chunks: Vec<Chunk<'a>>, completions: Vec<u32>) -> Self {
        let mut starts = Vec::with_capacity(chunks.len());
        let mut start = 0;
        for chunk in &chunks {
            starts.push(start);
            start += chunk.events.len() as u32;
        }
        let others = |chunk: &Chunk<'_>| vec![Atom::NIL; chunk.atoms.others().len()];
        let atoms = chunks.iter().map(others).collect();
        let sum = |length: fn(&Chunk<'_>) -> usize| chunks.iter().map(length).sum::<usize>();
        let mut builder = Builder::new(true);
        let called = completions.iter().filter(|completion| **completion != ALREADY).count();
        // Each step stands in a call and mostly in an answer too.
        builder.reserve(called, sum(|c| c.steps.len()).div_ceil(2), sum(|c| c.lists.len()));
        Self { chunks, completions, starts, atoms, builder }
    }

    fn all(mut self) -> Option<Transactions> {
        for number in 0..self.chunks.len() {
            for event in 0..self.chunks[number].events.len() {
                self.event(number, event)?;
            }
            // Answers come after their calls, so nobody looks here again.
            self.chunks[number] = Chunk::default();
        }
        Some(self.builder.finish())
    }

    /// The chunk and the number there of an event.
    fn place(&self, position: u32) -> (usize, usize) {
        let chunk = self.starts.partition_point(|start| *start <= position) - 1;
        (chunk, (position - self.starts[chunk]) as usize)
    }

    fn event(&mut self, number: usize, place: usize) -> Option<()> {
        let at = self.starts[number] + place as u32;
        let event = self.chunks[number].events[place];
        let completion = self.completions[at as usize];
        if event.actor != Actor::Client || completion == ALREADY {
            return Some(());
        }
        let answered = (completion != NEVER).then(|| self.place(completion));
        let answer = answered.map(|(chunk, place)| self.chunks[chunk].events[place]);
        let status = match answer.map(|answer| answer.kind) {
            Some(Kind::Ok) => Status::Committed,
            Some(Kind::Fail) => Status::Aborted,
            Some(Kind::Info | Kind::Invoke) | None => Status::Unknown,
        };
        let known = answer.filter(|_| status != Status::Unknown);
        self.builder.begin(NewTxn {
            index: event.index,
            called: event.time,
            returned: known.map_or(u64::MAX, |answer| answer.time),
            process: event.process,
            // An answer without a call began just before it ended.
            begin: 2 * at,
            end: known.map_or(NEVER, |_| 2 * completion + 1),
            status,
        });
        match (status, answered, answer) {
            (Status::Committed, Some((chunk, place)), Some(answer)) => {
                answer.readable.then_some(())?;
                self.committed(chunk, place);
            }
            _ => {
                event.readable.then_some(())?;
                self.asked(number, place);
            }
        }
        Some(())
    }

    /// The steps of an answer.
    fn committed(&mut self, number: usize, place: usize) {
        let Self { chunks, atoms, builder, .. } = self;
        let (chunk, atoms) = (&chunks[number], &mut atoms[number]);
        for step in chunk.steps_of(place) {
            let key = all_of(step.key, chunk, atoms, builder);
            match step.word {
                Word::Write => {
                    let value = all_of(step.value, chunk, atoms, builder);
                    builder.micro(Action::Write, key, value);
                }
                Word::Read => {
                    let value = all_of(step.value, chunk, atoms, builder);
                    builder.micro(Action::Read, key, value);
                }
                Word::ReadList => {
                    let list = chunk.list(step.value);
                    if atoms.is_empty() {
                        builder.read_list(key, list.iter().map(|atom| Atom(*atom)));
                        continue;
                    }
                    for atom in list {
                        all_of(Atom(*atom), chunk, atoms, builder);
                    }
                    builder.read_list(key, list.iter().map(|atom| known(Atom(*atom), atoms)));
                }
            }
        }
    }

    /// The steps of a call, whose reads nobody knows.
    fn asked(&mut self, number: usize, place: usize) {
        let Self { chunks, atoms, builder, .. } = self;
        let (chunk, atoms) = (&chunks[number], &mut atoms[number]);
        for step in chunk.steps_of(place) {
            let key = all_of(step.key, chunk, atoms, builder);
            match step.word {
                Word::Write => {
                    let value = all_of(step.value, chunk, atoms, builder);
                    builder.micro(Action::Write, key, value);
                }
                Word::Read | Word::ReadList => {
                    builder.micro(Action::ReadUnknown, key, Atom::NIL);
                }
            }
        }
    }
}

/// The atom of all chunks, given that of one.
fn all_of(atom: Atom, chunk: &Chunk<'_>, atoms: &mut [Atom], builder: &mut Builder) -> Atom {
    let Some(other) = atom.other() else { return atom };
    if atoms[other] == Atom::NIL {
        atoms[other] = builder.atom(&chunk.atoms.others()[other]);
    }
    atoms[other]
}

/// The same, of an atom that was asked for before.
fn known(atom: Atom, atoms: &[Atom]) -> Atom {
    atom.other().map_or(atom, |other| atoms[other])
}
