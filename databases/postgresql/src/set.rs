//! Sets: a row for each element.

use crate::client::unknown;
use crate::door::Door;
use crate::register::one;
use crate::transaction::{read, understood, write};
use perjury_harness::{Failure, Op};
use serde_json::Value;

pub(crate) const TABLES: &[&str] =
    &["CREATE TABLE IF NOT EXISTS perjury_set (v BIGINT PRIMARY KEY)"];

/// `add v`, `read null`, answered with a sorted list.
pub(crate) async fn invoke(door: &mut Door, op: &Op) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(element)) => {
            let sql = format!("INSERT INTO perjury_set (v) VALUES ({element})");
            let answer = write(door, sql).await?;
            understood(one(answer.touched("INSERT")))?;
            Ok(op.value.clone())
        }
        ("read", _) => {
            let answer = read(door, "SELECT v FROM perjury_set ORDER BY v".to_owned()).await?;
            let rows = understood(answer.numbers::<1>())?;
            Ok(rows.into_iter().map(|[element]| element).collect::<Vec<i64>>().into())
        }
        _ => Err(unknown(op)),
    }
}
