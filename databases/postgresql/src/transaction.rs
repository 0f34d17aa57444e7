//! Transactions and single statements, and which of their failures are definite.

use crate::door::Door;
use crate::failure::{before_commit, committed, of_commit};
use crate::session::{Answer, PgSession};
use perjury_harness::{BoxFuture, Failure};
use perjury_wire::{Effect, WireError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How the steps of a transaction came out.
pub(crate) enum End<T> {
    /// It is to be committed, and is answered with this.
    Commit(T),
    /// It is to be rolled back, for this reason: it is declined.
    Abort(String),
}

/// Runs `steps` between BEGIN and COMMIT, on one session. They own what they need.
pub(crate) async fn transact<T: Send + 'static>(
    door: &mut Door,
    effect: Effect,
    steps: impl for<'a> FnOnce(&'a mut PgSession) -> BoxFuture<'a, Result<End<T>, WireError>>
    + Send
    + 'static,
) -> Result<T, Failure> {
    // Set just before the COMMIT is sent: until then whatever fails, fails for good.
    let committing = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&committing);
    let outcome = door
        .exchange(move |session| {
            Box::pin(async move {
                session.query("BEGIN").await?;
                match steps(session).await {
                    Ok(End::Commit(value)) => {
                        flag.store(true, Ordering::Relaxed);
                        commit(session).await?;
                        Ok(Ok(value))
                    }
                    Ok(End::Abort(reason)) => {
                        session.query("ROLLBACK").await?;
                        Ok(Err(reason))
                    }
                    Err(error) => {
                        // Without it the session is not used again, which rolls back as well.
                        if matches!(error, WireError::Refused { .. }) {
                            let _ = session.query("ROLLBACK").await;
                        }
                        Err(error)
                    }
                }
            })
        })
        .await;
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(reason)) => Err(Failure::Declined(reason)),
        Err(error) if committing.load(Ordering::Relaxed) => Err(of_commit(&error, effect)),
        Err(error) => Err(before_commit(&error)),
    }
}

async fn commit(session: &mut PgSession) -> Result<(), WireError> {
    let answer = committed(session.query("COMMIT").await?)?;
    match answer.tag.as_str() {
        "COMMIT" => Ok(()),
        tag => Err(WireError::Garbled(format!("COMMIT was answered with {tag:.100}"))),
    }
}

/// One statement that only reads.
pub(crate) async fn read(door: &mut Door, sql: String) -> Result<Answer, Failure> {
    let answer = door.exchange(move |session| Box::pin(async move { session.query(&sql).await }));
    answer.await.map_err(|error| of_commit(&error, Effect::Nothing))
}

/// One statement that writes and commits.
pub(crate) async fn write(door: &mut Door, sql: String) -> Result<Answer, Failure> {
    let answer = door
        .exchange(move |session| Box::pin(async move { committed(session.query(&sql).await?) }));
    answer.await.map_err(|error| of_commit(&error, Effect::Writes))
}

/// Makes an answer that cannot be understood a failure of the whole operation.
pub(crate) fn understood<T>(result: Result<T, WireError>) -> Result<T, Failure> {
    result.map_err(|error| Failure::Unexpected(error.to_string()))
}
