//! Frames in whole, in pieces, and broken.

use super::*;
use proptest::prelude::*;

const STREAM: &[u8] = b"INFO {\"max_payload\":1048576} \r\nPING\r\npong\r\n+OK\r\n\
    MSG _INBOX.a.1 1 5\r\nhe\r\nl\r\n\
    MSG  _INBOX.a.2\t1  some.reply 0\r\n\r\n\
    HMSG _INBOX.a.3 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n\
    HMSG _INBOX.a.4 1 r 21 23\r\nNATS/1.0\r\nName: x\r\n\r\n\0\xff\r\n\
    HMSG _INBOX.a.5 1 32 32\r\nNATS/1.0 408 Request Timeout\r\n\r\n\r\n\
    -ERR 'Maximum Payload Violation'\r\n";

fn message(token: u64, status: Option<u16>, payload: &'static [u8]) -> Frame {
    let reply = [(2, "some.reply"), (4, "r")].into_iter().find(|(answered, _)| *answered == token);
    Frame::Message(Message {
        subject: format!("_INBOX.a.{token}"),
        subscription: 1,
        reply: reply.map(|(_, subject)| subject.to_owned()),
        status,
        payload: Bytes::from_static(payload),
    })
}

fn expected() -> Vec<Frame> {
    vec![
        Frame::Info(Bytes::from_static(b"{\"max_payload\":1048576}")),
        Frame::Ping,
        Frame::Pong,
        Frame::Done,
        message(1, None, b"he\r\nl"),
        message(2, None, b""),
        message(3, Some(503), b""),
        message(4, None, b"\0\xff"),
        message(5, Some(408), b""),
        Frame::Error("Maximum Payload Violation".to_owned()),
    ]
}

/// All frames of `pieces`, which arrive one after the other.
fn decoded<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(frame) = decode(&mut buffer).unwrap() {
            frames.push(frame);
        }
    }
    assert!(buffer.is_empty(), "left over: {buffer:?}");
    frames
}

#[test]
fn frames_are_the_same_however_they_are_torn() {
    for size in 1..=STREAM.len() {
        assert_eq!(decoded(STREAM.chunks(size)), expected(), "in pieces of {size}");
    }
}

#[test]
fn a_large_payload_comes_in_many_pieces() {
    let payload: Vec<u8> = (0..5_000_000u32).map(|number| (number % 251) as u8).collect();
    let mut stream = format!("MSG big 1 {}\r\n", payload.len()).into_bytes();
    stream.extend_from_slice(&payload);
    stream.extend_from_slice(b"\r\nPING\r\n");
    let frames = decoded(stream.chunks(65_521));
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1], Frame::Ping);
    let Frame::Message(message) = &frames[0] else { panic!("{:?}", frames[1]) };
    assert!(message.payload == payload);
}

#[test]
fn what_is_no_nats_is_refused() {
    let long = "x".repeat(LINE_LIMIT + 1);
    for bytes in [
        "HTTP/1.1 200 OK\r\n",
        "MSG a 1\r\n",
        "MSG a 1 b c 5\r\n",
        "MSG a 1 -5\r\n",
        "MSG a x 0\r\n\r\n",
        "MSG a 1 99999999999\r\n",
        "HMSG a 1 6 5\r\n",
        "MSG a 1 2\r\nabc\r\n",
        "HMSG a 1 6 6\r\nHTTP/1\r\n",
        "HMSG a 1 16 16\r\nNATS/1.0 5x3\r\n\r\n\r\n",
        &long,
    ] {
        let mut buffer = BytesMut::from(bytes);
        assert!(decode(&mut buffer).is_err(), "{bytes:.60}");
    }
    assert!(decode(&mut BytesMut::from(&b"\xff\xfe\r\n"[..])).is_err());
}

#[test]
fn what_is_sent_is_what_a_server_reads() {
    let mut out = Vec::new();
    publish(&mut out, "perjury", "_INBOX.a.7", b"12");
    publish(&mut out, "$JS.API.INFO", "_INBOX.a.8", b"");
    assert_eq!(out, b"PUB perjury _INBOX.a.7 2\r\n12\r\nPUB $JS.API.INFO _INBOX.a.8 0\r\n\r\n");
    let options = connect();
    let options = options.strip_prefix("CONNECT ").unwrap().strip_suffix("\r\n").unwrap();
    let options: serde_json::Value = serde_json::from_str(options).unwrap();
    assert_eq!((&options["headers"], &options["no_responders"]), (&true.into(), &true.into()));
}

/// Lines that look like frames.
const LINES: &str = "(H?MSG|PING|INFO|-ERR)( [a-z0-9]{0,3}){0,6}\r\n[a-zA-Z/.0-9 ]{0,30}\r\n";

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decode(&mut buffer) {}
    }

    #[test]
    fn no_lines_make_it_panic(text in LINES) {
        let mut buffer = BytesMut::from(text.as_bytes());
        while let Ok(Some(_)) = decode(&mut buffer) {}
    }
}
