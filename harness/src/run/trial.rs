//! The trial: one database on one cluster, from installation to the last log.

use super::Setting;
use super::clocks::{self, ClockWatch, Origin};
use super::conductor::Conductor;
use super::record::{FINAL, LOAD, RunRecord};
use super::settle;
use super::witness::Witness;
use crate::agent::remote_path;
use crate::assertion::Recording;
use crate::client::SharedConnect;
use crate::database::{Definition, Lifecycle};
use crate::exit::{HarnessFailure, Stop as Ended, Usage};
use crate::fault::FaultContext;
use crate::generator::{self, BoxGenerator, GeneratorExt};
use crate::plan::Plan;
use crate::scheduler::{
    NemesisAnswer, NemesisHandler, NodeClients, Progress, Scheduler, SchedulerConfig, Stop,
};
use crate::store::{LiveHistory, seal};
use crate::{BoxFuture, Cluster, Node, Op, Registry, Seed};
use futures::future::try_join_all;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For wiping and starting a database, besides the time it has to become ready.
const START_LIMIT: Duration = Duration::from_secs(60);
/// For one fault operation; the conductor has shorter limits.
const NEMESIS_LIMIT: Duration = Duration::from_secs(300);
/// For final reads.
const FINAL_LIMIT: Duration = Duration::from_secs(60);

/// Directories that nodes must be able to write, from the database's definition.
pub fn data_folders(plan: &Plan, registry: &Registry) -> Vec<PathBuf> {
    let definition = registry
        .find_database(&plan.database)
        .ok()
        .and_then(|database| Definition::parse(database.definition(), "database.toml").ok());
    let data = definition.map(|definition| definition.data).unwrap_or_default();
    data.into_iter().map(PathBuf::from).collect()
}

/// Everything that happens on a cluster that is up. Logs are fetched and the database is stopped
/// whatever happens.
pub async fn hold(
    plan: &Plan,
    setting: &Setting<'_>,
    record: &mut RunRecord,
    cluster: &Cluster,
) -> Result<(), Ended> {
    let perjury = remote_path(&setting.perjury).await;
    let perjury = perjury.map_err(|error| HarnessFailure::new("reading this program", error))?;
    let lifecycle = Arc::new(lifecycle(plan, setting, perjury)?);
    let conductor = Arc::new(conductor(plan, setting, cluster, &lifecycle)?);
    let refusals = conductor.refusals().await;
    if !refusals.is_empty() {
        return Err(Usage(refusals.join("\n")).into());
    }
    let outcome = testify(plan, setting, record, &conductor).await;
    let started = record.started;
    record.ends =
        settle::teardown(setting, &lifecycle, cluster, started, plan.leave_db_running).await;
    outcome.map_err(Ended::from)
}

fn lifecycle(plan: &Plan, setting: &Setting<'_>, perjury: String) -> Result<Lifecycle, Usage> {
    let database = setting.registry.find_database(&plan.database)?;
    let file = format!("{}/database.toml", plan.database);
    let definition = Definition::parse(database.definition(), &file)
        .map_err(|error| Usage(format!("{:?}", miette::Report::new(*error))))?;
    let lifecycle = Lifecycle::new(definition, &plan.options(), perjury).map_err(Usage)?;
    let local = plan.cluster.is_local();
    let faults = plan.faults(setting.registry)?;
    let environment = faults.iter().flat_map(|fault| fault.environment(local)).collect();
    Ok(lifecycle.layered(local).folder(database.folder()).environment(environment))
}

fn conductor(
    plan: &Plan,
    setting: &Setting<'_>,
    cluster: &Cluster,
    lifecycle: &Arc<Lifecycle>,
) -> Result<Conductor, Usage> {
    let context = FaultContext {
        cluster: cluster.clone(),
        database: setting.registry.find_database(&plan.database)?.clone(),
        lifecycle: lifecycle.clone(),
        options: plan.options(),
        progress: setting.progress.clone(),
        rate: plan.rate.mean(nanos(plan.time_limit.0)),
        virtual_machines: plan.cluster.vagrant.is_some(),
    };
    Ok(Conductor::new(plan.faults(setting.registry)?, context))
}

