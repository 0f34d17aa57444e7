//! Queues: a confirmed, persistent message for each element; taking one is getting and
//! acknowledging it.

use crate::connector::ask;
use crate::failure::Part;
use crate::session::{AmqpSession, Delivery};
use perjury_harness::{Failure, Op};
use perjury_wire::Connection;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a drain gets elements. What it has got by then has to be acknowledged before the
/// operation's own time is up; it is asked again until there is nothing.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// `enqueue v`, `dequeue null` answered with `v`, `drain null` answered with a list.
pub(crate) async fn invoke(
    connection: &mut Connection<AmqpSession>,
    queue: &str,
    op: &Op,
) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("enqueue", Some(element)) => {
            let (queue, body) = (queue.to_owned(), element.to_string());
            ask(connection, Part::Publish, |session| {
                Box::pin(async move { session.publish(&queue, body.as_bytes()).await })
            })
            .await?;
            Ok(op.value.clone())
        }
        ("dequeue", _) => dequeue(connection, queue).await,
        ("drain", _) => drain(connection, queue).await,
        _ => Err(Failure::Definite(format!(
            "a queue of AMQP has no operation `{}` of {}",
            op.f, op.value
        ))),
    }
}

/// Gets and acknowledges one element. As long as the acknowledgement has not left, the element is
/// still the queue's, so only what comes after is unknown.
async fn dequeue(connection: &mut Connection<AmqpSession>, queue: &str) -> Result<Value, Failure> {
    let name = queue.to_owned();
    let got =
        ask(connection, Part::Get, |session| Box::pin(async move { session.get(&name).await }));
    let Some(delivery) = got.await? else { return Err(Failure::Declined("empty".to_owned())) };
    let element = understood(connection, element(&delivery))?;
    let name = queue.to_owned();
    let acknowledged = ask(connection, Part::Settle, |session| {
        Box::pin(async move { session.ack(&name, delivery.tag).await })
    });
    let about = |text: String| format!("element {element}: {text}");
    acknowledged.await.map_err(|failure| failure.reworded(about))?;
    Ok(element.into())
}

/// Gets elements until there are none, or for a while, and acknowledges them together. A failure before that
/// leaves them all in the queue.
async fn drain(connection: &mut Connection<AmqpSession>, queue: &str) -> Result<Value, Failure> {
    let name = queue.to_owned();
    let deliveries = ask(connection, Part::Get, |session| {
        Box::pin(async move {
            let (began, mut deliveries) = (Instant::now(), Vec::new());
            while began.elapsed() < DRAIN_LIMIT
                && let Some(delivery) = session.get(&name).await?
            {
                deliveries.push(delivery);
            }
            Ok(deliveries)
        })
    });
    let deliveries = deliveries.await?;
    let elements: Result<Vec<i64>, Failure> = deliveries.iter().map(element).collect();
    let elements = understood(connection, elements)?;
    if let Some(tag) = deliveries.last().map(|delivery| delivery.tag) {
        let name = queue.to_owned();
        let acknowledged = ask(connection, Part::Settle, |session| {
            Box::pin(async move { session.ack(&name, tag).await })
        });
        let about = |text: String| format!("elements {elements:?}: {text}");
        acknowledged.await.map_err(|failure| failure.reworded(about))?;
    }
    Ok(elements.into())
}

/// What was got, or the end of the session: then what is not understood goes back.
fn understood<T>(
    connection: &mut Connection<AmqpSession>,
    got: Result<T, Failure>,
) -> Result<T, Failure> {
    if got.is_err() {
        connection.drop_session();
    }
    got
}

fn element(delivery: &Delivery) -> Result<i64, Failure> {
    let text = std::str::from_utf8(&delivery.body).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        let shown = String::from_utf8_lossy(&delivery.body);
        Failure::Unexpected(format!("a message is no element: {shown:.100}"))
    })
}
