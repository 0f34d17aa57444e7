//! One command: sent, drained, limited in time, and looked for afterwards when it had to be killed.

use super::session::Shared;
use super::{Command, ControlError, Exit, Output, SshTarget, dial, quote};
use futures::FutureExt;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

/// After the process has ended, its output counts as closed when silent for this long.
const QUIET: Duration = Duration::from_secs(3);
/// For a killed command to be reported as ended.
const KILL_TIMEOUT: Duration = Duration::from_secs(4);
/// Kills and searches: a command that was just being started is hit by neither, once.
const KILL_ROUNDS: usize = 4;
/// For one search.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(15);
/// Standard input is sent in pieces of this size.
const PIECE: usize = 64 << 10;

/// Kills whatever has `$1` in its environment until nothing has; fails after some 3 seconds.
const SWEEP: &str = r#"
n=0
while found=$(grep -lsF -- "$1" /proc/[0-9]*/environ); [ -n "$found" ]; do
    for environ in $found; do
        pid=${environ#/proc/}
        kill -KILL "${pid%/environ}" 2>/dev/null
    done
    n=$((n + 1))
    [ "$n" -lt 30 ] || exit 1
    sleep 0.1
done
"#;

/// Runs a command and sends what came of it to `reply`; kills it when nobody waits any more.
pub(super) async fn run(
    shared: Arc<Shared>,
    command: Command,
    mut reply: oneshot::Sender<Result<Output, ControlError>>,
) {
    let result = run_until(&shared, &command, reply.closed()).await;
    let result = result.and_then(|output| sudo_worked(&shared.target, &command, output));
    // Nobody waiting is no error.
    let _ = reply.send(result);
}

async fn run_until(
    shared: &Shared,
    command: &Command,
    abandoned: impl Future<Output = ()>,
) -> Result<Output, ControlError> {
    let mark = format!("{:016x}", rand::random::<u64>());
    let rendered = render(&shared.target, command, Some(&mark))?;
    let slot = shared.open_channel(&command.brief()).await?;
    let connection = Arc::clone(&slot.connection);
    let (channel, _claim) = slot.split();
    let mut drain = Drain::new(channel, command.output_cap);
    let mut abandoned = std::pin::pin!(abandoned);
    if abandoned.as_mut().now_or_never().is_some() {
        // Nobody waits any more, so it must not even begin.
        drain.close().await;
        return Err(shared.disconnected(&command.brief(), "the caller gave up".to_owned()));
    }
    let deadline = Instant::now() + command.timeout;
    match drain.exec(rendered, &command.stdin, deadline, abandoned).await {
        Ended::Exit(exit) => Ok(drain.output(exit)),
        Ended::Rejected => Err(ControlError::Rejected {
            node: shared.target.name.clone(),
            what: "run commands".to_owned(),
        }),
        Ended::TooLong => {
            tracing::warn!(node = shared.target.name, command = command.brief(), "killing it");
            let mut gone = false;
            for _ in 0..KILL_ROUNDS {
                let (swept, ended) =
                    tokio::join!(sweep(&shared.target, &mark, command.root), drain.kill());
                gone = swept && ended;
                if gone || connection.handle.is_closed() {
                    break;
                }
            }
            drain.close().await;
            if drain.exit.is_none() && connection.handle.is_closed() {
                return Ok(drain.output(Exit::Lost));
            }
            let output = drain.output(Exit::Lost);
            Err(ControlError::CommandTimeout {
                node: shared.target.name.clone(),
                command: command.brief(),
                after: command.timeout,
                gone,
                stdout: output.stdout,
                stderr: output.stderr,
            })
        }
    }
}

pub(super) fn render(
    target: &SshTarget,
    command: &Command,
    mark: Option<&str>,
) -> Result<String, ControlError> {
    quote::render(command, &target.user, mark).map_err(|cause| ControlError::BadCommand {
        node: target.name.clone(),
        command: command.brief(),
        cause,
    })
}

/// Makes sure that nothing with this mark runs any more. On a connection of its own: all channels
/// of the usual one may be taken by commands that wait for just this.
async fn sweep(target: &SshTarget, mark: &str, root: bool) -> bool {
    let marked = format!("{}={mark}", quote::MARK);
    let mut command = Command::new(["/bin/sh", "-c", SWEEP, "sweep", &marked]);
    command.root = root;
    let swept = timeout(SWEEP_TIMEOUT, async {
        let rendered = render(target, &command, None)?;
        let connection = dial::dial(target).await?;
        let opened = connection.handle.channel_open_session().await;
        let channel = opened.map_err(|error| ControlError::NoChannel {
            node: target.name.clone(),
            cause: error.to_string(),
        })?;
        let mut drain = Drain::new(channel, 4096);
        let deadline = Instant::now() + SWEEP_TIMEOUT;
        let ended = drain.exec(rendered, &[], deadline, std::future::pending()).await;
        dial::hang_up(&connection).await;
        Ok::<_, ControlError>(matches!(ended, Ended::Exit(Exit::Code(0))))
    });
    match swept.await {
        Ok(Ok(gone)) => gone,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a killed command could not be looked for");
            false
        }
        Err(_) => false,
    }
}

