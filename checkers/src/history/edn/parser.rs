//! A pull parser for EDN, Clojure's data notation, without recursion.
//!
//! Reads what Clojure prints: nil, numbers of all kinds (`1/2`, `12N`, `1.5M`, `##NaN`),
//! texts, characters, keywords, symbols, lists, vectors, sets, maps with any keys, tagged
//! values, metadata, discarded forms, comments, commas. See <https://github.com/edn-format/edn>.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::history::place::Fault;

/// How deep collections may nest. Dropping a [`Value`] recurses, so depth has to be bounded;
/// and our own format, which JSON's parser limits to 128 levels, has to hold it.
pub(in crate::history) const MAX_DEPTH: usize = 120;

/// How much larger all keys that are collections may be, written out, than the whole text.
const KEY_EXPANSION_MAX: usize = 16;

/// Bytes that end a word. All are ASCII, so that they never are in the middle of a character.
const DELIMITERS: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    let bytes = b" \t\n\r\x0b\x0c,;\"()[]{}";
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// `(`, `[` or `#{`, with the bracket that closes it.
    OpenSequence(u8),
    OpenMap,
    Close(u8),
    Keyword(&'a str),
    Symbol(&'a str),
    Text(Cow<'a, str>),
    Number(Number),
    /// `#name` before a value.
    Tag,
    /// `#_` or `^`: the next form does not count.
    Discard,
}

pub(super) struct Parser<'a> {
    text: &'a str,
    offset: usize,
    /// Where the last token began.
    start: usize,
    /// Bytes that keys of maps may still take which are collections themselves: as texts, maps
    /// in keys of maps in keys double in size with every level.
    allowance: usize,
}

enum Frame {
    Sequence(u8, Vec<Value>),
    Map(Map<String, Value>, Option<String>),
    Discard,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let allowance = text.len().saturating_mul(KEY_EXPANSION_MAX);
        Self { text, offset: 0, start: 0, allowance }
    }

    /// An error at the start of the last token.
    pub(super) fn error(&self, why: impl Into<String>) -> Fault {
        Fault::new(self.start, why)
    }

    /// An error at the end of the text.
    pub(super) fn cut_off(&self, why: impl Into<String>) -> Fault {
        Fault::new(self.text.len(), why).before_blanks(self.text)
    }

    /// Where the last token began, a byte offset.
    pub(super) fn place(&self) -> usize {
        self.start
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | 0x0b | 0x0c => self.offset += 1,
                b';' => {
                    let rest = &self.text[self.offset..];
                    self.offset += rest.find('\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// The next token, `None` at the end of the text.
    pub(super) fn token(&mut self) -> Result<Option<Token<'a>>, Fault> {
        self.skip_blanks();
        self.start = self.offset;
        let Some(byte) = self.peek() else { return Ok(None) };
        self.offset += 1;
        Ok(Some(match byte {
            b'(' => Token::OpenSequence(b')'),
            b'[' => Token::OpenSequence(b']'),
            b'{' => Token::OpenMap,
            b')' | b']' | b'}' => Token::Close(byte),
            b'"' => self.quoted()?,
            b'\\' => self.character()?,
            b'^' => Token::Discard,
            b'\'' | b'`' | b'@' => Token::Tag,
            b'#' => self.dispatch()?,
            b':' => Token::Keyword(self.word()),
            _ => {
                self.offset = self.start;
                let word = self.word();
                match number(word) {
                    Some(number) => Token::Number(number),
                    None => Token::Symbol(word),
                }
            }
        }))
    }

    /// Everything up to the next delimiter.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.offset..];
        let ends = |byte: u8| DELIMITERS[usize::from(byte)];
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        self.offset += length;
        &rest[..length]
    }

    fn dispatch(&mut self) -> Result<Token<'a>, Fault> {
        match self.peek() {
            Some(b'{') => {
                self.offset += 1;
                Ok(Token::OpenSequence(b'}'))
            }
            Some(b'_') => {
                self.offset += 1;
                Ok(Token::Discard)
            }
            Some(b'#') => {
                self.offset += 1;
                Ok(Token::Symbol(self.word()))
            }
            // A pattern: its text is as good as any.
            Some(b'"') => {
                self.offset += 1;
                self.quoted()
            }
            _ => {
                if self.word().is_empty() {
                    return Err(self.error("`#` without a tag after it"));
                }
                Ok(Token::Tag)
            }
        }
    }

    /// A text whose opening quote was read.
    fn quoted(&mut self) -> Result<Token<'a>, Fault> {
        let rest = &self.text[self.offset..];
        let Some(end) = rest.find(['"', '\\']) else {
            return Err(self.error("a text that never ends"));
        };
        if rest.as_bytes()[end] == b'"' {
            self.offset += end + 1;
            return Ok(Token::Text(Cow::Borrowed(&rest[..end])));
        }
        let mut text = String::from(&rest[..end]);
        let mut chars = rest[end..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.offset += end + at + 1;
                    return Ok(Token::Text(Cow::Owned(text)));
                }
                '\\' => {
                    let Some((_, escape)) = chars.next() else { break };
                    text.push(match escape {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'u' => {
                            let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                            code_point(&digits)
                        }
                        other => other,
                    });
                }
                c => text.push(c),
            }
        }
        Err(self.error("a text that never ends"))
    }

    /// A character whose backslash was read.
    fn character(&mut self) -> Result<Token<'a>, Fault> {
        let rest = &self.text[self.offset..];
        let Some(first) = rest.chars().next() else {
            return Err(self.error("a backslash at the end"));
        };
        self.offset += first.len_utf8();
        let tail = if first.is_alphanumeric() { self.word() } else { "" };
        let name = &rest[..first.len_utf8() + tail.len()];
        Ok(Token::Text(match name {
            "newline" => "\n".into(),
            "space" => " ".into(),
            "tab" => "\t".into(),
            "return" => "\r".into(),
            "backspace" => "\u{8}".into(),
            "formfeed" => "\u{c}".into(),
            _ if first == 'u' && tail.len() == 4 => code_point(tail).to_string().into(),
            name => Cow::Borrowed(name),
        }))
    }

    /// The next value, `None` at the end of the text.
    pub(super) fn value(&mut self) -> Result<Option<Value>, Fault> {
        match self.token()? {
            Some(token) => self.value_from(token).map(Some),
            None => Ok(None),
        }
    }

    /// The value that begins with `token`. Sets and lists become arrays; tags are dropped.
    pub(super) fn value_from(&mut self, token: Token<'a>) -> Result<Value, Fault> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut token = token;
        loop {
            let complete = match token {
                Token::OpenSequence(close) => {
                    frames.push(Frame::Sequence(close, Vec::new()));
                    None
                }
                Token::OpenMap => {
                    frames.push(Frame::Map(Map::new(), None));
                    None
                }
                Token::Discard => {
                    frames.push(Frame::Discard);
                    None
                }
                Token::Tag => None,
                Token::Close(bracket) => Some(self.close(frames.pop(), bracket)?),
                Token::Keyword(name) => Some(Value::from(name)),
                Token::Symbol(name) => Some(symbol(name)),
                Token::Text(text) => Some(Value::String(text.into_owned())),
                Token::Number(number) => Some(Value::Number(number)),
            };
            if frames.len() > MAX_DEPTH {
                return Err(self.error(format!("values nest deeper than {MAX_DEPTH} levels")));
            }
            if let Some(value) = complete
                && let Some(done) = self.put(&mut frames, value)?
            {
                return Ok(done);
            }
            token = self.token()?.ok_or_else(|| self.cut_off("the text ends inside a value"))?;
        }
    }

    /// Puts a finished value where it belongs; gives it back when it is the outermost.
    fn put(&mut self, frames: &mut Vec<Frame>, value: Value) -> Result<Option<Value>, Fault> {
        match frames.last_mut() {
            None => return Ok(Some(value)),
            Some(Frame::Discard) => drop(frames.pop()),
            Some(Frame::Sequence(_, items)) => items.push(value),
            Some(Frame::Map(map, key)) => match key.take() {
                None => {
                    let (text, length) = key_text(value);
                    *key = Some(text);
                    let left = self.allowance.checked_sub(length);
                    self.allowance =
                        left.ok_or_else(|| self.error("maps in keys of maps are too large"))?;
                }
                Some(name) => drop(map.insert(name, value)),
            },
        }
        Ok(None)
    }

    fn close(&self, frame: Option<Frame>, bracket: u8) -> Result<Value, Fault> {
        match frame {
            Some(Frame::Sequence(close, items)) if close == bracket => Ok(Value::Array(items)),
            Some(Frame::Map(map, None)) if bracket == b'}' => Ok(Value::Object(map)),
            Some(Frame::Map(_, Some(key))) if bracket == b'}' => {
                Err(self.error(format!("the map ends after its key {key}, which has no value")))
            }
            _ => Err(self.error(format!("`{}` closes nothing", char::from(bracket)))),
        }
    }
}

