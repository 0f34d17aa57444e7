//! Where a client's requests go: one session with one server, which may be whichever leads.

use crate::session::{Login, PgSession, Wants};
use perjury_harness::BoxFuture;
use perjury_wire::{Connection, WireError};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::timeout;

/// A server that is paused or cut off does not answer; the next one may.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// Servers of the cluster, known once the run is prepared.
pub(crate) type Servers = Arc<OnceLock<Vec<SocketAddr>>>;

/// One session at a time.
#[derive(Debug)]
pub(crate) struct Door {
    login: Login,
    own: SocketAddr,
    servers: Servers,
    limit: Option<Duration>,
    connection: Option<Connection<PgSession>>,
}

impl Door {
    /// To `own`, or with a `login` that wants a primary to the first of `servers` that is one,
    /// `own` before the others.
    pub(crate) async fn open(
        login: Login,
        own: SocketAddr,
        servers: Servers,
    ) -> Result<Self, WireError> {
        let mut door = Self { login, own, servers, limit: None, connection: None };
        door.connection = Some(door.connect().await?);
        Ok(door)
    }

    /// The same, with another limit on each operation.
    #[cfg(test)]
    pub(crate) fn limit(&mut self, limit: Duration) {
        self.limit = Some(limit);
        self.connection = self.connection.take().map(|connection| connection.with_limit(limit));
    }

    /// One exchange, of which nothing is ever sent twice. What says that the server leads no
    /// more has the leader looked for before the next one.
    pub(crate) async fn exchange<T: Send>(
        &mut self,
        ask: impl for<'a> FnOnce(&'a mut PgSession) -> BoxFuture<'a, Result<T, WireError>> + Send,
    ) -> Result<T, WireError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let answer = connection.exchange(ask).await;
        let keep = match &answer {
            _ if self.login.wants != Wants::Primary => true,
            Ok(_) => true,
            Err(WireError::Refused { code, text }) => code != "25006" && !text.starts_with("FATAL"),
            Err(_) => false,
        };
        if keep {
            self.connection = Some(connection);
        }
        answer
    }

    async fn connect(&self) -> Result<Connection<PgSession>, WireError> {
        let connection = match self.login.wants {
            Wants::Primary => self.find_primary().await?,
            Wants::Any | Wants::Reader => Connection::open(self.own, self.login.clone()).await?,
        };
        Ok(match self.limit {
            Some(limit) => connection.with_limit(limit),
            None => connection,
        })
    }

    /// The first that leads, as clients do that are given a list of servers. Of two that think
    /// they lead, it takes the nearer one.
    async fn find_primary(&self) -> Result<Connection<PgSession>, WireError> {
        let others = self.servers.get().map(Vec::as_slice).unwrap_or_default();
        let others = others.iter().filter(|server| **server != self.own);
        let mut words = Vec::new();
        for server in std::iter::once(&self.own).chain(others) {
            let opening = Connection::open(*server, self.login.clone());
            match timeout(LOOK_LIMIT, opening).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => words.push(format!("{server}: {error}")),
                Err(_) => words.push(format!("{server}: silent")),
            }
        }
        Err(WireError::NotSent(format!("no server leads ({})", words.join("; "))))
    }
}
