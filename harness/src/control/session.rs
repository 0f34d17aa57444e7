//! Sessions: one SSH connection to a node, with a bounded number of channels, mended when it
//! breaks.

use super::dial::{self, Connection};
use super::{Command, ControlError, Output, RemoteProcess, SshTarget, exec, files, pipe};
use russh::Channel;
use russh::client::Msg;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep, timeout};

/// Pauses between attempts to connect: a restarting server is back within moments, and for
/// anything longer the caller knows better how long to wait.
const BACKOFF: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(600), Duration::from_millis(1800)];
/// For the server to open a channel.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts to get a channel: connections that break in between, servers that give fewer.
const CHANNEL_ATTEMPTS: usize = 12;

/// An SSH connection to one node.
///
/// Commands run at once on channels of one connection, eight at most; more wait their turn. When
/// the connection breaks, the commands on it end as [`super::Exit::Lost`] and the next one
/// connects again, in four attempts over about three seconds.
pub struct Session {
    shared: Arc<Shared>,
}

/// What a session's tasks hold on to, too.
pub(super) struct Shared {
    pub(super) target: SshTarget,
    link: Mutex<Link>,
}

enum Link {
    Open(Arc<Connection>),
    /// The last attempt failed at this time, for this reason.
    Broken(Instant, ControlError),
    Closed,
}

/// A channel together with its right to exist.
pub(super) struct Slot {
    pub(super) channel: Channel<Msg>,
    pub(super) connection: Arc<Connection>,
    permit: OwnedSemaphorePermit,
}

impl Slot {
    /// The channel, and what to keep for as long as it is used.
    pub(super) fn split(self) -> (Channel<Msg>, Claim) {
        (self.channel, Claim { _connection: self.connection, _permit: self.permit })
    }
}

/// The right to use a channel, given back when dropped.
pub(super) struct Claim {
    _connection: Arc<Connection>,
    _permit: OwnedSemaphorePermit,
}

impl Session {
    /// Connects and authenticates. Tries again a few times when the server refuses or hangs up.
    pub async fn connect(target: SshTarget) -> Result<Arc<Self>, ControlError> {
        let connection = dial_patiently(&target).await?;
        let link = Mutex::new(Link::Open(Arc::new(connection)));
        Ok(Arc::new(Self { shared: Arc::new(Shared { target, link }) }))
    }

    /// Runs a command to its end.
    ///
    /// When the connection breaks meanwhile, the outcome is [`super::Exit::Lost`]; an error of
    /// kind [`ControlError::Disconnected`] means that it was never sent. A command past its time
    /// limit is killed together with all that it started, which is verified on the node, and gives
    /// [`ControlError::CommandTimeout`]. Dropping the future kills the command likewise.
    ///
    /// A command has ended when its process has and its output is closed; where a daemon that it
    /// started keeps the output open, three silent seconds count as closed.
    pub async fn exec(&self, command: &Command) -> Result<Output, ControlError> {
        self.exec_owned(command.clone()).await
    }

    /// Like [`Session::exec`], for commands whose standard input is too large to copy.
    pub(super) async fn exec_owned(&self, command: Command) -> Result<Output, ControlError> {
        let (reply, result) = oneshot::channel();
        // A task of its own: it reads the channel whatever the caller does, since a channel that
        // nobody reads stalls every other one of the connection.
        tokio::spawn(exec::run(Arc::clone(&self.shared), command, reply));
        result.await.unwrap_or_else(|_| Err(self.shared.closed()))
    }

    /// Starts a long-lived process (the agent) with pipes to it, on a connection of its own.
    ///
    /// [`Command::timeout`] and [`Command::stdin`] do not apply. Its standard input ends when
    /// `stdin` is shut down or dropped; when `exit` is dropped as well, the connection is closed
    /// some seconds later, which does not by itself end the process.
    pub async fn spawn(&self, command: &Command) -> Result<RemoteProcess, ControlError> {
        if matches!(*self.shared.link.lock().await, Link::Closed) {
            return Err(self.shared.closed());
        }
        pipe::spawn(&self.shared.target, command).await
    }

    /// Copies a file to the node, through a temporary name and a rename, so that no reader ever
    /// sees half of it. Missing directories are made. Where the login user may not write, it is
    /// done as root.
    pub async fn upload(&self, local: &Path, remote: &str, mode: u32) -> Result<(), ControlError> {
        files::upload(self, local, remote, mode).await
    }