/// JSON's keys are texts: a number or a collection is written out. Gives the bytes that this
/// took for a collection.
pub(in crate::history) fn key_text(value: Value) -> (String, usize) {
    match value {
        Value::String(text) => (text, 0),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            let length = text.len();
            (text, length)
        }
        scalar => (scalar.to_string(), 0),
    }
}

fn symbol(name: &str) -> Value {
    match name {
        "nil" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        name => Value::from(name),
    }
}

fn code_point(digits: &str) -> char {
    let code = u32::from_str_radix(digits, 16).ok();
    code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A number, `None` if the word is none. What JSON cannot hold (ratios, integers beyond 64
/// bits, not-a-number) stays a word, so that it remains distinct.
pub(in crate::history) fn number(word: &str) -> Option<Number> {
    if let Some(number) = small(word) {
        return Some(number.into());
    }
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain = word.strip_prefix('+').unwrap_or(word);
    let integer = plain.strip_suffix('N').unwrap_or(plain);
    if let Ok(number) = integer.parse::<i64>() {
        return Some(number.into());
    }
    if let Ok(number) = integer.parse::<u64>() {
        return Some(number.into());
    }
    let decimal = plain.strip_suffix('M').unwrap_or(plain);
    if !decimal.contains(['.', 'e', 'E']) {
        return None;
    }
    decimal.parse().ok().and_then(Number::from_f64)
}

/// Nearly all numbers: at most 18 digits, perhaps after a minus.
fn small(word: &str) -> Option<i64> {
    let bytes = word.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut number = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if negative { -number } else { number })
}
