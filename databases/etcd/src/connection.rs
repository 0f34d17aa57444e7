//! One HTTP/1.1 connection to one etcd member, and whether a failed request was sent.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the TCP handshake may take. A node whose packets are dropped never answers it.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The scheduler gives up long before; this is for callers without one.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// A set of a million elements fits.
const BODY_LIMIT: usize = 256 << 20;
const SHOWN: usize = 300;

/// Why a request has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// No byte of the request left this machine.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It was sent, at least in part, and no whole answer came.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// etcd answered with an error.
    #[error("{message} (HTTP {status})")]
    Refused { status: u16, message: String },
    /// etcd answered with success, and with something that cannot be understood.
    #[error("not understood: {0}")]
    Garbled(String),
}

/// A connection, opened before the first request and again after it broke. Nothing is ever sent
/// twice: opening it anew happens before a request that was not sent yet.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    limit: Duration,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    /// Reads and writes the socket; dropped, it closes it.
    _driver: JoinSet<()>,
}

impl Connection {
    /// Connects to `address`.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, RequestError> {
        let mut connection = Self { address, limit: REQUEST_LIMIT, open: None };
        connection.open = Some(connection.connect().await?);
        Ok(connection)
    }

    async fn connect(&self) -> Result<Open, RequestError> {
        let stream = match timeout(CONNECT_LIMIT, TcpStream::connect(self.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(RequestError::NotSent(error.to_string())),
            Err(_) => return Err(RequestError::NotSent("the connection timed out".to_owned())),
        };
        let not_sent = |error: &dyn std::error::Error| RequestError::NotSent(error.to_string());
        // Requests are small: waiting to fill a packet only adds delay.
        stream.set_nodelay(true).map_err(|error| not_sent(&error))?;
        let (sender, driver) =
            handshake(TokioIo::new(stream)).await.map_err(|error| not_sent(&error))?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "connection to etcd ended");
            }
        });
        Ok(Open { sender, _driver: tasks })
    }

    /// Another to the same member, which is opened when it is used.
    pub(crate) fn another(&self) -> Self {
        Self { address: self.address, limit: self.limit, open: None }
    }

    /// The same, with another limit on each request.
    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Sends `body` to `path` once and waits for the answer.
    pub(crate) async fn post(&mut self, path: &str, body: Vec<u8>) -> Result<Bytes, RequestError> {
        let mut open = match self.open.take() {
            Some(open) if !open.sender.is_closed() => open,
            _ => self.connect().await?,
        };
        // Taken out, so that a call that is dropped half way leaves no half-used connection.
        let answer = timeout(self.limit, exchange(&mut open, self.address, path, body))
            .await
            .unwrap_or_else(|_| {
                let limit = self.limit.as_millis();
                Err(RequestError::NoAnswer(format!("nothing within {limit} ms")))
            });
        if matches!(answer, Ok(_) | Err(RequestError::Refused { .. })) {
            self.open = Some(open);
        }
        answer
    }
}

async fn exchange(
    open: &mut Open,
    address: SocketAddr,
    path: &str,
    body: Vec<u8>,
) -> Result<Bytes, RequestError> {
    let request = Request::post(path)
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| RequestError::NotSent(error.to_string()))?;
    open.sender.ready().await.map_err(|error| RequestError::NotSent(error.to_string()))?;
    let response = match open.sender.try_send_request(request).await {
        Ok(response) => response,
        // hyper hands the request back when, and only when, it has written nothing of it.
        Err(mut failed) => {
            let unsent = failed.take_message().is_some();
            let text = with_cause(failed.error());
            return Err(match unsent {
                true => RequestError::NotSent(text),
                false => RequestError::NoAnswer(text),
            });
        }
    };
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), BODY_LIMIT)
        .collect()
        .await
        .map_err(|error| RequestError::NoAnswer(format!("the answer broke off: {error}")))?
        .to_bytes();
    if status == 200 {
        return Ok(body);
    }
    Err(RequestError::Refused { status, message: refusal(&body) })
}

fn with_cause(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// etcd's words from `{"error":"…","message":"…","code":14}`, or what there is instead.
fn refusal(body: &[u8]) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let words = parsed
        .as_ref()
        .and_then(|parsed| ["error", "message"].iter().find_map(|key| parsed.get(key)?.as_str()));
    let text = words.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    text.trim().chars().take(SHOWN).collect()
}