    /// Writes bytes to a file on the node, as [`Session::upload`] does.
    pub async fn upload_bytes(
        &self,
        bytes: &[u8],
        remote: &str,
        mode: u32,
    ) -> Result<(), ControlError> {
        files::upload_bytes(self, bytes, remote, mode).await
    }

    /// Copies a file from the node; at most `cap` bytes, the last ones of a longer file. Gives the
    /// number of bytes written. Where the login user may not read, it is done as root.
    pub async fn download(
        &self,
        remote: &str,
        local: &Path,
        cap: u64,
    ) -> Result<u64, ControlError> {
        files::download(self, remote, local, cap).await
    }

    /// Where it leads.
    pub fn target(&self) -> &SshTarget {
        &self.shared.target
    }

    /// Says goodbye. Commands under way end as [`super::Exit::Lost`], later ones are refused.
    pub async fn close(&self) {
        let link = std::mem::replace(&mut *self.shared.link.lock().await, Link::Closed);
        if let Link::Open(connection) = link {
            dial::hang_up(&connection).await;
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({:?})", self.shared.target)
    }
}

impl Shared {
    /// The connection, mended if it has to be.
    async fn connection(&self) -> Result<Arc<Connection>, ControlError> {
        let asked = Instant::now();
        let mut link = self.link.lock().await;
        match &*link {
            Link::Closed => return Err(self.closed()),
            Link::Open(connection) if !connection.handle.is_closed() => {
                return Ok(Arc::clone(connection));
            }
            // Whoever waited while another tried in vain need not try the same again.
            Link::Broken(at, error) if *at >= asked => return Err(error.clone()),
            Link::Open(connection) => {
                tracing::info!(node = self.target.name, cause = connection.cause(), "reconnecting");
            }
            Link::Broken(..) => {}
        }
        match dial_patiently(&self.target).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *link = Link::Open(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                *link = Link::Broken(Instant::now(), error.clone());
                Err(error)
            }
        }
    }

    /// A channel for `what`, waiting for its turn. An error means that nothing was sent.
    pub(super) async fn open_channel(&self, what: &str) -> Result<Slot, ControlError> {
        let mut cause = String::new();
        for attempt in 0..CHANNEL_ATTEMPTS {
            let connection = self.connection().await?;
            let Ok(permit) = Arc::clone(&connection.slots).acquire_owned().await else {
                return Err(self.closed());
            };
            if connection.handle.is_closed() {
                continue;
            }
            match timeout(CHANNEL_TIMEOUT, connection.handle.channel_open_session()).await {
                Ok(Ok(channel)) => return Ok(Slot { channel, connection, permit }),
                Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
                    cause = format!("{reason:?}");
                    // The server gives fewer than we thought, or has not yet cleared one away.
                    sleep(Duration::from_millis(50)).await;
                    if attempt % 3 == 2 && connection.shrink() {
                        permit.forget();
                    }
                }
                Ok(Err(error)) => {
                    cause = error.to_string();
                    // The connection's task notices its end a moment later.
                    sleep(Duration::from_millis(20)).await;
                }
                Err(_) => {
                    let cause = "the server opens no channel in time".to_owned();
                    return Err(self.disconnected(what, cause));
                }
            }
        }
        let node = self.target.name.clone();
        Err(ControlError::NoChannel { node, cause: format!("for {what}: {cause}") })
    }

    pub(super) fn disconnected(&self, what: &str, cause: String) -> ControlError {
        ControlError::Disconnected { node: self.target.name.clone(), what: what.to_owned(), cause }
    }

    fn closed(&self) -> ControlError {
        ControlError::Closed { node: self.target.name.clone() }
    }
}

async fn dial_patiently(target: &SshTarget) -> Result<Connection, ControlError> {
    let mut pauses = BACKOFF.iter();
    loop {
        let error = match dial::dial(target).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        // One silence is long enough.
        let again = error.is_transient() && !matches!(error, ControlError::ConnectTimeout { .. });
        let Some(pause) = pauses.next().filter(|_| again) else { return Err(error) };
        tracing::debug!(node = target.name, %error, "will try again");
        sleep(*pause).await;
    }
}
