//! A lock: a locked row in an open transaction, or `GET_LOCK`. Either goes with the session.

use super::unknown;
use crate::failure;
use crate::session::Conversation;
use crate::settings::Lock;
use crate::transaction::{self, Stop};
use perjury_harness::{Failure, Op};
use perjury_wire::{Connection, Effect, WireError};
use serde_json::Value;

/// Errors that say that somebody else has the row: MariaDB's and MySQL's of `NOWAIT`.
const HELD: &[&str] = &["1205", "3572"];

/// `acquire null`, `release null`. There is no token for fencing: what a transaction counts is lost
/// with it.
pub(super) async fn invoke(
    connection: &mut Connection<Conversation>,
    lock: Lock,
    op: &Op,
) -> Result<Value, Failure> {
    match &*op.f {
        "acquire" => {
            let asked = connection.exchange(move |session| {
                Box::pin(async move {
                    match (session.holds_lock, lock) {
                        (true, _) => Ok(Err(Failure::NotAsked("held by this client".to_owned()))),
                        (false, Lock::Row) => acquire_row(session).await,
                        (false, Lock::GetLock) => get_lock(session).await,
                    }
                })
            });
            // Without an answer there is no session, and without a session no lock.
            failure::flat(asked.await, Effect::Nothing)
        }
        "release" => {
            let asked = connection.exchange(move |session| {
                Box::pin(async move {
                    if !session.holds_lock {
                        return Ok(Err(Failure::NotAsked("not held".to_owned())));
                    }
                    session.holds_lock = false;
                    match lock {
                        Lock::Row => release_row(session).await,
                        Lock::GetLock => release_lock(session).await,
                    }
                })
            });
            failure::flat(asked.await, Effect::Writes)
        }
        _ => Err(unknown(op)),
    }
}

async fn acquire_row(session: &mut Conversation) -> Result<Result<Value, Failure>, WireError> {
    match lock_row(session).await {
        Ok(()) => {
            session.holds_lock = true;
            Ok(Ok(Value::Null))
        }
        Err(stop) => {
            let stop = match stop {
                Stop::Wire(WireError::Refused { code, .. }) if HELD.contains(&&*code) => {
                    Stop::Told(Failure::Declined("held".to_owned()))
                }
                other => other,
            };
            transaction::finish(session, Effect::Nothing, "", Err(stop)).await
        }
    }
}

/// The row is changed too, so that a cluster that resolves conflicts when it commits sees one.
async fn lock_row(session: &mut Conversation) -> Result<(), Stop> {
    transaction::start(session).await?;
    let select = "SELECT holders FROM locks WHERE id = 0 FOR UPDATE NOWAIT";
    transaction::step(session, select).await?.number(0, 0)?;
    let update = "UPDATE locks SET holders = holders + 1 WHERE id = 0";
    Ok(transaction::step(session, update).await?.of_one_row("the lock")?)
}

/// A COMMIT that is refused says that the lock was lost before.
async fn release_row(session: &mut Conversation) -> Result<Result<Value, Failure>, WireError> {
    let committed = transaction::finish(session, Effect::Writes, "", Ok(())).await?;
    Ok(match committed {
        Ok(()) => Ok(Value::Null),
        Err(Failure::Unexpected(text)) => Err(Failure::Unexpected(text)),
        Err(failure) => Err(Failure::Definite(format!("the lock was lost: {}", failure.text()))),
    })
}

async fn get_lock(session: &mut Conversation) -> Result<Result<Value, Failure>, WireError> {
    let answer = session.query("SELECT GET_LOCK('perjury', 1)").await?;
    Ok(match answer.text(0, 0)? {
        Some("1") => {
            session.holds_lock = true;
            Ok(Value::Null)
        }
        Some("0") => Err(Failure::Declined("held".to_owned())),
        _ => Err(Failure::Definite("GET_LOCK was answered with NULL".to_owned())),
    })
}

async fn release_lock(session: &mut Conversation) -> Result<Result<Value, Failure>, WireError> {
    let answer = session.query("SELECT RELEASE_LOCK('perjury')").await?;
    Ok(match answer.text(0, 0)? {
        Some("1") => Ok(Value::Null),
        _ => Err(Failure::Declined("not held".to_owned())),
    })
}
