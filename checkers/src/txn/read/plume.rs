//! Plume's text format: a line `r(key,value,session,transaction)` or `w(…)` per step (Liu et
//! al., OOPSLA 2024, artifact). PolySI writes the same (Huang et al., VLDB 2023, artifact).
//!
//! Checked against runs of CockroachDB and Galera in this format: a transaction's lines stand
//! together and a session's transactions in order; what an aborted one wrote stands there as
//! `w(key,value,0,-1)`, its reads do not. From the description only: 0 is what every key holds
//! at first; lines of a transaction may stand apart; PolySI writes the initial values as
//! `w(key,0,-1,-1)`.

use rustc_hash::FxHashMap;

use super::cursor::Cursor;
use super::fault;
use super::sessions::Sessions;
use crate::history::ReadError;
use crate::txn::transactions::{Atom, Status, Transactions};

const FORMAT: &str = "Plume history";

/// Whether the first line begins as a step does.
pub(super) fn is_plume(text: &[u8]) -> bool {
    matches!(text, [b'r' | b'w', b'(', b'0'..=b'9', ..])
}

/// Reads a history. Linear.
pub(super) fn read(text: &[u8]) -> Result<Transactions, ReadError> {
    let mut sessions = Sessions::new(Atom::small(0));
    let mut steps = Vec::new();
    let mut numbers = Numbers::default();
    let mut cursor = Cursor::new(text);
    loop {
        cursor.skip(|byte| byte.is_ascii_whitespace());
        if cursor.is_at_end() {
            break;
        }
        let start = cursor.at;
        let Some(line) = Line::read(&mut cursor, &mut sessions) else {
            let why = "a line is `r(key,value,session,transaction)` or `w(…)`";
            return Err(fault(FORMAT, text, start, why));
        };
        if let Some(number) = numbers.of(&line) {
            steps.push((number, line.write, line.key, line.value));
        }
    }
    if !steps.is_sorted_by_key(|step| step.0) {
        steps.sort_by_key(|step| step.0);
    }
    let mut steps = steps.into_iter().peekable();
    for (number, (session, status)) in numbers.found.into_iter().enumerate() {
        sessions.begin(session, status);
        while let Some((_, write, key, value)) = steps.next_if(|step| step.0 == number as u32) {
            match write {
                true => sessions.write(key, value),
                false => sessions.read(key, value),
            }
        }
    }
    Ok(sessions.finish())
}

struct Line {
    write: bool,
    key: Atom,
    value: Atom,
    /// `None` for -1: the transaction that writes the initial values, or an aborted one.
    session: Option<u32>,
    txn: Option<u64>,
}

impl Line {
    fn read(cursor: &mut Cursor<'_>, sessions: &mut Sessions) -> Option<Self> {
        let write = match cursor.peek() {
            b'w' => true,
            b'r' => false,
            _ => return None,
        };
        cursor.at += 1;
        cursor.expect(b'(')?;
        let key = natural(cursor)?;
        cursor.expect(b',')?;
        let value = natural(cursor)?;
        cursor.expect(b',')?;
        let session = match natural_or_minus_one(cursor)? {
            Some(session) => Some(u32::try_from(session).ok()?),
            None => None,
        };
        cursor.expect(b',')?;
        let txn = natural_or_minus_one(cursor)?;
        cursor.expect(b')')?;
        cursor.skip(|byte| byte == b' ' || byte == b'\t' || byte == b'\r');
        (cursor.is_at_end() || cursor.peek() == b'\n').then_some(())?;
        let (key, value) = (sessions.number(key), sessions.number(value));
        Some(Self { write, key, value, session, txn })
    }
}

/// A whole number from 0.
fn natural(cursor: &mut Cursor<'_>) -> Option<u64> {
    let start = cursor.at;
    cursor.digits().or_else(|| {
        cursor.at = start;
        cursor.integer()
    })
}

/// `Some(None)` for -1.
fn natural_or_minus_one(cursor: &mut Cursor<'_>) -> Option<Option<u64>> {
    match cursor.expect(b'-') {
        Some(()) => (natural(cursor)? == 1).then_some(None),
        None => natural(cursor).map(Some),
    }
}

/// Numbers of transactions in the order in which they are met.
#[derive(Default)]
struct Numbers {
    found: Vec<(u32, Status)>,
    known: FxHashMap<(Option<u32>, u64), u32>,
    last: Option<((Option<u32>, u64), u32)>,
}

impl Numbers {
    /// The transaction of a line; `None` if the line does not count.
    fn of(&mut self, line: &Line) -> Option<u32> {
        let session = line.session.unwrap_or(u32::MAX);
        let Some(txn) = line.txn else {
            let initial = line.session.is_none() && line.value == Atom(0);
            (line.write && !initial).then_some(())?;
            // Nobody knows which of these belong together, nor has to.
            self.found.push((session, Status::Aborted));
            return Some(self.found.len() as u32 - 1);
        };
        let name = (line.session, txn);
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == name) {
            return Some(number);
        }
        let next = self.found.len() as u32;
        let number = *self.known.entry(name).or_insert(next);
        if number == next {
            self.found.push((session, Status::Committed));
        }
        self.last = Some((name, number));
        Some(number)
    }
}
