//! A session: one connection, kept alive by pings, on which one request at a time is asked.
//!
//! ZooKeeper ends a session that it has not heard of for the session's timeout, and with it the
//! session's ephemeral znodes. A session here lives and dies with its connection: it is never
//! taken to another one, so that nothing that was sent is ever in doubt twice.

use crate::jute::{Reader, frame};
use crate::protocol::{Connected, Header, Request, XID_PING, XID_WATCH, connect, refusal};
use perjury_wire::{Link, Session, WireError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Pings in one timeout of a session.
const PINGS: u32 = 3;

/// An open session.
#[derive(Debug)]
pub(crate) struct ZkSession {
    id: i64,
    talk: Arc<Mutex<Talk>>,
    keeper: JoinHandle<()>,
}

/// What only one may use at a time: the request under way, or the keeper between requests.
#[derive(Debug)]
struct Talk {
    link: Link,
    xid: i32,
    limit: Duration,
    /// When something came last.
    heard: Instant,
}

/// An answer without an error.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The session that it was asked in.
    pub(crate) session: i64,
    pub(crate) body: Reader,
}

impl Drop for ZkSession {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Session for ZkSession {
    /// The timeout that is asked for; servers have limits of their own.
    type Login = Duration;

    async fn open(mut link: Link, login: &Duration) -> Result<Self, WireError> {
        let asked = i32::try_from(login.as_millis()).unwrap_or(i32::MAX);
        link.write(&connect(asked)).await?;
        let answer = link.message(frame).await?;
        let connected = Connected::parse(answer).map_err(WireError::Garbled)?;
        let granted = u64::try_from(connected.timeout_ms).ok().filter(|granted| *granted > 0);
        let Some(granted) = granted else {
            let text = "the server gives no session".to_owned();
            return Err(WireError::Refused { code: "SessionExpired".to_owned(), text });
        };
        let limit = Duration::from_millis(granted);
        let talk = Talk { link, xid: 0, limit, heard: Instant::now() };
        let talk = Arc::new(Mutex::new(talk));
        let keeper = tokio::spawn(keep(talk.clone(), limit));
        Ok(Self { id: connected.session, talk, keeper })
    }

    fn is_usable(&mut self) -> bool {
        // The keeper is done in a moment, and it would not speak on a session that is over.
        self.talk.try_lock().map_or(true, |mut talk| talk.is_open())
    }
}

impl ZkSession {
    /// Its number.
    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// One request and its answer.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Reply, WireError> {
        let mut talk = self.talk.lock().await;
        if !talk.is_open() {
            return Err(WireError::NotSent("the session is over".to_owned()));
        }
        let body = talk.ask(request).await?;
        Ok(Reply { session: self.id, body })
    }
}

impl Talk {
    /// Hears what came while nobody listened; whether the session may still be spoken in.
    fn is_open(&mut self) -> bool {
        let open = self.link.still_open();
        loop {
            match frame(&mut self.link.buffer) {
                // Nothing is under way: these are answers to pings.
                Ok(Some(_)) => self.heard = Instant::now(),
                Ok(None) => break,
                Err(_) => return false,
            }
        }
        open && self.heard.elapsed() < self.patience()
    }

    /// Silence after which the session counts as lost: two thirds of its timeout, as in ZooKeeper's
    /// own clients, so that a client knows before the servers do.
    fn patience(&self) -> Duration {
        self.limit * 2 / PINGS
    }

    async fn ask(&mut self, request: &Request) -> Result<Reader, WireError> {
        self.xid = self.xid.checked_add(1).unwrap_or(1);
        let (xid, began) = (self.xid, Instant::now());
        self.link.write(&request.framed(xid)).await?;
        let mut pings = interval(self.limit / PINGS);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        loop {
            let came = tokio::select! {
                came = self.link.message(frame) => came?,
                _ = pings.tick() => {
                    if self.heard.max(began).elapsed() >= self.patience() {
                        let text = "not even pings are answered: the session is lost".to_owned();
                        return Err(WireError::NoAnswer(text));
                    }
                    self.link.write(&Request::ping().framed(XID_PING)).await?;
                    continue;
                }
            };
            self.heard = Instant::now();
            let mut body = Reader::new(came);
            let header = Header::parse(&mut body).map_err(WireError::Garbled)?;
            match header.xid {
                XID_PING | XID_WATCH => {}
                other if other != xid => {
                    let text = format!("an answer to request {other} where {xid} was asked");
                    return Err(WireError::Garbled(text));
                }
                _ if header.error != 0 => return Err(refusal(header.error)),
                _ => return Ok(body),
            }
        }
    }
}

/// Pings between requests, for as long as the session is open.
async fn keep(talk: Arc<Mutex<Talk>>, limit: Duration) {
    let mut pings = interval(limit / PINGS);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    loop {
        pings.tick().await;
        let mut talk = talk.lock().await;
        if !talk.is_open() {
            return;
        }
        let ping = Request::ping().framed(XID_PING);
        // A peer that takes nothing for so long has lost the session anyway.
        if !matches!(timeout(limit, talk.link.write(&ping)).await, Ok(Ok(()))) {
            return;
        }
    }
}
