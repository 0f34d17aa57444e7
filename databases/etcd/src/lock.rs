//! etcd's lock: a key that hangs on a lease, which the client keeps alive through its member.
//!
//! The lock is etcd's own (`/v3/lock/lock`): it waits until no older key of its name is left. The
//! lease is kept alive in the background for as long as the client lives, over a connection of its
//! own to the same member. When that member is paused or cut off, the lease ends, etcd deletes the
//! key, and somebody else gets the lock, whatever the first is doing meanwhile.

use crate::api::{Base64, Compare, DeleteRange, Int64, Range, Txn, TxnOp};
use crate::connection::{Connection, RequestError};
use crate::connector::unknown;
use crate::failure::{Effect, classify};
use crate::txn::conditional;
use perjury_harness::{Failure, Op};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long somebody else may have it before `acquire` gives up.
const PATIENCE: Duration = Duration::from_secs(1);
const NAME: &str = "lock";

/// A client's lease, and the lock while it has that.
#[derive(Debug)]
pub(crate) struct Locker {
    /// What is asked for; etcd grants no less than one and a half of its election timeouts.
    seconds: i64,
    lease: Option<Lease>,
    held: Option<Held>,
}

/// The lock, as the client that took it knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    key: Base64,
    /// When the key was made. Later holders have greater ones.
    pub(crate) revision: Int64,
}

impl Held {
    /// Holds as long as the lock does, whatever its holder believes.
    pub(crate) fn fence(&self) -> Compare {
        Compare::made_at(&self.key, self.revision)
    }
}

/// Kept alive until dropped.
#[derive(Debug)]
struct Lease {
    id: Int64,
    gone: Arc<AtomicBool>,
    keeper: JoinHandle<()>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Locker {
    pub(crate) fn new(seconds: i64) -> Self {
        Self { seconds, lease: None, held: None }
    }

    /// `acquire null`, answered with the revision at which the lock was taken; `release null`.
    pub(crate) async fn invoke(
        &mut self,
        connection: &mut Connection,
        op: &Op,
    ) -> Result<Value, Failure> {
        match &*op.f {
            "acquire" if self.held.is_some() => {
                Err(Failure::NotAsked("held by this client".to_owned()))
            }
            "acquire" => {
                let held = self.acquire(connection).await?;
                let Int64(token) = held.revision;
                self.held = Some(held);
                Ok(token.into())
            }
            "release" => {
                let held = self.held.take();
                let held = held.ok_or_else(|| Failure::NotAsked("not held".to_owned()))?;
                self.release(connection, held).await?;
                Ok(Value::Null)
            }
            _ => Err(unknown(op)),
        }
    }

    /// Takes the lock, or waits for a second.
    pub(crate) async fn acquire(&mut self, connection: &mut Connection) -> Result<Held, Failure> {
        let lease = self.lease(connection).await?;
        // Waiting is done by the member, and ends when its connection does.
        let waited = timeout(PATIENCE, connection.lock(NAME, lease)).await;
        let key = match waited {
            Ok(Ok(key)) => key,
            Ok(Err(error)) => {
                self.lease = None;
                return Err(classify(&error, Effect::Writes));
            }
            Err(_) => return Err(self.give_up(connection, lease).await),
        };
        let found = connection.range(&Range::of(&key)).await;
        let found = found.map_err(|error| {
            // It has the lock, and does not know as what: left to the lease to end.
            self.lease = None;
            match classify(&error, Effect::Writes) {
                Failure::Definite(text) => Failure::Indefinite(text),
                other => other,
            }
        })?;
        match found.kvs.first() {
            Some(kv) => Ok(Held { key, revision: kv.create_revision }),
            None => {
                self.lease = None;
                Err(Failure::Definite("the lease ended as the lock was taken".to_owned()))
            }
        }
    }

    /// Gives the lock back. A lock that was lost is not given back to anybody.
    pub(crate) async fn release(
        &mut self,
        connection: &mut Connection,
        held: Held,
    ) -> Result<(), Failure> {
        let txn = Txn {
            compare: vec![held.fence()],
            success: vec![TxnOp::DeleteRange(DeleteRange { key: held.key })],
        };
        let released = conditional(connection, &txn).await;
        if !matches!(released, Ok(true)) {
            // Whatever is left of it ends with the lease.
            self.lease = None;
        }
        match released? {
            true => Ok(()),
            false => Err(Failure::Declined("not held: the lease has ended".to_owned())),
        }
    }

    /// The client's lease; a new one where there is none. A lease alone locks nothing, so that an
    /// error means that nothing happened.
    async fn lease(&mut self, connection: &mut Connection) -> Result<Int64, Failure> {
        if let Some(lease) = self.lease.take_if(|lease| !lease.gone.load(Ordering::Relaxed)) {
            let id = lease.id;
            self.lease = Some(lease);
            return Ok(id);
        }
        let granted = connection.grant(self.seconds).await;
        let (id, seconds) = granted.map_err(|error| classify(&error, Effect::Nothing))?;
        let gone = Arc::new(AtomicBool::new(false));
        let pause = Duration::from_secs(seconds.clamp(1, 3600).unsigned_abs()) / 3;
        let another = connection.another().with_limit(pause * 3);
        let keeper = tokio::spawn(keep(another, id, pause, gone.clone()));
        self.lease = Some(Lease { id, gone, keeper });
        Ok(id)
    }

    /// Ends the lease, and with it the place in the line for the lock, or the lock if it was given
    /// in this very moment.
    async fn give_up(&mut self, connection: &mut Connection, lease: Int64) -> Failure {
        self.lease = None;
        match connection.revoke(lease).await {
            Ok(()) => Failure::Declined("held".to_owned()),
            Err(RequestError::Garbled(text)) => Failure::Unexpected(text),
            Err(error) => Failure::Indefinite(format!("held, and leaving the line: {error}")),
        }
    }
}

/// Keeps a lease alive until it is told that there is none.
async fn keep(mut connection: Connection, id: Int64, pause: Duration, gone: Arc<AtomicBool>) {
    loop {
        sleep(pause).await;
        if matches!(connection.keep_alive(id).await, Ok(false)) {
            gone.store(true, Ordering::Relaxed);
            return;
        }
    }
}
