//! A server on loopback that follows a script: it lets clients in, and answers as it is told.

use crate::frame::{Frame, Kind, decode, encode, long, short};
use bytes::BytesMut;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// Acknowledges a message.
    Ack,
    /// Acknowledges one that was not sent.
    OtherAck,
    Nack,
    /// Returns a message with this number and these words, and acknowledges it.
    Return(u16, &'static str),
    /// Gives out the message `42`.
    Give,
    /// The same, and then the connection ends.
    GiveAndClose,
    /// Gives out a message that is no number.
    GiveWords,
    /// Has no message.
    Empty,
    /// Has the queue that was asked for.
    Declared,
    /// Ends the channel with this number and these words.
    EndChannel(u16, &'static str),
    /// The same for the connection.
    EndConnection(u16, &'static str),
    /// Sends a heartbeat and waits for its answer, then goes on to the next script.
    Heartbeat,
    /// Answers with what is no AMQP.
    Garbage,
    /// Answers with a method that belongs to something else.
    Foreign,
    /// Reads the request and closes.
    Reset,
    /// Announces more than it sends.
    CutShort,
    /// Reads the request and says nothing.
    Silence,
    /// Closes the connection before any request, and accepts no other.
    CloseIdle,
    /// Is not there when the request is to be sent.
    Absent,
    /// Lets nobody in.
    NoLogin,
}

/// Plays one script after the other, a request each, and the last one again and again.
pub(crate) async fn play(scripts: &'static [Script]) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut next = 0;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut peer = Peer { stream, buffer: BytesMut::new() };
            if peer.greet(scripts[next]).await.is_none() {
                continue;
            }
            loop {
                let script = scripts[next];
                if matches!(script, Script::CloseIdle) {
                    return;
                }
                next = (next + 1).min(scripts.len() - 1);
                if peer.serve(script).await.is_none() {
                    break;
                }
            }
        }
    });
    (address, tasks)
}

struct Peer {
    stream: TcpStream,
    buffer: BytesMut,
}

fn method(class: u16, method: u16, rest: &[u8]) -> Vec<u8> {
    [&class.to_be_bytes()[..], &method.to_be_bytes(), rest].concat()
}

fn with_words(code: u16, words: &str) -> Vec<u8> {
    let mut out = code.to_be_bytes().to_vec();
    short(&mut out, words);
    out
}

