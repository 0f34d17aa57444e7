//! RESP2, the protocol of Redis: commands as arrays of byte strings, answers as typed values.
//! What version 3 adds is only sent to clients that ask for it, and is garbage here.

use bytes::{Buf, Bytes, BytesMut};

/// The longest answer, in bytes: what a broken server may make this client keep.
const BYTES_MAX: usize = 64 << 20;
/// The most values in one answer: each takes more memory here than on the wire.
const VALUES_MAX: usize = 2 << 20;
/// The deepest array in arrays. Redis's own answers have two levels.
const DEPTH_MAX: usize = 16;
/// The longest line that announces a value, or is one.
const LINE_MAX: usize = 64 << 10;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// `+OK`.
    Simple(String),
    /// `-READONLY You can't write …`: its first word and the others.
    Error { code: String, text: String },
    /// `:7`.
    Integer(i64),
    /// `$3`, and three bytes.
    Bulk(Bytes),
    /// `$-1` or `*-1`.
    Nil,
    /// `*2`, and two answers.
    Array(Vec<Reply>),
}

/// A command and its arguments.
pub(crate) type Command = Vec<Vec<u8>>;

/// `command(&["SET", "k", "1"])`.
pub(crate) fn command(words: &[&str]) -> Command {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// A command as it goes over the wire, at the end of `bytes`.
pub(crate) fn encode(command: &Command, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
    for word in command {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
}

/// Reads one answer, which may come in any number of pieces. What was read once is kept, so that
/// a long answer is read in linear time.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Arrays that have begun, the innermost last, with how many values each still lacks.
    open: Vec<(usize, Vec<Reply>)>,
    bytes: usize,
    values: usize,
}

/// One value, or the beginning of an array.
enum Token {
    Value(Reply),
    Array(usize),
}

impl Decoder {
    /// Takes bytes from the front of `buffer`. `None` asks for more of them.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Reply>, String> {
        loop {
            let before = buffer.len();
            let Some(token) = token(buffer)? else { return Ok(None) };
            self.bytes += before - buffer.len();
            self.values += 1;
            if self.bytes > BYTES_MAX || self.values > VALUES_MAX {
                return Err(format!("an answer of over {BYTES_MAX} bytes or {VALUES_MAX} values"));
            }
            let mut value = match token {
                Token::Array(0) => Reply::Array(Vec::new()),
                Token::Array(_) if self.open.len() >= DEPTH_MAX => {
                    return Err(format!("more than {DEPTH_MAX} arrays in each other"));
                }
                Token::Array(count) => {
                    self.open.push((count, Vec::new()));
                    continue;
                }
                Token::Value(value) => value,
            };
            // Closes every array that this value completes.
            loop {
                let Some((missing, values)) = self.open.last_mut() else { return Ok(Some(value)) };
                values.push(value);
                *missing -= 1;
                if *missing > 0 {
                    break;
                }
                value = Reply::Array(std::mem::take(values));
                self.open.pop();
            }
        }
    }
}

/// The token at the front of `buffer`, which is taken only when it is whole.
fn token(buffer: &mut BytesMut) -> Result<Option<Token>, String> {
    let looked_at = &buffer[..buffer.len().min(LINE_MAX)];
    let Some(end) = looked_at.windows(2).position(|pair| pair == b"\r\n") else {
        return match looked_at.first() {
            // Said at once rather than after a wait for an end of the line.
            Some(kind) if !b"+-:$*".contains(kind) => Err(foreign(looked_at)),
            _ if looked_at.len() == LINE_MAX => Err(format!("a line of over {LINE_MAX} bytes")),
            _ => Ok(None),
        };
    };
    let line = &buffer[..end];
    let Some((kind, rest)) = line.split_first() else { return Err(foreign(line)) };
    let text = std::str::from_utf8(rest).map_err(|_| foreign(line))?;
    let token = match kind {
        b'+' => Token::Value(Reply::Simple(text.to_owned())),
        b'-' => {
            let (code, text) = text.split_once(' ').unwrap_or((text, ""));
            Token::Value(Reply::Error { code: code.to_owned(), text: text.to_owned() })
        }
        b':' => Token::Value(Reply::Integer(text.parse().map_err(|_| foreign(line))?)),
        b'*' => match length(text).ok_or_else(|| foreign(line))? {
            Some(count) => Token::Array(count),
            None => Token::Value(Reply::Nil),
        },
        b'$' => match length(text).ok_or_else(|| foreign(line))? {
            Some(count) if count > BYTES_MAX => {
                return Err(format!("a string of {count} bytes"));
            }
            Some(count) => return bulk(buffer, end + 2, count),
            None => Token::Value(Reply::Nil),
        },
        _ => return Err(foreign(line)),
    };
    buffer.advance(end + 2);
    Ok(Some(token))
}

/// A string of `count` bytes that begins at `start`.
fn bulk(buffer: &mut BytesMut, start: usize, count: usize) -> Result<Option<Token>, String> {
    let end = start + count;
    if buffer.len() < end + 2 {
        return Ok(None);
    }
    if &buffer[end..end + 2] != b"\r\n" {
        return Err(format!("a string of {count} bytes does not end there"));
    }
    buffer.advance(start);
    let text = buffer.split_to(count).freeze();
    buffer.advance(2);
    Ok(Some(Token::Value(Reply::Bulk(text))))
}

/// A length; `Some(None)` for -1, which announces nothing, `None` for what is no length.
fn length(text: &str) -> Option<Option<usize>> {
    if text == "-1" { Some(None) } else { text.parse().ok().map(Some) }
}

fn foreign(line: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
    format!("this is no answer in RESP2: {shown:?}")
}

#[cfg(test)]
mod tests;
