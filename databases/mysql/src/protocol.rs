//! Packets: what the server says, parsed; what the client says, written.

use bytes::{Buf, Bytes, BytesMut};

/// A packet of this length goes on in the next one. Nothing that is asked here is answered so.
const LONGEST: usize = 0xff_ffff;
const HEADER: usize = 4;

/// The first byte of the packets that have one of their own.
pub(crate) const OK: u8 = 0x00;
pub(crate) const MORE_AUTH: u8 = 0x01;
pub(crate) const LOCAL_INFILE: u8 = 0xfb;
pub(crate) const EOF: u8 = 0xfe;
pub(crate) const ERR: u8 = 0xff;

/// Capabilities of the client. `FOUND_ROWS`: an UPDATE counts the rows that it found, not those
/// that it made different, so that a compare-and-set from a value to itself is one.
const LONG_PASSWORD: u32 = 1;
const FOUND_ROWS: u32 = 1 << 1;
const CONNECT_WITH_DB: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;

/// The longest packet that the client says it takes.
const MAX_PACKET: u32 = 1 << 24;
/// `utf8mb4_general_ci`.
const CHARSET: u8 = 45;

/// Status: the session is in a transaction.
pub(crate) const IN_TRANSACTION: u16 = 1;
/// Status: another result follows.
pub(crate) const MORE_RESULTS: u16 = 8;

/// A packet's number in its exchange, and what is in it.
pub(crate) type Packet = (u8, Bytes);

/// Takes a whole packet from the front of `buffer`.
pub(crate) fn take_packet(buffer: &mut BytesMut) -> Result<Option<Packet>, String> {
    let [a, b, c, number, ..] = **buffer else { return Ok(None) };
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    if length == LONGEST {
        return Err("a packet of 16 MiB".to_owned());
    }
    if buffer.len() < HEADER + length {
        return Ok(None);
    }
    buffer.advance(HEADER);
    Ok(Some((number, buffer.split_to(length).freeze())))
}

/// A packet of the client's.
pub(crate) fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut packet = Vec::with_capacity(HEADER + payload.len());
    packet.extend_from_slice(&length[..3]);
    packet.push(number);
    packet.extend_from_slice(payload);
    packet
}

/// What the server says first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) version: String,
    pub(crate) challenge: Vec<u8>,
    pub(crate) plugin: String,
}

/// The server's greeting, of version 10.
pub(crate) fn greeting(payload: &[u8]) -> Result<Greeting, String> {
    let mut fields = Fields(payload);
    let protocol = fields.byte()?;
    if protocol != 10 {
        return Err(format!("a greeting of protocol {protocol}: it is 10 since MySQL 4.1"));
    }
    let version = fields.text_to_zero()?;
    fields.take(4)?;
    let mut challenge = fields.take(8)?.to_vec();
    fields.take(1)?;
    let low = fields.short()?;
    fields.take(3)?;
    let capabilities = u32::from(low) | u32::from(fields.short()?) << 16;
    let wanted = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;
    if capabilities & wanted != wanted {
        return Err(format!("{version} does not offer protocol 4.1 with pluggable passwords"));
    }
    let length = fields.byte()?;
    fields.take(10)?;
    challenge.extend_from_slice(fields.take(usize::from(length).saturating_sub(8).max(13))?);
    let plugin = fields.text_to_zero()?;
    Ok(Greeting { version, challenge, plugin })
}

