//! A queue: one list, filled at its end and taken from its front.

use crate::protocol::{Reply, command};
use crate::route::Route;
use crate::session::Request;
use crate::values::{integer, surprise, unknown, value, values};
use perjury_harness::{Failure, Op};
use perjury_wire::Effect;
use serde_json::Value;

const KEY: &str = "queue";

/// `enqueue v`, `dequeue null`, `drain null`.
pub(crate) async fn invoke(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    match (&*op.f, op.value.is_null()) {
        ("enqueue", false) => {
            let words = ["RPUSH", KEY, &op.value.to_string()];
            integer(&route.ask(KEY, Request::one(Effect::Writes, &words)).await?)?;
            Ok(op.value.clone())
        }
        ("dequeue", true) => dequeue(route).await,
        ("drain", true) => drain(route).await,
        _ => Err(unknown(op)),
    }
}

async fn dequeue(route: &mut Route) -> Result<Value, Failure> {
    let request = Request::one(Effect::Writes, &["LPOP", KEY]);
    let answer = route.ask_and_tell(KEY, request).await?;
    match (value(&answer.reply)?, answer.unconfirmed) {
        // Nothing was taken, so there was nothing to confirm.
        (Value::Null, _) => Err(Failure::Declined("empty".to_owned())),
        (element, None) => Ok(element),
        (element, Some(why)) => Err(Failure::Indefinite(format!("{element} was taken; {why}"))),
    }
}

/// All at once, so that either everything taken is known or nothing.
async fn drain(route: &mut Route) -> Result<Value, Failure> {
    let commands = vec![command(&["LRANGE", KEY, "0", "-1"]), command(&["DEL", KEY])];
    let answer = route.ask_and_tell(KEY, Request::transaction(Effect::Writes, commands)).await?;
    let elements = match &answer.reply {
        Reply::Array(parts) if parts.len() == 2 => values(&parts[0])?,
        other => return Err(surprise("a list", other)),
    };
    match answer.unconfirmed {
        Some(why) if !elements.is_empty() => {
            let elements = Value::Array(elements);
            Err(Failure::Indefinite(format!("{elements} were taken; {why}")))
        }
        _ => Ok(Value::Array(elements)),
    }
}
