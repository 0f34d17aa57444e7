//! A queue: a numbered child for each element; who deletes it has it.

use crate::api::{Zk, is};
use crate::client::{decode, unknown};
use crate::failure::{reading, writing};
use crate::protocol::Mode;
use perjury_harness::{Failure, Op};
use serde_json::Value;

pub(crate) const ROOT: &str = "/perjury/queue";

/// `enqueue v`, `dequeue null`, `drain null`.
pub(crate) async fn invoke(zk: &mut Zk, op: &Op) -> Result<Value, Failure> {
    match &*op.f {
        "enqueue" => {
            let (path, data) = (format!("{ROOT}/e-"), op.value.to_string());
            let done = zk.create(&path, data.as_bytes(), Mode::PersistentSequential).await;
            done.map_err(writing)?;
            Ok(op.value.clone())
        }
        "dequeue" => {
            zk.freshen(ROOT).await.map_err(reading)?;
            let taken = take(zk).await?;
            taken.ok_or_else(|| Failure::Declined("empty".to_owned()))
        }
        "drain" => drain(zk).await,
        _ => Err(unknown(op)),
    }
}

/// The first element that nobody else takes meanwhile. `None` when all that was listed is gone.
async fn take(zk: &mut Zk) -> Result<Option<Value>, Failure> {
    let mut names = zk.children(ROOT).await.map_err(reading)?;
    // The numbers have ten digits, so this is their order.
    names.sort_unstable();
    for name in names {
        let path = format!("{ROOT}/{name}");
        let Some(znode) = zk.get(&path).await.map_err(reading)? else { continue };
        let element = decode(&znode.data)?;
        match zk.delete(&path).await {
            Ok(()) => return Ok(Some(element)),
            Err(error) if is(&error, "NoNode") => {}
            Err(error) => return Err(told(writing(error), &element)),
        }
    }
    Ok(None)
}

/// An error with the element that may have been taken.
fn told(failure: Failure, element: &Value) -> Failure {
    match failure {
        Failure::Indefinite(text) => {
            Failure::Indefinite(format!("{element} may have been taken: {text}"))
        }
        other => other,
    }
}

/// Takes until nothing is left. What was taken before an error is gone from the queue, so that
/// error leaves the whole in doubt.
async fn drain(zk: &mut Zk) -> Result<Value, Failure> {
    let mut taken = Vec::new();
    loop {
        // A server that is behind would say too early that nothing is left.
        let next = match zk.sync(ROOT).await.map_err(reading) {
            Ok(()) => take(zk).await,
            Err(failure) => Err(failure),
        };
        match next {
            Ok(Some(element)) => taken.push(element),
            Ok(None) => return Ok(Value::Array(taken)),
            Err(Failure::Definite(text)) if !taken.is_empty() => {
                let taken = Value::Array(taken);
                return Err(Failure::Indefinite(format!("{taken} were taken: {text}")));
            }
            Err(failure) => return Err(failure),
        }
    }
}
