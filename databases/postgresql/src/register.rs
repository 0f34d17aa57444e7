//! Registers: a row for each, and a `cas` that is one conditional UPDATE.

use crate::client::{key, unknown};
use crate::door::Door;
use crate::transaction::{read, understood, write};
use perjury_harness::{Failure, Op};
use perjury_wire::WireError;
use serde_json::{Value, json};

pub(crate) const TABLES: &[&str] =
    &["CREATE TABLE IF NOT EXISTS perjury_register (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)"];

/// `read [k, null]`, `write [k, v]`, `cas [k, [old, new]]`.
pub(crate) async fn invoke(door: &mut Door, op: &Op) -> Result<Value, Failure> {
    let name = key(op)?;
    let argument = &op.value[1];
    match &*op.f {
        "read" => {
            let sql = format!("SELECT v FROM perjury_register WHERE k = {name}");
            let answer = read(door, sql).await?;
            Ok(json!([name, understood(answer.number())?]))
        }
        "write" => {
            let value = argument.as_i64().ok_or_else(|| unknown(op))?;
            let answer = write(door, upsert("perjury_register", name, value)).await?;
            understood(one(answer.touched("INSERT")))?;
            Ok(op.value.clone())
        }
        "cas" => {
            let (Some(old), Some(new)) = (argument[0].as_i64(), argument[1].as_i64()) else {
                return Err(unknown(op));
            };
            let set = format!("UPDATE perjury_register SET v = {new}");
            let answer = write(door, format!("{set} WHERE k = {name} AND v = {old}")).await?;
            match understood(answer.touched("UPDATE"))? {
                0 => Err(Failure::Declined("the value differs".to_owned())),
                _ => Ok(op.value.clone()),
            }
        }
        _ => Err(unknown(op)),
    }
}

/// Writes `value` into the row `key` of `table`, whether there is one or not.
pub(crate) fn upsert(table: &str, key: i64, value: i64) -> String {
    format!(
        "INSERT INTO {table} (k, v) VALUES ({key}, {value}) \
         ON CONFLICT (k) DO UPDATE SET v = excluded.v"
    )
}

/// Of what must touch exactly one row.
pub(crate) fn one(touched: Result<u64, WireError>) -> Result<(), WireError> {
    match touched? {
        1 => Ok(()),
        count => Err(WireError::Garbled(format!("{count} rows were written instead of one"))),
    }
}
