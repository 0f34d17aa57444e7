//! Long-lived processes on a node, each on a connection of its own with pipes to it.

use super::dial::{self, Connection};
use super::exec::{exit_of, keep, render};
use super::{Command, ControlError, Exit, SshTarget};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// Bytes on the way in each direction before the writer has to wait.
const PIPE_BYTES: usize = 256 << 10;
/// For the server to open the channel and start the process.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// A process whose `stdin` and `exit` are both dropped may finish for this long before the
/// connection is closed.
const ORPHAN_TIME: Duration = Duration::from_secs(5);

/// A long-lived process on a node, on a connection of its own.
pub struct RemoteProcess {
    /// Its standard input, which ends when this is shut down or dropped.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its standard output; ends with the process or with the connection.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Resolves when the process has ended or the connection is lost, with the first
    /// [`Command::output_cap`] bytes of standard error.
    pub exit: oneshot::Receiver<(Exit, Vec<u8>)>,
}

impl std::fmt::Debug for RemoteProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteProcess")
    }
}

/// Starts `command` on a new connection.
pub(super) async fn spawn(
    target: &SshTarget,
    command: &Command,
) -> Result<RemoteProcess, ControlError> {
    let rendered = render(target, command, None)?;
    let connection = dial::dial(target).await?;
    let lost = |cause: String| ControlError::Disconnected {
        node: target.name.clone(),
        what: command.brief(),
        cause,
    };
    let started = timeout(START_TIMEOUT, async {
        let channel = connection.handle.channel_open_session().await?;
        channel.exec(true, rendered).await?;
        Ok::<_, russh::Error>(channel)
    });
    let channel = match started.await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => return Err(lost(error.to_string())),
        Err(_) => return Err(lost("the server does not answer".to_owned())),
    };
    let (read, write) = channel.split();
    let (stdin, stdin_end) = tokio::io::duplex(PIPE_BYTES);
    let (stdout, stdout_end) = tokio::io::duplex(PIPE_BYTES);
    let (exit_sender, exit) = oneshot::channel();
    let pump = Pump {
        connection,
        read,
        stdout: Some(stdout_end),
        exit: exit_sender,
        cap: command.output_cap,
    };
    tokio::spawn(pump.run(write, stdin_end));
    Ok(RemoteProcess { stdin: Box::new(stdin), stdout: Box::new(stdout), exit })
}

/// Moves bytes between the pipes and the channel.
struct Pump {
    connection: Connection,
    read: ChannelReadHalf,
    /// None once the reader has gone; what comes after is thrown away.
    stdout: Option<DuplexStream>,
    exit: oneshot::Sender<(Exit, Vec<u8>)>,
    cap: usize,
}

impl Pump {
    async fn run(mut self, write: ChannelWriteHalf<Msg>, stdin: DuplexStream) {
        let (mut exit, mut stderr) = (None, Vec::new());
        {
            let reading = drain(&mut self.read, &mut self.stdout, &mut exit, &mut stderr, self.cap);
            let feeding = feed(stdin, &write);
            let orphaned = async {
                self.exit.closed().await;
                sleep(ORPHAN_TIME).await;
            };
            tokio::pin!(reading, feeding, orphaned);
            let mut fed = false;
            loop {
                tokio::select! {
                    () = &mut reading => break,
                    () = &mut feeding, if !fed => fed = true,
                    () = &mut orphaned, if fed => break,
                }
            }
        }
        dial::hang_up(&self.connection).await;
        // First the end of the output, then the end of the process, as for a local child.
        drop(self.stdout.take());
        let _ = self.exit.send((exit.unwrap_or(Exit::Lost), stderr));
    }
}

async fn drain(
    read: &mut ChannelReadHalf,
    stdout: &mut Option<DuplexStream>,
    exit: &mut Option<Exit>,
    stderr: &mut Vec<u8>,
    cap: usize,
) {
    let mut eof = false;
    while !(eof && exit.is_some()) {
        match read.wait().await {
            Some(ChannelMsg::Data { data }) => {
                if let Some(pipe) = stdout
                    && pipe.write_all(&data).await.is_err()
                {
                    *stdout = None;
                }
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                keep(stderr, &data, cap);
            }
            Some(ChannelMsg::Eof) => {
                eof = true;
                *stdout = None;
            }
            Some(ChannelMsg::Failure) => {
                keep(stderr, b"the server refuses to run commands for this user", cap);
                return;
            }
            Some(ChannelMsg::Close) | None => return,
            Some(other) => *exit = exit_of(other).or(exit.take()),
        }
    }
}

/// Standard input, until its writer is shut down or dropped.
async fn feed(mut stdin: DuplexStream, write: &ChannelWriteHalf<Msg>) {
    let mut buffer = vec![0; 32 << 10];
    while let Ok(count @ 1..) = stdin.read(&mut buffer).await {
        if write.data_bytes(buffer[..count].to_vec()).await.is_err() {
            return;
        }
    }
    if let Err(error) = write.eof().await {
        tracing::trace!(%error, "standard input was closed already");
    }
}
