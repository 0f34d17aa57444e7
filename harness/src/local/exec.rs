//! One command over a local node's SSH server: its streams, its signals, how it ended.
//!
//! As OpenSSH does it: a process group of its own, which is what a `signal` request reaches; the exit
//! status goes out when the command has ended, even if something in the background still holds its
//! output open; a closed channel does not kill the command.

use bytes::{Bytes, BytesMut};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelWriteHalf, Sig};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// Bytes of standard input that may wait for a command that does not read. The connection stands
/// still beyond that, with all its channels.
const INPUT: usize = 64 << 20;
/// Bytes read at a time, at most one packet.
const CHUNK: usize = 32 << 10;
/// How long the exit status waits for the last output, so that it usually comes after it.
const LINGER: Duration = Duration::from_millis(200);
/// SSH's number of the standard error stream.
const STDERR: u32 = 1;

/// Runs `command` through `/bin/sh -c`, or a shell on standard input.
pub(super) async fn run(
    channel: Channel<Msg>,
    handle: Handle,
    command: Option<Vec<u8>>,
    environment: BTreeMap<String, String>,
) {
    let id = channel.id();
    let (mut requests, output) = channel.split();
    let output = Arc::new(output);
    let mut child = match start(command, &environment) {
        Ok(child) => child,
        Err(error) => {
            let text = format!("the node could not start /bin/sh: {error}\n");
            let _ = output.extended_data_bytes(STDERR, text).await;
            let _ = handle.exit_status_request(id, 127).await;
            let _ = handle.close(id).await;
            return;
        }
    };
    let group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    let mut input = child.stdin.take().map(Input::new);
    let mut pumps = Pumps {
        stdout: child.stdout.take().map(|from| tokio::spawn(pump(from, Arc::clone(&output), None))),
        stderr: child
            .stderr
            .take()
            .map(|from| tokio::spawn(pump(from, Arc::clone(&output), Some(STDERR)))),
    };
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            message = requests.wait() => match message {
                Some(ChannelMsg::Data { data }) => {
                    if let Some(input) = &input {
                        input.push(data).await;
                    }
                }
                Some(ChannelMsg::Eof) => input = None,
                Some(ChannelMsg::Signal { signal }) => {
                    if let (Some(group), Some(signal)) = (group, from_wire(&signal)) {
                        let _ = killpg(group, signal);
                    }
                }
                Some(ChannelMsg::Close) | None => {
                    pumps.abort();
                    drop(input);
                    let _ = child.wait().await;
                    return;
                }
                Some(_) => {}
            }
        }
    };
    drop(input);
    // Requests are still read, as nobody else would and the connection would stand still.
    let finish = async {
        let _ = tokio::time::timeout(LINGER, pumps.done()).await;
        if let Ok(status) = status {
            report(&handle, id, status).await;
        }
        pumps.done().await;
        let _ = handle.eof(id).await;
        let _ = handle.close(id).await;
    };
    tokio::select! {
        () = finish => {}
        () = closed(&mut requests) => {}
    }
    pumps.abort();
}

async fn closed(requests: &mut russh::ChannelReadHalf) {
    while let Some(message) = requests.wait().await {
        if matches!(message, ChannelMsg::Close) {
            return;
        }
    }
}

fn start(
    command: Option<Vec<u8>>,
    environment: &BTreeMap<String, String>,
) -> std::io::Result<Child> {
    use std::os::unix::ffi::OsStringExt;
    let mut shell = Command::new("/bin/sh");
    if let Some(command) = command {
        shell.arg("-c").arg(std::ffi::OsString::from_vec(command));
    }
    shell
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .envs([("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root"), ("SHELL", "/bin/sh")])
        .env("LANG", "C.UTF-8")
        .envs(environment)
        .current_dir("/root")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    shell.spawn()
}

/// A command's standard input: a queue, so that reading from the channel never waits for it.
struct Input {
    queue: mpsc::UnboundedSender<Bytes>,
    room: Arc<Semaphore>,
}

