//! The live history: every event on its way to the disk within a millisecond or two.
//!
//! The scheduler appends to a buffer; a thread writes the buffer to the file, so that a controller
//! that is killed loses next to nothing; another thread makes the file durable every 100 ms, so
//! that a machine that stops loses little more than that. They are two because `fdatasync` may
//! take long on a busy disk, and what is not yet written would be lost meanwhile.

#[cfg(test)]
mod tests;

use super::error::advice;
use crate::secret;
use perjury_checkers::Event;
use perjury_checkers::history::jsonl::encode;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the writer lets events gather before it writes them in one call.
const GATHER: Duration = Duration::from_millis(1);
/// How often the file is made durable, if there is anything new in it.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);
/// Capacity that the two buffers keep after a burst.
const BUFFER_KEPT: usize = 1 << 20;

/// The history could not be kept. The run has to stop: what is not recorded cannot be judged.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "cannot {action} the history {}: {source}{}. {safe} events are safe in it; `perjury analyze` \
     of this run's directory still gives the verdict on them",
    .path.display(), advice(.source)
)]
pub struct LiveError {
    /// "write", "create", "sync".
    pub action: &'static str,
    pub path: PathBuf,
    /// Events that are whole in the file; after a failed sync, those synced before.
    pub safe: u64,
    pub source: Arc<io::Error>,
}

impl LiveError {
    /// Whether there was no space left.
    pub fn is_full(&self) -> bool {
        let kind = self.source.kind();
        matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// A history being written. Dropping it writes what is buffered, but hides errors: see
/// [`LiveHistory::close`].
#[derive(Debug)]
pub struct LiveHistory {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    /// The buffer got its first bytes, or it is time to close.
    changed: Condvar,
    /// Set after `State::error`.
    failed: AtomicBool,
    /// Bytes appended and not yet in the file.
    backlog: AtomicU64,
    /// Events whole in the file.
    written: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    closing: bool,
    error: Option<LiveError>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it; if somebody did, the bytes in it still count.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, action: &'static str, safe: u64, source: io::Error) {
        let error = LiveError { action, path: self.path.clone(), safe, source: Arc::new(source) };
        tracing::error!("{error}");
        self.state().error.get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }
}

impl LiveHistory {
    /// Begins a history. A file that already holds something is refused, never overwritten.
    pub fn create(path: &Path) -> Result<Self, LiveError> {
        let failed = |source| LiveError {
            action: "create",
            path: path.to_owned(),
            safe: 0,
            source: Arc::new(source),
        };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() > 0 {
            return Err(failed(io::Error::from(io::ErrorKind::AlreadyExists)));
        }
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            state: Mutex::default(),
            changed: Condvar::new(),
            failed: AtomicBool::new(false),
            backlog: AtomicU64::new(0),
            written: AtomicU64::new(0),
        });
        let synced = file.try_clone().map_err(failed)?;
        let writer = Arc::clone(&shared);
        let syncer = Arc::clone(&shared);
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(failed)
        };
        let threads = vec![
            spawn("history-write", Box::new(move || write_until_closed(&writer, file)))?,
            spawn("history-sync", Box::new(move || sync_until_closed(&syncer, &synced)))?,
        ];
        Ok(Self { shared, threads })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Adds an event; it is in the file a millisecond or two later. Never waits for the disk: a
    /// caller that can produce without end looks at [`LiveHistory::backlog`].
    pub fn append(&mut self, event: &Event) -> Result<(), LiveError> {
        self.check()?;
        let mut state = self.shared.state();
        let before = state.buffer.len();
        if let Err(error) = encode(&mut state.buffer, event) {
            drop(state);
            self.shared.fail("encode an event for", self.written(), io::Error::from(error));
            return self.check();
        }
        secret::mask_from(&mut state.buffer, before);
        let added = (state.buffer.len() - before) as u64;
        self.shared.backlog.fetch_add(added, Ordering::Relaxed);
        drop(state);
        if before == 0 {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Fails if anything could not be written.
    pub fn check(&self) -> Result<(), LiveError> {
        if self.shared.failed.load(Ordering::Acquire)
            && let Some(error) = &self.shared.state().error
        {
            return Err(error.clone());
        }
        Ok(())
    }

    /// Bytes appended and not yet in the file: large when the disk does not keep up.
    pub fn backlog(&self) -> u64 {
        self.shared.backlog.load(Ordering::Relaxed)
    }

    /// Events whole in the file.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Acquire)
    }

    /// Writes and syncs everything and returns the number of events. Waits for the disk.
    pub fn close(mut self) -> Result<u64, LiveError> {
        self.stop();
        self.check()?;
        Ok(self.written())
    }

    fn stop(&mut self) {
        self.shared.state().closing = true;
        self.shared.changed.notify_all();
        // The writer first: the other thread ends when it is done or has failed.
        for thread in std::mem::take(&mut self.threads) {
            if thread.join().is_err() {
                let error = io::Error::other("its thread panicked; this is a bug in Perjury");
                self.shared.fail("write", self.written(), error);
            }
        }
    }
}

