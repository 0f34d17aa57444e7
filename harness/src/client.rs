//! Clients: how one operation reaches the database, and what its failure means.
//!
//! An error returned with `?` is *indefinite* by construction: the operation may have happened.
//! That it certainly did not happen has to be said, with [`ResultExt::definite`].

pub mod external;

use crate::op::Op;
use crate::{BoxFuture, Node};
use serde_json::Value;
use std::fmt::Display;
use std::sync::Arc;

/// Why an operation has no answer.
///
/// Deliberately not a `std::error::Error`, so that `?` can turn every error into `Indefinite`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It certainly did not happen; recorded as `fail`.
    Definite(String),
    /// It certainly did not happen, because the database answered that it would not: a compare that
    /// was unequal, a lock that another has, an empty queue. Recorded as `fail`, marked
    /// (`declined: …`), and counted as served, for the database was there.
    Declined(String),
    /// It certainly did not happen, because the client knew better than to ask: a release of a lock
    /// that it does not have. Recorded as `fail`, marked (`not asked: …`), and as far as service is
    /// concerned there was no call.
    NotAsked(String),
    /// It may have happened, or may yet; recorded as `info`, and the process ends.
    Indefinite(String),
    /// The database answered with something that cannot be understood. Recorded as `info`,
    /// marked, and the run is never green: either the client or the database is wrong.
    Unexpected(String),
}

impl Failure {
    /// What went wrong, in words.
    pub fn text(&self) -> &str {
        match self {
            Self::Definite(text)
            | Self::Declined(text)
            | Self::NotAsked(text)
            | Self::Indefinite(text)
            | Self::Unexpected(text) => text,
        }
    }

    /// The same kind of failure in other words.
    #[must_use]
    pub fn reworded(self, words: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Definite(text) => Self::Definite(words(text)),
            Self::Declined(text) => Self::Declined(words(text)),
            Self::NotAsked(text) => Self::NotAsked(words(text)),
            Self::Indefinite(text) => Self::Indefinite(words(text)),
            Self::Unexpected(text) => Self::Unexpected(words(text)),
        }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Indefinite(chain(&error))
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Says of an error that the operation certainly did not happen.
pub trait ResultExt<T> {
    /// Every error means that nothing happened.
    fn definite(self) -> Result<T, Failure>;
}

impl<T, E: Display> ResultExt<T> for Result<T, E> {
    fn definite(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Definite(error.to_string()))
    }
}

/// A connection to one node, used by one process at a time.
///
/// It must not retry, reconnect or pool on its own: those hide outcomes.
pub trait Client: Send + 'static {
    /// Runs one operation and returns its completed value. Cancelled (dropped) on timeout.
    fn invoke(&mut self, op: &Op) -> impl Future<Output = Result<Value, Failure>> + Send;

    /// Says goodbye. The default just drops the connection.
    fn close(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }
}

/// Makes clients.
pub trait Connect: Send + Sync + 'static {
    type Client: Client;

    /// Opens a client bound to `node`. Nothing has been asked yet, so the error is only a text.
    fn connect(&self, node: &Node) -> impl Future<Output = Result<Self::Client, String>> + Send;

    /// Makes tables and the like, once a run, before the first client.
    fn prepare(&self, _nodes: &[Node]) -> impl Future<Output = Result<(), String>> + Send {
        async { Ok(()) }
    }
}

/// [`Client`] behind a box.
pub trait DynClient: Send {
    fn invoke<'a>(&'a mut self, op: &'a Op) -> BoxFuture<'a, Result<Value, Failure>>;
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

impl<C: Client> DynClient for C {
    fn invoke<'a>(&'a mut self, op: &'a Op) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(Client::invoke(self, op))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(Client::close(*self))
    }
}

/// [`Connect`] behind a box.
pub trait DynConnect: Send + Sync {
    fn connect<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Box<dyn DynClient>, String>>;
    fn prepare<'a>(&'a self, nodes: &'a [Node]) -> BoxFuture<'a, Result<(), String>>;
}

impl<C: Connect> DynConnect for C {
    fn connect<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Box<dyn DynClient>, String>> {
        Box::pin(async move {
            let client = Connect::connect(self, node).await?;
            Ok(Box::new(client) as Box<dyn DynClient>)
        })
    }

    fn prepare<'a>(&'a self, nodes: &'a [Node]) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(Connect::prepare(self, nodes))
    }
}

/// A shared connector.
pub type SharedConnect = Arc<dyn DynConnect>;
