//! dbcop's text format: `[x:=1 y==2 z==?]` per transaction, `!` behind an aborted one, `---`
//! between sessions, comments behind `//`.

use super::{Access, add, history};
use crate::history::ReadError;
use crate::txn::read::cursor::Cursor;
use crate::txn::read::fault;
use crate::txn::read::sessions::Sessions;
use crate::txn::transactions::{Atom, Transactions};

const FORMAT: &str = "dbcop history";

/// Whether the first transaction begins as one of dbcop's does, below any comments.
pub(in crate::txn::read) fn is_text(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    blanks(&mut cursor);
    if cursor.expect(b'[').is_none() {
        return false;
    }
    cursor.skip(|byte| byte == b' ');
    let name = variable(&mut cursor);
    let rest = &text[cursor.at.min(text.len())..];
    name.is_some() && (rest.starts_with(b":=") || rest.starts_with(b"=="))
}

/// Reads a history. Linear.
pub(in crate::txn::read) fn read_text(text: &[u8]) -> Result<Transactions, ReadError> {
    let mut sessions = history();
    let mut cursor = Cursor::new(text);
    let mut session = 0;
    let mut accesses = Vec::new();
    loop {
        blanks(&mut cursor);
        let start = cursor.at;
        match cursor.peek() {
            _ if cursor.is_at_end() => break,
            b'-' => {
                cursor.skip(|byte| byte == b'-');
                session += 1;
            }
            b'[' => {
                accesses.clear();
                if transaction(&mut cursor, &mut sessions, &mut accesses).is_none() {
                    let why = "a transaction is [x:=1 y==2 z==?], and ! behind it if it aborted";
                    return Err(fault(FORMAT, text, cursor.at.min(text.len()), why));
                }
                let committed = cursor.expect(b'!').is_none();
                add(&mut sessions, session, committed, &accesses);
            }
            _ => return Err(fault(FORMAT, text, start, "neither a transaction nor `---`")),
        }
    }
    Ok(sessions.finish())
}

/// Goes past blanks and comments.
fn blanks(cursor: &mut Cursor<'_>) {
    loop {
        cursor.skip(|byte| byte.is_ascii_whitespace());
        if !cursor.bytes[cursor.at..].starts_with(b"//") {
            return;
        }
        cursor.skip_line();
    }
}

fn transaction(
    cursor: &mut Cursor<'_>,
    sessions: &mut Sessions,
    accesses: &mut Vec<Access>,
) -> Option<()> {
    cursor.expect(b'[')?;
    loop {
        cursor.skip(|byte| byte.is_ascii_whitespace());
        if cursor.expect(b']').is_some() {
            return Some(());
        }
        let name = variable(cursor)?;
        let write = cursor.peek() == b':';
        cursor.expect(if write { b':' } else { b'=' })?;
        cursor.expect(b'=')?;
        let value = match cursor.peek() {
            b'?' if !write => {
                cursor.at += 1;
                Atom::NIL
            }
            _ => {
                let number = cursor.integer()?;
                sessions.number(number)
            }
        };
        let key = sessions.atom(&name.into());
        accesses.push(Access { write, key, value, success: true });
    }
}

fn variable<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let start = cursor.at;
    if cursor.peek().is_ascii_digit() {
        return None;
    }
    cursor.skip(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    std::str::from_utf8(cursor.since(start)).ok().filter(|name| !name.is_empty())
}
