//! A queue: a key for each element, in the order in which they were made; who deletes it has it.

use crate::api::{Compare, DeleteRange, Int64, KeyValue, Put, Range, Txn, TxnOp};
use crate::connection::Connection;
use crate::connector::{Reads, unknown};
use crate::failure::{Effect, classify};
use crate::register::decode;
use crate::txn::conditional;
use perjury_harness::{Failure, Op};
use serde_json::Value;

const PREFIX: &str = "q/";

/// So many are looked at at once: others may take the first of them meanwhile.
const LOOK: i64 = 16;

/// `enqueue v`, `dequeue null`, `drain null`. Elements do not repeat.
pub(crate) async fn invoke(
    connection: &mut Connection,
    reads: Reads,
    op: &Op,
) -> Result<Value, Failure> {
    match &*op.f {
        "enqueue" => {
            let text = op.value.to_string();
            let put = Put::new(&format!("{PREFIX}{text}"), &text);
            connection.put(&put).await.map_err(|error| classify(&error, Effect::Writes))?;
            Ok(op.value.clone())
        }
        "dequeue" => {
            let taken = take(connection, reads.serializable()).await?;
            taken.ok_or_else(|| Failure::Declined("empty".to_owned()))
        }
        "drain" => drain(connection).await,
        _ => Err(unknown(op)),
    }
}

/// The oldest element that nobody else takes meanwhile.
async fn take(connection: &mut Connection, serializable: bool) -> Result<Option<Value>, Failure> {
    loop {
        let found = connection.range(&Range::oldest_below(PREFIX, LOOK, serializable)).await;
        let found = found.map_err(|error| classify(&error, Effect::Nothing))?;
        for kv in &found.kvs {
            let element = decode(&kv.value)?;
            match delete(connection, kv).await {
                Ok(true) => return Ok(Some(element)),
                Ok(false) => {}
                Err(failure) => return Err(told(failure, &element)),
            }
        }
        // A stale list might be the same for ever; one look at it is enough.
        if !found.more || serializable {
            return Ok(None);
        }
    }
}

/// Whether it was still there.
async fn delete(connection: &mut Connection, kv: &KeyValue) -> Result<bool, Failure> {
    let Int64(revision) = kv.create_revision;
    let delete = DeleteRange { key: kv.key.clone() };
    let txn = Txn {
        compare: vec![Compare::made_at(&kv.key, Int64(revision))],
        success: vec![TxnOp::DeleteRange(delete)],
    };
    conditional(connection, &txn).await
}

/// An error with the element that may have been taken.
fn told(failure: Failure, element: &Value) -> Failure {
    match failure {
        Failure::Indefinite(text) => {
            Failure::Indefinite(format!("{element} may have been taken: {text}"))
        }
        other => other,
    }
}

/// Takes until nothing is left; never from a stale list, which would say so too early. What was
/// taken before an error is gone from the queue, so that error leaves the whole in doubt.
async fn drain(connection: &mut Connection) -> Result<Value, Failure> {
    let mut taken = Vec::new();
    loop {
        match take(connection, false).await {
            Ok(Some(element)) => taken.push(element),
            Ok(None) => return Ok(Value::Array(taken)),
            Err(Failure::Definite(text)) if !taken.is_empty() => {
                let taken = Value::Array(taken);
                return Err(Failure::Indefinite(format!("{taken} were taken: {text}")));
            }
            Err(failure) => return Err(failure),
        }
    }
}
