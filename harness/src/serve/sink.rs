//! Bodies that are written while they are sent, so that none has to fit into memory.

use axum::body::{Body, Bytes};
use std::io::{self, Write};
use tokio::sync::mpsc;

/// Bytes sent at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that wait to be sent.
const AHEAD: usize = 4;

/// What a body is written to.
pub(super) struct Sink {
    buffer: Vec<u8>,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

/// A body that `write` writes, in a thread of its own. When it fails the connection breaks, so
/// that nobody takes a part for the whole.
pub(super) fn body(write: impl FnOnce(&mut Sink) -> io::Result<()> + Send + 'static) -> Body {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut sink = Sink { buffer: Vec::with_capacity(CHUNK), sender };
        if let Err(error) = write(&mut sink).and_then(|()| sink.flush()) {
            // Nobody is there any more to be told if that is what went wrong.
            let _ = sink.sender.blocking_send(Err(error));
        }
    });
    let next = async |mut receiver: mpsc::Receiver<io::Result<Bytes>>| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    };
    Body::from_stream(futures::stream::unfold(receiver, next))
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(Ok(chunk.into())).map_err(gone)
    }
}
