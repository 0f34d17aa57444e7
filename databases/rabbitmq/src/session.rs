//! One connection with one channel: logging in, and the few things that are asked on it.

use crate::frame::{FRAME_LIMIT, Frame, Kind, decode, encode};
use crate::method::{self, Method};
use crate::settings::Login;
use bytes::Bytes;
use perjury_wire::{Link, Session, WireError};

/// How a client begins.
const GREETING: &[u8] = b"AMQP\0\0\x09\x01";
/// The one channel. Number 0 is the connection itself.
const CHANNEL: u16 = 1;
/// The longest message that is taken. Ours are numbers.
const MESSAGE_LIMIT: u64 = 1 << 20;

/// A connection that is logged in, with one channel that acknowledges what is published.
#[derive(Debug)]
pub(crate) struct AmqpSession {
    link: Link,
    /// How many messages were published: they are acknowledged by number.
    published: u64,
    /// The last message that was got and neither acknowledged nor given back.
    unsettled: Option<u64>,
    /// The server has ended the channel or the connection.
    is_over: bool,
}

/// A message that was got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Its number on this channel.
    pub(crate) tag: u64,
    pub(crate) body: Bytes,
}

impl Session for AmqpSession {
    type Login = Login;

    async fn open(link: Link, login: &Login) -> Result<Self, WireError> {
        let mut session = Self { link, published: 0, unsettled: None, is_over: false };
        session.link.write(GREETING).await?;
        match session.hear().await?.0 {
            Method::Start { mechanisms } if mechanisms.split(' ').any(|name| name == "PLAIN") => {}
            Method::Start { mechanisms } => {
                let text = format!("it lets in by {mechanisms}, and not by PLAIN");
                return Err(WireError::Refused { code: "login".to_owned(), text });
            }
            other => return Err(unfit(&other, "a greeting")),
        }
        session.say(0, &method::start_ok(&login.user, &login.password)).await?;
        let (channels, frame) = match session.hear().await?.0 {
            Method::Tune { channel_max, frame_max } => (channel_max, frame_max),
            other => return Err(unfit(&other, "a login")),
        };
        // 0 is no limit.
        let frame = if frame == 0 { FRAME_LIMIT } else { frame.min(FRAME_LIMIT) };
        let mut hello = Vec::new();
        encode(&mut hello, Kind::Method, 0, &method::tune_ok(channels, frame));
        encode(&mut hello, Kind::Method, 0, &method::connection_open(&login.vhost));
        session.link.write(&hello).await?;
        session.expect("opening the virtual host", Method::ConnectionOpenOk).await?;
        session.say(CHANNEL, &method::channel_open()).await?;
        session.expect("opening a channel", Method::ChannelOpenOk).await?;
        session.say(CHANNEL, &method::confirm_select()).await?;
        session.expect("asking for confirms", Method::ConfirmSelectOk).await?;
        Ok(session)
    }

    /// A server says nothing of its own but that it ends something.
    fn is_usable(&mut self) -> bool {
        if self.is_over || !self.link.still_open() {
            return false;
        }
        while let Ok(Some(frame)) = decode(&mut self.link.buffer) {
            if frame.kind != Kind::Heartbeat {
                return false;
            }
        }
        self.link.buffer.is_empty()
    }
}

impl AmqpSession {
    /// Makes a durable queue; how many messages it holds.
    pub(crate) async fn declare(
        &mut self,
        queue: &str,
        arguments: &[(&str, &str)],
    ) -> Result<u32, WireError> {
        self.say(CHANNEL, &method::declare(queue, false, arguments)).await?;
        self.declared().await
    }

    /// Removes what is in a queue.
    pub(crate) async fn purge(&mut self, queue: &str) -> Result<(), WireError> {
        self.say(CHANNEL, &method::purge(queue)).await?;
        self.expect("emptying a queue", Method::PurgeOk).await
    }

    /// Gives a persistent message to a queue, and waits until the server says that it is kept.
    /// Refusals: the code of what came back (`312`), `nack`, or that of the channel's end.
    pub(crate) async fn publish(&mut self, queue: &str, body: &[u8]) -> Result<(), WireError> {
        self.published += 1;
        let mut out = Vec::new();
        encode(&mut out, Kind::Method, CHANNEL, &method::publish(queue));
        encode(&mut out, Kind::Header, CHANNEL, &method::content_header(body.len()));
        encode(&mut out, Kind::Body, CHANNEL, body);
        self.link.write(&out).await?;
        let mut returned = None;
        loop {
            match self.hear().await?.0 {
                // It comes before the acknowledgement, which only says that this was all.
                Method::Return { code, text } if returned.is_none() => {
                    let code = code.to_string();
                    returned = Some(WireError::Refused { code, text: format!("returned: {text}") });
                }
                Method::Ack { tag } if tag == self.published => {
                    return returned.map_or(Ok(()), Err);
                }
                Method::Nack { tag } if tag == self.published => {
                    let text = "the queue could not take it".to_owned();
                    return Err(WireError::Refused { code: "nack".to_owned(), text });
                }
                other => return Err(unfit(&other, "a message")),
            }
        }
    }

    /// Gets a message that is then to be settled; `None` when there is none. What is not settled
    /// goes back to the queue when the connection ends.
    pub(crate) async fn get(&mut self, queue: &str) -> Result<Option<Delivery>, WireError> {
        self.say(CHANNEL, &method::get(queue)).await?;
        match self.hear().await? {
            (Method::GetOk { tag }, body) => {
                self.unsettled = Some(tag);
                Ok(Some(Delivery { tag, body }))
            }
            (Method::GetEmpty, _) => Ok(None),
            (other, _) => Err(unfit(&other, "asking for a message")),
        }
    }

