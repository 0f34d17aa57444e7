//! Detection: which format a history has, found by looking at its content.

use super::hints::{Format, Reading};
use super::{History, ReadError, Recovery, edn, elle_json, jsonl, log, test_jepsen, violin};

/// Lines looked at when the first tells nothing.
const FIRST_LINES: usize = 10;

/// Reads a history of any known format: our JSON lines, Jepsen's EDN, logs and `test.jepsen`,
/// elle-cli's JSON array, the logs of Porcupine and Violin. `name` is used in messages, and
/// settles what the content leaves open. Compressed files are for the caller to unpack.
pub fn read_any(bytes: &[u8], name: &str) -> Result<(History, Recovery), ReadError> {
    Ok(read_with_hints(bytes, name)?.into())
}

/// Does the same, and says what the format tells of the history.
pub fn read_with_hints(bytes: &[u8], name: &str) -> Result<Reading, ReadError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match format(text, name)? {
        Format::JsonLines => Ok(Reading::bare(Format::JsonLines, jsonl::read(text)?)),
        Format::Edn => edn::reading(text),
        Format::JsonArray => elle_json::reading(text),
        Format::Log => log::reading(text),
        Format::Violin => violin::reading(text),
        Format::TestJepsen => test_jepsen::reading(text),
    }
}

/// The format of a text, whose mark of byte order is taken off.
pub(crate) fn format(text: &[u8], name: &str) -> Result<Format, ReadError> {
    if test_jepsen::is_test_jepsen(text) {
        return Ok(Format::TestJepsen);
    }
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
    let Some(start) = text.iter().position(|byte| !blank(byte)) else {
        return Err(ReadError::Empty { name: name.to_owned() });
    };
    let rest = &text[start + 1..];
    let next = rest.iter().find(|byte| !blank(byte)).copied();
    Ok(match (text[start], next) {
        // An EDN map's first key is a keyword, a JSON object's a text.
        (b'{', Some(_)) if opens_with_text_key(&text[start..]) => Format::JsonLines,
        (b'{', None) if !name.ends_with(".edn") => Format::JsonLines,
        (b'[', Some(b'{')) if opens_with_text_key(&text[start..]) => Format::JsonArray,
        (b'[', Some(b']')) if name.ends_with(".json") => Format::JsonArray,
        // EDN has nothing that is a `#` by itself.
        (b'#', _) if rest.first().is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'@')) => {
            Format::Violin
        }
        (b'[', Some(digit)) if digit.is_ascii_digit() && violin_call(rest) => Format::Violin,
        (b'[' | b'(' | b'{' | b';' | b'#', _) => Format::Edn,
        _ if log::is_log(text) => Format::Log,
        _ => match of_first_lines(text) {
            Some(format) => format,
            None => return Err(ReadError::UnknownFormat { name: name.to_owned() }),
        },
    })
}

/// The format of the first few lines, when the very first is damaged, so that its reader can
/// say where.
fn of_first_lines(text: &[u8]) -> Option<Format> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start);
    lines.take(FIRST_LINES).find_map(|line| match line {
        [b'{', b'"', ..] => Some(Format::JsonLines),
        [b'{', b':', ..] => Some(Format::Edn),
        [b'[', rest @ ..] if violin_call(rest) => Some(Format::Violin),
        _ => None,
    })
}

/// Whether a text comes before any keyword, as the first key of a JSON object does.
fn opens_with_text_key(text: &[u8]) -> bool {
    text.iter().find(|byte| matches!(byte, b'"' | b':')) == Some(&b'"')
}

/// Whether `ID] call` or `ID] return` stands here.
fn violin_call(rest: &[u8]) -> bool {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest[digits..].strip_prefix(b"]").is_some_and(|rest| {
        let word = rest.trim_ascii_start();
        word.starts_with(b"call") || word.starts_with(b"return")
    })
}
