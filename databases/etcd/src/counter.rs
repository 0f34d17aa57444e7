//! A counter: one key, added to on condition of its revision.

use crate::api::{Compare, Int64, Put, Range, Txn, TxnOp};
use crate::connection::Connection;
use crate::connector::{Reads, unknown};
use crate::failure::{Effect, classify};
use crate::register::decode_number;
use crate::txn::conditional;
use perjury_harness::{Failure, Op};
use serde_json::Value;

const NAME: &str = "counter";

/// Additions that meet are tried again so often. A condition that does not hold means that nothing
/// was written, so nothing is ever added twice.
const ATTEMPTS: usize = 8;

/// `add n`, `read null`; 0 before the first addition.
pub(crate) async fn invoke(
    connection: &mut Connection,
    reads: Reads,
    op: &Op,
) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(number)) => {
            add(connection, number).await?;
            Ok(op.value.clone())
        }
        ("read", _) => Ok(read(connection, reads.serializable()).await?.0.into()),
        _ => Err(unknown(op)),
    }
}

/// Its value and revision.
async fn read(connection: &mut Connection, serializable: bool) -> Result<(i64, Int64), Failure> {
    let found = connection.range(&Range::key(NAME, serializable)).await;
    match found.map_err(|error| classify(&error, Effect::Nothing))?.kvs.first() {
        None => Ok((0, Int64(0))),
        Some(kv) => Ok((decode_number(&kv.value)?, kv.mod_revision)),
    }
}

async fn add(connection: &mut Connection, number: i64) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS {
        let (value, revision) = read(connection, false).await?;
        let Some(sum) = value.checked_add(number) else {
            return Err(Failure::Definite(format!("{value} + {number} is too much")));
        };
        let txn = Txn {
            compare: vec![Compare::unchanged_since(NAME, revision)],
            success: vec![TxnOp::Put(Put::new(NAME, &sum.to_string()))],
        };
        if conditional(connection, &txn).await? {
            return Ok(());
        }
    }
    Err(Failure::Definite("conflict".to_owned()))
}
