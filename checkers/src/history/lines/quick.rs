//! The quick way: exactly the bytes that our writer writes for an event of small values.

use serde_json::Value;

use crate::history::brief::{Shown, Small};
use crate::{Kind, Process};

/// Numbers of so many digits fit whatever they are read into.
const MAX_DIGITS: usize = 18;
/// Lists inside of lists, at the most.
const MAX_DEPTH: usize = 16;

/// An event, its function as it stands in the line.
pub(super) struct Quick<'b> {
    pub(super) index: u64,
    pub(super) time: u64,
    pub(super) process: Process,
    pub(super) kind: Kind,
    pub(super) f: &'b str,
    pub(super) value: Shown,
}

/// The event of the first line, and what comes after its newline; `None` if that is anything but
/// what our writer writes, be it right or wrong.
pub(super) fn event(bytes: &[u8]) -> Option<(Quick<'_>, &[u8])> {
    let mut cursor = Cursor(bytes);
    cursor.expect(b"{\"index\":")?;
    let index = cursor.digits()?;
    cursor.expect(b",\"time\":")?;
    let time = cursor.digits()?;
    cursor.expect(b",\"process\":")?;
    let process = match cursor.peek()? {
        b'"' => {
            cursor.expect(b"\"nemesis\"")?;
            Process::Nemesis
        }
        _ => Process::Client(u32::try_from(cursor.digits()?).ok()?),
    };
    cursor.expect(b",\"type\":\"")?;
    let kind = match cursor.0.get(1)? {
        b'k' => (Kind::Ok, &b"ok\","[..]),
        b'a' => (Kind::Fail, &b"fail\","[..]),
        // Both begin alike.
        b'n' if cursor.0.get(2) == Some(&b'v') => (Kind::Invoke, &b"invoke\","[..]),
        _ => (Kind::Info, &b"info\","[..]),
    };
    cursor.expect(kind.1)?;
    cursor.expect(b"\"f\":")?;
    let f = cursor.text()?;
    cursor.expect(b",\"value\":")?;
    let value = cursor.shown()?;
    for field in [&b"\"node\":"[..], &b"\"error\":"[..]] {
        if cursor.0.first() == Some(&b',') && cursor.0[1..].starts_with(field) {
            cursor.0 = &cursor.0[1 + field.len()..];
            cursor.text()?;
        }
    }
    if cursor.expect(b",\"due\":").is_some() {
        cursor.digits()?;
    }
    cursor.expect(b"}\n")?;
    Some((Quick { index, time, process, kind: kind.0, f, value }, cursor.0))
}

/// What is still to be read.
struct Cursor<'b>(&'b [u8]);

impl<'b> Cursor<'b> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// A number without a sign.
    fn digits(&mut self) -> Option<u64> {
        let (mut number, mut length) = (0u64, 0);
        while let Some(byte) = self.0.get(length)
            && byte.is_ascii_digit()
        {
            if length == MAX_DIGITS {
                return None;
            }
            number = 10 * number + u64::from(byte - b'0');
            length += 1;
        }
        // JSON has no leading zeros.
        let plain = length == 1 || length > 1 && self.0[0] != b'0';
        self.0 = &self.0[length..];
        plain.then_some(number)
    }

    /// A whole number; what follows is looked at by whoever reads on.
    fn integer(&mut self) -> Option<i64> {
        if self.peek()? != b'-' {
            return i64::try_from(self.digits()?).ok();
        }
        self.0 = &self.0[1..];
        // "-0" is no integer but the float.
        let number = self.digits().filter(|number| *number > 0)?;
        i64::try_from(number).ok().map(|number| -number)
    }

    /// A text of plain letters, in its quotation marks.
    fn text(&mut self) -> Option<&'b str> {
        self.expect(b"\"")?;
        let plain = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'"' && *byte != b'\\';
        let length = self.0.iter().position(|byte| !plain(byte))?;
        let (text, rest) = self.0.split_at(length);
        self.0 = rest.strip_prefix(b"\"")?;
        str::from_utf8(text).ok()
    }

    fn shown(&mut self) -> Option<Shown> {
        if self.peek()? != b'[' {
            return self.small(0).map(Shown::One);
        }
        let begin = self.0;
        self.0 = &self.0[1..];
        if self.peek()? != b']' {
            let first = self.small(1)?;
            if self.peek()? == b',' {
                self.0 = &self.0[1..];
                let second = self.small(1)?;
                if self.peek()? == b']' {
                    self.0 = &self.0[1..];
                    return Some(Shown::Pair(first, second));
                }
            }
        }
        self.0 = begin;
        self.value(0).map(|value| Shown::One(value.into()))
    }

    fn small(&mut self, depth: usize) -> Option<Small> {
        match self.peek()? {
            b'0'..=b'9' | b'-' => self.integer().map(Small::Int),
            b'n' => self.expect(b"null").map(|()| Small::Null),
            _ => self.value(depth).map(|value| Small::Other(Box::new(value))),
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        Some(match self.peek()? {
            b'0'..=b'9' | b'-' => self.integer()?.into(),
            b'"' => self.text()?.into(),
            b'n' => self.expect(b"null").map(|()| Value::Null)?,
            b't' => self.expect(b"true").map(|()| true.into())?,
            b'f' => self.expect(b"false").map(|()| false.into())?,
            b'[' if depth < MAX_DEPTH => {
                self.0 = &self.0[1..];
                let mut list = Vec::new();
                if self.expect(b"]").is_some() {
                    return Some(Value::Array(list));
                }
                loop {
                    list.push(self.value(depth + 1)?);
                    match self.peek()? {
                        b',' => self.0 = &self.0[1..],
                        _ => break,
                    }
                }
                self.expect(b"]")?;
                Value::Array(list)
            }
            _ => return None,
        })
    }
}
