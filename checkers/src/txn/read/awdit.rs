//! AWDIT's format for tests: `w KEY VALUE` and `r KEY VALUE`, `-----` between transactions,
//! `=====` between sessions (Møldrup and Pavlogiannis, PLDI 2025, artifact).
//!
//! Checked against the samples of its repository. No value is initial: the samples write every
//! value that is read, in a session of its own, and AWDIT adds nothing to that. All
//! transactions count as committed.

use super::cursor::Cursor;
use super::fault;
use super::sessions::Sessions;
use crate::history::ReadError;
use crate::txn::transactions::{Atom, Status, Transactions};

const FORMAT: &str = "AWDIT test history";

/// Whether the first line is a step.
pub(super) fn is_awdit(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let step = matches!(words.next(), Some(b"r" | b"w"));
    let mut is_number = || words.next().is_some_and(|word| word.iter().all(u8::is_ascii_digit));
    step && is_number() && is_number() && words.next().is_none()
}

/// Reads a history. Linear.
pub(super) fn read(text: &[u8]) -> Result<Transactions, ReadError> {
    let mut sessions = Sessions::new(None);
    let (mut session, mut open) = (0, false);
    let mut cursor = Cursor::new(text);
    while !cursor.is_at_end() {
        cursor.skip(|byte| byte.is_ascii_whitespace());
        let start = cursor.at;
        match cursor.peek() {
            b'-' | b'=' => {
                let mark = cursor.peek();
                cursor.skip(|byte| byte == mark);
                session += u32::from(mark == b'=');
                open = false;
            }
            b'r' | b'w' => {
                let writes = cursor.peek() == b'w';
                cursor.at += 1;
                let Some((key, value)) = pair(&mut cursor, &mut sessions) else {
                    return Err(fault(FORMAT, text, start, "a step is `r` or `w`, key, value"));
                };
                if !open {
                    sessions.begin(session, Status::Committed);
                    open = true;
                }
                match writes {
                    true => sessions.write(key, value),
                    false => sessions.read(key, value),
                }
            }
            _ if cursor.is_at_end() => break,
            _ => return Err(fault(FORMAT, text, start, "neither a step nor a line of - or =")),
        }
        cursor.skip(|byte| byte == b' ' || byte == b'\t' || byte == b'\r');
        if !cursor.is_at_end() && cursor.peek() != b'\n' {
            return Err(fault(FORMAT, text, cursor.at, "more than one thing in a line"));
        }
    }
    Ok(sessions.finish())
}

fn pair(cursor: &mut Cursor<'_>, sessions: &mut Sessions) -> Option<(Atom, Atom)> {
    let mut number = || {
        let start = cursor.at;
        cursor.skip(|byte| byte == b' ' || byte == b'\t');
        (cursor.at > start).then_some(())?;
        cursor.integer()
    };
    let (key, value) = (number()?, number()?);
    Some((sessions.number(key), sessions.number(value)))
}
