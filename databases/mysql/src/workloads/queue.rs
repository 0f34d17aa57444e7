//! A queue: a row for each element; taking one is deleting its row, before the answer.

use super::register::change;
use super::unknown;
use crate::failure;
use crate::session::Conversation;
use crate::transaction::{self, Stop};
use perjury_harness::{Failure, Op};
use perjury_wire::{Connection, Effect, WireError};
use serde_json::Value;

/// What a dequeue says when there is nothing.
const EMPTY: &str = "empty";
/// Elements that a drain takes at a time.
const BATCH: usize = 100;

/// `enqueue v`, `dequeue null`, `drain null`, answered with all that was taken.
pub(super) async fn invoke(
    connection: &mut Connection<Conversation>,
    op: &Op,
) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("enqueue", Some(element)) => {
            change(connection, format!("INSERT INTO queue (v) VALUES ({element})")).await?;
            Ok(op.value.clone())
        }
        // Those that others are about to take are passed over.
        ("dequeue", _) => match take(connection, 1, "FOR UPDATE SKIP LOCKED").await?.as_slice() {
            [element] => Ok((*element).into()),
            other => Err(Failure::Unexpected(format!("one was asked for, {other:?} came"))),
        },
        ("drain", _) => drain(connection).await,
        _ => Err(unknown(op)),
    }
}

/// Waits for those that others have locked: they may give them back.
async fn drain(connection: &mut Connection<Conversation>) -> Result<Value, Failure> {
    let mut all = Vec::new();
    loop {
        match take(connection, BATCH, "FOR UPDATE").await {
            Ok(elements) => all.extend(elements),
            Err(Failure::Declined(_)) => return Ok(all.into()),
            Err(failure) if all.is_empty() => return Err(failure),
            Err(Failure::Unexpected(text)) => return Err(Failure::Unexpected(text)),
            Err(failure) => {
                let why = failure.text();
                return Err(Failure::Indefinite(format!("{why}; taken before: {all:?}")));
            }
        }
    }
}

/// Takes up to `count` elements, the oldest first.
async fn take(
    connection: &mut Connection<Conversation>,
    count: usize,
    lock: &'static str,
) -> Result<Vec<i64>, Failure> {
    let told = connection.exchange(move |session| {
        Box::pin(async move {
            let taken = run(session, count, lock).await;
            let what =
                taken.as_ref().map_or_else(|_| String::new(), |v| format!(" of taking {v:?}"));
            transaction::finish(session, Effect::Writes, &what, taken).await
        })
    });
    failure::flat(told.await, Effect::Writes)
}

async fn run(session: &mut Conversation, count: usize, lock: &str) -> Result<Vec<i64>, Stop> {
    transaction::start(session).await?;
    let select = format!("SELECT id, v FROM queue ORDER BY id LIMIT {count} {lock}");
    let answer = transaction::step(session, &select).await?;
    let ids = answer.numbers()?;
    if ids.is_empty() {
        return Err(Stop::Told(Failure::Declined(EMPTY.to_owned())));
    }
    let elements = (0..ids.len()).map(|row| answer.number(row, 1)).collect::<Result<_, _>>()?;
    let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let delete = format!("DELETE FROM queue WHERE id IN ({list})");
    let deleted = transaction::step(session, &delete).await?.affected;
    if usize::try_from(deleted) == Ok(ids.len()) {
        return Ok(elements);
    }
    Err(WireError::Garbled(format!("{} rows were locked, and {deleted} deleted", ids.len())).into())
}
