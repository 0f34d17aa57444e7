//! The agent's loop: requests in, answers out, and what happens when requests stop coming.

use super::duties::Duties;
use perjury_harness::agent::protocol::{CLOCK_READ, Hello, LEASE_RENEW, Reply, Request};
use serde::Serialize;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::process::lock;

/// How often the lease, the children and a successor's wish are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Longest request, in bytes.
const LINE_MAX: u64 = 1 << 20;
/// Requests under way at a time.
const BUSY_MAX: usize = 32;
/// How long running requests may take to finish once the loop has ended.
const DRAIN: Duration = Duration::from_secs(15);
/// How often undoing is tried in the end, a second apart.
const UNDO_TRIES: usize = 5;

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// No request for the length of the lease.
    LeaseLapsed,
    /// A successor, or a signal, asked for it.
    Asked,
    /// The controller is gone, and there is nothing to undo.
    Idle,
}

enum Input {
    Line(Vec<u8>),
    TooLong,
    End,
}

/// Serves until the lease lapses or `finish` says so, then undoes everything.
///
/// Each request runs in a thread of its own, so that a renewal of the lease is answered while a
/// process takes its time to die. The order of answers is not that of the requests.
///
/// # Errors
/// When something could not be undone: the lines say what.
pub(crate) fn serve(
    reader: impl Read + Send + 'static,
    writer: impl Write + Send + 'static,
    duties: &Arc<Duties>,
    lease: Duration,
    finish: &dyn Fn() -> bool,
) -> Result<Ended, String> {
    let writer: Arc<Mutex<dyn Write + Send>> = Arc::new(Mutex::new(writer));
    let hello = Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        healed: duties.undo_all().unwrap_or_else(|problem| vec![problem]),
    };
    say(&writer, &hello);
    let (sender, receiver) = sync_channel(BUSY_MAX);
    std::thread::spawn(move || read_lines(reader, &sender));
    let busy = Arc::new(AtomicUsize::new(0));
    let ended = converse(&receiver, &writer, duties, lease, finish, &busy);
    tracing::info!(?ended, "undoing everything");
    let deadline = Instant::now() + DRAIN;
    while busy.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    undo_in_the_end(duties)?;
    Ok(ended)
}

fn converse(
    receiver: &Receiver<Input>,
    writer: &Arc<Mutex<dyn Write + Send>>,
    duties: &Arc<Duties>,
    lease: Duration,
    finish: &dyn Fn() -> bool,
    busy: &Arc<AtomicUsize>,
) -> Ended {
    let mut renewed = Instant::now();
    let open = AtomicBool::new(true);
    loop {
        duties.reap();
        if finish() {
            return Ended::Asked;
        }
        if !open.load(Ordering::Relaxed) && busy.load(Ordering::Acquire) == 0 && !duties.pending() {
            return Ended::Idle;
        }
        if renewed.elapsed() >= lease {
            return Ended::LeaseLapsed;
        }
        let wait = TICK.min(lease.saturating_sub(renewed.elapsed()));
        let input = if open.load(Ordering::Relaxed) {
            receiver.recv_timeout(wait)
        } else {
            // The controller is gone; it may come back as a successor while the lease lasts.
            std::thread::sleep(wait);
            Err(RecvTimeoutError::Timeout)
        };
        match input {
            Ok(Input::Line(line)) => {
                renewed = Instant::now();
                take(&line, writer, duties, busy);
            }
            Ok(Input::TooLong) => {
                say(writer, &refusal(0, format!("a request of more than {LINE_MAX} bytes")));
                open.store(false, Ordering::Relaxed);
            }
            Ok(Input::End) | Err(RecvTimeoutError::Disconnected) => {
                open.store(false, Ordering::Relaxed);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn take(
    line: &[u8],
    writer: &Arc<Mutex<dyn Write + Send>>,
    duties: &Arc<Duties>,
    busy: &Arc<AtomicUsize>,
) {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => {
            // Answer under its number if that much can be read.
            let id = serde_json::from_slice::<Value>(line).ok().and_then(|v| v["id"].as_u64());
            return say(writer, &refusal(id.unwrap_or(0), format!("not a request: {error}")));
        }
    };
    if request.verb == LEASE_RENEW {
        return say(writer, &answer(request.id, Ok(Value::Null)));
    }
    // Here and now: a thread of its own would make the reading less exact.
    if request.verb == CLOCK_READ {
        let read = serde_json::to_value(duties.read_clock()).map_err(|error| error.to_string());
        return say(writer, &answer(request.id, read));
    }
    if busy.fetch_add(1, Ordering::AcqRel) >= BUSY_MAX {
        busy.fetch_sub(1, Ordering::AcqRel);
        return say(writer, &refusal(request.id, format!("{BUSY_MAX} requests are under way")));
    }
    let (writer, duties, busy) = (Arc::clone(writer), Arc::clone(duties), Arc::clone(busy));
    std::thread::spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            duties.perform(&request.verb, request.with)
        }));
        let outcome = outcome.unwrap_or_else(|_| {
            Err("the agent panicked, a bug in Perjury: what was done is unknown".to_owned())
        });
        say(&writer, &answer(request.id, outcome));
        busy.fetch_sub(1, Ordering::AcqRel);
    });
}

fn answer(id: u64, outcome: Result<Value, String>) -> Reply {
    match outcome {
        Ok(value) => Reply { id, ok: Some(value), error: None },
        Err(message) => refusal(id, message),
    }
}

fn refusal(id: u64, message: String) -> Reply {
    Reply { id, ok: None, error: Some(message) }
}

/// Writes a line. A controller that no longer reads is noticed by its lease.
fn say(writer: &Mutex<dyn Write + Send>, message: &impl Serialize) {
    let Ok(mut line) = serde_json::to_vec(message) else { return };
    line.push(b'\n');
    let mut writer = lock(writer);
    if let Err(error) = writer.write_all(&line).and_then(|()| writer.flush()) {
        tracing::debug!(%error, "nobody reads the answers");
    }
}

fn read_lines(reader: impl Read, sender: &SyncSender<Input>) {
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let input = match (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(_) if line.last() == Some(&b'\n') => Input::Line(line),
            // The line is cut at the limit, and where the next begins is unknown.
            Ok(count) if count as u64 == LINE_MAX => Input::TooLong,
            // A last line without its break may be torn: nobody promised to have sent it.
            Ok(_) | Err(_) => Input::End,
        };
        let last = !matches!(input, Input::Line(_));
        if sender.send(input).is_err() || last {
            return;
        }
    }
}

fn undo_in_the_end(duties: &Duties) -> Result<(), String> {
    let mut problem = String::new();
    for attempt in 0..UNDO_TRIES {
        if attempt > 0 {
            std::thread::sleep(Duration::from_secs(1));
        }
        match duties.undo_all() {
            Ok(lines) => {
                lines.iter().for_each(|line| tracing::info!("undone: {line}"));
                return Ok(());
            }
            Err(error) => problem = error,
        }
    }
    Err(problem)
}
