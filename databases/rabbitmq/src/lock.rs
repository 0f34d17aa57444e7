//! A lock: a queue with one message, which nobody acknowledges. Who has got it holds the lock, and
//! gives it back to release it. When the holder's connection ends, the server takes it back.

use crate::connector::ask;
use crate::failure::Part;
use crate::session::AmqpSession;
use perjury_harness::{Failure, Op};
use perjury_wire::Connection;
use serde_json::Value;

/// `acquire null`, `release null`, both answered with `null`. `held` is the message's number on
/// the session while this client has the lock.
pub(crate) async fn invoke(
    connection: &mut Connection<AmqpSession>,
    queue: &str,
    held: &mut Option<u64>,
    op: &Op,
) -> Result<Value, Failure> {
    let queue = queue.to_owned();
    match &*op.f {
        "acquire" => {
            if held.is_some() {
                return Err(Failure::NotAsked("held by this client".to_owned()));
            }
            let got = ask(connection, Part::Get, |session| {
                Box::pin(async move { session.get(&queue).await })
            });
            match got.await? {
                Some(delivery) => {
                    *held = Some(delivery.tag);
                    Ok(Value::Null)
                }
                None => Err(Failure::Declined("held".to_owned())),
            }
        }
        "release" => {
            let Some(tag) = held.take() else {
                return Err(Failure::NotAsked("not held".to_owned()));
            };
            let released = ask(connection, Part::Settle, |session| {
                Box::pin(async move { session.give_back(&queue, tag).await })
            });
            released.await?;
            Ok(Value::Null)
        }
        _ => Err(Failure::Definite(format!("a lock of AMQP has no operation `{}`", op.f))),
    }
}
