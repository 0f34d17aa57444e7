//! Places in a file: the line and column of a byte.

use super::ReadError;
use super::foreign::Misplaced;

/// Where and why reading stopped.
#[derive(Debug)]
pub(super) struct Fault {
    /// Byte offset of the culprit, in the file or in the part of it that was looked at.
    pub(super) offset: usize,
    pub(super) why: String,
}

impl Fault {
    pub(super) fn new(offset: usize, why: impl Into<String>) -> Self {
        Self { offset, why: why.into() }
    }

    /// The same fault in a text in which `bytes` more stand in front.
    pub(super) fn after(self, bytes: usize) -> Self {
        Self { offset: self.offset + bytes, ..self }
    }

    /// The same fault right after the last byte before it that is not blank.
    pub(super) fn before_blanks(self, text: &str) -> Self {
        let before = text.get(..self.offset).unwrap_or(text);
        Self { offset: before.trim_ascii_end().len(), ..self }
    }

    /// The error, once the whole file is at hand.
    pub(super) fn of(self, format: &'static str, file: &[u8]) -> ReadError {
        let (line, column) = line_and_column(file, self.offset);
        ReadError::Foreign { format, line, column, why: self.why }
    }
}

/// Line and column of a byte, both from 1; columns count bytes. Linear in the offset, so this
/// is for errors only.
pub(crate) fn line_and_column(bytes: &[u8], offset: usize) -> (u64, u64) {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.len() - before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1) + 1;
    (line as u64, column as u64)
}

/// The bytes as text, or the place where they stop being one.
pub(super) fn utf8<'a>(format: &'static str, bytes: &'a [u8]) -> Result<&'a str, ReadError> {
    std::str::from_utf8(bytes)
        .map_err(|error| Fault::new(error.valid_up_to(), "the text is not UTF-8").of(format, bytes))
}

/// The lines of a text with the offset at which each begins, without their line ends.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = offset;
        offset += line.len();
        (
            start,
            line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line)),
        )
    })
}

/// The first line that is wrong by itself, in a file that has one operation a line. A torn
/// line swallows the one below, so that only looking at each alone finds the culprit. Wrong
/// lines next to each other are one operation over several lines. `None` if most lines are no
/// whole operations or none up to the `fault` is wrong. Linear.
pub(super) fn torn_line(
    text: &str,
    fault: &Fault,
    check: impl Fn(&str) -> Result<(), Fault>,
) -> Option<Fault> {
    let whole = |line: &str| {
        let line = line.trim_start_matches(['[', ' ']).trim_end_matches([',', ']', ' ']);
        line.starts_with(['{', '#']) && line.ends_with('}')
    };
    let filled = || lines(text).filter(|(_, line)| !line.trim().is_empty());
    let good = filled().filter(|(_, line)| whole(line)).count();
    if good * 2 < filled().count() {
        return None;
    }
    let mut suspect = None;
    let mut before_was_wrong = false;
    for (start, line) in filled() {
        let wrong = check(line).err().map(|fault| fault.after(start));
        if wrong.is_none() && suspect.is_some() {
            return suspect;
        }
        if start > fault.offset {
            break;
        }
        suspect = None;
        let is_wrong = wrong.is_some();
        if !before_was_wrong {
            suspect = wrong;
        }
        before_was_wrong = is_wrong;
    }
    suspect
}

/// A flaw of the event that begins at a byte of the file.
pub(super) fn misplaced(bytes: &[u8], wrong: Misplaced) -> ReadError {
    let (line, _) = line_and_column(bytes, wrong.at);
    ReadError::Malformed { line, flaw: wrong.flaw }
}

/// The message without serde_json's own position.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
