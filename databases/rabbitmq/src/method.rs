//! Methods of AMQP 0-9-1: those that a server says, taken apart, and those that a client says.

use crate::frame::{Fields, long, short, table};

/// Whether a message is kept on disk: `delivery-mode` 2.
const PERSISTENT: u8 = 2;
/// The bit of a message's properties that says that there is a `delivery-mode`.
const HAS_DELIVERY_MODE: u16 = 1 << 12;
/// The class of messages.
const BASIC: u16 = 60;

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Start {
        mechanisms: String,
    },
    Tune {
        channel_max: u16,
        frame_max: u32,
    },
    ConnectionOpenOk,
    /// The end of the connection, with a number and a sentence.
    ConnectionClose {
        code: u16,
        text: String,
    },
    Blocked,
    ChannelOpenOk,
    Flow {
        active: bool,
    },
    /// The end of the channel.
    ChannelClose {
        code: u16,
        text: String,
    },
    DeclareOk {
        messages: u32,
    },
    PurgeOk,
    ConfirmSelectOk,
    /// A message follows that could not be given to any queue.
    Return {
        code: u16,
        text: String,
    },
    /// A message follows.
    GetOk {
        tag: u64,
    },
    GetEmpty,
    Ack {
        tag: u64,
    },
    Nack {
        tag: u64,
    },
}

impl Method {
    /// Takes a method apart.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, String> {
        let mut fields = Fields::new(payload);
        let (class, method) = (fields.u16()?, fields.u16()?);
        Ok(match (class, method) {
            (10, 10) => {
                // Versions and the table of what the server is.
                fields.u16()?;
                fields.long()?;
                let mechanisms = String::from_utf8_lossy(fields.long()?).into_owned();
                Self::Start { mechanisms }
            }
            (10, 30) => Self::Tune { channel_max: fields.u16()?, frame_max: fields.u32()? },
            (10, 41) => Self::ConnectionOpenOk,
            (10, 50) => Self::ConnectionClose { code: fields.u16()?, text: fields.short()? },
            (10, 60 | 61) => Self::Blocked,
            (20, 11) => Self::ChannelOpenOk,
            (20, 20) => Self::Flow { active: fields.u8()? & 1 == 1 },
            (20, 40) => Self::ChannelClose { code: fields.u16()?, text: fields.short()? },
            (50, 11) => {
                fields.short()?;
                Self::DeclareOk { messages: fields.u32()? }
            }
            (50, 31) => Self::PurgeOk,
            (85, 11) => Self::ConfirmSelectOk,
            (BASIC, 50) => Self::Return { code: fields.u16()?, text: fields.short()? },
            (BASIC, 71) => Self::GetOk { tag: fields.u64()? },
            (BASIC, 72) => Self::GetEmpty,
            (BASIC, 80) => Self::Ack { tag: fields.u64()? },
            (BASIC, 120) => Self::Nack { tag: fields.u64()? },
            _ => return Err(format!("method {method} of class {class}, which nothing asked for")),
        })
    }

    /// Whether a message follows.
    pub(crate) fn has_content(&self) -> bool {
        matches!(self, Self::Return { .. } | Self::GetOk { .. })
    }
}

fn method(class: u16, method: u16) -> Vec<u8> {
    let mut out = class.to_be_bytes().to_vec();
    out.extend_from_slice(&method.to_be_bytes());
    out
}

/// Who the client is, and its password.
pub(crate) fn start_ok(user: &str, password: &str) -> Vec<u8> {
    let mut out = method(10, 11);
    table(&mut out, &[("product", "perjury"), ("version", env!("CARGO_PKG_VERSION"))]);
    short(&mut out, "PLAIN");
    long(&mut out, format!("\0{user}\0{password}").as_bytes());
    short(&mut out, "en_US");
    out
}

/// Agrees to limits. No heartbeats: nobody would send them between two operations.
pub(crate) fn tune_ok(channel_max: u16, frame_max: u32) -> Vec<u8> {
    let mut out = method(10, 31);
    out.extend_from_slice(&channel_max.to_be_bytes());
    out.extend_from_slice(&frame_max.to_be_bytes());
    out.extend_from_slice(&0u16.to_be_bytes());
    out
}

