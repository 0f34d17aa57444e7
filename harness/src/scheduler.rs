//! The scheduler: asks a generator what to do, hands it to workers, and writes down what happens.
//!
//! One task owns the generator, the time and the order of the history; each worker is a task with
//! one client at the most, reached by channels. An invocation is written down before its worker
//! hears of it and a completion after the client has answered: the history may show a call as
//! longer than it was, never as shorter, so no checker is led to believe an order that was not.

mod alarm;
mod clients;
mod phase;
mod progress;
mod spread;
mod stop;
mod summary;
#[cfg(test)]
mod tests;
mod worker;

pub use clients::{NemesisAnswer, NemesisHandler, NoNemesis, NodeClients, OpenClient};
pub use progress::Progress;
pub use spread::Spread;
pub use stop::Stop;
pub use summary::{Counts, PhaseSummary};

use crate::generator::{Context, MAX_WORKERS, Worker};
use crate::store::{LiveError, LiveHistory};
use crate::{Op, Seed};
use alarm::Alarm;
use perjury_checkers::{Name, Process};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use worker::Report;

/// How long clients have to say goodbye at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a scheduler works with.
#[derive(Clone)]
pub struct SchedulerConfig {
    /// Opens the clients: [`NodeClients`] in production.
    pub clients: Arc<dyn OpenClient>,
    /// Client workers, 1 to [`MAX_WORKERS`].
    pub concurrency: usize,
    /// Does what the nemesis is asked.
    pub nemesis: Arc<dyn NemesisHandler>,
    /// How long a client has to connect, and then how long it has to answer.
    pub operation_timeout: Duration,
    /// How long the nemesis has for one operation. It should have shorter limits of its own.
    pub nemesis_timeout: Duration,
    /// Of the run; decides here only who does something, never what is done.
    pub seed: Seed,
    /// When the run began: time 0 of the history.
    pub start: Instant,
    /// Where counts and recent errors are shown.
    pub progress: Arc<Progress>,
}

/// Why a phase could not be run to its end. Calls that were open are `info` in the history or have
/// no completion, which means the same.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    #[error(transparent)]
    History(#[from] LiveError),
    #[error("concurrency {0} is out of range: set --concurrency to 1 to {MAX_WORKERS}")]
    Concurrency(usize),
    #[error("there are no nodes to connect clients to: name some with --nodes")]
    NoNodes,
    #[error(
        "the generator gave {op:?} to process {process}, which is not free; this is a bug in the \
         workload's generator: an operation goes to a free process of the context it was asked in"
    )]
    NotFree { process: Process, op: Op },
    #[error(
        "the generator waits for an event, but nothing is going on; this is a bug in the \
         workload's or fault's generator: it has to say until when it waits, or that it has ended"
    )]
    Stuck,
    #[error("worker {worker} used up its process numbers after as many unknown outcomes")]
    ProcessesExhausted { worker: usize },
}

/// Runs generators against a cluster. Times, indices and process numbers go on from phase to phase.
pub struct Scheduler {
    config: SchedulerConfig,
    history: LiveHistory,
    stop: Stop,
    context: Context,
    salts: ChaCha8Rng,
    /// Of each client worker, and the nemesis's last.
    slots: Vec<Slot>,
    /// Calls without an answer.
    open: usize,
    /// Workers that could not connect and pause: when they are free again, and which.
    resting: BinaryHeap<Reverse<(u64, usize)>>,
    next_index: u64,
    reports: mpsc::UnboundedReceiver<Report>,
    report_to: mpsc::UnboundedSender<Report>,
    /// When to look for overdue calls next, in nanoseconds since the start.
    next_watch: u64,
    alarm: Alarm,
}

/// A worker as the scheduler sees it.
struct Slot {
    worker: Worker,
    node: Option<Name>,
    task: Option<Task>,
    /// Counts tasks: a report of an abandoned one is recognized by it.
    generation: u64,
    open: Option<OpenCall>,
    /// Attempts to connect that failed in a row.
    refusals: u32,
    /// Since when it is free, or was before its open call: nanoseconds since the start.
    free_since: u64,
}

struct Task {
    ops: mpsc::UnboundedSender<Arc<Op>>,
    handle: JoinHandle<()>,
}

struct OpenCall {
    op: Arc<Op>,
    process: Process,
    /// When the scheduler stops believing in an answer, in nanoseconds since the start.
    deadline: u64,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl Scheduler {
    /// A scheduler that has asked nothing yet.
    pub fn new(
        config: SchedulerConfig,
        history: LiveHistory,
        stop: Stop,
    ) -> Result<Self, SchedulerError> {
        let (concurrency, nodes) = (config.concurrency, config.clients.node_count());
        if !(1..=MAX_WORKERS).contains(&concurrency) {
            return Err(SchedulerError::Concurrency(concurrency));
        }
        if nodes == 0 {
            return Err(SchedulerError::NoNodes);
        }
        let mut context = Context::new(concurrency, nodes);
        context.live = true;
        let slot = |worker, node| Slot {
            worker,
            node,
            task: None,
            generation: 0,
            open: None,
            refusals: 0,
            free_since: 0,
        };
        let mut slots: Vec<Slot> = (0..concurrency)
            .map(|worker| slot(Worker::Client(worker), config.clients.node_name(worker)))
            .collect();
        slots.push(slot(Worker::Nemesis, None));
        let (report_to, reports) = mpsc::unbounded_channel();
        Ok(Self {
            salts: config.seed.derive("scheduler.workers").rng(),
            config,
            history,
            stop,
            context,
            slots,
            open: 0,
            resting: BinaryHeap::new(),
            next_index: 0,
            reports,
            report_to,
            next_watch: 0,
            alarm: Alarm::new(),
        })
    }

    /// Events recorded so far.
    pub fn events(&self) -> u64 {
        self.next_index
    }

    /// Listens to another stop signal from the next phase on: after Ctrl-C has ended the main
    /// load, what is asked finally may still run under a signal of its own.
    pub fn set_stop(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// Closes all clients and the history; returns the number of events.
    pub async fn finish(mut self) -> Result<u64, SchedulerError> {
        let tasks = self.slots.iter_mut().filter_map(|slot| slot.task.take());
        let farewells: Vec<_> = tasks.map(worker::farewell).collect();
        futures::future::join_all(farewells).await;
        let history = self.history;
        match tokio::task::spawn_blocking(move || history.close()).await {
            Ok(closed) => Ok(closed?),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// Nanoseconds since the run began.
    fn now(&self) -> u64 {
        u64::try_from(self.config.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
