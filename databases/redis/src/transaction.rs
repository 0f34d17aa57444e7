//! Transactions of several steps: MULTI, a command each, EXEC. Redis runs nothing in between.

use crate::protocol::{Command, Reply};
use crate::route::Route;
use crate::session::Request;
use crate::values::{key_text, surprise, unknown};
use perjury_harness::{Failure, Op};
use perjury_wire::Effect;
use serde_json::Value;

/// One kind of data that transactions are about.
pub(crate) trait Steps {
    /// What a writing step is called: `append`.
    const WRITE: &'static str;

    /// The command that writes.
    fn write(name: &str, value: &Value) -> Command;

    /// The command that reads.
    fn read(name: &str) -> Command;

    /// Whether this is an answer to `write`.
    fn written(reply: &Reply) -> Result<(), Failure>;

    /// What `read` found.
    fn found(reply: &Reply) -> Result<Value, Failure>;
}

/// `txn [[WRITE, k, v], ["r", k, null], …]`, answered with the reads filled in.
pub(crate) async fn invoke<S: Steps>(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    let Some(commands) = commands::<S>(op) else { return Err(unknown(op)) };
    let steps = op.value.as_array().map(Vec::as_slice).unwrap_or_default();
    if commands.is_empty() {
        return Ok(op.value.clone());
    }
    let effect =
        if steps.iter().any(|step| step[0] == S::WRITE) { Effect::Writes } else { Effect::Nothing };
    let reply = route.ask(&name(&steps[0][1]), Request::transaction(effect, commands)).await?;
    let Reply::Array(parts) = reply else { return Err(surprise("a transaction", &reply)) };
    let mut answer = Vec::with_capacity(steps.len());
    for (step, part) in steps.iter().zip(&parts) {
        let mut step = step.clone();
        if step[0] == S::WRITE {
            S::written(part)?;
        } else {
            step[2] = S::found(part)?;
        }
        answer.push(step);
    }
    Ok(Value::Array(answer))
}

/// All keys are in one slot, since a cluster has no transactions across them.
fn name(key: &Value) -> String {
    format!("{{txn}}:{}", key_text(key))
}

fn commands<S: Steps>(op: &Op) -> Option<Vec<Command>> {
    if &*op.f != "txn" {
        return None;
    }
    let steps = op.value.as_array()?.iter();
    steps
        .map(|step| match step.as_array()?.as_slice() {
            [f, key, value] if f == S::WRITE => Some(S::write(&name(key), value)),
            [f, key, _] if f == "r" => Some(S::read(&name(key))),
            _ => None,
        })
        .collect()
}
