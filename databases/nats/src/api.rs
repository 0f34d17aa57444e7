//! JetStream's requests and answers: JSON to subjects below `$JS.API`, and acknowledgements.

use crate::connection::{Connection, Request, RequestError};
use crate::protocol::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::time::Duration;

/// The one stream, the one subject whose messages it keeps, and its one consumer.
const STREAM: &str = "perjury";

/// How long a message is with whoever has got it and does not acknowledge it, before the next one
/// gets it. Longer than an operation may take.
pub(crate) const ACK_WAIT: Duration = Duration::from_secs(10);

/// The status of the answer that a consumer has no message for anybody.
const NO_MESSAGES: u16 = 404;

/// `err_code` of the answer that there is no message of that number.
const NO_MESSAGE_FOUND: u32 = 10037;

/// `err_code` of the cluster's leader's answer that there is no such stream, or consumer.
pub(crate) const STREAM_NOT_FOUND: u32 = 10059;
pub(crate) const CONSUMER_NOT_FOUND: u32 = 10014;

/// When a stream lets go of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retention {
    /// Never.
    Limits,
    /// When one is acknowledged.
    WorkQueue,
}

#[derive(Deserialize)]
struct Envelope {
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

/// What acknowledges a message.
#[derive(Debug, Deserialize)]
struct Ack {
    stream: String,
    seq: u64,
}

/// The stream as its leader has it.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) state: StreamState,
    #[serde(default)]
    pub(crate) cluster: ClusterInfo,
}

/// The first and the last message's numbers. An empty stream's last is before its first.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct StreamState {
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ClusterInfo {
    /// The name of the server that leads the stream.
    pub(crate) leader: Option<String>,
}

/// What a consumer has given out, and what it has not yet.
#[derive(Debug, Deserialize)]
pub(crate) struct ConsumerInfo {
    /// Messages that are out and not acknowledged.
    pub(crate) num_ack_pending: u64,
    /// Messages that nobody has got yet.
    pub(crate) num_pending: u64,
}

/// A message that a consumer gave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) payload: Bytes,
    /// Where its acknowledgement goes.
    pub(crate) reply: String,
}

#[derive(Deserialize)]
struct Stored {
    message: StoredMessage,
}

#[derive(Deserialize)]
struct StoredMessage {
    seq: u64,
    #[serde(default)]
    data: String,
}

impl Connection {
    /// Makes the stream. If it is there already, with as many replicas, nothing changes.
    pub(crate) async fn create_stream(
        &mut self,
        replicas: usize,
        retention: Retention,
    ) -> Result<(), RequestError> {
        let retention = match retention {
            Retention::Limits => "limits",
            Retention::WorkQueue => "workqueue",
        };
        let configuration = json!({
            "name": STREAM, "subjects": [STREAM], "storage": "file", "retention": retention,
            "discard": "old", "num_replicas": replicas, "max_consumers": -1, "max_msgs": -1,
            "max_bytes": -1, "max_age": 0,
        });
        let request = api("STREAM.CREATE", configuration.to_string());
        let _: StreamInfo = understood(&self.request(request).await?)?;
        Ok(())
    }

    /// Makes the consumer through which messages are taken, kept by as many servers as the stream.
    /// If it is there already, nothing changes.
    pub(crate) async fn create_consumer(&mut self) -> Result<(), RequestError> {
        let configuration = json!({
            "stream_name": STREAM,
            "config": {
                "durable_name": STREAM, "deliver_policy": "all", "ack_policy": "explicit",
                "ack_wait": ACK_WAIT.as_nanos() as u64, "max_deliver": -1, "max_ack_pending": -1,
                "replay_policy": "instant",
            },
        });
        let request = api(&format!("CONSUMER.DURABLE.CREATE.{STREAM}"), configuration.to_string());
        let _: ConsumerInfo = understood(&self.request(request).await?)?;
        Ok(())
    }

    /// Asks the consumer's leader what is out, and what is left.
    pub(crate) async fn consumer_info(&mut self) -> Result<ConsumerInfo, RequestError> {
        let request = api(&format!("CONSUMER.INFO.{STREAM}"), String::new());
        understood(&self.request(request).await?)
    }

