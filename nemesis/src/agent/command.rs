//! Shell commands that a user's own fault consists of.

use super::ledger::Undo;
use super::process::{SharedLedger, lock};
use crate::wire::custom::{CommandOutcome, Heal, Inject, Observe};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The most that is kept of a command's output.
const OUTPUT_MAX: u64 = 2000;
/// How long undoing may take when nobody says so.
const UNDO_LIMIT: Duration = Duration::from_secs(30);

/// Runs commands, and remembers how to undo them.
pub(crate) struct Commands {
    ledger: SharedLedger,
}

impl Commands {
    pub(crate) fn new(ledger: SharedLedger) -> Self {
        Self { ledger }
    }

    /// Notes the undo, then runs the command.
    pub(crate) fn inject(&self, what: &Inject) -> Result<CommandOutcome, String> {
        let undo = Undo::Command { name: what.name.clone(), heal: what.heal.clone() };
        let known = lock(&self.ledger).pending().iter().any(|(_, open)| *open == undo);
        if !known {
            lock(&self.ledger).intend(undo)?;
        }
        run(&what.inject, Duration::from_millis(what.limit_ms))
    }

    /// Runs the undo; once it has succeeded there is nothing left to undo.
    pub(crate) fn heal(&self, what: &Heal) -> Result<CommandOutcome, String> {
        let outcome = run(&what.heal, Duration::from_millis(what.limit_ms))?;
        if outcome.code == Some(0) {
            let pending = lock(&self.ledger).pending();
            for (id, undo) in pending {
                if matches!(&undo, Undo::Command { name, .. } if *name == what.name) {
                    lock(&self.ledger).done(id, "its heal command succeeded")?;
                }
            }
        }
        Ok(outcome)
    }

    /// Only runs the command.
    pub(crate) fn observe(what: &Observe) -> Result<CommandOutcome, String> {
        run(&what.observe, Duration::from_millis(what.limit_ms))
    }

    /// For the ledger: runs a heal command, which has to succeed.
    pub(crate) fn undo(name: &str, heal: &str) -> Result<String, String> {
        let outcome = run(heal, UNDO_LIMIT)?;
        match outcome.code {
            Some(0) => Ok(format!("{name}: its heal command succeeded")),
            _ => Err(format!("{name}: its heal command failed: {outcome:?}")),
        }
    }
}

/// `sh -c`, in a process group of its own that does not outlive `limit`. Output goes through a
/// file: a daemon that the command leaves behind keeps no pipe open.
fn run(script: &str, limit: Duration) -> Result<CommandOutcome, String> {
    let failed = |error: std::io::Error| format!("cannot run `{script}`: {error}");
    let (output, ours) = scratch().map_err(failed)?;
    let mut child = Command::new("/bin/sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(output)
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let code = wait(&mut child, limit).map_err(failed)?;
    Ok(CommandOutcome { code, output: tail(ours).map_err(failed)? })
}

fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<i32>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if Instant::now() >= deadline {
            let group = nix::unistd::Pid::from_raw(-(child.id() as i32));
            let _ = nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL);
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A file without a name, for writing and for reading.
fn scratch() -> std::io::Result<(File, File)> {
    let file = File::from(nix::sys::memfd::memfd_create(
        c"perjury-output",
        nix::sys::memfd::MFdFlags::MFD_CLOEXEC,
    )?);
    let ours = file.try_clone()?;
    Ok((file, ours))
}

fn tail(mut file: File) -> std::io::Result<String> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_MAX)))?;
    let mut bytes = Vec::new();
    file.take(OUTPUT_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_code_are_told_and_what_takes_too_long_is_ended() {
        let second = Duration::from_secs(1);
        let outcome = run("echo out; echo err >&2; exit 3", second).unwrap();
        assert_eq!(outcome, CommandOutcome { code: Some(3), output: "out\nerr".to_owned() });
        let began = Instant::now();
        let outcome = run("sleep 100 & sleep 100", Duration::from_millis(100)).unwrap();
        assert_eq!(outcome.code, None);
        assert!(began.elapsed() < second);
        let began = Instant::now();
        assert_eq!(run("sleep 3 & exit 0", second).unwrap().code, Some(0));
        assert!(began.elapsed() < second, "what it leaves behind is not waited for");
    }
}
