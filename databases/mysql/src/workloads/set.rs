//! Sets: a row for each element, read by one statement.

use super::register::change;
use super::unknown;
use crate::failure;
use crate::session::Conversation;
use perjury_harness::{Failure, Op};
use perjury_wire::{Connection, Effect};
use serde_json::Value;

/// `add v`, `read null`, answered with a sorted list.
pub(super) async fn invoke(
    connection: &mut Connection<Conversation>,
    op: &Op,
) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(element)) => {
            match change(connection, format!("INSERT INTO elements (v) VALUES ({element})")).await?
            {
                1 => Ok(op.value.clone()),
                rows => Err(Failure::Unexpected(format!("an element made {rows} rows"))),
            }
        }
        ("read", _) => {
            let elements = connection.exchange(|session| {
                Box::pin(async move {
                    session.query("SELECT v FROM elements ORDER BY v").await?.numbers()
                })
            });
            let elements = elements.await.map_err(|error| failure::of(&error, Effect::Nothing))?;
            Ok(elements.into())
        }
        _ => Err(unknown(op)),
    }
}
