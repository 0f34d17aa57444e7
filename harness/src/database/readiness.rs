//! Readiness: one question to a database from the controller, over HTTP or TCP.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Uri;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Bytes of an answer that are read.
const BODY_LIMIT: usize = 64 << 10;
/// Characters of an answer that are repeated in an error.
const SHOWN: usize = 200;

/// What to ask.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// GET answers with a 2xx status and `contains` in the body.
    Http { url: String, contains: Option<String> },
    /// A connection to `HOST:PORT` is accepted.
    Tcp(String),
}

/// Asks once; the error says what came instead of the wanted answer.
pub(super) async fn ask(question: &Question, limit: Duration) -> Result<(), String> {
    let asked = match question {
        Question::Http { url, contains } => timeout(limit, get(url, contains.as_deref())).await,
        Question::Tcp(address) => timeout(limit, connect(address)).await,
    };
    asked.unwrap_or_else(|_| {
        let (Question::Http { url: whom, .. } | Question::Tcp(whom)) = question;
        Err(format!("{whom} gave no answer within {} ms", limit.as_millis()))
    })
}

async fn connect(address: &str) -> Result<(), String> {
    match TcpStream::connect(address).await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("no connection to {address}: {error}")),
    }
}

async fn get(url: &str, contains: Option<&str>) -> Result<(), String> {
    let (status, body) = fetch(url).await.map_err(|error| format!("GET {url}: {error}"))?;
    let shown: String = body.trim().chars().take(SHOWN).collect();
    if !(200..300).contains(&status) {
        return Err(format!("GET {url} answered {status} {shown}"));
    }
    match contains {
        Some(wanted) if !body.contains(wanted) => {
            Err(format!("GET {url} answered {shown:?}, which has no {wanted:?} in it"))
        }
        _ => Ok(()),
    }
}

async fn fetch(url: &str) -> Result<(u16, String), Box<dyn std::error::Error + Send + Sync>> {
    let uri: Uri = url.parse()?;
    let host = uri.host().ok_or("the address has no host")?;
    let port = uri.port_u16().unwrap_or(80);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Dropped, and with it aborted, at the end of this function.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = hyper::Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header("host", format!("{host}:{port}"))
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

#[cfg(test)]
mod tests;
