//! ZooKeeper's requests and answers, as its `zookeeper.jute` describes them.

use crate::jute::{Reader, Writer};
use bytes::Bytes;
use perjury_wire::WireError;

/// Numbers of requests (`ZooDefs.OpCode`).
mod code {
    pub(super) const CREATE: i32 = 1;
    pub(super) const DELETE: i32 = 2;
    pub(super) const EXISTS: i32 = 3;
    pub(super) const GET_DATA: i32 = 4;
    pub(super) const SET_DATA: i32 = 5;
    pub(super) const SYNC: i32 = 9;
    pub(super) const PING: i32 = 11;
    pub(super) const GET_CHILDREN: i32 = 8;
    pub(super) const CHECK: i32 = 13;
    pub(super) const MULTI: i32 = 14;
    pub(super) const CREATE2: i32 = 15;
    pub(super) const MULTI_READ: i32 = 22;
    pub(super) const CLOSE: i32 = -11;
    pub(super) const ERROR: i32 = -1;
}

/// Numbers by which answers that were not asked for are known.
pub(crate) const XID_WATCH: i32 = -1;
pub(crate) const XID_PING: i32 = -2;

/// Any version will do.
pub(crate) const ANY: i32 = -1;

/// How a znode comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Persistent = 0,
    Ephemeral = 1,
    PersistentSequential = 2,
}

/// One request, without a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) op: i32,
    pub(crate) body: Vec<u8>,
}

impl Request {
    fn new(op: i32, body: Writer) -> Self {
        Self { op, body: body.done() }
    }

    pub(crate) fn ping() -> Self {
        Self::new(code::PING, Writer::default())
    }

    pub(crate) fn close() -> Self {
        Self::new(code::CLOSE, Writer::default())
    }

    pub(crate) fn create(path: &str, data: &[u8], mode: Mode) -> Self {
        Self::new(code::CREATE, creation(path, data, mode))
    }

    /// Answered with the znode's [`Stat`], too.
    pub(crate) fn create2(path: &str, data: &[u8], mode: Mode) -> Self {
        Self::new(code::CREATE2, creation(path, data, mode))
    }

    pub(crate) fn delete(path: &str, version: i32) -> Self {
        Self::new(code::DELETE, Writer::default().text(path).int(version))
    }

    pub(crate) fn exists(path: &str) -> Self {
        Self::new(code::EXISTS, Writer::default().text(path).bool(false))
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(code::GET_DATA, Writer::default().text(path).bool(false))
    }

    pub(crate) fn set(path: &str, data: &[u8], version: i32) -> Self {
        Self::new(code::SET_DATA, Writer::default().text(path).bytes(data).int(version))
    }

    pub(crate) fn children(path: &str) -> Self {
        Self::new(code::GET_CHILDREN, Writer::default().text(path).bool(false))
    }

    pub(crate) fn sync(path: &str) -> Self {
        Self::new(code::SYNC, Writer::default().text(path))
    }

    /// Within a [`Request::multi`]: the version has to be this one.
    pub(crate) fn check(path: &str, version: i32) -> Self {
        Self::new(code::CHECK, Writer::default().text(path).int(version))
    }

    /// All of `parts` or none.
    pub(crate) fn multi(parts: &[Self]) -> Self {
        Self::parts(code::MULTI, parts)
    }

    /// Reads, all at one moment of this server's state: it applies no write meanwhile.
    pub(crate) fn multi_read(parts: &[Self]) -> Self {
        Self::parts(code::MULTI_READ, parts)
    }

    fn parts(op: i32, parts: &[Self]) -> Self {
        let mut writer = Writer::default();
        for part in parts {
            writer = writer.int(part.op).bool(false).int(-1).raw(&part.body);
        }
        Self::new(op, writer.int(-1).bool(true).int(-1))
    }

    /// As it goes out, under number `xid`.
    pub(crate) fn framed(&self, xid: i32) -> Vec<u8> {
        Writer::default().int(xid).int(self.op).raw(&self.body).framed()
    }
}

fn creation(path: &str, data: &[u8], mode: Mode) -> Writer {
    const ALL_PERMISSIONS: i32 = 31;
    let writer = Writer::default().text(path).bytes(data);
    writer.int(1).int(ALL_PERMISSIONS).text("world").text("anyone").int(mode as i32)
}

/// What begins each session. Asks for a new one.
pub(crate) fn connect(timeout_ms: i32) -> Vec<u8> {
    let writer = Writer::default().int(0).long(0).int(timeout_ms);
    writer.long(0).bytes(&[0; 16]).bool(false).framed()
}

/// The server's answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connected {
    pub(crate) timeout_ms: i32,
    pub(crate) session: i64,
}

impl Connected {
    pub(crate) fn parse(frame: Bytes) -> Result<Self, String> {
        let mut reader = Reader::new(frame);
        reader.int()?;
        let connected = Self { timeout_ms: reader.int()?, session: reader.long()? };
        reader.bytes()?;
        Ok(connected)
    }
}

/// What every other answer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) xid: i32,
    pub(crate) error: i32,
}

impl Header {
    pub(crate) fn parse(reader: &mut Reader) -> Result<Self, String> {
        let xid = reader.int()?;
        let _zxid = reader.long()?;
        Ok(Self { xid, error: reader.int()? })
    }
}

/// What is known of a znode, as far as it is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The transaction that made it.
    pub(crate) czxid: i64,
    /// Counts its writes.
    pub(crate) version: i32,
}

