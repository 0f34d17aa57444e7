//! Runs one test as a process of its own, so that nothing it does can end the campaign.

use super::attempt::Ended;
use crate::exit::HarnessFailure;
use crate::local;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::signal::unix;

/// Ctrl-C, and the polite signal of a CI job.
pub struct Interrupts {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    /// How many have come.
    pub count: u32,
}

impl Interrupts {
    /// From now on these signals do not end this process.
    pub fn listen() -> Result<Self, HarnessFailure> {
        let listen = |kind| {
            unix::signal(kind).map_err(|error| HarnessFailure::new("listening to signals", error))
        };
        Ok(Self {
            interrupt: listen(unix::SignalKind::interrupt())?,
            terminate: listen(unix::SignalKind::terminate())?,
            count: 0,
        })
    }

    /// Takes note of those that have come meanwhile.
    pub fn notice(&mut self) {
        use futures::FutureExt;
        while self.next().now_or_never().is_some() {}
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.count += 1;
    }
}

/// Runs `program` with `arguments` to its end, both its outputs in `log`.
///
/// Each interruption is passed on: the first makes a test heal and check what there is, the
/// second ends it at once. What is not done after `limit` is killed.
pub async fn run(
    program: &Path,
    arguments: &[String],
    log: File,
    limit: Duration,
    interrupts: &mut Interrupts,
) -> Result<Ended, HarnessFailure> {
    let failed = |error: std::io::Error| HarnessFailure::new("starting a test", error);
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command.stdout(log.try_clone().map_err(failed)?).stderr(log);
    local::die_with_parent(&mut command);
    let mut command = tokio::process::Command::from(command);
    // A group of its own: the terminal's Ctrl-C reaches it through us, and once.
    let mut child = command.process_group(0).spawn().map_err(failed)?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(ended(status.map_err(failed)?)),
            () = interrupts.next() => {
                if let Some(pid) = pid {
                    let _ = kill(pid, Signal::SIGINT);
                }
            }
            () = tokio::time::sleep_until(deadline) => {
                if let Some(pid) = pid {
                    let _ = killpg(pid, Signal::SIGKILL);
                }
                child.wait().await.map_err(failed)?;
                return Ok(Ended::Overdue);
            }
        }
    }
}

fn ended(status: ExitStatus) -> Ended {
    match status.code() {
        Some(code) => Ended::Code(u8::try_from(code).unwrap_or(u8::MAX)),
        None => Ended::Signal(status.signal().unwrap_or_default()),
    }
}
