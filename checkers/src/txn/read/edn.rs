//! EDN histories straight into chunks: what Jepsen writes, at the speed of memory.
//!
//! Understands operation maps as they usually are, one after another, in a vector or list, or
//! under `:history` in a map. Whatever is unusual (comments inside of maps, characters,
//! discarded forms, keys in a field of their own) is `None`, and so is every error: then the
//! careful reader of [`crate::history::edn`] has to look. Parts of a file that are whole
//! operations each make one history together, since nothing of EDN's goes on over a line end
//! that stands outside of all brackets and texts.

use serde_json::Value;

use super::chunk::{Actor, Chunk, NONE, RawEvent, Step, Word};
use super::cursor::{Cursor, each_part};
use crate::Kind;
use crate::history::edn;
use crate::history::kind_of;
use crate::txn::transactions::Atom;

/// How deep a value may nest; the careful reader knows what deeper ones are.
const DEPTH: usize = 100;

/// The chunks of a history, of about so many bytes; `None` if the careful reader has to look.
pub(super) fn chunks<'a>(bytes: &'a [u8], write: &str, part: usize) -> Option<Vec<Chunk<'a>>> {
    let mut start = Cursor::new(bytes);
    blanks_and_comments(&mut start);
    let inner = match start.peek() {
        open @ (b'[' | b'(') => sequence(&bytes[start.at + 1..], open)?,
        b'{' => match history_of_map(start, write) {
            Map::Operation => bytes,
            Map::History(chunk) => return Some(vec![*chunk]),
            Map::Unclear => return None,
        },
        _ => bytes,
    };
    each_part(inner, part, |part| Operations::new(part, write)?.all())
}

/// What is inside of a vector or list of operations up to the end of the text.
fn sequence(rest: &[u8], open: u8) -> Option<&[u8]> {
    let close = if open == b'[' { b']' } else { b')' };
    let end = rest.iter().rposition(|byte| !is_blank(*byte))?;
    let line = rest[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // The bracket might be part of a comment.
    (rest[end] == close && !rest[line..end].contains(&b';')).then(|| &rest[..end])
}

fn blanks_and_comments(cursor: &mut Cursor<'_>) {
    loop {
        cursor.skip(is_blank);
        if cursor.peek() != b';' {
            return;
        }
        cursor.skip_line();
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Whether a byte ends a word.
fn is_delimiter(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b';' | b'"' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | 0)
}

fn closing(open: u8) -> Option<u8> {
    match open {
        b'[' => Some(b']'),
        b'(' => Some(b')'),
        b'{' => Some(b'}'),
        _ => None,
    }
}

/// What the first map of a text is.
enum Map<'a> {
    Operation,
    /// A map with a `:history`, and nothing behind it.
    History(Box<Chunk<'a>>),
    Unclear,
}

fn history_of_map<'a>(at: Cursor<'a>, write: &str) -> Map<'a> {
    let Some(mut reader) = Operations::new(at.bytes, write) else { return Map::Unclear };
    reader.cursor.at = at.at + 1;
    match reader.outer() {
        Some(true) => Map::History(Box::new(reader.chunk)),
        Some(false) => Map::Operation,
        None => Map::Unclear,
    }
}

/// Reads operations one after another.
struct Operations<'a, 'w> {
    cursor: Cursor<'a>,
    chunk: Chunk<'a>,
    write: &'w [u8],
}

impl<'a, 'w> Operations<'a, 'w> {
    fn new(bytes: &'a [u8], write: &'w str) -> Option<Self> {
        std::str::from_utf8(bytes).ok()?;
        let (cursor, chunk) = (Cursor::new(bytes), Chunk::default());
        Some(Self { cursor, chunk, write: write.as_bytes() })
    }

