//! Fail fast: the history is judged while the load goes on, and the first anomaly ends it.
//!
//! For workloads that no stream judges (see `witness.rs`), and only those in which the beginning of a
//! history shows an anomaly for good. Each look judges everything so far, so the pauses grow with what
//! a look takes: judging has a fifth of one processor at the most, and a first anomaly in the first
//! minutes is seen within two seconds or so.

use crate::plan::Plan;
use crate::scheduler::Stop;
use crate::store::Tail;
use crate::{Options, Registry, Workload, analysis};
use perjury_checkers::{Event, History, Verdict};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between looks, at least, and how many times as long as the last one took.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_FACTOR: u32 = 4;
/// How long the checkers may take at one look.
const LIMIT: Duration = Duration::from_secs(20);
/// The reason of a run that was ended early.
pub(super) const CUT_SHORT: &str = "fail-fast";

/// Somebody who reads the history as it grows. Dropping it ends that.
pub struct FailFast {
    found: Arc<Mutex<Option<String>>>,
    /// Closed to end the thread. Nobody waits for a look that is going on then.
    _going: Sender<()>,
}

impl FailFast {
    /// Begins to look at the history at `path`; `stop` is asked to stop once there is an anomaly.
    /// `Err` says why that cannot be with this workload.
    pub fn begin(
        plan: &Plan,
        registry: &Registry,
        path: PathBuf,
        stop: Stop,
    ) -> Result<Self, String> {
        let workload = registry.find_workload(&plan.workload).map_err(|usage| usage.0)?.clone();
        let options = plan.options();
        if !workload.shows_anomalies_early(&options) {
            return Err(format!(
                "--fail-fast: {} is judged at the end: what is missing now may still be read",
                workload.name()
            ));
        }
        let (going, ended) = channel();
        let found = Arc::new(Mutex::new(None));
        let told = found.clone();
        let look = move || {
            if let Some(title) = watch(&*workload, &options, Tail::new(path), &ended) {
                tracing::info!("--fail-fast: {title}");
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(title);
                stop.request();
            }
        };
        let thread = std::thread::Builder::new().name("fail-fast".to_owned()).spawn(look);
        thread.map_err(|error| format!("--fail-fast: no thread: {error}"))?;
        Ok(Self { found, _going: going })
    }

    /// The title of the anomaly, if there was one.
    pub fn found(&self) -> &Arc<Mutex<Option<String>>> {
        &self.found
    }
}

/// Looks until there is an anomaly, whose title is given, or nobody wants to know any more.
fn watch(
    workload: &dyn Workload,
    options: &Options,
    mut tail: Tail,
    ended: &Receiver<()>,
) -> Option<String> {
    let mut events: Vec<Event> = Vec::new();
    let mut pause = PAUSE;
    loop {
        match ended.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return None,
        }
        let (began, before) = (Instant::now(), events.len());
        tail.read_on(|line| events.extend(serde_json::from_slice::<Event>(line).ok()));
        if events.len() > before
            && let Some(title) = first_anomaly(workload, options, &events)
        {
            return Some(title);
        }
        pause = PAUSE.max(began.elapsed() * PAUSE_FACTOR);
    }
}

/// The title of an anomaly in what there is so far.
fn first_anomaly(workload: &dyn Workload, options: &Options, events: &[Event]) -> Option<String> {
    let history = History::new(events.to_vec()).ok()?;
    let findings = analysis::check_beginning(workload, options, &history, LIMIT)?;
    let wrong = findings.iter().find(|finding| finding.verdict == Verdict::Invalid)?;
    Some(wrong.anomalies.first().map_or_else(|| wrong.checker.clone(), |it| it.title.clone()))
}
