//! One TCP connection to one NATS server: requests, their answers, and whether one was sent.

use crate::protocol::{Frame, Malformed, Message, connect, decode, publish};
use bytes::BytesMut;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the handshakes may take. A node whose packets are dropped never answers them.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The scheduler gives up long before; this is for callers without one.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Why a request has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// No byte of the request left this machine.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It was sent, at least in part, and no whole answer came.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The server found nobody to give it to.
    #[error("no responders: nobody listens to {0}")]
    NoResponders(String),
    /// The server said `-ERR`, which ends the connection.
    #[error("the server ended the connection: {0}")]
    Expelled(String),
    /// JetStream answered with an error.
    #[error("{description} (code {code}, error {err_code})")]
    Refused { code: u16, err_code: u32, description: String },
    /// The answer cannot be understood.
    #[error("not understood: {0}")]
    Garbled(String),
}

/// A message to be sent, with an answer to come.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) subject: String,
    pub(crate) payload: Vec<u8>,
    /// What is asked for is a message of a stream. It comes under its own subject.
    pub(crate) is_for_message: bool,
}

impl Request {
    /// One that is answered under the subject that it names.
    pub(crate) fn new(subject: String, payload: Vec<u8>) -> Self {
        Self { subject, payload, is_for_message: false }
    }

    /// One that is answered with a message of a stream, or with a status.
    pub(crate) fn for_message(subject: String, payload: Vec<u8>) -> Self {
        Self { subject, payload, is_for_message: true }
    }
}

/// The subscription that answers come by, and the one of messages of a stream.
const ANSWERS: u64 = 1;
const MESSAGES: u64 = 2;

/// A connection, opened before the first request and again after it broke. Nothing is ever sent
/// twice: opening it anew happens before a request that was not sent yet.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    limit: Duration,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    stream: TcpStream,
    buffer: BytesMut,
    /// Answers come to subjects below it.
    inbox: String,
    /// The last request's number on this connection.
    last: u64,
}

/// What a server says about itself, as far as it matters here.
#[derive(Deserialize)]
struct Info {
    server_id: String,
    client_id: u64,
    #[serde(default)]
    jetstream: bool,
}

impl Connection {
    /// Connects to `address`.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, RequestError> {
        let mut connection = Self { address, limit: REQUEST_LIMIT, open: None };
        connection.open = Some(connection.connect().await?);
        Ok(connection)
    }

    /// The same, with another limit on each request.
    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    async fn connect(&self) -> Result<Open, RequestError> {
        match timeout(CONNECT_LIMIT, Open::new(self.address)).await {
            Ok(Ok(open)) => Ok(open),
            Ok(Err(error)) => Err(RequestError::NotSent(error.to_string())),
            Err(_) => Err(RequestError::NotSent("the connection timed out".to_owned())),
        }
    }

    /// Sends one request, once, and waits for the answer.
    pub(crate) async fn request(&mut self, request: Request) -> Result<Message, RequestError> {
        let mut answers = self.requests(vec![request]).await?;
        answers.pop().ok_or_else(|| RequestError::Garbled("no answer to be had".to_owned()))
    }

    /// Sends all of `requests` at once and waits for all answers, which are in the same order.
    /// They have to be few enough to fit into a socket's buffers, and one of them at most may be for
    /// a message.
    pub(crate) async fn requests(
        &mut self,
        requests: Vec<Request>,
    ) -> Result<Vec<Message>, RequestError> {
        let kept = match self.open.take() {
            Some(open) => open.still_good().await,
            None => None,
        };
        let mut open = match kept {
            Some(open) => open,
            None => self.connect().await?,
        };
        // Taken out, so that a call that is dropped half way leaves no half-used connection.
        let answers = timeout(self.limit, open.exchange(&requests)).await.unwrap_or_else(|_| {
            let limit = self.limit.as_millis();
            Err(RequestError::NoAnswer(format!("nothing within {limit} ms")))
        })?;
        self.open = Some(open);
        for (request, answer) in requests.iter().zip(&answers) {
            match answer.status {
                None => {}
                Some(status) if request.is_for_message && status != 503 => {}
                Some(503) => return Err(RequestError::NoResponders(request.subject.clone())),
                Some(other) => return Err(RequestError::Garbled(format!("status {other}"))),
            }
        }
        Ok(answers)
    }
}

