//! What is asked of ZooKeeper, typed: one request each, or one after the other in one session.

use crate::protocol::{ANY, Mode, Request, Stat, Znode, error_name, multi_error, multi_znodes};
use crate::protocol::{NO_NODE, refusal};
use crate::session::{Reply, ZkSession};
use perjury_wire::{Connection, WireError};
use std::net::SocketAddr;
use std::time::Duration;

/// All that this client makes is below it.
pub(crate) const ROOT: &str = "/perjury";
/// What is written before a read when `sync = "write"`.
const FENCE: &str = "/perjury/fence";
const GOODBYE_LIMIT: Duration = Duration::from_millis(500);

/// What precedes each read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing: the server answers from its own state, which may be behind.
    #[default]
    AsItIs,
    /// `sync`: the server has caught up with its leader, or who believes to be that.
    Sync,
    /// A write: a majority has confirmed the leader.
    Write,
}

/// A server, spoken to in one session at a time.
#[derive(Debug)]
pub(crate) struct Zk {
    connection: Connection<ZkSession>,
    freshness: Freshness,
}

/// Whether an error is this refusal.
pub(crate) fn is(error: &WireError, name: &str) -> bool {
    matches!(error, WireError::Refused { code, .. } if code == name)
}

fn garbled(text: String) -> WireError {
    WireError::Garbled(text)
}

impl Zk {
    /// Connects and has a session made.
    pub(crate) async fn open(
        address: SocketAddr,
        session: Duration,
        freshness: Freshness,
    ) -> Result<Self, WireError> {
        let connection = Connection::open(address, session).await?;
        Ok(Self { connection, freshness })
    }

    /// The same, with another limit on each request.
    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Self { connection: self.connection.with_limit(limit), ..self }
    }

    async fn ask(&mut self, request: Request) -> Result<Reply, WireError> {
        self.connection
            .exchange(|session| Box::pin(async move { session.ask(&request).await }))
            .await
    }

    /// Asked only if the session is still this one; otherwise nothing is sent.
    async fn ask_in(&mut self, session: i64, request: Request) -> Result<Reply, WireError> {
        self.connection
            .exchange(move |open| {
                Box::pin(async move {
                    if open.id() != session {
                        return Err(WireError::NotSent("the session is over".to_owned()));
                    }
                    open.ask(&request).await
                })
            })
            .await
    }

    /// Makes what is read next as fresh as the settings want it.
    pub(crate) async fn freshen(&mut self, path: &str) -> Result<(), WireError> {
        match self.freshness {
            Freshness::AsItIs => Ok(()),
            Freshness::Sync => self.sync(path).await,
            Freshness::Write => self.set(FENCE, b"", ANY).await,
        }
    }

    pub(crate) async fn sync(&mut self, path: &str) -> Result<(), WireError> {
        let mut reply = self.ask(Request::sync(path)).await?;
        reply.body.text().map(drop).map_err(garbled)
    }

    /// `None` for a znode that does not exist.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Option<Znode>, WireError> {
        match self.ask(Request::get(path)).await {
            Ok(mut reply) => Znode::parse(&mut reply.body).map(Some).map_err(garbled),
            Err(error) if is(&error, error_name(NO_NODE)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn exists(&mut self, path: &str) -> Result<bool, WireError> {
        match self.ask(Request::exists(path)).await {
            Ok(mut reply) => Stat::parse(&mut reply.body).map(|_| true).map_err(garbled),
            Err(error) if is(&error, error_name(NO_NODE)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn children(&mut self, path: &str) -> Result<Vec<String>, WireError> {
        let mut reply = self.ask(Request::children(path)).await?;
        reply.body.texts().map_err(garbled)
    }

    /// The znode's whole path, which has a number at its end when its mode says so.
    pub(crate) async fn create(
        &mut self,
        path: &str,
        data: &[u8],
        mode: Mode,
    ) -> Result<String, WireError> {
        let mut reply = self.ask(Request::create(path, data, mode)).await?;
        reply.body.text().map_err(garbled)
    }

    /// An ephemeral znode of the session whose number comes first; then the transaction's.
    pub(crate) async fn create_ephemeral(&mut self, path: &str) -> Result<(i64, i64), WireError> {
        let mut reply = self.ask(Request::create2(path, b"", Mode::Ephemeral)).await?;
        reply.body.text().map_err(garbled)?;
        let stat = Stat::parse(&mut reply.body).map_err(garbled)?;
        Ok((reply.session, stat.czxid))
    }

    pub(crate) async fn set(
        &mut self,
        path: &str,
        data: &[u8],
        version: i32,
    ) -> Result<(), WireError> {
        let mut reply = self.ask(Request::set(path, data, version)).await?;
        Stat::parse(&mut reply.body).map(drop).map_err(garbled)
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Result<(), WireError> {
        self.ask(Request::delete(path, ANY)).await.map(drop)
    }

    /// Deletes a znode of this session; when that is over, nothing is sent.
    pub(crate) async fn delete_in(&mut self, session: i64, path: &str) -> Result<(), WireError> {
        self.ask_in(session, Request::delete(path, ANY)).await.map(drop)
    }

    /// All of `parts` or none: the error is that of the first part that could not be done.
    pub(crate) async fn multi(&mut self, parts: &[Request]) -> Result<(), WireError> {
        let reply = self.ask(Request::multi(parts)).await?;
        match multi_error(reply.body, parts.len()).map_err(garbled)? {
            None => Ok(()),
            Some(error) => Err(refusal(error)),
        }
    }

    /// Znodes as they are at one moment, in the order of `paths`.
    pub(crate) async fn snapshot(
        &mut self,
        paths: &[String],
    ) -> Result<Vec<Option<Znode>>, WireError> {
        let parts: Vec<Request> = paths.iter().map(|path| Request::get(path)).collect();
        let reply = self.ask(Request::multi_read(&parts)).await?;
        let znodes = multi_znodes(reply.body).map_err(garbled)?;
        if znodes.len() != paths.len() {
            return Err(garbled(format!("{} of {} znodes came", znodes.len(), paths.len())));
        }
        let read = |znode: Result<Znode, i32>| match znode {
            Ok(znode) => Ok(Some(znode)),
            Err(NO_NODE) => Ok(None),
            Err(error) => Err(refusal(error)),
        };
        znodes.into_iter().map(read).collect()
    }

    /// Makes a znode, unless it is there.
    pub(crate) async fn ensure(&mut self, path: &str, data: &[u8]) -> Result<(), WireError> {
        match self.create(path, data, Mode::Persistent).await {
            Err(error) if !is(&error, "NodeExists") => Err(error),
            _ => Ok(()),
        }
    }

    /// The root of everything, and what the freshest reads write to.
    pub(crate) async fn ensure_root(&mut self) -> Result<(), WireError> {
        self.ensure(ROOT, b"").await?;
        self.ensure(FENCE, b"").await
    }

    /// Ends the session, so that what it holds need not wait for its timeout.
    pub(crate) async fn close(self) {
        let mut zk = self.with_limit(GOODBYE_LIMIT);
        let _ = tokio::time::timeout(GOODBYE_LIMIT, zk.ask(Request::close())).await;
    }
}