impl Input {
    fn new(mut stdin: ChildStdin) -> Self {
        let (queue, mut chunks) = mpsc::unbounded_channel::<Bytes>();
        let room = Arc::new(Semaphore::new(INPUT));
        let freed = Arc::clone(&room);
        tokio::spawn(async move {
            let mut open = true;
            while let Some(chunk) = chunks.recv().await {
                // After the command has closed its end, what comes is thrown away.
                open = open && stdin.write_all(&chunk).await.is_ok();
                freed.add_permits(chunk.len());
            }
        });
        Self { queue, room }
    }

    async fn push(&self, data: Bytes) {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        if let Ok(permit) = self.room.acquire_many(length).await {
            permit.forget();
            let _ = self.queue.send(data);
        }
    }
}

/// The tasks that carry a command's output.
struct Pumps {
    stdout: Option<JoinHandle<()>>,
    stderr: Option<JoinHandle<()>>,
}

impl Pumps {
    /// Waits until both streams have ended. Can be given up and called again.
    async fn done(&mut self) {
        for pump in [&mut self.stdout, &mut self.stderr] {
            if let Some(task) = pump {
                let _ = task.await;
                *pump = None;
            }
        }
    }

    fn abort(&self) {
        for task in [&self.stdout, &self.stderr].into_iter().flatten() {
            task.abort();
        }
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    to: Arc<ChannelWriteHalf<Msg>>,
    stream: Option<u32>,
) {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    loop {
        buffer.reserve(CHUNK);
        if !matches!(from.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
        let chunk = buffer.split().freeze();
        let sent = match stream {
            None => to.data_bytes(chunk).await,
            Some(stream) => to.extended_data_bytes(stream, chunk).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn report(handle: &Handle, id: russh::ChannelId, status: ExitStatus) {
    let _ = match (status.code(), status.signal()) {
        (Some(code), _) => handle.exit_status_request(id, code as u32).await,
        (None, Some(signal)) => {
            let core = status.core_dumped();
            handle
                .exit_signal_request(id, to_wire(signal), core, String::new(), String::new())
                .await
        }
        (None, None) => Ok(()),
    };
}

fn from_wire(signal: &Sig) -> Option<Signal> {
    Some(match signal {
        Sig::ABRT => Signal::SIGABRT,
        Sig::ALRM => Signal::SIGALRM,
        Sig::FPE => Signal::SIGFPE,
        Sig::HUP => Signal::SIGHUP,
        Sig::ILL => Signal::SIGILL,
        Sig::INT => Signal::SIGINT,
        Sig::KILL => Signal::SIGKILL,
        Sig::PIPE => Signal::SIGPIPE,
        Sig::QUIT => Signal::SIGQUIT,
        Sig::SEGV => Signal::SIGSEGV,
        Sig::TERM => Signal::SIGTERM,
        Sig::USR1 => Signal::SIGUSR1,
        Sig::Custom(name) => Signal::from_str(&format!("SIG{name}")).ok()?,
    })
}

fn to_wire(number: i32) -> Sig {
    match Signal::try_from(number) {
        Ok(Signal::SIGABRT) => Sig::ABRT,
        Ok(Signal::SIGALRM) => Sig::ALRM,
        Ok(Signal::SIGFPE) => Sig::FPE,
        Ok(Signal::SIGHUP) => Sig::HUP,
        Ok(Signal::SIGILL) => Sig::ILL,
        Ok(Signal::SIGINT) => Sig::INT,
        Ok(Signal::SIGKILL) => Sig::KILL,
        Ok(Signal::SIGPIPE) => Sig::PIPE,
        Ok(Signal::SIGQUIT) => Sig::QUIT,
        Ok(Signal::SIGSEGV) => Sig::SEGV,
        Ok(Signal::SIGTERM) => Sig::TERM,
        Ok(Signal::SIGUSR1) => Sig::USR1,
        Ok(other) => Sig::Custom(other.as_str().trim_start_matches("SIG").to_owned()),
        Err(_) => Sig::Custom(format!("RT{number}")),
    }
}
