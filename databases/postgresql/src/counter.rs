//! A counter: one row, and additions that are one UPDATE each.

use crate::client::unknown;
use crate::door::Door;
use crate::register::one;
use crate::transaction::{read, understood, write};
use perjury_harness::{Failure, Op};
use serde_json::Value;

pub(crate) const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS perjury_counter (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)",
    "INSERT INTO perjury_counter (k, v) VALUES (0, 0) ON CONFLICT (k) DO NOTHING",
];

/// `add n`, `read null`.
pub(crate) async fn invoke(door: &mut Door, op: &Op) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(amount)) => {
            let sql = format!("UPDATE perjury_counter SET v = v + ({amount}) WHERE k = 0");
            let answer = write(door, sql).await?;
            understood(one(answer.touched("UPDATE")))?;
            Ok(op.value.clone())
        }
        ("read", _) => {
            let answer = read(door, "SELECT v FROM perjury_counter WHERE k = 0".to_owned()).await?;
            match understood(answer.number())? {
                Some(value) => Ok(value.into()),
                None => Err(Failure::Unexpected("the counter is gone".to_owned())),
            }
        }
        _ => Err(unknown(op)),
    }
}