impl Peer {
    /// The next frame; `None` at the end of the connection.
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = decode(&mut self.buffer).unwrap() {
                return Some(frame);
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn say(&mut self, channel: u16, payload: Vec<u8>) -> Option<()> {
        let mut out = Vec::new();
        encode(&mut out, Kind::Method, channel, &payload);
        self.stream.write_all(&out).await.ok()
    }

    /// The next method's class and number.
    async fn method(&mut self) -> Option<(u16, u16)> {
        let frame = self.frame().await?;
        assert_eq!(frame.kind, Kind::Method);
        let number = |at: usize| u16::from_be_bytes([frame.payload[at], frame.payload[at + 1]]);
        Some((number(0), number(2)))
    }

    /// Lets a client in, up to where it asks something.
    async fn greet(&mut self, script: Script) -> Option<()> {
        let mut greeting = [0; 8];
        self.stream.read_exact(&mut greeting).await.ok()?;
        assert_eq!(&greeting, b"AMQP\0\0\x09\x01");
        let mut start = vec![0, 9, 0, 0, 0, 0];
        long(&mut start, b"AMQPLAIN PLAIN");
        long(&mut start, b"en_US");
        self.say(0, method(10, 10, &start)).await?;
        assert_eq!(self.method().await?, (10, 11));
        if matches!(script, Script::NoLogin) {
            let words = with_words(403, "ACCESS_REFUSED - Login was refused");
            self.say(0, method(10, 50, &words)).await?;
            self.method().await?;
            return None;
        }
        self.say(0, method(10, 30, &[7, 255, 0, 2, 0, 0, 0, 60])).await?;
        assert_eq!(self.method().await?, (10, 31));
        assert_eq!(self.method().await?, (10, 40));
        self.say(0, method(10, 41, &[0])).await?;
        assert_eq!(self.method().await?, (20, 10));
        self.say(1, method(20, 11, &[0; 4])).await?;
        assert_eq!(self.method().await?, (85, 10));
        self.say(1, method(85, 11, &[])).await
    }

    /// Hears one whole request: a message, a question for one, or a question for a queue.
    async fn request(&mut self) -> Option<()> {
        loop {
            let frame = self.frame().await?;
            let is_last = match frame.kind {
                Kind::Body => true,
                Kind::Method => matches!(frame.payload[..4], [0, 60, 0, 70] | [0, 50, 0, 10]),
                _ => false,
            };
            if is_last {
                return Some(());
            }
        }
    }

    /// Answers one request; `None` when the connection is not good for another.
    async fn serve(&mut self, script: Script) -> Option<()> {
        if matches!(script, Script::Heartbeat) {
            let mut out = Vec::new();
            encode(&mut out, Kind::Heartbeat, 0, &[]);
            return self.stream.write_all(&out).await.ok();
        }
        self.request().await?;
        let tag = 1u64.to_be_bytes();
        let ack = method(60, 80, &[&tag[..], &[0]].concat());
        match script {
            Script::Ack => self.say(1, ack).await,
            Script::OtherAck => self.say(1, method(60, 80, &[0, 0, 0, 0, 0, 0, 0, 9, 0])).await,
            Script::Nack => self.say(1, method(60, 120, &[&tag[..], &[0]].concat())).await,
            Script::Return(code, words) => {
                self.say(1, method(60, 50, &with_words(code, words))).await?;
                self.content(b"1").await?;
                self.say(1, ack).await
            }
            Script::Give => self.give(b"42").await,
            Script::GiveWords => self.give(b"forty-two").await,
            Script::GiveAndClose => {
                self.give(b"42").await?;
                None
            }
            Script::Empty => self.say(1, method(60, 72, &[0])).await,
            Script::Declared => self.say(1, method(50, 11, b"\x07perjury\0\0\0\0\0\0\0\0")).await,
            Script::EndChannel(code, words) => self.end(1, (20, 40), code, words).await,
            Script::EndConnection(code, words) => self.end(0, (10, 50), code, words).await,
            Script::Garbage => self.stream.write_all(b"HTTP/1.1 400 Bad Request").await.ok(),
            Script::Foreign => self.say(1, method(50, 31, &[0; 4])).await,
            Script::CutShort => {
                self.stream.write_all(&[1, 0, 1, 0, 0, 0, 50, 0, 60]).await.ok()?;
                None
            }
            Script::Silence => std::future::pending().await,
            _ => None,
        }
    }

    async fn give(&mut self, body: &[u8]) -> Option<()> {
        let fields = [&1u64.to_be_bytes()[..], b"\0\0\x07perjury\0\0\0\0"].concat();
        self.say(1, method(60, 71, &fields)).await?;
        self.content(body).await
    }

    /// A message in two parts, with a heartbeat in between.
    async fn content(&mut self, body: &[u8]) -> Option<()> {
        let mut out = Vec::new();
        encode(&mut out, Kind::Header, 1, &crate::method::content_header(body.len()));
        encode(&mut out, Kind::Body, 1, &body[..1]);
        encode(&mut out, Kind::Heartbeat, 0, &[]);
        if body.len() > 1 {
            encode(&mut out, Kind::Body, 1, &body[1..]);
        }
        self.stream.write_all(&out).await.ok()
    }

    /// Ends a channel or the connection, and waits for the client to agree.
    async fn end(&mut self, channel: u16, what: (u16, u16), code: u16, words: &str) -> Option<()> {
        self.say(channel, method(what.0, what.1, &with_words(code, words))).await?;
        while self.method().await? != (what.0, what.1 + 1) {}
        None
    }
}
