//! Registers: a key each; compare-and-set as a transaction on the value.

use crate::api::{Base64, Compare, Put, Range, Txn, TxnOp};
use crate::connection::Connection;
use crate::connector::{Reads, key_text, unknown};
use crate::failure::{Effect, classify};
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};

/// `read [k, null]`, `write [k, v]`, `cas [k, [old, new]]`.
pub(crate) async fn invoke(
    connection: &mut Connection,
    reads: Reads,
    op: &Op,
) -> Result<Value, Failure> {
    let Some([key, argument]) = op.value.as_array().map(Vec::as_slice) else {
        return Err(unknown(op));
    };
    let name = format!("r/{}", key_text(key));
    match (&*op.f, argument.as_array().map(Vec::as_slice)) {
        ("read", _) => {
            let range = Range::key(&name, reads.serializable());
            let found = connection.range(&range).await;
            let found = found.map_err(|error| classify(&error, Effect::Nothing))?;
            let value = match found.kvs.as_slice() {
                [] => Value::Null,
                [only] => decode(&only.value)?,
                _ => return Err(Failure::Unexpected(format!("many values for key {name}"))),
            };
            Ok(json!([key, value]))
        }
        ("write", _) => {
            let put = Put::new(&name, &argument.to_string());
            connection.put(&put).await.map_err(|error| classify(&error, Effect::Writes))?;
            Ok(op.value.clone())
        }
        ("cas", Some([old, new])) => {
            let txn = Txn {
                compare: vec![Compare::value(&name, &old.to_string())],
                success: vec![TxnOp::Put(Put::new(&name, &new.to_string()))],
            };
            let answer = connection.txn(&txn).await;
            match answer.map_err(|error| classify(&error, Effect::Writes))? {
                answer if answer.succeeded => Ok(op.value.clone()),
                _ => Err(Failure::Declined("the value differs".to_owned())),
            }
        }
        _ => Err(unknown(op)),
    }
}

/// A value as it was written: JSON.
pub(crate) fn decode(bytes: &Base64) -> Result<Value, Failure> {
    serde_json::from_slice(&bytes.0).map_err(|_| {
        let shown = String::from_utf8_lossy(&bytes.0);
        Failure::Unexpected(format!("a stored value is not JSON: {shown:.100}"))
    })
}

/// The same of a whole number.
pub(crate) fn decode_number(bytes: &Base64) -> Result<i64, Failure> {
    let value = decode(bytes)?;
    value.as_i64().ok_or_else(|| {
        Failure::Unexpected(format!("a stored value is no number: {:.100}", value.to_string()))
    })
}
