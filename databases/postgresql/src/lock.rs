//! A lock: one advisory lock, which belongs to a session and goes with it.

use crate::client::unknown;
use crate::door::Door;
use crate::failure::of_commit;
use crate::session::PgSession;
use perjury_harness::{Failure, Op};
use perjury_wire::{Effect, WireError};
use serde_json::Value;

pub(crate) const TABLES: &[&str] = &["CREATE SEQUENCE IF NOT EXISTS perjury_token"];

/// The lock has a number, which nothing else uses in a database of its own. The number of the
/// sequence comes after the lock, so that it grows from holder to holder.
const ACQUIRE: &str =
    "SELECT CASE WHEN pg_try_advisory_lock(7367079) THEN nextval('perjury_token') END";
const RELEASE: &str = "SELECT pg_advisory_unlock(7367079)";

/// `acquire null`, answered with a token that grows; `release null`.
pub(crate) async fn invoke(door: &mut Door, op: &Op) -> Result<Value, Failure> {
    let answer = match &*op.f {
        "acquire" => door.exchange(|session| Box::pin(acquire(session))).await,
        "release" => door.exchange(|session| Box::pin(release(session))).await,
        _ => return Err(unknown(op)),
    };
    match answer {
        Ok(answer) => answer,
        Err(error) => Err(of_commit(&error, Effect::Writes)),
    }
}

/// A lock is not asked for twice by one session, which would be given it again.
async fn acquire(session: &mut PgSession) -> Result<Result<Value, Failure>, WireError> {
    if session.holds_lock {
        return Ok(Err(Failure::NotAsked("held by this client".to_owned())));
    }
    let token = session.query(ACQUIRE).await?.number()?;
    session.holds_lock = token.is_some();
    Ok(token.map(Value::from).ok_or_else(|| Failure::Declined("held".to_owned())))
}

/// A session that is not the one that acquired it has nothing to release: the server has taken
/// the lock back, or will when it sees that session's end.
async fn release(session: &mut PgSession) -> Result<Result<Value, Failure>, WireError> {
    if !session.holds_lock {
        return Ok(Err(Failure::NotAsked("not held".to_owned())));
    }
    session.holds_lock = false;
    match session.query(RELEASE).await?.value()? {
        Some("t") => Ok(Ok(Value::Null)),
        Some("f") => Ok(Err(Failure::Declined("not held".to_owned()))),
        other => Err(WireError::Garbled(format!("release was answered with {other:?}"))),
    }
}