/// Tells a `sudo` that refused from a command that failed.
fn sudo_worked(
    target: &SshTarget,
    command: &Command,
    output: Output,
) -> Result<Output, ControlError> {
    if !command.root || target.user == "root" || !matches!(output.exit, Exit::Code(1 | 126 | 127)) {
        return Ok(output);
    }
    let text = output.error_text();
    let Some(cause) = text.lines().find(|line| {
        line.starts_with("sudo: ") || (line.contains("sudo") && line.contains("not found"))
    }) else {
        return Ok(output);
    };
    let (node, user, cause) = (target.name.clone(), target.user.clone(), cause.to_owned());
    Err(ControlError::NotRoot { node, user, cause })
}

/// How a command came to rest.
pub(super) enum Ended {
    Exit(Exit),
    Rejected,
    TooLong,
}

/// Reads a channel to its end, keeping a bounded part.
pub(super) struct Drain {
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    cap: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    discarded: u64,
    exit: Option<Exit>,
    eof: bool,
}

impl Drain {
    pub(super) fn new(channel: Channel<Msg>, cap: usize) -> Self {
        let (read, write) = channel.split();
        let (stdout, stderr) = (Vec::new(), Vec::new());
        Self { read, write, cap, stdout, stderr, discarded: 0, exit: None, eof: false }
    }

    /// Sends the command and its standard input and reads until it has ended.
    pub(super) async fn exec(
        &mut self,
        rendered: String,
        stdin: &[u8],
        deadline: Instant,
        abandoned: impl Future<Output = ()>,
    ) -> Ended {
        let Self { read, write, cap, stdout, stderr, discarded, exit, eof } = self;
        let mut sink = Sink { cap: *cap, stdout, stderr, discarded, exit, eof };
        let mut feeding = Box::pin(feed(write, rendered, stdin));
        tokio::pin!(abandoned);
        let mut fed = false;
        let ended = loop {
            let limit = match sink.exit {
                Some(_) => deadline.min(Instant::now() + QUIET),
                None => deadline,
            };
            tokio::select! {
                message = read.wait() => match sink.take(message) {
                    Taken::More => {}
                    Taken::End => break Ended::Exit(sink.exit.take().unwrap_or(Exit::Lost)),
                    Taken::Rejected => break Ended::Rejected,
                },
                () = &mut feeding, if !fed => fed = true,
                () = sleep_until(limit) => match sink.exit.take() {
                    Some(exit) => break Ended::Exit(exit),
                    None => return Ended::TooLong,
                },
                () = &mut abandoned => return Ended::TooLong,
            }
        };
        drop(feeding);
        self.close().await;
        ended
    }

    /// Kills what was started and reads on until it has ended, for some seconds.
    async fn kill(&mut self) -> bool {
        if self.exit.is_some() {
            return true;
        }
        let signal = timeout(Duration::from_secs(1), self.write.signal(Sig::KILL));
        if !matches!(signal.await, Ok(Ok(()))) {
            tracing::debug!("the kill signal could not be sent");
        }
        let Self { read, cap, stdout, stderr, discarded, exit, eof, .. } = self;
        let mut sink = Sink { cap: *cap, stdout, stderr, discarded, exit, eof };
        let ending = async {
            while sink.exit.is_none() {
                let message = read.wait().await;
                if !matches!(sink.take(message), Taken::More) {
                    break;
                }
            }
        };
        if timeout(KILL_TIMEOUT, ending).await.is_err() {
            tracing::debug!("the killed command is not reported as ended");
        }
        self.exit.is_some()
    }

    async fn close(&self) {
        if let Ok(Err(error)) = timeout(Duration::from_secs(2), self.write.close()).await {
            tracing::trace!(%error, "channel was closed already");
        }
    }

