//! A queue: a row for each element, taken in a transaction that skips what others are taking.

use crate::client::unknown;
use crate::door::Door;
use crate::register::one;
use crate::transaction::{End, transact, understood, write};
use perjury_harness::{Failure, Op};
use perjury_wire::Effect;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) const TABLES: &[&str] =
    &["CREATE TABLE IF NOT EXISTS perjury_queue (k BIGSERIAL PRIMARY KEY, v BIGINT NOT NULL)"];

const TAKE_ONE: &str = "DELETE FROM perjury_queue WHERE k = \
    (SELECT k FROM perjury_queue ORDER BY k FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING k, v";

/// Waits for rows that others hold: they may yet give them back.
const TAKE_ALL: &str = "DELETE FROM perjury_queue RETURNING k, v";

/// Draining meets transactions that are just ending; each such failure is certain.
const DRAIN_TRIES: usize = 20;
const DRAIN_PAUSE: Duration = Duration::from_millis(100);

/// `enqueue v`, `dequeue null`, `drain null`.
pub(crate) async fn invoke(door: &mut Door, op: &Op) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("enqueue", Some(element)) => {
            let sql = format!("INSERT INTO perjury_queue (v) VALUES ({element})");
            let answer = write(door, sql).await?;
            understood(one(answer.touched("INSERT")))?;
            Ok(op.value.clone())
        }
        ("dequeue", _) => match take(door, TAKE_ONE).await?.as_slice() {
            [element] => Ok((*element).into()),
            taken => Err(Failure::Unexpected(format!("{} were taken at once", taken.len()))),
        },
        ("drain", _) => drain(door).await,
        _ => Err(unknown(op)),
    }
}

async fn drain(door: &mut Door) -> Result<Value, Failure> {
    let mut tries = 1;
    loop {
        match take(door, TAKE_ALL).await {
            Ok(elements) => return Ok(elements.into()),
            Err(Failure::Declined(_)) => return Ok(Value::Array(Vec::new())),
            // Certainly nothing was taken, so that asking again takes nothing twice.
            Err(Failure::Definite(_)) if tries < DRAIN_TRIES => {
                tries += 1;
                tokio::time::sleep(DRAIN_PAUSE).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

const EMPTY: &str = "empty";

/// What `sql` deletes, in the order in which it was enqueued. An unknown outcome names it.
async fn take(door: &mut Door, sql: &'static str) -> Result<Vec<i64>, Failure> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&seen);
    let taken = transact(door, Effect::Writes, move |session| {
        Box::pin(async move {
            let mut rows = session.query(sql).await?.numbers::<2>()?;
            if rows.is_empty() {
                return Ok(End::Abort(EMPTY.to_owned()));
            }
            rows.sort_unstable();
            let elements: Vec<i64> = rows.into_iter().map(|[_, element]| element).collect();
            shared.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&elements);
            Ok(End::Commit(elements))
        })
    });
    taken.await.map_err(|failure| match failure {
        Failure::Indefinite(text) => {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            Failure::Indefinite(format!("perhaps took {seen:?}: {text}"))
        }
        other => other,
    })
}