/// Enters a virtual host.
pub(crate) fn connection_open(vhost: &str) -> Vec<u8> {
    let mut out = method(10, 40);
    short(&mut out, vhost);
    // Two fields that mean nothing any more.
    out.extend_from_slice(&[0, 0]);
    out
}

/// Ends the connection.
pub(crate) fn connection_close() -> Vec<u8> {
    let mut out = method(10, 50);
    out.extend_from_slice(&200u16.to_be_bytes());
    short(&mut out, "done");
    out.extend_from_slice(&[0; 4]);
    out
}

pub(crate) fn connection_close_ok() -> Vec<u8> {
    method(10, 51)
}

pub(crate) fn channel_open() -> Vec<u8> {
    let mut out = method(20, 10);
    out.push(0);
    out
}

pub(crate) fn flow_ok(active: bool) -> Vec<u8> {
    let mut out = method(20, 21);
    out.push(u8::from(active));
    out
}

pub(crate) fn channel_close_ok() -> Vec<u8> {
    method(20, 41)
}

/// Makes a durable queue, or asks for one: `passive` changes nothing.
pub(crate) fn declare(queue: &str, passive: bool, arguments: &[(&str, &str)]) -> Vec<u8> {
    let mut out = method(50, 10);
    out.extend_from_slice(&[0, 0]);
    short(&mut out, queue);
    // Bits: passive, durable.
    out.push(u8::from(passive) | 2);
    table(&mut out, arguments);
    out
}

/// Removes what is in a queue, without what is given out and not acknowledged.
pub(crate) fn purge(queue: &str) -> Vec<u8> {
    let mut out = method(50, 30);
    out.extend_from_slice(&[0, 0]);
    short(&mut out, queue);
    out.push(0);
    out
}

/// Asks for an acknowledgement of each message that is sent.
pub(crate) fn confirm_select() -> Vec<u8> {
    let mut out = method(85, 10);
    out.push(0);
    out
}

/// Gives a message to `queue`; `mandatory`: it comes back if there is no such queue.
pub(crate) fn publish(queue: &str) -> Vec<u8> {
    let mut out = method(BASIC, 40);
    // The exchange without a name gives a message to the queue that its key names.
    out.extend_from_slice(&[0, 0, 0]);
    short(&mut out, queue);
    out.push(1);
    out
}

/// The properties of a persistent message of so many bytes.
pub(crate) fn content_header(length: usize) -> Vec<u8> {
    let mut out = BASIC.to_be_bytes().to_vec();
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&(length as u64).to_be_bytes());
    out.extend_from_slice(&HAS_DELIVERY_MODE.to_be_bytes());
    out.push(PERSISTENT);
    out
}

/// How many bytes a message has, from its header.
pub(crate) fn content_length(header: &[u8]) -> Result<u64, String> {
    let mut fields = Fields::new(header);
    if fields.u16()? != BASIC {
        return Err("a header that is not of a message".to_owned());
    }
    fields.u16()?;
    fields.u64()
}

/// Asks for one message, which has to be acknowledged.
pub(crate) fn get(queue: &str) -> Vec<u8> {
    let mut out = method(BASIC, 70);
    out.extend_from_slice(&[0, 0]);
    short(&mut out, queue);
    out.push(0);
    out
}

/// Acknowledges one message, or with `multiple` all up to it.
pub(crate) fn ack(tag: u64, multiple: bool) -> Vec<u8> {
    let mut out = method(BASIC, 80);
    out.extend_from_slice(&tag.to_be_bytes());
    out.push(u8::from(multiple));
    out
}

/// Gives a message back to its queue.
pub(crate) fn give_back(tag: u64) -> Vec<u8> {
    let mut out = method(BASIC, 90);
    out.extend_from_slice(&tag.to_be_bytes());
    out.push(1);
    out
}
