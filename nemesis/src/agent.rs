//! The node agent: a small program on each node that breaks, observes and mends.
//!
//! It is this same binary, run as `perjury agent --lease-ms N --state DIR` with JSON lines on
//! standard input and output; standard error is for its log. See `docs/faults.md` for its life.

mod clock;
mod command;
mod control;
mod disk;
mod duties;
mod echo;
mod family;
mod file;
mod firewall;
pub(crate) mod layer;
mod ledger;
mod log;
mod power;
pub(crate) mod probe;
mod process;
mod procfs;
mod serve;
mod shaping;
mod sys;
mod tenure;
mod tools;
mod user;

pub(crate) use clock::probe_main as clock_probe;
use duties::Duties;
use nix::sys::signal::{SigSet, Signal};
pub(crate) use procfs::boot_id;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tenure::Tenure;

/// How long a predecessor may take to finish: a process that it stops gets five seconds to end.
const PATIENCE: Duration = Duration::from_secs(20);

struct Arguments {
    lease: Duration,
    state: PathBuf,
}

/// Runs the agent. Ends with 0 when everything is undone, 254 on bad arguments, 3 otherwise.
pub fn main(args: Vec<String>) -> ExitCode {
    let arguments = match parse(args) {
        Ok(arguments) => arguments,
        Err(message) => return complain(254, &message),
    };
    log::begin(&arguments.state);
    // Not to be hit by signals for the SSH server's session. Fails if it leads one already.
    let _ = nix::unistd::setsid();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => complain(3, &message),
    }
}

fn complain(code: u8, message: &str) -> ExitCode {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "perjury agent: {message}");
    ExitCode::from(code)
}

fn parse(args: Vec<String>) -> Result<Arguments, String> {
    let (mut lease, mut state) = (None, None);
    let mut args = args.into_iter();
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--lease-ms" => {
                let ms: u64 =
                    value.parse().map_err(|_| format!("--lease-ms {value}: no number"))?;
                if !(100..=3_600_000).contains(&ms) {
                    return Err("--lease-ms is from 100 to 3600000".to_owned());
                }
                lease = Some(Duration::from_millis(ms));
            }
            "--state" if value.starts_with('/') => state = Some(PathBuf::from(value)),
            "--state" => return Err(format!("--state {value}: give an absolute path")),
            _ => return Err(format!("{flag} is unknown; use --lease-ms N --state DIR")),
        }
    }
    match (lease, state) {
        (Some(lease), Some(state)) => Ok(Arguments { lease, state }),
        _ => Err("use --lease-ms N --state DIR".to_owned()),
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let signalled = listen_for_signals()?;
    let tenure = Tenure::begin(&arguments.state, PATIENCE)?;
    let duties = Arc::new(Duties::new(&arguments.state)?);
    let finish = || tenure.is_wanted() || signalled.load(Ordering::Acquire);
    let ended =
        serve::serve(std::io::stdin(), std::io::stdout(), &duties, arguments.lease, &finish)?;
    tracing::info!(?ended, "the agent ends");
    Ok(())
}

/// SIGTERM and the like mean: undo everything, then end. Blocked here and waited for in a thread;
/// children start with nothing blocked.
fn listen_for_signals() -> Result<Arc<AtomicBool>, String> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block().map_err(|errno| format!("cannot block signals: {}", errno.desc()))?;
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    std::thread::spawn(move || {
        if signals.wait().is_ok() {
            set.store(true, Ordering::Release);
        }
    });
    Ok(flag)
}

#[cfg(test)]
pub(crate) use clock::tests as clock_tests;
#[cfg(test)]
pub(crate) mod tests;
