//! Sets: a message for each element, read by asking for one number after the other.

use crate::api::STREAM_NOT_FOUND;
use crate::connection::{Connection, RequestError};
use crate::connector::Making;
use crate::failure::{Effect, classify};
use perjury_harness::{Failure, Op};
use serde_json::Value;

/// Messages asked for at a time: their requests fit into any socket's buffers.
const BATCH: u64 = 256;

/// `add v`, `read null`, answered with a sorted list. A stream that is gone is made anew.
pub(crate) async fn invoke(
    connection: &mut Connection,
    making: Making,
    op: &Op,
) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(element)) => {
            let added = connection.publish(element.to_string().into_bytes()).await;
            added.map_err(|error| classify(&error, Effect::Writes))?;
            Ok(op.value.clone())
        }
        ("read", _) => {
            let payloads = read(connection).await;
            if let Err(RequestError::Refused { err_code: STREAM_NOT_FOUND, .. }) = payloads {
                making.make_anew(connection).await;
            }
            let payloads = payloads.map_err(|error| classify(&error, Effect::Nothing))?;
            let mut elements = Vec::with_capacity(payloads.len());
            for payload in &payloads {
                elements.push(element(payload)?);
            }
            elements.sort_unstable();
            Ok(elements.into())
        }
        _ => Err(Failure::Definite(format!(
            "the client of NATS has no operation `{}` of {}",
            op.f, op.value
        ))),
    }
}

/// All messages of the stream. Those that its leader says are not there are left out, as they are
/// for any other reader.
async fn read(connection: &mut Connection) -> Result<Vec<Vec<u8>>, RequestError> {
    let state = connection.stream_info().await?.state;
    let mut payloads = Vec::new();
    let mut missing = Vec::new();
    let mut first = state.first_seq.max(1);
    while first <= state.last_seq {
        let last = state.last_seq.min(first + BATCH - 1);
        for (seq, payload) in (first..).zip(connection.messages(first, last).await?) {
            match payload {
                Some(payload) => payloads.push(payload),
                None => missing.push(seq),
            }
        }
        first = last + 1;
    }
    if let (Some(one), count) = (missing.first(), missing.len()) {
        tracing::warn!(
            "of messages {} to {}, the stream says that {count} are not there, {one} among them",
            state.first_seq,
            state.last_seq
        );
    }
    Ok(payloads)
}

/// The number that a message is.
pub(crate) fn element(payload: &[u8]) -> Result<i64, Failure> {
    let text = std::str::from_utf8(payload).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        let shown = String::from_utf8_lossy(payload);
        Failure::Unexpected(format!("a message is no element: {shown:.100}"))
    })
}
