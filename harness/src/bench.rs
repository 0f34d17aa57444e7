//! Bench: how much load the harness itself can make.
//!
//! Everything that a run has is there but the database: a generator, the scheduler, workers and the
//! history on a disk. So what is measured is what a database under test can never be given more of.

pub mod stages;
mod usage;

use crate::client::{Client, DynClient, Failure};
use crate::generator::{self, GeneratorExt, below};
use crate::rate::{Arrival, Rate};
use crate::scheduler::{
    NoNemesis, OpenClient, PhaseSummary, Progress, Scheduler, SchedulerConfig, SchedulerError, Stop,
};
use crate::store::LiveHistory;
use crate::{BoxFuture, BoxGenerator, Op, Seed};
use perjury_checkers::{Event, Name};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usage::Usage;

/// What load to make.
#[derive(Clone, Debug)]
pub struct Load {
    pub workers: usize,
    /// How long, unless `operations` come first.
    pub time: Duration,
    pub operations: Option<u64>,
    pub rate: Rate,
    pub arrival: Arrival,
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub operations: u64,
    /// Of them, those that were not answered with ok.
    pub not_ok: u64,
    pub seconds: f64,
    /// Operations in a second.
    pub rate: f64,
    /// Nanoseconds that all threads of this process worked for an operation.
    pub cpu_ns: f64,
    /// How long after it was due an operation began though a worker was free, in microseconds; of
    /// an open load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduling_error_us: Option<Quantiles>,
    /// The most memory that was resident, in megabytes, and how much of that was there at the start.
    pub resident_mb: f64,
    pub resident_before_mb: f64,
    /// Size of the history, in megabytes.
    pub history_mb: f64,
}

/// What half of the operations, 99 of a hundred, and all did not exceed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// What a load can be made against.
#[derive(Clone)]
pub struct Target {
    pub name: &'static str,
    pub about: &'static str,
    /// Starts it, with so many connections that workers share, or one for each. The error says why
    /// that cannot be.
    pub open: fn(Option<usize>) -> Result<Opened, String>,
}

/// A target that is there.
pub struct Opened {
    pub clients: Arc<dyn OpenClient>,
    /// What ends it when dropped.
    pub _server: Box<dyn std::any::Any + Send>,
}

/// The target that is always there: clients that answer at once.
pub fn scheduler() -> Target {
    let open = |_| Ok(Opened { clients: answering_at_once(5), _server: Box::new(()) });
    let about =
        "clients that answer at once, so that the scheduler and the history are all there is";
    Target { name: "scheduler", about, open }
}

/// Answers at once, with what it was asked.
struct Here;

impl Client for Here {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        Ok(op.value.clone())
    }
}

struct HereOnly {
    names: Vec<Name>,
}

impl OpenClient for HereOnly {
    fn open(&self, _: usize) -> BoxFuture<'_, Result<Box<dyn DynClient>, String>> {
        Box::pin(async { Ok(Box::new(Here) as Box<dyn DynClient>) })
    }

    fn node_name(&self, worker: usize) -> Option<Name> {
        self.names.get(worker.checked_rem(self.names.len())?).cloned()
    }

    fn node_count(&self) -> usize {
        self.names.len()
    }
}

/// Clients that answer at once, so that the scheduler and the history are all there is.
pub fn answering_at_once(nodes: usize) -> Arc<dyn OpenClient> {
    Arc::new(HereOnly { names: (1..=nodes).map(|n| format!("n{n}").into()).collect() })
}

/// Makes the load, with a history at `path`, which must not exist, until it is asked to stop.
///
/// # Errors
/// When the history cannot be kept.
pub async fn run(
    load: &Load,
    clients: Arc<dyn OpenClient>,
    path: &Path,
    progress: Arc<Progress>,
    stop: Stop,
) -> Result<Measured, SchedulerError> {
    let history = LiveHistory::create(path)?;
    let start = Instant::now();
    let config = SchedulerConfig {
        clients,
        concurrency: load.workers,
        nemesis: Arc::new(NoNemesis),
        operation_timeout: Duration::from_secs(5),
        nemesis_timeout: Duration::from_secs(5),
        seed: Seed::root(load.seed),
        start,
        progress,
    };
    let mut scheduler = Scheduler::new(config, history, stop)?;
    let before = Usage::now();
    let summary = scheduler.phase(paced(load)).await?;
    scheduler.finish().await?;
    // From the first call on: connecting comes before it.
    let seconds = start.elapsed().as_secs_f64() - summary.began as f64 / 1e9;
    let after = Usage::now();
    Ok(measured(&summary, seconds, (&before, &after), path))
}

fn measured(
    summary: &PhaseSummary,
    seconds: f64,
    (before, after): (&Usage, &Usage),
    path: &Path,
) -> Measured {
    let operations = summary.operations.total();
    let each = |total: f64| total / (operations.max(1)) as f64;
    let error = &summary.scheduling;
    let at = |share| error.quantile(share) as f64 / 1e3;
    let quantiles = Quantiles { p50: at(0.5), p99: at(0.99), max: error.max() as f64 / 1e3 };
    Measured {
        operations,
        not_ok: operations - summary.operations.ok,
        seconds,
        rate: operations as f64 / seconds,
        scheduling_error_us: (error.count() > 0).then_some(quantiles),
        cpu_ns: each((after.cpu - before.cpu).as_nanos() as f64),
        resident_mb: after.peak_kb as f64 / 1e3,
        resident_before_mb: before.peak_kb as f64 / 1e3,
        history_mb: path.metadata().map_or(0.0, |data| data.len() as f64 / 1e6),
    }
}

/// Reads and writes of registers, by clients.
fn registers(seed: Seed) -> BoxGenerator {
    let mut written = 0;
    let ops = generator::from_fn(seed.derive("bench"), move |rng| {
        let key = below(rng, 100);
        if below(rng, 2) == 0 {
            return Op::new("read", json!([key, null]));
        }
        written += 1;
        Op::new("write", json!([key, written]))
    });
    generator::on_clients(ops)
}

/// The same as fast as workers are free or at the rate.
fn paced(load: &Load) -> BoxGenerator {
    let mut ops = registers(Seed::root(load.seed));
    if !load.rate.is_unlimited() {
        let seed = Seed::root(load.seed).derive("rate");
        let calm = Arc::new(|_: &Event| None);
        ops = generator::arriving(ops, seed, load.rate.clone(), load.arrival, calm);
    }
    let ops = ops.time_limit(load.time);
    match load.operations {
        Some(most) => ops.limit(most),
        None => ops,
    }
}
