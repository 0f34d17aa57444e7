//! Frames of AMQP 0-9-1: taken off bytes that come in any pieces, and made.

use bytes::{Buf, Bytes, BytesMut};

/// Type, channel and length before a payload.
const HEAD: usize = 7;
/// What every frame ends with.
const END: u8 = 0xCE;
/// The longest payload that is agreed to in the handshake, and so the longest that may come.
pub(crate) const FRAME_LIMIT: u32 = 128 << 10;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Method = 1,
    /// Before a message's bytes: how many, and properties.
    Header = 2,
    Body = 3,
    Heartbeat = 8,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) channel: u16,
    pub(crate) payload: Bytes,
}

/// Takes the next frame from the front of `buffer`; `None` leaves it as it is until more comes. The
/// error says what the bytes are instead.
pub(crate) fn decode(buffer: &mut BytesMut) -> Result<Option<Frame>, String> {
    let Some(first) = buffer.first() else { return Ok(None) };
    let kind = match first {
        1 => Kind::Method,
        2 => Kind::Header,
        3 => Kind::Body,
        8 => Kind::Heartbeat,
        // So a server refuses a version of the protocol.
        b'A' => return Err("the server wants another version of AMQP than 0-9-1".to_owned()),
        other => return Err(format!("a frame of type {other} is no AMQP 0-9-1")),
    };
    if buffer.len() < HEAD {
        return Ok(None);
    }
    let mut head = &buffer[1..HEAD];
    let channel = head.get_u16();
    let length = head.get_u32();
    if length > FRAME_LIMIT {
        return Err(format!("a frame of {length} bytes, and {FRAME_LIMIT} are the most"));
    }
    let length = length as usize;
    if buffer.len() <= HEAD + length {
        buffer.reserve(HEAD + length + 1 - buffer.len());
        return Ok(None);
    }
    if buffer[HEAD + length] != END {
        return Err("a frame that does not end where it says".to_owned());
    }
    let mut payload = buffer.split_to(HEAD + length + 1).freeze();
    payload.advance(HEAD);
    payload.truncate(length);
    Ok(Some(Frame { kind, channel, payload }))
}

/// Appends a frame to `out`. Payloads are small: none is near a limit that a server may set.
pub(crate) fn encode(out: &mut Vec<u8>, kind: Kind, channel: u16, payload: &[u8]) {
    out.push(kind as u8);
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
    out.push(END);
}

/// Reads values off a payload; an error says which was missing.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| "a frame that ends within a value".to_owned())?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?.get_u8())
    }

    pub(crate) fn u16(&mut self) -> Result<u16, String> {
        Ok(self.take(2)?.get_u16())
    }

    pub(crate) fn u32(&mut self) -> Result<u32, String> {
        Ok(self.take(4)?.get_u32())
    }

    pub(crate) fn u64(&mut self) -> Result<u64, String> {
        Ok(self.take(8)?.get_u64())
    }

    /// A short string; what is no UTF-8 in it is replaced.
    pub(crate) fn short(&mut self) -> Result<String, String> {
        let length = usize::from(self.u8()?);
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// A long string, or the bytes of a table.
    pub(crate) fn long(&mut self) -> Result<&'a [u8], String> {
        let length = self.u32()? as usize;
        self.take(length)
    }
}

/// Appends a short string. Longer ones than 255 bytes do not exist: their rest is left out.
pub(crate) fn short(out: &mut Vec<u8>, text: &str) {
    let length = text.len().min(255);
    out.push(length as u8);
    out.extend_from_slice(&text.as_bytes()[..length]);
}

/// Appends a long string.
pub(crate) fn long(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a table whose values are strings.
pub(crate) fn table(out: &mut Vec<u8>, entries: &[(&str, &str)]) {
    let mut inner = Vec::new();
    for (name, text) in entries {
        short(&mut inner, name);
        inner.push(b'S');
        long(&mut inner, text.as_bytes());
    }
    long(out, &inner);
}

#[cfg(test)]
mod tests;
