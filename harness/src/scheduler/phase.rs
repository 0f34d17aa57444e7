//! Phases: the loop that plays one generator to its end.

use super::worker::{Connecting, Outcome, Report, Reporter, spawn_client, spawn_nemesis};
use super::{Counts, OpenCall, PhaseSummary, Scheduler, SchedulerError};
use crate::generator::{Generator, Next, Worker, sooner};
use crate::{BoxGenerator, Op};
use perjury_checkers::{Event, Kind, Name, Process};
use rand::Rng;
use serde_json::Value;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// Operations begun before answers are looked at again.
const BATCH: usize = 64;
/// Bytes of history waiting for the disk above which nothing is asked until it has caught up.
const MAX_BACKLOG: u64 = 16 << 20;
/// For how long then, in nanoseconds.
const STALL: u64 = 1_000_000;
/// How long a worker that could not connect pauses: doubled each time, up to the second number.
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How often to look for calls whose worker gives no sign of life.
const WATCH: Duration = Duration::from_millis(250);
/// What a worker may take beyond its own timeouts before it is given up.
const SLACK: Duration = Duration::from_secs(2);
/// How long a phase waits at the most for its workers to connect.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// What open calls get after a stop, at the most.
const CLIENT_GRACE: Duration = Duration::from_secs(3);
const NEMESIS_GRACE: Duration = Duration::from_secs(10);
/// Characters of an error kept in the history.
const MAX_ERROR: usize = 2000;

/// A generator being played.
struct Phase {
    generator: BoxGenerator,
    summary: PhaseSummary,
    /// Of each client worker.
    by_worker: Vec<Counts>,
    /// Nothing more is asked.
    done: bool,
}

impl Scheduler {
    /// Plays `generator` until it has ended and all its calls have, or until the run is stopped.
    pub async fn phase(&mut self, generator: BoxGenerator) -> Result<PhaseSummary, SchedulerError> {
        let by_worker = vec![Counts::default(); self.config.concurrency];
        self.connect().await;
        let summary = PhaseSummary { began: self.now(), ..PhaseSummary::default() };
        let mut phase = Phase { generator, summary, by_worker, done: false };
        let result = self.play(&mut phase).await;
        if result.is_err() {
            self.abandon_all();
        }
        result?;
        for (slot, counts) in self.slots.iter().zip(&phase.by_worker) {
            if let Some(node) = &slot.node {
                phase.summary.add_node(node, counts);
            }
        }
        phase.summary.ended = self.now();
        Ok(phase.summary)
    }

    /// Lets all workers connect that have not yet, so that no call has to wait for that. Who cannot
    /// is asked anyway: that a node cannot be reached is for the history to tell.
    async fn connect(&mut self) {
        let (connecting, mut all) = mpsc::channel(1);
        for position in 0..self.config.concurrency {
            if self.slots[position].task.is_none() {
                self.start(position, Some(connecting.clone()));
            }
        }
        drop(connecting);
        let limit = self.config.operation_timeout.min(CONNECT_PATIENCE);
        // It ends when nobody holds the other end any more.
        let _ = tokio::time::timeout(limit, all.recv()).await;
    }

    async fn play(&mut self, phase: &mut Phase) -> Result<(), SchedulerError> {
        loop {
            while let Ok(report) = self.reports.try_recv() {
                self.complete(phase, report)?;
            }
            self.wake_rested();
            self.watch(phase)?;
            self.history.check()?;
            if self.stop.is_requested() && !phase.summary.stopped {
                self.begin_stop(phase);
            }
            let wake = if phase.done { None } else { self.ask(phase)? };
            if phase.done && self.open == 0 {
                return Ok(());
            }
            self.wait(phase, wake).await?;
        }
    }

