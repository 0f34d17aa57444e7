//! JSON histories straight into chunks: ours, one event a line, and elle-cli's array.
//!
//! Understands events as they usually are. Whatever is unusual is `None`, and so is every
//! error: then the careful readers of [`crate::history`] have to look.

use serde_json::Value;

use super::chunk::{Actor, Chunk, NONE, RawEvent, Step, Word};
use super::cursor::{Cursor, each_part};
use crate::Kind;
use crate::history::jsonl::MAX_LINE_BYTES;
use crate::history::kind_of;
use crate::txn::transactions::Atom;

/// How deep a value may nest; the careful readers know what deeper ones are.
const DEPTH: usize = 100;

/// The chunks of a history of ours; `None` if the careful reader has to look.
pub(super) fn of_lines<'a>(bytes: &'a [u8], write: &str, part: usize) -> Option<Vec<Chunk<'a>>> {
    each_part(bytes, part, |part| Events::new(part, write, true)?.lines())
}

/// The chunks of elle-cli's array; `None` if the careful reader has to look.
pub(super) fn of_array<'a>(bytes: &'a [u8], write: &str, part: usize) -> Option<Vec<Chunk<'a>>> {
    let start = bytes.iter().position(|byte| !is_blank(*byte))?;
    let end = bytes.iter().rposition(|byte| !is_blank(*byte))?;
    let inner = bytes[start..=end].strip_prefix(b"[")?.strip_suffix(b"]")?;
    let chunks = each_part(inner, part, |part| Events::new(part, write, false)?.elements())?;
    // Exactly one comma stands between two events, before or after the line end.
    let mut comma = None;
    for chunk in &chunks {
        let (before, after) = chunk.commas;
        if chunk.events.is_empty() {
            // Blanks, or a comma alone, which no writer makes.
            (!before && !after).then_some(())?;
            continue;
        }
        (comma.is_none_or(|comma| comma != before) && (comma.is_some() || !before)).then_some(())?;
        comma = Some(after);
    }
    (comma != Some(true)).then_some(chunks)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a byte may follow a number or a word.
fn is_delimiter(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b']' | b'}')
}

/// Reads events one after another.
struct Events<'a, 'w> {
    cursor: Cursor<'a>,
    chunk: Chunk<'a>,
    write: &'w [u8],
    /// Whether this is our own format, which is stricter.
    ours: bool,
}

impl<'a, 'w> Events<'a, 'w> {
    fn new(bytes: &'a [u8], write: &'w str, ours: bool) -> Option<Self> {
        std::str::from_utf8(bytes).ok()?;
        let (cursor, chunk) = (Cursor::new(bytes), Chunk::default());
        Some(Self { cursor, chunk, write: write.as_bytes(), ours })
    }

    fn blanks(&mut self) {
        self.cursor.skip(is_blank);
    }

