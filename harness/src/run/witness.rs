//! The witness: judges the history while the load goes on, where it can be judged as it grows.
//!
//! So a long run has its verdict soon after its end, and with `--fail-fast` the first anomaly ends the
//! load. A history that will be held in memory anyway is judged afterwards, by checkers that see the
//! whole of it, unless the first anomaly is to end the load.

use super::fail_fast::{CUT_SHORT, FailFast};
use crate::Registry;
use crate::analysis::long::{Judged, is_long};
use crate::plan::Plan;
use crate::report::verdict::Reason;
use crate::scheduler::Stop;
use perjury_checkers::streaming::{Judge, Streams};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between looks.
const PAUSE: Duration = Duration::from_millis(300);
/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// Somebody who reads the history as it grows.
pub enum Witness {
    /// Shows a stream what is new.
    Stream(Stream),
    /// Judges everything so far again and again.
    Whole(FailFast),
}

/// See [`Witness::Stream`].
pub struct Stream {
    found: Arc<Mutex<Option<String>>>,
    /// Closed when the history is whole.
    growing: Sender<()>,
    thread: JoinHandle<Option<Judged>>,
}

impl Witness {
    /// Begins to read the history at `path`. With `--fail-fast`, `stop` is asked to stop once there is an
    /// anomaly. `Err` says why there is nobody though it was asked for.
    pub fn begin(
        plan: &Plan,
        registry: &Registry,
        path: PathBuf,
        stop: Stop,
    ) -> Result<Option<Self>, String> {
        let workload = registry.find_workload(&plan.workload).map_err(|usage| usage.0)?.clone();
        let options = plan.options();
        let early = workload.shows_anomalies_early(&options);
        match workload.streams(&options).filter(|_| early || !plan.fail_fast) {
            Some(streams) => Stream::begin(streams, path, plan.fail_fast.then_some(stop)).map(Some),
            None if !plan.fail_fast => Ok(None),
            None => Ok(Some(Self::Whole(FailFast::begin(plan, registry, path, stop)?))),
        }
    }

    /// At the end of the load: a reason why the run tested less than it was to, if it was ended early.
    /// With the anomaly, which is found again in the end, it changes no verdict.
    pub fn cut_short(&self, time_ns: u64) -> Option<Reason> {
        let found = match self {
            Self::Stream(stream) => &stream.found,
            Self::Whole(whole) => whole.found(),
        };
        let title = found.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let seconds = time_ns as f64 / 1e9;
        let text = format!("the load was ended after {seconds:.1} s at the first anomaly: {title}");
        Some(Reason::new(CUT_SHORT, text))
    }

    /// When the history is whole: the verdict on it, if it is a long one. May take a while, and does not
    /// mind that the file is sealed and removed meanwhile.
    pub fn end(self) -> Option<Judged> {
        let Self::Stream(Stream { growing, thread, .. }) = self else { return None };
        drop(growing);
        thread.join().ok().flatten()
    }
}

impl Stream {
    fn begin(streams: Streams, path: PathBuf, stop: Option<Stop>) -> Result<Witness, String> {
        let (growing, whole) = channel();
        let found = Arc::new(Mutex::new(None));
        let told = found.clone();
        let work = move || {
            let reading = Reading { judge: Judge::of(streams), file: None, told, stop };
            reading.follow(&path, &whole).unwrap_or_else(|why| {
                tracing::warn!("the history is not judged while it grows: {why}");
                None
            })
        };
        let thread = std::thread::Builder::new().name("witness".to_owned()).spawn(work);
        let thread = thread.map_err(|error| format!("no thread: {error}"))?;
        Ok(Witness::Stream(Self { found, growing, thread }))
    }
}

/// The work of a stream's thread.
struct Reading {
    judge: Judge,
    /// Opened once it is long enough to be worth it.
    file: Option<File>,
    told: Arc<Mutex<Option<String>>>,
    /// With `--fail-fast`.
    stop: Option<Stop>,
}

impl Reading {
    /// Until the history is whole, which is when nobody holds the other end of `whole` any more.
    fn follow(mut self, path: &Path, whole: &Receiver<()>) -> Result<Option<Judged>, String> {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        loop {
            let is_whole = whole.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected);
            let long = || path.metadata().is_ok_and(|data| is_long(data.len()));
            if self.file.is_none() && (self.stop.is_some() || long()) {
                self.file = Some(File::open(path).map_err(failed)?);
            }
            if let Some(mut file) = self.file.take() {
                self.read(&mut file).map_err(failed)?;
                self.file = Some(file);
                self.judge.flush().map_err(|error| error.to_string())?;
                self.tell();
            }
            if is_whole {
                let judged = self.file.is_some().then(|| Judged::of(self.judge)).transpose()?;
                return Ok(judged.map(|(judged, _)| judged));
            }
        }
    }

    fn read(&mut self, file: &mut File) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let count = file.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            self.judge.push_lines(&piece[..count]).map_err(io::Error::other)?;
        }
    }

    /// Ends the load at the first anomaly, if that was asked for.
    fn tell(&self) {
        let Some((stop, violation)) = self.stop.as_ref().zip(self.judge.violations().first())
        else {
            return;
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none() {
            tracing::info!("--fail-fast: {}", violation.anomaly.title);
            *told = Some(violation.anomaly.title.clone());
            stop.request();
        }
    }
}