    /// Whether message `tag` was got by this session, and is not settled.
    pub(crate) fn holds(&self, tag: u64) -> bool {
        self.unsettled == Some(tag)
    }

    /// Acknowledges message `tag` and all before it. An acknowledgement has no answer, so the same
    /// queue is asked something that changes nothing: when that is answered, the queue has had both.
    pub(crate) async fn ack(&mut self, queue: &str, tag: u64) -> Result<(), WireError> {
        self.settle(queue, tag, method::ack(tag, true)).await
    }

    /// Gives message `tag` back to its queue, and asks the queue something, as above.
    pub(crate) async fn give_back(&mut self, queue: &str, tag: u64) -> Result<(), WireError> {
        self.settle(queue, tag, method::give_back(tag)).await
    }

    /// Says `how`, and waits until the queue has answered what comes after it. The message is of
    /// this session; another one would not know it, and nothing is sent.
    async fn settle(&mut self, queue: &str, tag: u64, how: Vec<u8>) -> Result<(), WireError> {
        if !self.holds(tag) {
            let text = "the connection that got the message is gone, and the message went back";
            return Err(WireError::NotSent(text.to_owned()));
        }
        self.unsettled = None;
        let mut out = Vec::new();
        encode(&mut out, Kind::Method, CHANNEL, &how);
        encode(&mut out, Kind::Method, CHANNEL, &method::declare(queue, true, &[]));
        self.link.write(&out).await?;
        self.declared().await.map(drop)
    }

    /// Says goodbye, and waits for nothing.
    pub(crate) async fn close(&mut self) {
        // A server that is gone needs no goodbye.
        let _ = self.say(0, &method::connection_close()).await;
    }

    async fn declared(&mut self) -> Result<u32, WireError> {
        match self.hear().await?.0 {
            Method::DeclareOk { messages } => Ok(messages),
            other => Err(unfit(&other, "asking for a queue")),
        }
    }

    async fn expect(&mut self, what: &str, wanted: Method) -> Result<(), WireError> {
        match self.hear().await?.0 {
            heard if heard == wanted => Ok(()),
            other => Err(unfit(&other, what)),
        }
    }

    async fn say(&mut self, channel: u16, method: &[u8]) -> Result<(), WireError> {
        let mut out = Vec::new();
        encode(&mut out, Kind::Method, channel, method);
        self.link.write(&out).await
    }

    /// The next method with its message, if one follows. That something is ended is an error.
    async fn hear(&mut self) -> Result<(Method, Bytes), WireError> {
        loop {
            let frame = self.frame().await?;
            if frame.kind != Kind::Method {
                return Err(WireError::Garbled(
                    "a part of a message that was not begun".to_owned(),
                ));
            }
            let method = Method::parse(&frame.payload).map_err(WireError::Garbled)?;
            match method {
                Method::ConnectionClose { code, text } => {
                    self.is_over = true;
                    // The server closes anyway.
                    let _ = self.say(0, &method::connection_close_ok()).await;
                    let code = code.to_string();
                    return Err(WireError::Refused { code, text: format!("connection: {text}") });
                }
                Method::ChannelClose { code, text } => {
                    self.is_over = true;
                    let _ = self.say(CHANNEL, &method::channel_close_ok()).await;
                    return Err(WireError::Refused { code: code.to_string(), text });
                }
                Method::Flow { active } => self.say(CHANNEL, &method::flow_ok(active)).await?,
                // Said to those that publish while memory or disk is short; the answer comes later.
                Method::Blocked => {}
                method if method.has_content() => {
                    let body = self.content().await?;
                    return Ok((method, body));
                }
                method => return Ok((method, Bytes::new())),
            }
        }
    }

    /// A message's bytes, after the method that announces it.
    async fn content(&mut self) -> Result<Bytes, WireError> {
        let broken = || WireError::Garbled("a message that is not whole".to_owned());
        let header = self.frame().await?;
        if header.kind != Kind::Header {
            return Err(broken());
        }
        let length = method::content_length(&header.payload).map_err(WireError::Garbled)?;
        if length > MESSAGE_LIMIT {
            return Err(WireError::Garbled(format!("a message of {length} bytes")));
        }
        let mut body = Vec::new();
        while (body.len() as u64) < length {
            let part = self.frame().await?;
            if part.kind != Kind::Body {
                return Err(broken());
            }
            body.extend_from_slice(&part.payload);
        }
        match body.len() as u64 == length {
            true => Ok(body.into()),
            false => Err(broken()),
        }
    }

    /// The next frame that is no heartbeat; those are answered.
    async fn frame(&mut self) -> Result<Frame, WireError> {
        loop {
            let frame = self.link.message(decode).await?;
            if frame.channel > CHANNEL {
                let text = format!("something on channel {}, which is not open", frame.channel);
                return Err(WireError::Garbled(text));
            }
            if frame.kind != Kind::Heartbeat {
                return Ok(frame);
            }
            let mut out = Vec::new();
            encode(&mut out, Kind::Heartbeat, 0, &[]);
            self.link.write(&out).await?;
        }
    }
}

fn unfit(heard: &Method, what: &str) -> WireError {
    WireError::Garbled(format!("{what} was answered with {heard:?}"))
}
