//! What several models read from a call: who asks, whole numbers, amounts.

use serde_json::{Value, json};

use crate::linear::model::{Answer, Asked, Values};

/// The number of whoever asks: `{"client": c}` if the answer or the argument says so, else the
/// process.
///
/// A worker of Jepsen's goes on as another process when it has not learnt an outcome. So clients
/// that keep their locks beyond that must name themselves, and do it already when they call: a
/// call without an answer has nothing else to tell by.
pub(super) fn owner(asked: &Asked<'_>, values: &mut Values) -> u32 {
    let answered = match asked.answer {
        Answer::Ok(value) => value.get("client"),
        Answer::Failed | Answer::Unknown => None,
    };
    match answered.or_else(|| asked.input.get("client")) {
        Some(client) => values.intern(&json!({"client": client})),
        None => values.intern(&Value::from(asked.process)),
    }
}

/// The owner in words: `process 3`, `client "a"`.
pub(super) fn owner_name(owner: u32, values: &Values) -> String {
    match values.get(owner) {
        Value::Null => "somebody else".to_owned(),
        Value::Object(named) => format!("client {}", named.get("client").unwrap_or(&Value::Null)),
        process => format!("process {process}"),
    }
}

/// ` as client "a"` for an owner that named itself; the explanation tells processes anyway.
pub(super) fn as_client(owner: u32, values: &Values) -> String {
    match values.get(owner) {
        Value::Object(_) => format!(" as {}", owner_name(owner, values)),
        _ => String::new(),
    }
}

/// A whole number of up to 64 bits, with or without sign.
pub(super) fn integer(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

/// How many are asked for: 1 if nothing is said, else a number or `{"permits": n}`.
pub(super) fn amount(input: &Value) -> Result<u32, String> {
    let said = if input.is_object() { input.get("permits") } else { Some(input) };
    match said {
        None | Some(Value::Null) => Ok(1),
        Some(value) => {
            let amount = value.as_u64().and_then(|amount| u32::try_from(amount).ok());
            amount.ok_or_else(|| format!("an amount is a whole number from 0 on, not {value}"))
        }
    }
}
