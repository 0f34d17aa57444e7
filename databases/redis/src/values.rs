//! Values as Redis keeps them: JSON texts, which for integers are what Redis itself counts with.

use crate::protocol::Reply;
use perjury_harness::{Failure, Op};
use serde_json::Value;

/// An operation that this client does not know was certainly not done.
pub(crate) fn unknown(op: &Op) -> Failure {
    Failure::Definite(format!("the client of redis has no operation `{}` of {}", op.f, op.value))
}

/// A key as part of a name: `7`, `x`.
pub(crate) fn key_text(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// A stored value; `null` for none.
pub(crate) fn value(reply: &Reply) -> Result<Value, Failure> {
    match reply {
        Reply::Nil => Ok(Value::Null),
        Reply::Bulk(text) => serde_json::from_slice(text).map_err(|_| {
            let shown = String::from_utf8_lossy(text);
            Failure::Unexpected(format!("a stored value is not JSON: {shown:.100}"))
        }),
        other => Err(surprise("a value", other)),
    }
}

/// Many stored values.
pub(crate) fn values(reply: &Reply) -> Result<Vec<Value>, Failure> {
    let Reply::Array(parts) = reply else { return Err(surprise("values", reply)) };
    let values: Result<Vec<Value>, Failure> = parts.iter().map(value).collect();
    match values {
        Ok(values) if values.contains(&Value::Null) => Err(surprise("values", reply)),
        values => values,
    }
}

/// A number.
pub(crate) fn integer(reply: &Reply) -> Result<i64, Failure> {
    match reply {
        Reply::Integer(number) => Ok(*number),
        other => Err(surprise("a number", other)),
    }
}

/// `+OK`.
pub(crate) fn done(reply: &Reply) -> Result<(), Failure> {
    match reply {
        Reply::Simple(text) if text == "OK" => Ok(()),
        other => Err(surprise("OK", other)),
    }
}

/// Another answer than there can be.
pub(crate) fn surprise(wanted: &str, got: &Reply) -> Failure {
    let got: String = format!("{got:?}").chars().take(200).collect();
    Failure::Unexpected(format!("not understood: {wanted} was to come, and this came: {got}"))
}
