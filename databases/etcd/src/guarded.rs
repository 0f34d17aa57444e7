//! A set in one key, read and written back whole under etcd's lock: a critical section.
//!
//! That is how an application would use the lock. With guard `lock`, it believes that nobody else
//! comes between its read and its write because it has the lock. With guard `revision`, the write
//! is conditional on the lock's key being there since the revision at which it was taken: then
//! whoever has lost the lock writes nothing (a *fence*, in etcd's own documents and in Kleppmann
//! 2016, "How to do distributed locking").

use crate::api::{Put, Range, Txn, TxnOp};
use crate::connection::Connection;
use crate::connector::{Reads, unknown};
use crate::failure::{Effect, classify};
use crate::lock::{Held, Locker};
use crate::register::decode;
use crate::txn::conditional;
use perjury_harness::{Failure, Op};
use serde_json::Value;
use std::time::Duration;

const NAME: &str = "set";

/// What protects the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// That the client has the lock, as it believes.
    Lock,
    /// That etcd says so as it writes.
    Revision,
}

/// The critical section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// What protects it.
    pub guard: Guard,
    /// How long the client works between reading and writing.
    pub work: Duration,
}

impl Section {
    /// `add v`, `read null`, answered with a sorted list.
    pub(crate) async fn invoke(
        self,
        connection: &mut Connection,
        locker: &mut Locker,
        reads: Reads,
        op: &Op,
    ) -> Result<Value, Failure> {
        match (&*op.f, op.value.as_i64()) {
            ("add", Some(element)) => {
                // Without the lock nothing is written, whatever becomes of the lock.
                let held = locker.acquire(connection).await.map_err(|failure| match failure {
                    Failure::Indefinite(text) => Failure::Definite(text),
                    other => other,
                })?;
                let done = self.add(connection, &held, element).await;
                // What it answers says nothing of the set: a lock that is not given back ends with
                // its lease.
                let _ = locker.release(connection, held).await;
                done.map(|()| op.value.clone())
            }
            ("read", _) => {
                let mut elements = read(connection, reads.serializable()).await?;
                elements.sort_unstable();
                Ok(elements.into())
            }
            _ => Err(unknown(op)),
        }
    }

    async fn add(
        self,
        connection: &mut Connection,
        held: &Held,
        element: i64,
    ) -> Result<(), Failure> {
        let mut elements = read(connection, false).await?;
        tokio::time::sleep(self.work).await;
        elements.push(element);
        let put = Put::new(NAME, &Value::from(elements).to_string());
        match self.guard {
            Guard::Lock => {
                connection.put(&put).await.map_err(|error| classify(&error, Effect::Writes))
            }
            Guard::Revision => {
                let (compare, success) = (vec![held.fence()], vec![TxnOp::Put(put)]);
                match conditional(connection, &Txn { compare, success }).await? {
                    true => Ok(()),
                    false => Err(Failure::Definite("the lock was lost".to_owned())),
                }
            }
        }
    }
}

async fn read(connection: &mut Connection, serializable: bool) -> Result<Vec<i64>, Failure> {
    let found = connection.range(&Range::key(NAME, serializable)).await;
    let found = found.map_err(|error| classify(&error, Effect::Nothing))?;
    let Some(kv) = found.kvs.first() else { return Ok(Vec::new()) };
    let value = decode(&kv.value)?;
    serde_json::from_value(value.clone())
        .map_err(|_| Failure::Unexpected(format!("the set's key holds {:.100}", value.to_string())))
}
