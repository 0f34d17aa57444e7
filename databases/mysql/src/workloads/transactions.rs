//! Lists and registers in transactions: each step a statement.
//!
//! An append is done in place, on the newest version of the row that there is. That is how users
//! write it, and where it differs from the version that the transaction has read is what is tested.

use super::unknown;
use crate::failure;
use crate::session::Conversation;
use crate::settings::Reads;
use crate::transaction::{self, Stop};
use perjury_harness::{Failure, Op};
use perjury_wire::{Connection, Effect, WireError};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug)]
enum Micro {
    Write(i64, i64),
    Read(i64),
}

/// `txn [["append", k, v], ["r", k, null], …]` for lists, and for registers with `w` instead of
/// `append`; answered with what was read filled in.
pub(super) async fn invoke(
    connection: &mut Connection<Conversation>,
    lists: bool,
    reads: Reads,
    op: &Op,
) -> Result<Value, Failure> {
    let micros = parse(op, lists).ok_or_else(|| unknown(op))?;
    let writes = micros.iter().any(|micro| matches!(micro, Micro::Write(..)));
    let effect = if writes { Effect::Writes } else { Effect::Nothing };
    let told = connection.exchange(move |session| {
        Box::pin(async move {
            let answer = run(session, lists, reads, &micros).await;
            transaction::finish(session, effect, "", answer).await
        })
    });
    failure::flat(told.await, effect)
}

fn parse(op: &Op, lists: bool) -> Option<Vec<Micro>> {
    if &*op.f != "txn" {
        return None;
    }
    let write = if lists { "append" } else { "w" };
    let steps = op.value.as_array()?.iter();
    steps
        .map(|step| match step.as_array()?.as_slice() {
            [f, key, value] if f == write => Some(Micro::Write(key.as_i64()?, value.as_i64()?)),
            [f, key, _] if f == "r" => Some(Micro::Read(key.as_i64()?)),
            _ => None,
        })
        .collect()
}

async fn run(
    session: &mut Conversation,
    lists: bool,
    reads: Reads,
    micros: &[Micro],
) -> Result<Value, Stop> {
    transaction::start(session).await?;
    let mut answers = Vec::with_capacity(micros.len());
    for micro in micros {
        answers.push(match *micro {
            Micro::Write(key, value) => {
                transaction::step(session, &write(lists, key, value)).await?;
                json!([if lists { "append" } else { "w" }, key, value])
            }
            Micro::Read(key) => json!(["r", key, read(session, lists, reads, key).await?]),
        });
    }
    Ok(answers.into())
}

fn write(lists: bool, key: i64, value: i64) -> String {
    if lists {
        format!(
            "INSERT INTO lists (k, v) VALUES ({key}, '{value}') \
             ON DUPLICATE KEY UPDATE v = CONCAT_WS(',', v, '{value}')"
        )
    } else {
        format!(
            "INSERT INTO pairs (k, v) VALUES ({key}, {value}) ON DUPLICATE KEY UPDATE v = {value}"
        )
    }
}

async fn read(
    session: &mut Conversation,
    lists: bool,
    reads: Reads,
    key: i64,
) -> Result<Value, Stop> {
    let table = if lists { "lists" } else { "pairs" };
    if reads == Reads::Touch {
        // Also for a key that has no row yet: what is not there cannot be certified.
        let touch = format!(
            "INSERT INTO {table} (k, v) VALUES ({key}, NULL) \
             ON DUPLICATE KEY UPDATE touched = touched + 1"
        );
        transaction::step(session, &touch).await?;
    }
    let suffix = reads.suffix();
    let select = format!("SELECT v FROM {table} WHERE k = {key}{suffix}");
    let answer = transaction::step(session, &select).await?;
    let text = match answer.rows.len() {
        0 => None,
        1 => answer.text(0, 0)?,
        _ => return Err(WireError::Garbled(format!("two rows for key {key}")).into()),
    };
    let numbers: Option<Vec<i64>> = text
        .unwrap_or("")
        .split(',')
        .filter(|text| !text.is_empty())
        .map(|n| n.parse().ok())
        .collect();
    let numbers = numbers.ok_or_else(|| {
        WireError::Garbled(format!("key {key} has {:.100}", text.unwrap_or("nothing")))
    })?;
    if lists {
        return Ok(numbers.into());
    }
    match numbers.as_slice() {
        [] => Ok(Value::Null),
        [value] => Ok((*value).into()),
        _ => Err(WireError::Garbled(format!("key {key} has many values")).into()),
    }
}