    /// Asks the consumer for one message; `None` when it has none. It is given out again if it is
    /// not acknowledged within [`ACK_WAIT`].
    pub(crate) async fn next(&mut self) -> Result<Option<Delivery>, RequestError> {
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{STREAM}");
        let wanted = json!({ "batch": 1, "no_wait": true }).to_string();
        let answer = self.request(Request::for_message(subject, wanted.into_bytes())).await?;
        match (answer.status, answer.reply) {
            (Some(NO_MESSAGES), _) => Ok(None),
            (Some(code), _) => {
                let description = "the consumer gives out nothing".to_owned();
                Err(RequestError::Refused { code, err_code: 0, description })
            }
            (None, Some(reply)) => Ok(Some(Delivery { payload: answer.payload, reply })),
            (None, None) => {
                let text = "a message that cannot be acknowledged".to_owned();
                Err(RequestError::Garbled(text))
            }
        }
    }

    /// Acknowledges a message, and waits until the consumer's leader says that it has heard it.
    pub(crate) async fn acknowledge(&mut self, delivery: &Delivery) -> Result<(), RequestError> {
        let request = Request::new(delivery.reply.clone(), b"+ACK".to_vec());
        let answer = self.request(request).await?;
        match answer.payload.is_empty() {
            true => Ok(()),
            false => Err(garbled("an acknowledgement of an acknowledgement has no words", &answer)),
        }
    }

    /// Removes the stream, and all that is in it.
    #[cfg(test)]
    pub(crate) async fn delete_stream(&mut self) -> Result<(), RequestError> {
        let _: Envelope = understood(&self.request(api("STREAM.DELETE", String::new())).await?)?;
        Ok(())
    }

    /// Asks the stream's leader for its state.
    pub(crate) async fn stream_info(&mut self) -> Result<StreamInfo, RequestError> {
        understood(&self.request(api("STREAM.INFO", String::new())).await?)
    }

    /// Adds a message, and waits until the stream's leader says that it is kept.
    pub(crate) async fn publish(&mut self, payload: Vec<u8>) -> Result<(), RequestError> {
        let request = Request::new(STREAM.to_owned(), payload);
        let ack: Ack = understood(&self.request(request).await?)?;
        if ack.stream != STREAM || ack.seq == 0 {
            return Err(RequestError::Garbled(format!("an acknowledgement of something: {ack:?}")));
        }
        Ok(())
    }

    /// Asks the stream's leader for messages `first` to `last`; `None` for each that it says is
    /// not there.
    pub(crate) async fn messages(
        &mut self,
        first: u64,
        last: u64,
    ) -> Result<Vec<Option<Vec<u8>>>, RequestError> {
        let get = |seq: u64| api("STREAM.MSG.GET", json!({ "seq": seq }).to_string());
        let answers = self.requests((first..=last).map(get).collect()).await?;
        (first..).zip(&answers).map(|(seq, answer)| stored(seq, answer)).collect()
    }
}

fn api(what: &str, payload: String) -> Request {
    Request::new(format!("$JS.API.{what}.{STREAM}"), payload.into_bytes())
}

fn stored(seq: u64, answer: &Message) -> Result<Option<Vec<u8>>, RequestError> {
    let message = match understood::<Stored>(answer) {
        Ok(stored) => stored.message,
        Err(RequestError::Refused { err_code: NO_MESSAGE_FOUND, .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let data = STANDARD.decode(&message.data);
    match data {
        Ok(data) if message.seq == seq => Ok(Some(data)),
        _ => Err(garbled("another message, or no base64", answer)),
    }
}

/// An answer's JSON, or the error that it is.
fn understood<A: DeserializeOwned>(answer: &Message) -> Result<A, RequestError> {
    let parse_error = |error: serde_json::Error| garbled(&error.to_string(), answer);
    let envelope: Envelope = serde_json::from_slice(&answer.payload).map_err(parse_error)?;
    if let Some(ApiError { code, err_code, description }) = envelope.error {
        return Err(RequestError::Refused { code, err_code, description });
    }
    serde_json::from_slice(&answer.payload).map_err(parse_error)
}

fn garbled(why: &str, answer: &Message) -> RequestError {
    let shown: String = String::from_utf8_lossy(&answer.payload).chars().take(300).collect();
    RequestError::Garbled(format!("{why} in {shown}"))
}
