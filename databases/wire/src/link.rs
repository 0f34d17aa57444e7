//! One TCP connection with a buffer of what came and was not read yet.

use crate::WireError;
use bytes::BytesMut;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a TCP handshake may take. A node whose packets are dropped never answers it.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The longest answer.
const ANSWER_LIMIT: usize = 64 << 20;

/// A connection, and the bytes that came on it.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    /// What came and was not taken yet.
    pub buffer: BytesMut,
}

impl Link {
    /// Connects; nothing has been sent when this fails.
    pub async fn open(address: SocketAddr) -> Result<Self, WireError> {
        let not_sent = |error: Error| WireError::NotSent(error.to_string());
        let stream = match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(not_sent)?,
            Err(_) => return Err(WireError::NotSent("the connection timed out".to_owned())),
        };
        // Requests are small: waiting to fill a packet only adds delay.
        stream.set_nodelay(true).map_err(not_sent)?;
        Ok(Self { stream, buffer: BytesMut::new() })
    }

    /// Writes all of `bytes`. On an error a part of it may have left.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.stream.write_all(bytes).await.map_err(|error| WireError::NoAnswer(error.to_string()))
    }

    /// Waits for more bytes to come into the buffer.
    pub async fn read_more(&mut self) -> Result<(), WireError> {
        if self.buffer.len() > ANSWER_LIMIT {
            return Err(WireError::Garbled(format!("an answer of over {ANSWER_LIMIT} bytes")));
        }
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(WireError::NoAnswer("the connection was closed".to_owned())),
            Ok(_) => Ok(()),
            Err(error) => Err(WireError::NoAnswer(error.to_string())),
        }
    }

    /// Reads until `decode` finds a whole message at the front of the buffer, and takes it. Its
    /// `None` asks for more; its error is a sentence about bytes that cannot be understood.
    pub async fn message<T>(
        &mut self,
        mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, String>,
    ) -> Result<T, WireError> {
        loop {
            if let Some(message) = decode(&mut self.buffer).map_err(WireError::Garbled)? {
                return Ok(message);
            }
            self.read_more().await?;
        }
    }

    /// Takes what came while nobody listened into the buffer; whether the connection is still open.
    pub fn still_open(&mut self) -> bool {
        loop {
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => return false,
                Ok(_) if self.buffer.len() > ANSWER_LIMIT => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}