impl Stat {
    pub(crate) fn parse(reader: &mut Reader) -> Result<Self, String> {
        let czxid = reader.long()?;
        for _ in 0..3 {
            reader.long()?; // mzxid, ctime, mtime
        }
        let version = reader.int()?;
        reader.int()?; // cversion
        reader.int()?; // aversion
        reader.long()?; // ephemeralOwner
        reader.int()?; // dataLength
        reader.int()?; // numChildren
        reader.long()?; // pzxid
        Ok(Self { czxid, version })
    }
}

/// A znode that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Znode {
    pub(crate) data: Bytes,
    pub(crate) version: i32,
}

impl Znode {
    pub(crate) fn parse(reader: &mut Reader) -> Result<Self, String> {
        let data = reader.bytes()?;
        Ok(Self { data, version: Stat::parse(reader)?.version })
    }
}

/// The error with which one of a multi's `parts` was answered, if any: the first that is one.
pub(crate) fn multi_error(mut reader: Reader, parts: usize) -> Result<Option<i32>, String> {
    let (mut first, mut count) = (None, 0);
    while let Some((op, _)) = part(&mut reader)? {
        count += 1;
        match op {
            code::ERROR => {
                let error = reader.int()?;
                first = first.or((error != 0).then_some(error));
            }
            code::CREATE => drop(reader.text()?),
            code::SET_DATA => drop(Stat::parse(&mut reader)?),
            code::DELETE | code::CHECK => {}
            other => return Err(format!("a multi's answer has a part of kind {other}")),
        }
    }
    if count != parts {
        return Err(format!("a multi of {parts} parts has an answer of {count}"));
    }
    Ok(first)
}

/// What was read by a multi: `None` for each znode that does not exist.
pub(crate) fn multi_znodes(mut reader: Reader) -> Result<Vec<Result<Znode, i32>>, String> {
    let mut znodes = Vec::new();
    while let Some((op, _)) = part(&mut reader)? {
        znodes.push(match op {
            code::ERROR => Err(reader.int()?),
            code::GET_DATA => Ok(Znode::parse(&mut reader)?),
            other => return Err(format!("a multi of reads has an answer of kind {other}")),
        });
    }
    Ok(znodes)
}

/// The head of the next part of a multi's answer: its kind and its error. `None` at the end.
fn part(reader: &mut Reader) -> Result<Option<(i32, i32)>, String> {
    let (op, done, error) = (reader.int()?, reader.bool()?, reader.int()?);
    Ok((!done).then_some((op, error)))
}

pub(crate) const NO_NODE: i32 = -101;

/// The name of an error (`KeeperException.Code`), by which [`crate::failure`] tells them apart.
pub(crate) fn error_name(error: i32) -> &'static str {
    match error {
        -1 => "SystemError",
        -2 => "RuntimeInconsistency",
        -3 => "DataInconsistency",
        -4 => "ConnectionLoss",
        -5 => "MarshallingError",
        -6 => "Unimplemented",
        -7 => "OperationTimeout",
        -8 => "BadArguments",
        NO_NODE => "NoNode",
        -102 => "NoAuth",
        -103 => "BadVersion",
        -108 => "NoChildrenForEphemerals",
        -110 => "NodeExists",
        -111 => "NotEmpty",
        -112 => "SessionExpired",
        -114 => "InvalidACL",
        -115 => "AuthFailed",
        -118 => "SessionMoved",
        -119 => "NotReadOnly",
        -122 => "RequestTimeout",
        -125 => "QuotaExceeded",
        -127 => "ThrottledOp",
        _ => "UnknownError",
    }
}

/// The server's refusal.
pub(crate) fn refusal(error: i32) -> WireError {
    WireError::Refused { code: error_name(error).to_owned(), text: format!("error {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_the_protocol_has_it() {
        let frame = Request::set("/a", b"7", 3).framed(5);
        let wanted = [
            &[0, 0, 0, 23][..],
            &[0, 0, 0, 5, 0, 0, 0, 5],
            &[0, 0, 0, 2, b'/', b'a', 0, 0, 0, 1, b'7', 0, 0, 0, 3],
        ];
        assert_eq!(frame, wanted.concat());
        let multi = Request::multi(&[Request::check("/a", 1)]);
        let wanted = [
            &[0, 0, 0, 13, 0, 0xff, 0xff, 0xff, 0xff][..],
            &[0, 0, 0, 2, b'/', b'a', 0, 0, 0, 1],
            &[0xff, 0xff, 0xff, 0xff, 1, 0xff, 0xff, 0xff, 0xff],
        ];
        assert_eq!(multi.body, wanted.concat());
    }

    #[test]
    fn a_multi_s_first_error_counts() {
        let mut writer = Writer::default();
        for error in [0, -103, -2] {
            writer = writer.int(-1).bool(false).int(error).int(error);
        }
        let writer = writer.int(-1).bool(true).int(-1);
        assert_eq!(multi_error(Reader::new(writer.done().into()), 3), Ok(Some(-103)));
        let writer = Writer::default().int(13).bool(false).int(0);
        let writer = writer.int(1).bool(false).int(0).text("/a");
        assert!(multi_error(Reader::new(writer.clone().done().into()), 2).is_err(), "no end");
        let writer = writer.int(-1).bool(true).int(-1);
        let answer = Reader::new(writer.done().into());
        assert_eq!(multi_error(answer.clone(), 2), Ok(None));
        assert!(multi_error(answer, 3).is_err(), "a part was not answered");
    }
}
