//! Links: what carries a node's messages to another node, and can be cut or slowed down.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long requests and answers take.
type Slow = [Duration; 2];

/// One direction between two nodes: it accepts connections and passes them on. While it is cut
/// they stay open and carry nothing, as with packets that are dropped.
pub(crate) struct Link {
    pub(crate) address: SocketAddr,
    whole: watch::Sender<bool>,
    slow: watch::Sender<Slow>,
    task: tokio::task::JoinHandle<()>,
}

impl Link {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (whole, state) = watch::channel(true);
        let (slow, pace) = watch::channel([Duration::ZERO; 2]);
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(carry(stream, target, state.clone(), pace.clone()));
            }
        });
        Self { address, whole, slow, task }
    }

    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
        self.slow(Duration::ZERO, Duration::ZERO);
    }

    /// Makes what is sent from now on take so long.
    pub(crate) fn slow(&self, requests: Duration, answers: Duration) {
        self.slow.send_replace([requests, answers]);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    near: TcpStream,
    target: SocketAddr,
    mut whole: watch::Receiver<bool>,
    slow: watch::Receiver<Slow>,
) {
    if whole.wait_for(|whole| *whole).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else { return };
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = pump(near_read, far_write, whole.clone(), (slow.clone(), 0)) => {}
        () = pump(far_read, near_write, whole, (slow, 1)) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut whole: watch::Receiver<bool>,
    (slow, way): (watch::Receiver<Slow>, usize),
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if whole.wait_for(|whole| *whole).await.is_err() {
            return;
        }
        let pause = slow.borrow()[way];
        tokio::time::sleep(pause).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