    /// One event a line. Only a whole event may stand on a last line without an end.
    fn lines(mut self) -> Option<Chunk<'a>> {
        while !self.cursor.is_at_end() {
            let start = self.cursor.at;
            self.cursor.skip(|byte| byte != b'\n');
            let (end, whole) = (self.cursor.at, !self.cursor.is_at_end());
            (end - start < MAX_LINE_BYTES).then_some(())?;
            self.cursor.at = start;
            self.blanks();
            if self.cursor.at < end {
                self.event()?;
                self.cursor.skip(|byte| is_blank(byte) && byte != b'\n');
                (self.cursor.at == end).then_some(())?;
            } else if !whole {
                return None;
            }
            self.cursor.at = end + 1;
        }
        Some(self.chunk)
    }

    /// Events with commas between them.
    fn elements(mut self) -> Option<Chunk<'a>> {
        self.blanks();
        self.chunk.commas.0 = self.comma();
        while !self.cursor.is_at_end() {
            (self.chunk.events.is_empty() || self.chunk.commas.1).then_some(())?;
            self.event()?;
            self.blanks();
            self.chunk.commas.1 = self.comma();
        }
        Some(self.chunk)
    }

    /// Goes past a comma and blanks.
    fn comma(&mut self) -> bool {
        let found = self.cursor.expect(b',').is_some();
        self.blanks();
        found
    }

    fn event(&mut self) -> Option<()> {
        let mut event = RawEvent {
            index: NONE,
            time: NONE,
            process: 0,
            first: u32::try_from(self.chunk.steps.len()).ok()?,
            actor: Actor::Client,
            kind: Kind::Info,
            readable: false,
        };
        let mut seen = 0;
        let mut function = None;
        self.cursor.expect(b'{')?;
        self.blanks();
        if self.cursor.peek() == b'}' {
            return None;
        }
        loop {
            let name = self.plain_text()?;
            self.blanks();
            self.cursor.expect(b':')?;
            self.blanks();
            let field = FIELDS.iter().position(|field| *field == name);
            if let Some(field) = field {
                (seen & (1 << field) == 0).then_some(())?;
                seen |= 1 << field;
            }
            match name {
                b"index" => event.index = self.number()?,
                b"time" => event.time = self.number()?,
                b"process" => (event.actor, event.process) = self.process()?,
                b"type" => event.kind = self.kind()?,
                b"f" => function = Some(self.value()?),
                b"value" => event.readable = self.steps()?,
                b"key" if !self.ours => return None,
                b"node" | b"error" if self.ours => {
                    let value = self.value()?;
                    (value.starts_with(b"\"") || value == b"null").then_some(())?;
                }
                _ => drop(self.value()?),
            }
            self.blanks();
            if !self.comma() {
                break;
            }
        }
        self.cursor.expect(b'}')?;
        self.admit(event, seen, function)
    }

    /// Checks what is there and what is not.
    fn admit(&mut self, event: RawEvent, seen: u32, function: Option<&'a [u8]>) -> Option<()> {
        let has = |field: usize| seen & (1 << field) != 0;
        has(3).then_some(())?;
        if self.ours {
            (has(2) && event.index != NONE && event.time != NONE).then_some(())?;
            (event.actor != Actor::Other).then_some(())?;
            let function = function.filter(|function| function.starts_with(b"\""))?;
            if event.actor == Actor::Client {
                let known = *self.chunk.function.get_or_insert(function);
                (known == function && !known.contains(&b'\\')).then_some(())?;
            }
        }
        self.chunk.push(event)
    }

    /// A text without a backslash, and without its quotes.
    fn plain_text(&mut self) -> Option<&'a [u8]> {
        self.cursor.expect(b'"')?;
        let start = self.cursor.at;
        let escaped = self.cursor.text()?;
        let text = &self.cursor.bytes[start..self.cursor.at - 1];
        (!escaped && text.iter().all(|byte| *byte >= b' ')).then_some(text)
    }

    /// A word such as `null`.
    fn word(&mut self) -> &'a [u8] {
        let start = self.cursor.at;
        self.cursor.skip(|byte| byte.is_ascii_alphabetic());
        self.cursor.since(start)
    }

    /// A whole number from 0 as JSON writes it.
    fn whole(&mut self) -> Option<u64> {
        let start = self.cursor.at;
        let number = self.cursor.digits()?;
        let zeros = self.cursor.bytes[start] == b'0' && self.cursor.at > start + 1;
        (!zeros && is_delimiter(self.cursor.peek())).then_some(number)
    }

    /// An index or a time; in the array null or -1 too.
    fn number(&mut self) -> Option<u64> {
        match self.cursor.peek() {
            b'n' if !self.ours => (self.word() == b"null").then_some(NONE),
            b'-' if !self.ours => {
                self.cursor.at += 1;
                self.whole().filter(|number| *number > 0).map(|_| NONE)
            }
            _ => self.whole(),
        }
    }

    fn process(&mut self) -> Option<(Actor, u32)> {
        match self.cursor.peek() {
            b'"' => match self.plain_text()? {
                b"nemesis" => Some((Actor::Nemesis, 0)),
                _ => Some((Actor::Other, 0)),
            },
            b'n' if !self.ours => (self.word() == b"null").then_some((Actor::Client, 0)),
            _ => Some((Actor::Client, u32::try_from(self.whole()?).ok()?)),
        }
    }

    fn kind(&mut self) -> Option<Kind> {
        kind_of(std::str::from_utf8(self.plain_text()?).ok()?)
    }

    /// A list of steps; false if it is another value.
    fn steps(&mut self) -> Option<bool> {
        let (start, steps, lists) =
            (self.cursor.at, self.chunk.steps.len(), self.chunk.lists.len());
        if self.try_steps()? {
            return Some(true);
        }
        self.chunk.truncate(steps, lists);
        self.cursor.at = start;
        self.value()?;
        Some(false)
    }

    fn try_steps(&mut self) -> Option<bool> {
        if self.cursor.expect(b'[').is_none() {
            return Some(false);
        }
        self.blanks();
        if self.cursor.expect(b']').is_some() {
            return Some(true);
        }
        loop {
            if self.cursor.peek() != b'[' || !self.step()? {
                return Some(false);
            }
            self.blanks();
            if !self.comma() {
                break;
            }
        }
        Some(self.cursor.expect(b']').is_some())
    }

    /// `["append", key, value]`, `["r", key, seen]`, `["r", key]`; false if it is another.
    fn step(&mut self) -> Option<bool> {
        self.cursor.expect(b'[')?;
        self.blanks();
        if self.cursor.peek() != b'"' {
            return Some(false);
        }
        let f = self.plain_text()?;
        let read = f == b"r";
        self.blanks();
        if !read && f != self.write || !self.comma() {
            return Some(false);
        }
        let key = self.atom()?;
        self.blanks();
        let step = match self.comma() {
            false if read => Step { word: Word::Read, key, value: Atom::NIL },
            false => return Some(false),
            true if read && self.cursor.peek() == b'[' => {
                Step { word: Word::ReadList, key, value: self.list()? }
            }
            true if read => Step { word: Word::Read, key, value: self.atom()? },
            true => Step { word: Word::Write, key, value: self.atom()? },
        };
        self.blanks();
        if self.cursor.expect(b']').is_none() {
            return Some(false);
        }
        self.chunk.steps.push(step);
        Some(true)
    }

    /// An array that a read saw.
    fn list(&mut self) -> Option<Atom> {
        self.cursor.expect(b'[')?;
        let at = self.chunk.lists.len();
        self.chunk.lists.push(0);
        self.blanks();
        if self.cursor.expect(b']').is_none() {
            loop {
                let atom = self.atom()?;
                self.chunk.lists.push(atom.0);
                self.blanks();
                if !self.comma() {
                    break;
                }
            }
            self.cursor.expect(b']')?;
        }
        self.chunk.close_list(at)
    }

    /// A key or a value.
    fn atom(&mut self) -> Option<Atom> {
        let start = self.cursor.at;
        if self.cursor.peek().is_ascii_digit()
            && let Some(number) = self.whole()
            && let Some(atom) = Atom::small(number)
        {
            return Some(atom);
        }
        self.cursor.at = start;
        match self.value()? {
            b"null" => Some(Atom::NIL),
            word => self.chunk.word(word, parsed),
        }
    }

    /// Goes past any value; gives what stands there, which is well-formed.
    fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.cursor.at;
        if self.cursor.peek() == b'"' {
            let plain = self.plain_text().is_some();
            let text = self.cursor.since(start);
            return (plain || parsed(text).is_some()).then_some(text);
        }
        let mut depth = 0;
        loop {
            match self.cursor.peek() {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                b'"' => {
                    self.cursor.at += 1;
                    self.cursor.text()?;
                    self.cursor.at -= 1;
                }
                0 => return None,
                _ => {}
            }
            (0..DEPTH as i32).contains(&depth).then_some(())?;
            self.cursor.at += 1;
            if depth == 0 && (self.cursor.is_at_end() || is_delimiter(self.cursor.peek())) {
                break;
            }
        }
        let value = self.cursor.since(start);
        (!self.ours || !value.contains(&b'\n')).then_some(())?;
        let word = matches!(value, b"null" | b"true" | b"false");
        (word || parsed(value).is_some()).then_some(value)
    }
}

/// The fields that count, each at most once.
const FIELDS: [&[u8]; 9] =
    [b"index", b"time", b"process", b"type", b"f", b"value", b"node", b"error", b"key"];

fn parsed(word: &[u8]) -> Option<Value> {
    serde_json::from_slice(word).ok()
}
