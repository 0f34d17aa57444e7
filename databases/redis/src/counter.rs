//! A counter: one key, counted by Redis itself.

use crate::route::Route;
use crate::session::Request;
use crate::values::{integer, unknown, value};
use perjury_harness::{Failure, Op};
use perjury_wire::Effect;
use serde_json::{Value, json};

const KEY: &str = "counter";

/// `add n`, which may be negative; `read null`.
pub(crate) async fn invoke(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(number)) => {
            let words = ["INCRBY", KEY, &number.to_string()];
            integer(&route.ask(KEY, Request::one(Effect::Writes, &words)).await?)?;
            Ok(op.value.clone())
        }
        ("read", None) => {
            let request = Request::one(Effect::Nothing, &["GET", KEY]);
            match value(&route.ask(KEY, request).await?)? {
                Value::Null => Ok(json!(0)),
                count => Ok(count),
            }
        }
        _ => Err(unknown(op)),
    }
}
