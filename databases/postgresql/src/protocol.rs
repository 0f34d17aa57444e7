//! Messages of protocol 3.0: what a client says, and what a server answers.

use bytes::{Buf, Bytes, BytesMut};

/// The longest message.
const MESSAGE_LIMIT: usize = 64 << 20;
/// The most columns of a row; the server's own limit is below it.
const COLUMNS_LIMIT: usize = 1664;

/// What a server says of the transaction that a session is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// In none.
    Idle,
    /// In one.
    Open,
    /// In one that failed, and can only be rolled back.
    Failed,
}

/// What a server asks for when somebody logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authentication {
    Done,
    Cleartext,
    Md5 {
        salt: [u8; 4],
    },
    /// Names of mechanisms.
    Sasl(Vec<String>),
    SaslContinue(String),
    SaslFinal(String),
    /// One that this client does not speak, by number.
    Other(u32),
}

/// An error or a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notice {
    /// `ERROR`, `FATAL`, `WARNING` …, never translated where the server can say so.
    pub(crate) severity: String,
    /// The SQLSTATE: five characters.
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) detail: String,
}

impl Notice {
    /// Whether the server ends the session with it.
    pub(crate) fn ends_the_session(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }
}

/// One message of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Authentication(Authentication),
    Ready(Status),
    Error(Notice),
    Notice(Notice),
    /// The columns of the rows that come.
    Columns,
    /// Values as text; `None` is NULL.
    Row(Vec<Option<String>>),
    /// A command is done; its tag: `UPDATE 1`.
    Complete(String),
    /// The answer to an empty query.
    Empty,
    /// A setting, a key for cancelling, a notification: none of them is needed here.
    Aside,
}

/// Takes the next message from the front of `buffer`; `None` leaves it as it is until more comes.
/// The error is a sentence about bytes that cannot be understood.
pub(crate) fn decode(buffer: &mut BytesMut) -> Result<Option<Message>, String> {
    let Some(head) = buffer.get(..5) else { return Ok(None) };
    let tag = head[0];
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if !(4..=MESSAGE_LIMIT).contains(&length) {
        return Err(format!("a message of {length} bytes that begins with {}", shown(tag)));
    }
    if buffer.len() <= length {
        buffer.reserve(length + 1 - buffer.len());
        return Ok(None);
    }
    let mut body = buffer.split_to(length + 1).freeze();
    body.advance(5);
    message(tag, &mut body).map(Some)
}

fn message(tag: u8, body: &mut Bytes) -> Result<Message, String> {
    Ok(match tag {
        b'R' => Message::Authentication(authentication(body)?),
        b'Z' => Message::Ready(match body.as_ref() {
            b"I" => Status::Idle,
            b"T" => Status::Open,
            b"E" => Status::Failed,
            _ => return Err("ready in an unknown state".to_owned()),
        }),
        b'E' => Message::Error(notice(body)?),
        b'N' => Message::Notice(notice(body)?),
        b'T' => Message::Columns,
        b'D' => Message::Row(row(body)?),
        b'C' => Message::Complete(text(body)?),
        b'I' => Message::Empty,
        b'S' | b'K' | b'A' | b'v' => Message::Aside,
        _ => return Err(format!("a message that begins with {}", shown(tag))),
    })
}

fn shown(tag: u8) -> String {
    format!("`{}`", char::from(tag).escape_default())
}

fn authentication(body: &mut Bytes) -> Result<Authentication, String> {
    let cut = || "a request to log in that is cut short".to_owned();
    let kind = body.try_get_u32().map_err(|_| cut())?;
    let rest = |body: &Bytes| {
        String::from_utf8(body.to_vec()).map_err(|_| "a login that is no UTF-8".to_owned())
    };
    Ok(match kind {
        0 => Authentication::Done,
        3 => Authentication::Cleartext,
        5 => Authentication::Md5 { salt: body.as_ref().try_into().map_err(|_| cut())? },
        10 => {
            let mut names = Vec::new();
            while body.first().is_some_and(|byte| *byte != 0) {
                names.push(text(body)?);
            }
            Authentication::Sasl(names)
        }
        11 => Authentication::SaslContinue(rest(body)?),
        12 => Authentication::SaslFinal(rest(body)?),
        other => Authentication::Other(other),
    })
}

/// Text up to the next zero byte.
fn text(body: &mut Bytes) -> Result<String, String> {
    let end = body.iter().position(|byte| *byte == 0).ok_or("a text without an end")?;
    let bytes = body.split_to(end);
    body.advance(1);
    String::from_utf8(bytes.to_vec()).map_err(|_| "a text that is no UTF-8".to_owned())
}

fn notice(body: &mut Bytes) -> Result<Notice, String> {
    let mut notice = Notice::default();
    let mut localized = String::new();
    loop {
        let field = body.try_get_u8().map_err(|_| "an error without an end")?;
        if field == 0 {
            break;
        }
        // Before it knows the client's encoding, a server may speak its own.
        let end = body.iter().position(|byte| *byte == 0).ok_or("an error without an end")?;
        let words = String::from_utf8_lossy(&body.split_to(end)).into_owned();
        body.advance(1);
        match field {
            b'V' => notice.severity = words,
            b'S' => localized = words,
            b'C' => notice.code = words,
            b'M' => notice.text = words,
            b'D' => notice.detail = words,
            _ => {}
        }
    }
    if notice.severity.is_empty() {
        notice.severity = localized;
    }
    if notice.code.is_empty() {
        return Err(format!("an error without a code: {:.200}", notice.text));
    }
    Ok(notice)
}

fn row(body: &mut Bytes) -> Result<Vec<Option<String>>, String> {
    let cut = || "a row that is cut short".to_owned();
    let count = usize::from(body.try_get_u16().map_err(|_| cut())?);
    if count > COLUMNS_LIMIT {
        return Err(format!("a row of {count} columns"));
    }
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let length = body.try_get_i32().map_err(|_| cut())?;
        if length == -1 {
            values.push(None);
            continue;
        }
        let length = usize::try_from(length).map_err(|_| cut())?;
        if body.len() < length {
            return Err(cut());
        }
        let bytes = body.split_to(length).to_vec();
        values.push(Some(String::from_utf8(bytes).map_err(|_| "a value that is no UTF-8")?));
    }
    Ok(values)
}

/// The first message of a client: version 3.0, who it is, what it wants.
pub(crate) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for text in parameters.iter().flat_map(|(name, value)| [name, value]) {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    framed(None, &body)
}

/// A simple query: one statement or several.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    framed(Some(b'Q'), &ended(sql))
}

/// A password, or its hash.
pub(crate) fn password(words: &str) -> Vec<u8> {
    framed(Some(b'p'), &ended(words))
}

/// The first message of a SASL mechanism.
pub(crate) fn sasl_initial(mechanism: &str, words: &str) -> Vec<u8> {
    let mut body = ended(mechanism);
    body.extend_from_slice(&length_of(words.as_bytes()).to_be_bytes());
    body.extend_from_slice(words.as_bytes());
    framed(Some(b'p'), &body)
}

/// A further message of a SASL mechanism.
pub(crate) fn sasl_response(words: &str) -> Vec<u8> {
    framed(Some(b'p'), words.as_bytes())
}

fn ended(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn framed(tag: Option<u8>, body: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = tag.into_iter().collect();
    out.extend_from_slice(&(length_of(body) + 4).to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// What this client says is made of a few numbers: it never comes near the limit.
fn length_of(body: &[u8]) -> u32 {
    u32::try_from(body.len()).unwrap_or(u32::MAX - 4)
}

#[cfg(test)]
mod tests;
