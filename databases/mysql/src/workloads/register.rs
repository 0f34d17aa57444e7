//! Registers: a row each; every operation is one statement that commits on its own.

use super::unknown;
use crate::failure;
use crate::session::Conversation;
use perjury_harness::{Failure, Op};
use perjury_wire::{Connection, Effect};
use serde_json::{Value, json};

/// `read [k, null]`, `write [k, v]`, `cas [k, [old, new]]`.
pub(super) async fn invoke(
    connection: &mut Connection<Conversation>,
    op: &Op,
) -> Result<Value, Failure> {
    let Some([key, argument]) = op.value.as_array().map(Vec::as_slice) else {
        return Err(unknown(op));
    };
    let pair = argument.as_array().map(Vec::as_slice);
    let pair = pair.and_then(|pair| Some((pair.first()?.as_i64()?, pair.get(1)?.as_i64()?)));
    match (&*op.f, key.as_i64(), argument.as_i64(), pair) {
        ("read", Some(key), _, _) => {
            let statement = format!("SELECT v FROM registers WHERE k = {key}");
            let value = connection.exchange(move |session| {
                Box::pin(async move { session.query(&statement).await?.numbers() })
            });
            let values = value.await.map_err(|error| failure::of(&error, Effect::Nothing))?;
            match values.as_slice() {
                [] => Ok(json!([key, null])),
                [value] => Ok(json!([key, value])),
                _ => Err(Failure::Unexpected(format!("two rows for key {key}"))),
            }
        }
        ("write", Some(key), Some(value), _) => {
            let statement = format!(
                "INSERT INTO registers (k, v) VALUES ({key}, {value}) \
                 ON DUPLICATE KEY UPDATE v = {value}"
            );
            change(connection, statement).await?;
            Ok(op.value.clone())
        }
        ("cas", Some(key), _, Some((old, new))) => {
            let condition = format!("WHERE k = {key} AND v = {old}");
            let statement = format!("UPDATE registers SET v = {new} {condition}");
            match change(connection, statement).await? {
                0 => Err(Failure::Declined("the value differs".to_owned())),
                1 => Ok(op.value.clone()),
                rows => Err(Failure::Unexpected(format!("{rows} rows for key {key}"))),
            }
        }
        _ => Err(unknown(op)),
    }
}

/// Rows that were found or made by a statement that commits on its own.
pub(super) async fn change(
    connection: &mut Connection<Conversation>,
    statement: String,
) -> Result<u64, Failure> {
    let affected = connection.exchange(move |session| {
        Box::pin(async move { Ok(session.query(&statement).await?.affected) })
    });
    affected.await.map_err(|error| failure::of(&error, Effect::Writes))
}