/// Starts the database, loads it under faults, heals, and asks for the final state.
async fn testify(
    plan: &Plan,
    setting: &Setting<'_>,
    record: &mut RunRecord,
    conductor: &Arc<Conductor>,
) -> Result<(), HarnessFailure> {
    let assertions = Recording::begin(setting.run)
        .map_err(|error| HarnessFailure::new("recording assertions", error))?;
    let connect = start_database(plan, setting, conductor).await?;
    let path = setting.run.live_history();
    let history =
        LiveHistory::create(&path).map_err(|error| HarnessFailure::new("the history", error))?;
    record.started = jiff::Timestamp::now();
    let began = Instant::now();
    assertions.count_from(began);
    keep(record, setting);
    let since = || nanos(began.elapsed());
    // Either ends the load: Ctrl-C, or the first anomaly.
    let load_stop = Stop::new();
    let _forward = forward(setting.stop.clone(), load_stop.clone());
    let mut scheduler = scheduler(plan, setting, conductor, connect, history, began)?;
    scheduler.set_stop(load_stop.clone());
    let origin = Origin { started: record.started, began };
    let _clocks = watch_clocks(setting, &conductor.context().cluster, origin);

    (setting.say)(&format!("load: {} for {}", plan.workload, plan.time_limit));
    let from = since();
    let witness = witness(plan, setting, load_stop);
    let loaded = scheduler.phase(load(plan, setting.registry)?).await;
    record.phase(LOAD, from, since());
    record.doubts.extend(witness.as_ref().and_then(|witness| witness.cut_short(since())));
    loaded.iter().for_each(|summary| record.load(plan, summary));
    keep(record, setting);

    (setting.say)("healing all faults");
    let from = since();
    let mut failure = loaded.err().map(|error| HarnessFailure::new("the load", error));
    if setting.stop.is_requested() && failure.is_none() {
        record.doubts.push(settle::interrupted(from));
    }
    // Ctrl-C has ended the load; what follows is bounded on its own.
    scheduler.set_stop(Stop::new());
    if failure.is_none() {
        let mended = scheduler.phase(conductor.mends()).await;
        failure = mended.err().map(|error| HarnessFailure::new("healing", error));
    }
    match settle::heal(plan, setting, conductor).await {
        Ok(doubts) => record.doubts.extend(doubts),
        Err(error) => failure = failure.or(Some(error)),
    }
    record.phase("heal", from, since());
    keep(record, setting);

    if failure.is_none()
        && let Some(generator) = final_reads(plan, setting.registry)?
    {
        (setting.say)("final reads");
        let from = since();
        let read = scheduler.phase(generator).await;
        record.phase(FINAL, from, since());
        read.iter().for_each(|summary| record.count(summary));
        failure = read.err().map(|error| HarnessFailure::new("the final reads", error));
    }
    let sealed = match scheduler.finish().await {
        Ok(_) => seal_and_judge(path, witness, setting, record).await,
        Err(error) => Err(HarnessFailure::new("the history", error)),
    };
    failure.map_or(sealed, Err)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Judges the history as it grows, where that can be.
fn witness(plan: &Plan, setting: &Setting<'_>, stop: Stop) -> Option<Witness> {
    let begun = Witness::begin(plan, setting.registry, setting.run.live_history(), stop);
    begun.inspect_err(|why| (setting.say)(why)).ok().flatten()
}

/// Seals the history at `path`, and ends its judging at the same time.
async fn seal_and_judge(
    path: PathBuf,
    witness: Option<Witness>,
    setting: &Setting<'_>,
    record: &mut RunRecord,
) -> Result<(), HarnessFailure> {
    let sealed = setting.run.sealed_history();
    let judging = tokio::task::spawn_blocking(|| witness.and_then(Witness::end));
    let sealing = tokio::task::spawn_blocking(move || seal(&path, &sealed));
    let sealed = match sealing.await {
        Ok(sealed) => sealed.map(|_| ()).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    record.judged = judging.await.ok().flatten();
    sealed.map_err(|error| HarnessFailure::new("the history", error))
}

/// Asks one to stop once the other was asked; until it is dropped.
fn forward(from: Stop, to: Stop) -> AbortOnDropHandle {
    AbortOnDropHandle(tokio::spawn(async move {
        from.requested().await;
        to.request();
    }))
}

struct AbortOnDropHandle(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDropHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Best effort: the run goes on without its record, which is written again at the end.
fn keep(record: &RunRecord, setting: &Setting<'_>) {
    if let Err(error) = record.write(setting.run) {
        tracing::warn!("{error}");
    }
}

/// Best effort: the run goes on without the clocks' offsets.
fn watch_clocks(setting: &Setting<'_>, cluster: &Cluster, origin: Origin) -> Option<ClockWatch> {
    let lines = setting.run.lines(clocks::FILE);
    let lines = lines.inspect_err(|error| tracing::warn!("{error}")).ok()?;
    Some(ClockWatch::begin(&cluster.nodes, lines, origin))
}

async fn start_database(
    plan: &Plan,
    setting: &Setting<'_>,
    conductor: &Conductor,
) -> Result<SharedConnect, HarnessFailure> {
    let context = conductor.context();
    let (lifecycle, cluster) = (&*context.lifecycle, &context.cluster);
    let failed = |error| HarnessFailure::new("starting the database", error);
    (setting.say)(&format!("installing and starting {}", plan.database));
    let starting = async {
        try_join_all(cluster.nodes.iter().map(|node| async move {
            lifecycle.install(cluster, node).await?;
            lifecycle.wipe(cluster, node).await?;
            lifecycle.check_ports(node).await
        }))
        .await?;
        conductor.prepare().await
    };
    let starting =
        tokio::time::timeout(START_LIMIT + crate::database::INSTALL_LIMIT, starting).await;
    starting.map_err(|_| failed("it took too long".to_owned()))?.map_err(failed)?;
    let limit = plan.ready_limit.map_or(Duration::from_secs(3600), |limit| limit.0);
    let deadline = tokio::time::Instant::now() + limit;
    lifecycle.bring_up(cluster, deadline).await.map_err(failed)?;
    let connect = connector(plan, setting.registry)?;
    let prepared = tokio::time::timeout(START_LIMIT, connect.prepare(&cluster.nodes)).await;
    let late = |_| HarnessFailure::new("preparing the database", "it took too long");
    let failed = |error| HarnessFailure::new("preparing the database", error);
    prepared.map_err(late)?.map_err(failed)?;
    Ok(connect)
}

fn connector(plan: &Plan, registry: &Registry) -> Result<SharedConnect, HarnessFailure> {
    let database = registry.find_database(&plan.database);
    let connect = database
        .map_err(|error| error.to_string())
        .and_then(|database| database.connect(&plan.workload, &plan.options()));
    connect.map_err(|error| HarnessFailure::new("the client", error))
}

fn scheduler(
    plan: &Plan,
    setting: &Setting<'_>,
    conductor: &Arc<Conductor>,
    connect: SharedConnect,
    history: LiveHistory,
    began: Instant,
) -> Result<Scheduler, HarnessFailure> {
    let nodes: Vec<Node> = conductor.context().cluster.nodes.clone();
    let config = SchedulerConfig {
        clients: Arc::new(NodeClients::new(nodes, connect)),
        concurrency: plan.concurrency,
        nemesis: Arc::new(Nemesis {
            conductor: conductor.clone(),
            progress: setting.progress.clone(),
            active: Mutex::default(),
        }),
        operation_timeout: plan.operation_timeout.0,
        nemesis_timeout: NEMESIS_LIMIT,
        seed: Seed::root(plan.seed).derive("scheduler"),
        start: began,
        progress: setting.progress.clone(),
    };
    let made = Scheduler::new(config, history, setting.stop.clone());
    made.map_err(|error| HarnessFailure::new("the load", error))
}

/// The nemesis, as the scheduler knows it. Tells the terminal what is broken at the moment.
struct Nemesis {
    conductor: Arc<Conductor>,
    progress: Arc<Progress>,
    active: Mutex<BTreeSet<&'static str>>,
}

impl NemesisHandler for Nemesis {
    fn invoke<'a>(&'a self, op: &'a Op) -> BoxFuture<'a, NemesisAnswer> {
        Box::pin(async move {
            let value = self.conductor.apply(op).await;
            if let Some(fault) = self.conductor.fault_of(op) {
                self.show(fault, &value);
            }
            NemesisAnswer { value, error: None }
        })
    }
}

impl Nemesis {
    fn show(&self, fault: &'static str, answer: &Value) {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        match answer["outcome"].as_str() {
            Some("healed") => active.remove(fault),
            Some("installed" | "indeterminate") => active.insert(fault),
            _ => false,
        };
        let words: Vec<&str> = active.iter().copied().collect();
        self.progress.set_fault((!words.is_empty()).then(|| format!("now: {}", words.join(", "))));
    }
}

/// The main load: the workload at its rate, and each fault on a schedule of its own.
fn load(plan: &Plan, registry: &Registry) -> Result<BoxGenerator, HarnessFailure> {
    let options = plan.options();
    let seed = Seed::root(plan.seed);
    let lost = |error: Usage| HarnessFailure::new("the load", error);
    let workload = registry.find_workload(&plan.workload).map_err(lost)?;
    let mut clients = workload.generator(&options, seed.derive("workload")).on_clients();
    if !plan.rate.is_unlimited() {
        let faults = plan.faults(registry).map_err(lost)?;
        let read: generator::ReadLoad =
            Arc::new(move |event| faults.iter().find_map(|fault| fault.load(event)));
        let seed = seed.derive("rate");
        clients = generator::arriving(clients, seed, plan.rate.clone(), plan.arrival, read);
    }
    let nemesis = plan.nemesis(registry).map_err(lost)?.on_nemesis();
    Ok(generator::any(vec![nemesis, clients]).time_limit(plan.time_limit.0))
}

fn final_reads(plan: &Plan, registry: &Registry) -> Result<Option<BoxGenerator>, HarnessFailure> {
    let workload = registry
        .find_workload(&plan.workload)
        .map_err(|error| HarnessFailure::new("the final reads", error))?;
    let seed = Seed::root(plan.seed).derive("final");
    let generator = workload.final_generator(&plan.options(), seed);
    Ok(generator.map(|generator| generator.on_clients().time_limit(FINAL_LIMIT)))
}
