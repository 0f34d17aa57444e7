//! The writer: a thread that owns the log file, writes what is queued, and syncs before it says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Requests that are written with one sync at the most.
const BATCH: usize = 1024;

/// When what was written counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// When the file is synced: `fdatasync` returned.
    Synced,
    /// At once; it stays in this process's memory until so much time has passed. A planted bug.
    Buffered(Duration),
    /// When the operating system has it, on its way to the disk. A planted bug.
    Unsynced,
}

/// Told when a request is durable, or why it never will be.
pub(crate) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

enum Request {
    /// Append bytes; `None` asks for no sync and no answer.
    Append(Vec<u8>, Option<Done>),
    /// Replace the whole file by these bytes, in one step.
    Replace(Vec<u8>, Done),
}

/// The sending end. The thread ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    /// Starts the thread. The file is cut to its first `keep` bytes and appended to from there.
    pub(crate) fn start(path: &Path, keep: u64, durability: Durability) -> io::Result<Self> {
        let file = open(path, keep)?;
        let (requests, queue) = mpsc::channel();
        let state = WriterThread {
            path: path.to_owned(),
            file,
            durability,
            buffer: Vec::new(),
            flushed: Instant::now(),
        };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || state.run(&queue))?;
        Ok(Self { requests })
    }

    /// Appends, and calls `done` when that is durable.
    pub(crate) fn append(&self, bytes: Vec<u8>, done: Done) {
        self.send(Request::Append(bytes, Some(done)));
    }

    /// Appends what need not survive by itself, only in its place before what follows.
    pub(super) fn append_unsynced(&self, bytes: Vec<u8>) {
        self.send(Request::Append(bytes, None));
    }

    /// Replaces the file's content.
    pub(super) fn replace(&self, bytes: Vec<u8>, done: Done) {
        self.send(Request::Replace(bytes, done));
    }

    fn send(&self, request: Request) {
        if let Err(mpsc::SendError(request)) = self.requests.send(request) {
            let error = io::Error::other("the log's writer has ended");
            match request {
                Request::Append(_, Some(done)) | Request::Replace(_, done) => done(Err(error)),
                Request::Append(_, None) => {}
            }
        }
    }
}

struct WriterThread {
    path: PathBuf,
    file: File,
    durability: Durability,
    /// Bytes not given to the operating system yet. Lost when the process is killed, which only
    /// matters with [`Durability::Buffered`].
    buffer: Vec<u8>,
    flushed: Instant,
}

impl WriterThread {
    /// Until every sender is gone. After an error nothing is written any more: what is in the
    /// file is then unknown, and retrying a failed sync reports success for lost data.
    fn run(mut self, queue: &mpsc::Receiver<Request>) {
        let mut broken: Option<String> = None;
        while let Ok(first) = queue.recv() {
            let mut waiting = Vec::new();
            let more = queue.try_iter().take(BATCH);
            let mut result = broken.clone().map_or(Ok(()), |error| Err(io::Error::other(error)));
            for request in std::iter::once(first).chain(more.collect::<Vec<_>>()) {
                let done = match request {
                    Request::Append(bytes, done) => {
                        self.buffer.extend_from_slice(&bytes);
                        done
                    }
                    Request::Replace(bytes, done) => {
                        result = result.and_then(|()| self.replace(&bytes));
                        Some(done)
                    }
                };
                waiting.extend(done);
            }
            let result = result.and_then(|()| self.settle(!waiting.is_empty()));
            if let Err(error) = &result {
                tracing::error!(%error, path = %self.path.display(), "cannot write the log");
                broken = Some(error.to_string());
            }
            for done in waiting {
                done(match &broken {
                    None => Ok(()),
                    Some(error) => Err(io::Error::other(error.clone())),
                });
            }
        }
    }

    /// Makes what is buffered as durable as it was promised to be.
    fn settle(&mut self, sync: bool) -> io::Result<()> {
        match self.durability {
            Durability::Buffered(interval) if self.flushed.elapsed() < interval => Ok(()),
            Durability::Buffered(_) => {
                self.flushed = Instant::now();
                self.flush()
            }
            Durability::Unsynced => self.flush(),
            Durability::Synced => {
                self.flush()?;
                if sync { self.file.sync_data() } else { Ok(()) }
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Whatever happens on the way, the file's name leads either to the old content or to the new.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        // What is still buffered is part of the new content already.
        self.buffer.clear();
        write_whole(&self.path, bytes)?;
        self.file = open(&self.path, bytes.len() as u64)?;
        Ok(())
    }
}

fn open(path: &Path, keep: u64) -> io::Result<File> {
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    if file.metadata()?.len() != keep {
        file.set_len(keep)?;
        file.sync_data()?;
    }
    file.seek(SeekFrom::Start(keep))?;
    sync_directory(path)?;
    Ok(file)
}

/// Writes a file through a temporary name, durably.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&temporary, path)?;
    sync_directory(path)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests;