    fn all(mut self) -> Option<Chunk<'a>> {
        self.operations()?;
        self.cursor.is_at_end().then_some(self.chunk)
    }

    /// Operations up to something else.
    fn operations(&mut self) -> Option<()> {
        loop {
            blanks_and_comments(&mut self.cursor);
            match self.cursor.peek() {
                b'#' => self.tag()?,
                b'{' => {
                    self.cursor.at += 1;
                    self.operation()?;
                }
                _ => return Some(()),
            }
        }
    }

    /// A map around a `:history`, whose brace was passed. Says whether it has one.
    fn outer(&mut self) -> Option<bool> {
        let mut found = false;
        loop {
            self.cursor.skip(is_blank);
            if self.cursor.peek() == b'}' {
                break;
            }
            let key = self.keyword()?;
            self.cursor.skip(is_blank);
            match (key, closing(self.cursor.peek())) {
                (b"history", Some(close @ (b']' | b')'))) if !found => {
                    self.cursor.at += 1;
                    self.operations()?;
                    self.cursor.expect(close)?;
                    found = true;
                }
                // What the careful reader complains of.
                (b"type" | b"process", _) if found => return None,
                (b"type" | b"process", _) => return Some(false),
                _ => drop(self.value()?),
            }
        }
        self.cursor.at += 1;
        blanks_and_comments(&mut self.cursor);
        match found {
            true => self.cursor.is_at_end().then_some(true),
            false => Some(false),
        }
    }

    /// An operation whose brace was passed.
    fn operation(&mut self) -> Option<()> {
        let first = self.chunk.steps.len();
        let mut event = RawEvent {
            index: NONE,
            time: NONE,
            process: 0,
            first: u32::try_from(first).ok()?,
            actor: Actor::Client,
            kind: Kind::Info,
            readable: false,
        };
        let (mut kind, mut valued) = (None, false);
        loop {
            self.cursor.skip(is_blank);
            if self.cursor.peek() == b'}' {
                break;
            }
            let key = self.keyword()?;
            self.cursor.skip(is_blank);
            match key {
                b"index" => event.index = self.number()?,
                b"time" => event.time = self.number()?,
                b"process" => (event.actor, event.process) = self.process()?,
                b"type" => kind = Some(self.kind()?),
                b"value" if valued => return None,
                b"value" => {
                    valued = true;
                    event.readable = self.steps()?;
                }
                b"key" | b"history" => return None,
                _ if self.cursor.peek() == b':' => drop(self.keyword()?),
                _ => drop(self.value()?),
            }
        }
        self.cursor.at += 1;
        event.kind = kind?;
        self.chunk.push(event)
    }

    /// A keyword, without its colon.
    fn keyword(&mut self) -> Option<&'a [u8]> {
        self.cursor.expect(b':')?;
        Some(self.word())
    }

    /// Everything up to a delimiter.
    fn word(&mut self) -> &'a [u8] {
        let start = self.cursor.at;
        self.cursor.skip(|byte| !is_delimiter(byte));
        self.cursor.since(start)
    }

    /// Goes past `#name`.
    fn tag(&mut self) -> Option<()> {
        self.cursor.expect(b'#')?;
        self.cursor.peek().is_ascii_alphabetic().then_some(())?;
        self.word();
        Some(())
    }

    /// An index or a time; [`NONE`] for a negative one or `nil`.
    fn number(&mut self) -> Option<u64> {
        let start = self.cursor.at;
        let negative = self.cursor.expect(b'-').is_some();
        let number = match self.cursor.digits() {
            Some(0) => 0,
            Some(_) if negative => NONE,
            Some(number) => number,
            None => {
                self.cursor.at = start;
                (self.word() == b"nil").then_some(NONE)?
            }
        };
        is_delimiter(self.cursor.peek()).then_some(number)
    }

    fn process(&mut self) -> Option<(Actor, u32)> {
        match self.cursor.peek() {
            b'0'..=b'9' => {
                let number = u32::try_from(self.cursor.digits()?).ok()?;
                is_delimiter(self.cursor.peek()).then_some((Actor::Client, number))
            }
            b':' => match self.keyword()? {
                b"nemesis" => Some((Actor::Nemesis, 0)),
                _ => Some((Actor::Other, 0)),
            },
            _ => (self.word() == b"nil").then_some((Actor::Client, 0)),
        }
    }

    fn kind(&mut self) -> Option<Kind> {
        kind_of(std::str::from_utf8(self.keyword()?).ok()?)
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
        let Some(close @ (b']' | b')')) = closing(self.cursor.peek()) else { return Some(false) };
        self.cursor.at += 1;
        loop {
            self.cursor.skip(is_blank);
            match self.cursor.peek() {
                b'[' | b'(' => {
                    if !self.step()? {
                        return Some(false);
                    }
                }
                byte if byte == close => {
                    self.cursor.at += 1;
                    return Some(true);
                }
                _ => return Some(false),
            }
        }
    }

    /// `[:append key value]`, `[:r key seen]`, `[:r key]`; false if it is something else.
    fn step(&mut self) -> Option<bool> {
        let close = closing(self.cursor.peek())?;
        self.cursor.at += 1;
        self.cursor.skip(is_blank);
        if self.cursor.peek() != b':' {
            return Some(false);
        }
        let f = self.keyword()?;
        let read = f == b"r";
        self.cursor.skip(is_blank);
        if !read && f != self.write || self.cursor.peek() == close {
            return Some(false);
        }
        let key = self.atom()?;
        self.cursor.skip(is_blank);
        let step = match self.cursor.peek() {
            byte if byte == close && read => Step { word: Word::Read, key, value: Atom::NIL },
            byte if byte == close => return Some(false),
            b'[' | b'(' if read => Step { word: Word::ReadList, key, value: self.list()? },
            b'#' if read && self.cursor.bytes.get(self.cursor.at + 1) == Some(&b'{') => {
                self.cursor.at += 1;
                Step { word: Word::ReadList, key, value: self.list()? }
            }
            // Only the careful reader knows what becomes of it.
            b'#' => return None,
            _ if read => Step { word: Word::Read, key, value: self.atom()? },
            _ => Step { word: Word::Write, key, value: self.atom()? },
        };
        self.cursor.skip(is_blank);
        if self.cursor.peek() != close {
            return Some(false);
        }
        self.cursor.at += 1;
        self.chunk.steps.push(step);
        Some(true)
    }

    /// A vector, list or set that a read saw.
    fn list(&mut self) -> Option<Atom> {
        let close = closing(self.cursor.peek())?;
        self.cursor.at += 1;
        let at = self.chunk.lists.len();
        self.chunk.lists.push(0);
        loop {
            self.cursor.skip(is_blank);
            if self.cursor.peek() == close {
                self.cursor.at += 1;
                return self.chunk.close_list(at);
            }
            let atom = self.atom()?;
            self.chunk.lists.push(atom.0);
        }
    }

    /// A key or a value.
    fn atom(&mut self) -> Option<Atom> {
        let start = self.cursor.at;
        if self.cursor.peek().is_ascii_digit()
            && let Some(number) = self.cursor.digits()
            && let Some(atom) = Atom::small(number)
            && is_delimiter(self.cursor.peek())
        {
            return Some(atom);
        }
        self.cursor.at = start;
        let word = self.value()?;
        match word {
            b"nil" => Some(Atom::NIL),
            word => self.chunk.word(word, parsed),
        }
    }

    /// Goes past any value; gives what stands there.
    fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.cursor.at;
        let mut open = [0; DEPTH];
        let (mut depth, mut simple) = (0, true);
        loop {
            self.cursor.skip(is_blank);
            let byte = self.cursor.peek();
            if let Some(close) = closing(byte) {
                *open.get_mut(depth)? = close;
                depth += 1;
                simple = false;
                self.cursor.at += 1;
                continue;
            }
            match byte {
                b']' | b')' | b'}' => {
                    depth = depth.checked_sub(1)?;
                    (open[depth] == byte).then_some(())?;
                    self.cursor.at += 1;
                }
                b'"' => {
                    self.cursor.at += 1;
                    simple &= !self.cursor.text()?;
                }
                b'#' if self.cursor.bytes.get(self.cursor.at + 1) == Some(&b'{') => {
                    self.cursor.at += 1;
                    continue;
                }
                b'#' => {
                    self.tag()?;
                    simple = false;
                    continue;
                }
                b'\\' | b'^' | b'\'' | b'`' | b'@' | b';' | 0 => return None,
                _ => drop(self.word()),
            }
            if depth == 0 {
                break;
            }
        }
        let word = self.cursor.since(start);
        // Maps may lack values, tags too.
        (simple || parsed(word).is_some()).then_some(word)
    }
}

fn parsed(word: &[u8]) -> Option<Value> {
    edn::single_value(std::str::from_utf8(word).ok()?)
}