/// The client's answer to a greeting.
pub(crate) fn login(user: &str, proof: &[u8], database: Option<&str>, plugin: &str) -> Vec<u8> {
    let mut capabilities =
        LONG_PASSWORD | FOUND_ROWS | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | PLUGIN_AUTH;
    if database.is_some() {
        capabilities |= CONNECT_WITH_DB;
    }
    let mut payload = Vec::new();
    payload.extend_from_slice(&capabilities.to_le_bytes());
    payload.extend_from_slice(&MAX_PACKET.to_le_bytes());
    payload.push(CHARSET);
    payload.extend_from_slice(&[0; 23]);
    payload.extend_from_slice(user.as_bytes());
    payload.push(0);
    // A proof has 32 bytes at most.
    payload.push(u8::try_from(proof.len()).unwrap_or(0));
    payload.extend_from_slice(proof);
    for text in database.into_iter().chain([plugin]) {
        payload.extend_from_slice(text.as_bytes());
        payload.push(0);
    }
    payload
}

/// Another plugin and its challenge, asked for in answer to a login.
pub(crate) fn other_plugin(payload: &[u8]) -> Result<(String, Vec<u8>), String> {
    let mut fields = Fields(payload);
    fields.byte()?;
    let plugin = fields.text_to_zero()?;
    Ok((plugin, fields.0.to_vec()))
}

/// The end of a statement that went well: rows affected, and the session's status.
pub(crate) fn ok(payload: &[u8]) -> Result<(u64, u16), String> {
    let mut fields = Fields(payload);
    fields.byte()?;
    let affected = fields.number()?;
    fields.number()?;
    Ok((affected, fields.short()?))
}

/// Whether a packet is the end of columns or of rows. A row may begin with the same byte, and is
/// then longer.
pub(crate) fn is_eof(payload: &[u8]) -> bool {
    payload.first() == Some(&EOF) && payload.len() < 9
}

/// The status at the end of rows.
pub(crate) fn eof(payload: &[u8]) -> Result<u16, String> {
    let mut fields = Fields(payload);
    fields.take(3)?;
    fields.short()
}

/// The server's own error: its number and its words, with the SQL state before them.
pub(crate) fn error(payload: &[u8]) -> Result<(u16, String), String> {
    let mut fields = Fields(payload);
    fields.byte()?;
    let code = fields.short()?;
    let words = String::from_utf8_lossy(fields.0);
    let words = words.strip_prefix('#').map_or_else(
        || words.to_string(),
        |rest| match rest.char_indices().nth(5) {
            Some((end, _)) => format!("({}) {}", &rest[..end], &rest[end..]),
            None => rest.to_owned(),
        },
    );
    Ok((code, words))
}

/// How many columns the rows that follow have.
pub(crate) fn columns(payload: &[u8]) -> Result<u64, String> {
    let mut fields = Fields(payload);
    let count = fields.number()?;
    if fields.0.is_empty() {
        Ok(count)
    } else {
        Err("bytes after the number of columns".to_owned())
    }
}

/// A row of text; `None` is NULL.
pub(crate) fn row(payload: &Bytes, columns: usize) -> Result<Vec<Option<Bytes>>, String> {
    let mut fields = Fields(payload);
    let mut row = Vec::new();
    for _ in 0..columns {
        if fields.0.first() == Some(&LOCAL_INFILE) {
            fields.byte()?;
            row.push(None);
            continue;
        }
        let length = fields.number()?;
        let length = usize::try_from(length).map_err(|error| error.to_string())?;
        row.push(Some(payload.slice_ref(fields.take(length)?)));
    }
    if fields.0.is_empty() { Ok(row) } else { Err("bytes after a row's last column".to_owned()) }
}

/// What is left of a packet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("a packet ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn short(&mut self) -> Result<u16, String> {
        let bytes = self.take(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// A number whose first byte says its length.
    fn number(&mut self) -> Result<u64, String> {
        let length = match self.byte()? {
            small @ 0..=0xfa => return Ok(u64::from(small)),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            other => return Err(format!("a number that begins with {other:#x}")),
        };
        let mut bytes = [0; 8];
        bytes[..length].copy_from_slice(self.take(length)?);
        Ok(u64::from_le_bytes(bytes))
    }

    fn text_to_zero(&mut self) -> Result<String, String> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or("a text without an end")?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.byte()?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