impl Open {
    async fn new(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        // Requests are small: waiting to fill a packet only adds delay.
        stream.set_nodelay(true)?;
        let mut open = Self { stream, buffer: BytesMut::new(), inbox: String::new(), last: 0 };
        let Frame::Info(info) = open.frame().await? else {
            return Err(Error::other("the server did not begin with INFO"));
        };
        let info: Info = serde_json::from_slice(&info)?;
        if !info.jetstream {
            return Err(Error::other("the server has no JetStream"));
        }
        // Servers number their clients, and their own ids are new with every start: no other
        // connection ever has the same inbox.
        open.inbox = format!("_INBOX.{}.{}", info.server_id, info.client_id);
        let (inbox, hello) = (&open.inbox, connect());
        let hello = format!(
            "{hello}SUB {inbox}.* {ANSWERS}\r\nSUB {inbox}.message.* {MESSAGES}\r\nPING\r\n"
        );
        open.stream.write_all(hello.as_bytes()).await?;
        loop {
            match open.frame().await? {
                Frame::Pong => return Ok(open),
                Frame::Error(words) => return Err(Error::other(words)),
                frame => open.attend(frame).await?,
            };
        }
    }

    /// The next frame, waited for.
    async fn frame(&mut self) -> std::io::Result<Frame> {
        loop {
            let invalid = |error: Malformed| Error::new(ErrorKind::InvalidData, error);
            if let Some(frame) = decode(&mut self.buffer).map_err(invalid)? {
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Does what a frame beside the conversation asks for.
    async fn attend(&mut self, frame: Frame) -> std::io::Result<()> {
        match frame {
            Frame::Ping => self.stream.write_all(b"PONG\r\n").await,
            _ => Ok(()),
        }
    }

    /// The connection, if the server still holds it: hears what came while nobody listened.
    async fn still_good(mut self) -> Option<Self> {
        loop {
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        while let Some(frame) = decode(&mut self.buffer).ok()? {
            if matches!(frame, Frame::Error(_)) {
                return None;
            }
            self.attend(frame).await.ok()?;
        }
        Some(self)
    }

    async fn exchange(&mut self, requests: &[Request]) -> Result<Vec<Message>, RequestError> {
        let mut out = Vec::new();
        let mut waiting = HashMap::new();
        let mut message_wanted = None;
        for (position, request) in requests.iter().enumerate() {
            self.last += 1;
            let branch = if request.is_for_message { ".message" } else { "" };
            let reply = format!("{}{branch}.{}", self.inbox, self.last);
            publish(&mut out, &request.subject, &reply, &request.payload);
            if request.is_for_message {
                message_wanted = Some(position);
            } else {
                waiting.insert(reply, position);
            }
        }
        let lost = |error: Error| match error.kind() {
            ErrorKind::InvalidData => RequestError::Garbled(error.to_string()),
            _ => RequestError::NoAnswer(error.to_string()),
        };
        // The server may say why it closes the connection before all is written.
        let written = self.stream.write_all(&out).await;
        let mut answers = vec![Message::default(); requests.len()];
        while !waiting.is_empty() || message_wanted.is_some() {
            match self.frame().await.map_err(lost)? {
                Frame::Message(message) => {
                    let position = match message.subscription {
                        MESSAGES => message_wanted.take(),
                        _ => waiting.remove(&message.subject),
                    };
                    if let Some(position) = position {
                        answers[position] = message;
                    }
                }
                Frame::Error(words) => return Err(RequestError::Expelled(words)),
                frame => self.attend(frame).await.map_err(lost)?,
            }
        }
        written.map_err(lost)?;
        Ok(answers)
    }
}
