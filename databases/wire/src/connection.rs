//! A connection that is opened before the first request, and anew before the next one after it
//! broke. Nothing is ever sent twice.

use crate::{Link, WireError};
use perjury_harness::BoxFuture;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// How long handshakes and authentication may take.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
/// The scheduler gives up long before; this is for callers without one.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// One protocol's conversation over a [`Link`].
pub trait Session: Send + Sized {
    /// What it needs to know to log in.
    type Login: Clone + Send + Sync;

    /// Greets and logs in. Its errors mean that no request was sent.
    fn open(
        link: Link,
        login: &Self::Login,
    ) -> impl Future<Output = Result<Self, WireError>> + Send;

    /// Hears what came while nobody listened; whether another request may be sent.
    fn is_usable(&mut self) -> bool;
}

/// A session with one server. Taken out while in use, so that a request that is dropped half way
/// leaves no half-used session behind.
#[derive(Debug)]
pub struct Connection<S: Session> {
    address: SocketAddr,
    login: S::Login,
    limit: Duration,
    session: Option<S>,
}

impl<S: Session> Connection<S> {
    /// Connects and logs in.
    pub async fn open(address: SocketAddr, login: S::Login) -> Result<Self, WireError> {
        let session = greet(address, &login).await?;
        Ok(Self { address, login, limit: REQUEST_LIMIT, session: Some(session) })
    }

    /// The same, with another limit on each exchange.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Whom it speaks to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forgets the session: the next exchange opens a new one.
    pub fn drop_session(&mut self) {
        self.session = None;
    }

    /// One exchange. When a session has to be opened for it and cannot be, that is [`WireError::NotSent`].
    /// The session is kept unless the exchange failed by anything but a refusal.
    ///
    /// ```text
    /// connection.exchange(|session| Box::pin(session.query("SELECT 1"))).await
    /// ```
    pub async fn exchange<T: Send>(
        &mut self,
        ask: impl for<'a> FnOnce(&'a mut S) -> BoxFuture<'a, Result<T, WireError>> + Send,
    ) -> Result<T, WireError> {
        let kept =
            self.session.take().and_then(|mut session| session.is_usable().then_some(session));
        let mut session = match kept {
            Some(session) => session,
            None => greet(self.address, &self.login).await?,
        };
        let answer = timeout(self.limit, ask(&mut session)).await.unwrap_or_else(|_| {
            Err(WireError::NoAnswer(format!("nothing within {} ms", self.limit.as_millis())))
        });
        if matches!(answer, Ok(_) | Err(WireError::Refused { .. })) {
            self.session = Some(session);
        }
        answer
    }
}

/// A new session; every error says that nothing was asked.
async fn greet<S: Session>(address: SocketAddr, login: &S::Login) -> Result<S, WireError> {
    let opening = async { S::open(Link::open(address).await?, login).await };
    match timeout(GREETING_LIMIT, opening).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error @ WireError::NotSent(_))) => Err(error),
        Ok(Err(error)) => Err(WireError::NotSent(format!("logging in: {error}"))),
        Err(_) => Err(WireError::NotSent("logging in: nothing came".to_owned())),
    }
}