impl Drop for LiveHistory {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Moves the buffer to the file until it is closed and empty, or the file fails.
fn write_until_closed(shared: &Shared, mut file: File) {
    let mut batch = Vec::new();
    // Bytes of whole lines in the file.
    let mut whole = 0_u64;
    loop {
        let mut state = shared.state();
        while state.buffer.is_empty() && !state.closing {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.buffer.is_empty() {
            break;
        }
        if !state.closing {
            drop(state);
            std::thread::sleep(GATHER);
            state = shared.state();
        }
        std::mem::swap(&mut batch, &mut state.buffer);
        drop(state);
        let (count, result) = write_counted(&mut file, &batch);
        let lines_end =
            batch[..count].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let events = batch[..lines_end].iter().filter(|byte| **byte == b'\n').count() as u64;
        whole += lines_end as u64;
        let written = shared.written.fetch_add(events, Ordering::Release) + events;
        shared.backlog.fetch_sub(batch.len() as u64, Ordering::Release);
        if let Err(error) = result {
            // A torn last line would be cut by the reader anyway; without it the file is whole.
            if count > lines_end && file.set_len(whole).is_err() {
                tracing::warn!("the last line of {} is torn", shared.path.display());
            }
            shared.fail("write", written, error);
            return;
        }
        batch.clear();
        batch.shrink_to(BUFFER_KEPT);
    }
}

/// Writes all of `bytes`; also says how many were written when that fails.
fn write_counted(out: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut count = 0;
    while count < bytes.len() {
        match out.write(&bytes[count..]) {
            Ok(0) => return (count, Err(io::Error::from(io::ErrorKind::WriteZero))),
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (count, Err(error)),
        }
    }
    (count, Ok(()))
}

/// Makes the file durable every [`SYNC_INTERVAL`] and once more when everything is written.
fn sync_until_closed(shared: &Shared, file: &File) {
    let mut synced = 0;
    loop {
        // Read before syncing: the last sync has to come after the last write.
        let last = {
            let state = shared.state();
            let (state, _) = shared
                .changed
                .wait_timeout_while(state, SYNC_INTERVAL, |state| !state.closing)
                .unwrap_or_else(PoisonError::into_inner);
            state.closing && state.buffer.is_empty()
        };
        let drained = shared.backlog.load(Ordering::Acquire) == 0;
        let failed = shared.failed.load(Ordering::Acquire);
        let written = shared.written.load(Ordering::Acquire);
        if written > synced {
            if let Err(error) = sync(file) {
                shared.fail("sync", synced, error);
                return;
            }
            synced = written;
        }
        if failed || (last && drained) {
            return;
        }
        if last {
            std::thread::sleep(GATHER);
        }
    }
}

/// `fdatasync`, where the file can be synced at all: a device such as `/dev/full` cannot.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}