    fn output(self, exit: Exit) -> Output {
        Output { exit, stdout: self.stdout, stderr: self.stderr, discarded: self.discarded }
    }
}

/// Whether there is more to read.
enum Taken {
    More,
    End,
    Rejected,
}

/// Where a channel's messages go.
struct Sink<'a> {
    cap: usize,
    stdout: &'a mut Vec<u8>,
    stderr: &'a mut Vec<u8>,
    discarded: &'a mut u64,
    exit: &'a mut Option<Exit>,
    eof: &'a mut bool,
}

impl Sink<'_> {
    fn take(&mut self, message: Option<ChannelMsg>) -> Taken {
        match message {
            Some(ChannelMsg::Data { data }) => {
                *self.discarded += keep(self.stdout, &data, self.cap);
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                *self.discarded += keep(self.stderr, &data, self.cap);
            }
            Some(ChannelMsg::Failure) => return Taken::Rejected,
            Some(ChannelMsg::Eof) => *self.eof = true,
            Some(ChannelMsg::Close) | None => return Taken::End,
            Some(other) => {
                if let Some(exit) = exit_of(other) {
                    *self.exit = Some(exit);
                }
            }
        }
        if *self.eof && self.exit.is_some() { Taken::End } else { Taken::More }
    }
}

/// Appends what fits under `cap`; gives the number of bytes that did not.
pub(super) fn keep(buffer: &mut Vec<u8>, data: &[u8], cap: usize) -> u64 {
    let kept = data.len().min(cap.saturating_sub(buffer.len()));
    buffer.extend_from_slice(&data[..kept]);
    (data.len() - kept) as u64
}

/// The end of a process, if the message tells one.
pub(super) fn exit_of(message: ChannelMsg) -> Option<Exit> {
    match message {
        ChannelMsg::ExitStatus { exit_status } => Some(Exit::Code(exit_status)),
        ChannelMsg::ExitSignal { signal_name, .. } => Some(Exit::Signal(match signal_name {
            Sig::Custom(name) => name.trim_end_matches("@openssh.com").to_owned(),
            known => format!("{known:?}"),
        })),
        _ => None,
    }
}

/// Sends the request and then standard input, as far as the process takes it. That the connection
/// is gone is seen by whoever reads.
async fn feed(write: &ChannelWriteHalf<Msg>, rendered: String, stdin: &[u8]) {
    let sent: Result<(), russh::Error> = async {
        write.exec(true, rendered).await?;
        for piece in stdin.chunks(PIECE) {
            write.data_bytes(piece.to_vec()).await?;
        }
        write.eof().await
    }
    .await;
    if let Err(error) = sent {
        tracing::trace!(%error, "standard input was not taken to its end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::HostKeys;

    #[test]
    fn a_refusing_sudo_is_told_from_a_failing_command() {
        let mut target = SshTarget {
            name: "n1".into(),
            host: "db1".into(),
            port: 22,
            user: "bob".into(),
            identity_files: Vec::new(),
            identity: None,
            use_agent: false,
            host_keys: HostKeys::Insecure,
            jump: None,
            proxy_command: None,
            host_key_alias: None,
        };
        let said = |code, text: &str| Output {
            exit: Exit::Code(code),
            stdout: Vec::new(),
            stderr: text.into(),
            discarded: 0,
        };
        let command = Command::new(["true"]).as_root();
        let refusals = [
            said(1, "sudo: a password is required\n"),
            said(127, "sh: 1: exec: sudo: not found\n"),
        ];
        for output in refusals.clone() {
            let error = sudo_worked(&target, &command, output).unwrap_err();
            assert!(matches!(error, ControlError::NotRoot { .. }), "{error}");
        }
        assert!(sudo_worked(&target, &command, said(1, "grep: no such file\n")).is_ok());
        assert!(sudo_worked(&target, &Command::new(["true"]), refusals[0].clone()).is_ok());
        target.user = "root".into();
        assert!(sudo_worked(&target, &command, refusals[0].clone()).is_ok());
    }

    #[test]
    fn what_is_kept_and_what_is_not_adds_up() {
        let mut buffer = Vec::new();
        let dropped: u64 = (0..5).map(|_| keep(&mut buffer, b"abc", 7)).sum();
        assert_eq!((buffer.as_slice(), dropped), (b"abcabca".as_slice(), 8));
    }
}
