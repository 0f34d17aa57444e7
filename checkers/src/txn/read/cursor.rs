//! A place in bytes, and what EDN and JSON have in common there.

use rayon::prelude::*;

use super::PART;

/// A place in bytes. Behind the end stands a 0, which is no part of any history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Goes on while bytes are of a kind.
    pub(super) fn skip(&mut self, kind: impl Fn(u8) -> bool) {
        while self.at < self.bytes.len() && kind(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    /// Goes past a byte that has to stand here.
    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek() == byte && !self.is_at_end()).then(|| self.at += 1)
    }

    /// Goes past the line that this is in.
    pub(super) fn skip_line(&mut self) {
        self.skip(|byte| byte != b'\n');
    }

    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    /// A whole number of at most 18 digits, without a sign; `None` if none stands here. What
    /// comes behind it is not looked at.
    pub(super) fn digits(&mut self) -> Option<u64> {
        let start = self.at;
        let mut number = 0;
        while let digit @ 0..=9 = self.peek().wrapping_sub(b'0') {
            number = number * 10 + u64::from(digit);
            self.at += 1;
            if self.at - start > 18 {
                return None;
            }
        }
        (self.at > start).then_some(number)
    }

    /// A whole number of 64 bits, without a sign.
    pub(super) fn integer(&mut self) -> Option<u64> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_digit());
        std::str::from_utf8(self.since(start)).ok()?.parse().ok()
    }

    /// Goes past a text whose quote was passed; says whether it has a backslash.
    pub(super) fn text(&mut self) -> Option<bool> {
        let mut escaped = false;
        loop {
            self.skip(|byte| byte != b'"' && byte != b'\\');
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Some(escaped);
                }
                b'\\' => {
                    escaped = true;
                    // A text may end here, before what the backslash is about.
                    self.at = (self.at + 2).min(self.bytes.len());
                }
                _ => return None,
            }
        }
    }
}

/// What each part of a text is, parts being of about this length; `None` if one is nothing.
pub(super) fn each_part<'a, T: Send>(
    bytes: &'a [u8],
    length: usize,
    parse: impl Fn(&'a [u8]) -> Option<T> + Sync,
) -> Option<Vec<T>> {
    let parts = parts(bytes, length);
    match bytes.len() <= PART {
        // Waking other threads would take longer.
        true => parts.into_iter().map(parse).collect(),
        false => parts.into_par_iter().map(&parse).collect(),
    }
}

/// The bytes in parts that end behind line ends, of about this length.
fn parts(bytes: &[u8], length: usize) -> Vec<&[u8]> {
    let mut parts = Vec::with_capacity(bytes.len() / length + 1);
    let mut rest = bytes;
    while rest.len() > length {
        let end = rest[length..].iter().position(|byte| *byte == b'\n');
        let (part, others) = rest.split_at(end.map_or(rest.len(), |end| length + end + 1));
        parts.push(part);
        rest = others;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}
