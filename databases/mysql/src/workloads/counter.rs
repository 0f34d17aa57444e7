//! A counter: one row, changed in place.

use super::register::change;
use super::unknown;
use crate::failure;
use crate::session::Conversation;
use perjury_harness::{Failure, Op};
use perjury_wire::{Connection, Effect};
use serde_json::Value;

/// `add n`, `read null`, answered with the sum.
pub(super) async fn invoke(
    connection: &mut Connection<Conversation>,
    op: &Op,
) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(count)) => {
            // In parentheses, as a negative number would make `--`, a comment, of the sign.
            let statement = format!("UPDATE counters SET n = n + ({count}) WHERE id = 0");
            match change(connection, statement).await? {
                1 => Ok(op.value.clone()),
                rows => Err(Failure::Unexpected(format!("the counter has {rows} rows"))),
            }
        }
        ("read", _) => {
            let count = connection.exchange(|session| {
                Box::pin(async move {
                    session.query("SELECT n FROM counters WHERE id = 0").await?.number(0, 0)
                })
            });
            let count = count.await.map_err(|error| failure::of(&error, Effect::Nothing))?;
            Ok(count.into())
        }
        _ => Err(unknown(op)),
    }
}
