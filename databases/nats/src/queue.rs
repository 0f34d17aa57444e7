//! Queues: a message for each element, taken through one consumer that all clients share, and
//! acknowledged, whereupon the stream lets go of it.

use crate::api::{CONSUMER_NOT_FOUND, Delivery, STREAM_NOT_FOUND};
use crate::connection::{Connection, RequestError};
use crate::connector::Making;
use crate::failure::{Effect, classify};
use crate::set::element;
use perjury_harness::{Failure, Op};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a drain takes elements; it has to end before the operation's own time is up.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// How long a drain that finds nothing waits for what others have got and not acknowledged.
const WAIT_LIMIT: Duration = Duration::from_secs(1);
/// How long an answer about what there is to take may take; twice that is less than an operation.
const ASK_LIMIT: Duration = Duration::from_secs(2);
const WAIT_PAUSE: Duration = Duration::from_millis(100);

/// `enqueue v`, `dequeue null` answered with `v`, `drain null` answered with a list. A stream that
/// is gone is made anew.
pub(crate) async fn invoke(
    connection: &mut Connection,
    making: Making,
    op: &Op,
) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("enqueue", Some(element)) => {
            let added = connection.publish(element.to_string().into_bytes()).await;
            added.map_err(|error| classify(&error, Effect::Writes))?;
            Ok(op.value.clone())
        }
        ("dequeue", _) => {
            let Some(delivery) = next(connection, making).await? else {
                return Err(Failure::Declined("empty".to_owned()));
            };
            Ok(take(connection, &delivery).await?.into())
        }
        ("drain", _) => drain(connection, making).await,
        _ => Err(Failure::Definite(format!(
            "the client of NATS has no operation `{}` of {}",
            op.f, op.value
        ))),
    }
}

/// The next message. What is not acknowledged is given out again: whatever fails here, nothing was
/// taken.
async fn next(connection: &mut Connection, making: Making) -> Result<Option<Delivery>, Failure> {
    let got = timeout(ASK_LIMIT, connection.next()).await;
    let got = got.unwrap_or_else(|_| Err(RequestError::NoAnswer("the consumer is silent".into())));
    if let Err(RequestError::NoResponders(_) | RequestError::NoAnswer(_)) = got {
        // Nobody leads the consumer at the moment, or it is gone.
        let told = timeout(ASK_LIMIT, connection.consumer_info()).await;
        if let Ok(Err(RequestError::Refused { err_code, .. })) = told
            && [STREAM_NOT_FOUND, CONSUMER_NOT_FOUND].contains(&err_code)
        {
            making.make_anew(connection).await;
        }
    }
    got.map_err(|error| classify(&error, Effect::Nothing))
}

/// Acknowledges a message; the element that it is.
async fn take(connection: &mut Connection, delivery: &Delivery) -> Result<i64, Failure> {
    let element = element(&delivery.payload)?;
    let acknowledged = connection.acknowledge(delivery).await;
    let about = |text: String| format!("element {element}: {text}");
    acknowledged.map_err(|error| classify(&error, Effect::Writes).reworded(about))?;
    Ok(element)
}

/// Takes elements for a while, or until there are none. An empty answer says that nobody else has
/// one that may come back.
async fn drain(connection: &mut Connection, making: Making) -> Result<Value, Failure> {
    let (began, mut elements) = (Instant::now(), Vec::new());
    while began.elapsed() < DRAIN_LIMIT {
        let taken = match next(connection, making).await {
            Ok(None) if elements.is_empty() => {
                others_are_done(connection, began).await?;
                return Ok(elements.into());
            }
            Ok(None) => break,
            Ok(Some(delivery)) => take(connection, &delivery).await,
            Err(failure) => Err(failure),
        };
        match taken {
            Ok(element) => elements.push(element),
            // What was taken before is taken, and the next drain meets what is wrong, too.
            Err(Failure::Definite(_)) if !elements.is_empty() => break,
            Err(Failure::Indefinite(text)) => {
                return Err(Failure::Indefinite(format!("after {elements:?}: {text}")));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(elements.into())
}

/// Waits until no message is out that is not acknowledged. The error says how many are.
async fn others_are_done(connection: &mut Connection, began: Instant) -> Result<(), Failure> {
    loop {
        let info = connection.consumer_info().await;
        let info = info.map_err(|error| classify(&error, Effect::Nothing))?;
        if info.num_ack_pending == 0 && info.num_pending == 0 {
            return Ok(());
        }
        if began.elapsed() > WAIT_LIMIT {
            return Err(Failure::Definite(format!(
                "{} messages are out and may come back, {} wait",
                info.num_ack_pending, info.num_pending
            )));
        }
        tokio::time::sleep(WAIT_PAUSE).await;
    }
}