    /// Begins what is due now; says when to ask again.
    fn ask(&mut self, phase: &mut Phase) -> Result<Option<u64>, SchedulerError> {
        for _ in 0..BATCH {
            self.context.time = self.now();
            if self.history.backlog() > MAX_BACKLOG {
                phase.summary.stalled += STALL;
                return Ok(Some(self.context.time + STALL));
            }
            match phase.generator.next(&self.context) {
                Next::Emit { at, process, op } if at <= self.context.time => {
                    self.invoke(phase, process, op, at)?;
                }
                Next::Emit { at, .. } => return Ok(Some(at)),
                Next::Pending { until } => {
                    let stuck = until.is_none() && self.open == 0 && self.resting.is_empty();
                    return if stuck { Err(SchedulerError::Stuck) } else { Ok(until) };
                }
                Next::Done => {
                    phase.done = true;
                    return Ok(None);
                }
            }
        }
        Ok(Some(self.context.time))
    }

    /// Waits for an answer, for `wake`, for somebody to be rested, or for the stop signal.
    async fn wait(&mut self, phase: &mut Phase, wake: Option<u64>) -> Result<(), SchedulerError> {
        let rested = self.resting.peek().map(|Reverse((time, _))| *time).filter(|_| !phase.done);
        let watch = (self.open > 0).then_some(self.next_watch);
        let deadline = sooner(sooner(wake, rested), watch).unwrap_or(u64::MAX);
        let now = self.now();
        if deadline <= now {
            // Lets the workers run where there is only one thread.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let pause = Duration::from_nanos(deadline - now);
        let report = tokio::select! {
            biased;
            report = self.reports.recv() => report,
            () = self.alarm.wait(deadline, pause) => None,
            () = self.stop.requested(), if !phase.summary.stopped => None,
        };
        phase.summary.idle += self.now().saturating_sub(now);
        report.map_or(Ok(()), |report| self.complete(phase, report))
    }

    /// Writes an invocation that was due `at` a time down, and hands it to its worker.
    fn invoke(
        &mut self,
        phase: &mut Phase,
        process: Process,
        op: Op,
        at: u64,
    ) -> Result<(), SchedulerError> {
        let worker = self.context.worker(process);
        if !self.context.free.contains(worker) || self.context.process(worker) != process {
            return Err(SchedulerError::NotFree { process, op });
        }
        let time = self.context.time;
        phase.generator.took(&self.context, time, process);
        self.context.salt = self.salts.next_u64();
        self.context.occupy(worker);
        let kind = if worker == Worker::Nemesis { Kind::Info } else { Kind::Invoke };
        let position = self.slot(worker);
        let slot = &self.slots[position];
        let (node, due) = (slot.node.clone(), (at < time).then_some(at));
        if due.is_some() {
            phase.summary.late.add(time - at);
            phase.summary.scheduling.add(time - at.max(slot.free_since));
        }
        let (Op { f, value }, index) = (op, self.next_index);
        let event = Event { index, time, process, kind, f, value, node, error: None, due };
        self.record(phase, &event)?;
        // Taken apart and put together again: a value is dear to copy.
        let op = Arc::new(Op { f: event.f, value: event.value });
        let limit = match worker {
            Worker::Client(_) => self.config.operation_timeout * 2,
            Worker::Nemesis => self.config.nemesis_timeout,
        };
        let deadline = time.saturating_add(nanos(limit.saturating_add(SLACK)));
        self.slots[position].open = Some(OpenCall { op: Arc::clone(&op), process, deadline });
        self.open += 1;
        self.config.progress.open.store(self.open, Ordering::Relaxed);
        self.hand_over(position, op);
        Ok(())
    }

    /// Gives `op` to the slot's task, which is started where there is none or it has died.
    fn hand_over(&mut self, position: usize, mut op: Arc<Op>) {
        if let Some(task) = &self.slots[position].task {
            match task.ops.send(op) {
                Ok(()) => return,
                Err(unsent) => op = unsent.0,
            }
        }
        self.start(position, None);
        if let Some(task) = &self.slots[position].task {
            // A task that was just started has its channel open.
            let _ = task.ops.send(op);
        }
    }

    /// Starts the slot's task.
    fn start(&mut self, position: usize, connecting: Option<Connecting>) {
        let slot = &mut self.slots[position];
        slot.generation += 1;
        let reporter =
            Reporter { slot: position, generation: slot.generation, to: self.report_to.clone() };
        let task = match slot.worker {
            Worker::Client(_) => spawn_client(
                Arc::clone(&self.config.clients),
                reporter,
                self.config.operation_timeout,
                connecting,
            ),
            Worker::Nemesis => spawn_nemesis(
                Arc::clone(&self.config.nemesis),
                reporter,
                self.config.nemesis_timeout,
            ),
        };
        slot.task = Some(task);
    }

    /// Writes a completion down and frees the worker.
    fn complete(&mut self, phase: &mut Phase, report: Report) -> Result<(), SchedulerError> {
        let slot = &mut self.slots[report.slot];
        if slot.generation != report.generation {
            return Ok(());
        }
        let Some(call) = slot.open.take() else { return Ok(()) };
        let (worker, node) = (slot.worker, slot.node.clone());
        self.open -= 1;
        let no_client =
            matches!(report.outcome, Outcome::NoClient(_) | Outcome::ConnectPanicked(_));
        phase.count(&report.outcome);
        let (kind, value, error) = verdict(report.outcome, &call.op);
        self.context.time = self.now();
        let (process, f) = (call.process, call.op.f.clone());
        let (index, time) = (self.next_index, self.context.time);
        let event = Event { index, time, process, kind, f, value, node, error, due: None };
        self.show(phase, &event, worker);
        if no_client {
            self.rest(report.slot);
        } else {
            let slot = &mut self.slots[report.slot];
            (slot.refusals, slot.free_since) = (0, time);
            self.context.release(worker);
        }
        if let Worker::Client(number) = worker
            && kind == Kind::Info
            && self.context.renew(worker).is_none()
        {
            return Err(SchedulerError::ProcessesExhausted { worker: number });
        }
        self.record(phase, &event)
    }

    /// Counts a completion.
    fn show(&mut self, phase: &mut Phase, event: &Event, worker: Worker) {
        let progress = &self.config.progress;
        progress.open.store(self.open, Ordering::Relaxed);
        if let Some(error) = &event.error {
            progress.push_error(format!("{} {}: {error}", event.process, event.f));
        }
        let Worker::Client(number) = worker else {
            progress.faults.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let counter = match event.kind {
            Kind::Ok => &progress.ok,
            Kind::Fail => &progress.fail,
            Kind::Info | Kind::Invoke => &progress.info,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        progress.declined.fetch_add(u64::from(event.is_declined()), Ordering::Relaxed);
        phase.summary.operations.count(event);
        phase.by_worker[number].count(event);
        match phase.summary.by_function.get_mut(&event.f) {
            Some(counts) => counts.count(event),
            None => {
                let mut counts = Counts::default();
                counts.count(event);
                phase.summary.by_function.insert(event.f.clone(), counts);
            }
        }
    }

    /// Appends an event and shows it to the generator.
    fn record(&mut self, phase: &mut Phase, event: &Event) -> Result<(), SchedulerError> {
        self.history.append(event)?;
        self.next_index += 1;
        phase.generator.update(&self.context, event);
        Ok(())
    }

    /// The worker pauses before it tries to connect again.
    fn rest(&mut self, position: usize) {
        let slot = &mut self.slots[position];
        let pause = REST.0.saturating_mul(1 << slot.refusals.min(10)).min(REST.1);
        slot.refusals = slot.refusals.saturating_add(1);
        let until = self.context.time.saturating_add(nanos(pause));
        self.resting.push(Reverse((until, position)));
    }

    fn wake_rested(&mut self) {
        while let Some(Reverse((until, position))) = self.resting.peek().copied() {
            if until > self.now() {
                return;
            }
            self.resting.pop();
            self.slots[position].free_since = until;
            self.context.release(self.slots[position].worker);
        }
    }

    /// Gives up calls whose deadline has passed: their worker is stuck, or the run is stopping.
    fn watch(&mut self, phase: &mut Phase) -> Result<(), SchedulerError> {
        let now = self.now();
        if now < self.next_watch {
            return Ok(());
        }
        self.next_watch = now.saturating_add(nanos(WATCH));
        for position in 0..self.slots.len() {
            let slot = &mut self.slots[position];
            if slot.open.as_ref().is_none_or(|call| now < call.deadline) {
                continue;
            }
            let nemesis = slot.worker == Worker::Nemesis;
            slot.task = None;
            slot.generation += 1;
            let generation = slot.generation;
            let text = if phase.summary.stopped {
                "stopped before an answer came".to_owned()
            } else if nemesis {
                "timed out and does not react: it blocks its thread".to_owned()
            } else {
                let timeout = self.config.operation_timeout;
                format!("timed out after {timeout:?} and does not react: it blocks its thread")
            };
            let outcome = match (nemesis, phase.summary.stopped) {
                (false, false) => Outcome::TimedOut(text),
                (false, true) => Outcome::Indefinite(text),
                (true, _) => Outcome::NemesisFailed(text),
            };
            self.complete(phase, Report { slot: position, generation, outcome })?;
        }
        Ok(())
    }

    /// Asks nothing more, and lets open calls have a short time yet.
    fn begin_stop(&mut self, phase: &mut Phase) {
        phase.summary.stopped = true;
        phase.done = true;
        let now = self.now();
        let client_grace = nanos(self.config.operation_timeout.min(CLIENT_GRACE));
        let nemesis_grace = nanos(self.config.nemesis_timeout.min(NEMESIS_GRACE));
        for slot in &mut self.slots {
            let nemesis = slot.worker == Worker::Nemesis;
            let grace = if nemesis { nemesis_grace } else { client_grace };
            if let Some(call) = &mut slot.open {
                call.deadline = call.deadline.min(now.saturating_add(grace));
            }
        }
    }

    /// After an error: whoever is still at work would disturb the healing that comes next. Open
    /// calls stay without a completion, so their processes have ended.
    fn abandon_all(&mut self) {
        for slot in &mut self.slots {
            slot.task = None;
            slot.generation += 1;
            if slot.open.take().is_some() {
                self.context.release(slot.worker);
                if self.context.renew(slot.worker).is_none() {
                    tracing::warn!("{:?} used up its process numbers", slot.worker);
                }
            }
        }
        self.open = 0;
        self.config.progress.open.store(0, Ordering::Relaxed);
    }

    /// Position of a worker's slot.
    fn slot(&self, worker: Worker) -> usize {
        match worker {
            Worker::Client(number) => number,
            Worker::Nemesis => self.config.concurrency,
        }
    }
}

impl Phase {
    fn count(&mut self, outcome: &Outcome) {
        let summary = &mut self.summary;
        let counter = match outcome {
            Outcome::Unexpected(_) => &mut summary.unexpected,
            Outcome::TimedOut(_) => &mut summary.timeouts,
            Outcome::Panicked(_) => &mut summary.client_panics,
            Outcome::NoClient(_) => &mut summary.no_client,
            Outcome::ConnectPanicked(_) => {
                summary.no_client += 1;
                &mut summary.client_panics
            }
            Outcome::Nemesis(_) => &mut summary.nemesis,
            Outcome::NemesisFailed(_) => {
                summary.nemesis += 1;
                &mut summary.nemesis_failures
            }
            Outcome::Ok(_) | Outcome::Definite(_) | Outcome::Indefinite(_) => return,
        };
        *counter += 1;
    }
}

/// Type, value and error of a completion. Without an answer the value is the call's.
fn verdict(outcome: Outcome, op: &Op) -> (Kind, Value, Option<Name>) {
    match outcome {
        Outcome::Ok(value) => (Kind::Ok, value, None),
        Outcome::Definite(error) | Outcome::NoClient(error) | Outcome::ConnectPanicked(error) => {
            (Kind::Fail, op.value.clone(), Some(short(error)))
        }
        Outcome::Indefinite(error)
        | Outcome::Unexpected(error)
        | Outcome::TimedOut(error)
        | Outcome::Panicked(error)
        | Outcome::NemesisFailed(error) => (Kind::Info, op.value.clone(), Some(short(error))),
        Outcome::Nemesis(answer) => (Kind::Info, answer.value, answer.error.map(short)),
    }
}

/// At most [`MAX_ERROR`] characters of an error.
fn short(error: String) -> Name {
    match error.char_indices().nth(MAX_ERROR) {
        Some((end, _)) => format!("{}…", &error[..end]).into(),
        None => error.into(),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
