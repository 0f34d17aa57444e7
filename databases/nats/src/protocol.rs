//! The NATS text protocol: what a server sends, taken apart from bytes that come in any pieces,
//! and what a client sends.

use bytes::{Buf, Bytes, BytesMut};

/// A line longer than this is not NATS. `INFO` lists every member, and is the longest.
const LINE_LIMIT: usize = 64 << 10;
/// NATS allows no payload above 64 MB, whatever it is configured to.
const PAYLOAD_LIMIT: usize = 64 << 20;

/// Bytes that are no NATS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the NATS protocol: {0}")]
pub(crate) struct Malformed(String);

/// One thing that a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// `INFO {…}`: about itself and its cluster. May come again at any time.
    Info(Bytes),
    Ping,
    Pong,
    /// `+OK`.
    Done,
    /// `-ERR '…'`, without the quotes.
    Error(String),
    Message(Message),
}

/// `MSG` or `HMSG`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) subject: String,
    /// The number of the subscription that it came by.
    pub(crate) subscription: u64,
    /// Where an answer to it goes, if one is wanted.
    pub(crate) reply: Option<String>,
    /// Of the first line of its headers, `NATS/1.0 503`: 503 when nobody listens to a request.
    pub(crate) status: Option<u16>,
    pub(crate) payload: Bytes,
}

/// Takes the next frame from the front of `buffer`; `None` leaves it as it is until more comes.
pub(crate) fn decode(buffer: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    let Some(end) = buffer.windows(2).position(|pair| pair == b"\r\n") else {
        if buffer.len() > LINE_LIMIT {
            return Err(Malformed(format!("a line of more than {LINE_LIMIT} bytes")));
        }
        return Ok(None);
    };
    let line = std::str::from_utf8(&buffer[..end])
        .map_err(|_| Malformed("a line that is no UTF-8".to_owned()))?;
    let (verb, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let frame = match verb.to_ascii_uppercase().as_str() {
        "MSG" => {
            let announced = Announced::parse(rest, false)?;
            return announced.take(end + 2, buffer);
        }
        "HMSG" => {
            let announced = Announced::parse(rest, true)?;
            return announced.take(end + 2, buffer);
        }
        "INFO" => Frame::Info(Bytes::copy_from_slice(rest.trim().as_bytes())),
        "PING" => Frame::Ping,
        "PONG" => Frame::Pong,
        "+OK" => Frame::Done,
        "-ERR" => Frame::Error(rest.trim().trim_matches('\'').to_owned()),
        _ => return Err(Malformed(format!("a line that begins with `{verb:.40}`"))),
    };
    buffer.advance(end + 2);
    Ok(Some(frame))
}

/// The line before a message's bytes: `MSG subject sid [reply] bytes`,
/// `HMSG subject sid [reply] header-bytes all-bytes`.
struct Announced {
    subject: String,
    subscription: u64,
    reply: Option<String>,
    headers: usize,
    total: usize,
}

impl Announced {
    fn parse(rest: &str, with_headers: bool) -> Result<Self, Malformed> {
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let sizes = if with_headers { 2 } else { 1 };
        let wrong = || Malformed(format!("a message announced as `{rest:.100}`"));
        // The reply subject, between them, may be left out.
        if fields.len() != 2 + sizes && fields.len() != 3 + sizes {
            return Err(wrong());
        }
        let size = |field: &str| field.parse::<usize>().map_err(|_| wrong());
        let total = size(fields[fields.len() - 1])?;
        let headers = if with_headers { size(fields[fields.len() - 2])? } else { 0 };
        let subscription = fields[1].parse().map_err(|_| wrong())?;
        let reply = (fields.len() == 3 + sizes).then(|| fields[2].to_owned());
        if headers > total || total > PAYLOAD_LIMIT {
            return Err(wrong());
        }
        Ok(Self { subject: fields[0].to_owned(), subscription, reply, headers, total })
    }

    /// The message, once all of it is there, `start` bytes into `buffer`.
    fn take(self, start: usize, buffer: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
        let whole = start + self.total + 2;
        if buffer.len() < whole {
            buffer.reserve(whole - buffer.len());
            return Ok(None);
        }
        let mut bytes = buffer.split_to(whole).freeze();
        bytes.advance(start);
        if bytes.split_off(self.total) != b"\r\n"[..] {
            return Err(Malformed("a message longer than was announced".to_owned()));
        }
        let headers = bytes.split_to(self.headers);
        let status = match self.headers {
            0 => None,
            _ => status(&headers)?,
        };
        let Self { subject, subscription, reply, .. } = self;
        Ok(Some(Frame::Message(Message { subject, subscription, reply, status, payload: bytes })))
    }
}

/// The number in the first line of `headers`, if there is one: `NATS/1.0 503 No Responders`.
fn status(headers: &[u8]) -> Result<Option<u16>, Malformed> {
    let wrong = || Malformed("headers that do not begin with a version".to_owned());
    let text = std::str::from_utf8(headers).map_err(|_| wrong())?;
    let line = text.split("\r\n").next().unwrap_or_default();
    let rest = line.strip_prefix("NATS/1.0").ok_or_else(wrong)?;
    match rest.split_ascii_whitespace().next() {
        None => Ok(None),
        Some(word) => word.parse().map(Some).map_err(|_| wrong()),
    }
}

/// What a client says first: no `+OK` for everything, and an answer when nobody listens.
pub(crate) fn connect() -> String {
    let options = serde_json::json!({
        "verbose": false, "pedantic": false, "tls_required": false, "headers": true,
        "no_responders": true, "protocol": 1, "lang": "rust", "version": env!("CARGO_PKG_VERSION"),
        "name": "perjury",
    });
    format!("CONNECT {options}\r\n")
}

/// Appends a message to `subject` that is to be answered to `reply`.
pub(crate) fn publish(out: &mut Vec<u8>, subject: &str, reply: &str, payload: &[u8]) {
    out.extend_from_slice(format!("PUB {subject} {reply} {}\r\n", payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
