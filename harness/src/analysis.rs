//! Analysis: from what a run left in the store to findings, a verdict and the reports.
//!
//! Asks nothing of the cluster, so it can be repeated at any time: after a run, after a crash of
//! the controller, with another consistency model, or with a newer Perjury.

pub mod again;
pub mod long;
mod sample;

pub use sample::{Sample, Sampler};

use crate::assertion;
use crate::database::Definition;
use crate::exit::{HarnessFailure, Stop, Usage};
use crate::plan::Plan;
use crate::report::clocks::parse as clock_readings;
use crate::report::results::{Evidence, Results};
use crate::report::verdict::Reason;
use crate::report::{Expectations, Pair, ReportInput};
use crate::run::clocks;
use crate::run::record::RunRecord;
use crate::store::{RunDir, StoreError};
use crate::{Options, Registry, Workload, report};
use indicatif::ProgressBar;
use perjury_checkers::history::{Recovery, jsonl};
use perjury_checkers::txn::{TransactionChecker, Transactions};
use perjury_checkers::{Budget, Checker, Finding, History};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The file of a run that holds its plan.
pub const PLAN: &str = "plan.toml";
/// After the time limit, how long a checker has to notice it.
const CANCEL_GRACE: Duration = Duration::from_secs(10);
/// Code of the reason that a history was cut off.
const TORN: &str = "history-torn";
/// Code of the reason that there is no history.
const EMPTY: &str = "nothing-recorded";
/// Code of the reason that a run never came to its end.
const KILLED: &str = "run-not-finished";

/// What may differ from the run's own plan.
#[derive(Clone, Debug)]
pub struct Overrides {
    pub consistency_model: Option<String>,
    pub check_limit: Option<Duration>,
    /// What was found while the run went on.
    pub judged: Option<long::Judged>,
    /// Moved while a long history is read.
    pub progress: ProgressBar,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            consistency_model: None,
            check_limit: None,
            judged: None,
            progress: ProgressBar::hidden(),
        }
    }
}

/// Reads a run, checks its history and writes `results.json` and the reports.
pub fn analyze(run: &RunDir, registry: &Registry, overrides: &Overrides) -> Result<Results, Stop> {
    let (plan, plan_text) = read_plan(run, overrides)?;
    let registry = &registry.for_plan(&plan)?;
    let workload = registry.find_workload(&plan.workload)?;
    workload.validate(&plan.options()).map_err(Usage)?;
    let record = RunRecord::read(run);
    let record = record.map_err(|error| HarnessFailure::new("reading the run", error))?;
    let Judged { history, notes, findings, sample } = judge(run, &plan, &**workload, overrides)?;
    let mut evidence = evidence(&plan, registry, &**workload, &record, findings, notes);
    evidence.sampled = sample.map(|sample| (sample, record.counts.clone()));
    let witnessed = witnessed(run, &plan, registry, &record, &history)?;
    evidence.findings.extend(witnessed.findings);
    evidence.assertions = witnessed.assertions;
    evidence.ends.clone_from(&record.ends);
    // A run that ended before its load, or that comes from elsewhere, has none.
    evidence.clocks =
        run.read(clocks::FILE).map(|bytes| clock_readings(&bytes)).unwrap_or_default();
    // The first failure counts.
    evidence.error = evidence.error.or_else(|| {
        let message = report::vacuity::nonsense(&history)?;
        Some(report::RunError { phase: "reading the answers".to_owned(), message })
    });
    let mut results = Results::new(record.subject(&plan), &history, evidence);
    let around = report::logs::around_anomalies(run, &results, &history);
    results.log_lines = around.map_err(store_failure)?;
    let logs = report::logs::excerpts(run, &results).map_err(store_failure)?;
    let input = ReportInput {
        results: &results,
        history: &history,
        plan_toml: &plan_text,
        logs: &logs,
        reproduce: &reproduce(run),
    };
    report::write(run, &input).map_err(store_failure)?;
    Ok(results)
}

fn read_plan(run: &RunDir, overrides: &Overrides) -> Result<(Plan, String), Stop> {
    let bytes = run.read(PLAN).map_err(|_| {
        Usage(format!("{} holds no {PLAN}: it is no run of Perjury", run.path().display()))
    })?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut plan = Plan::parse(&text, PLAN)?;
    if let Some(model) = &overrides.consistency_model {
        plan.set.insert("consistency-model".to_owned(), model.clone());
    }
    Ok((plan, text))
}

/// A history that was read and judged.
struct Judged {
    history: History,
    /// A reason for each thing that had to be recovered.
    notes: Vec<Reason>,
    findings: Vec<Finding>,
    /// If the history is but a sample.
    sample: Option<Sample>,
}

/// Reads the history and judges it. A run that was killed before its first operation has an empty one.
fn judge(
    run: &RunDir,
    plan: &Plan,
    workload: &dyn Workload,
    overrides: &Overrides,
) -> Result<Judged, Stop> {
    let source = match run.read_history() {
        Ok(source) => Some(source),
        Err(StoreError::NoHistory { .. }) => None,
        Err(error) => return Err(store_failure(error)),
    };
    let is_long = source.as_ref().is_some_and(|source| long::is_long(source.bytes));
    let streams = is_long.then(|| workload.streams(&plan.options())).flatten();
    let (history, recovery) = match (source, streams) {
        (None, _) => (History::default(), Recovery::default()),
        (Some(source), Some(streams)) => {
            let read = long::read(run, source, streams, plan, workload, overrides)?;
            let (notes, sample) = (torn(&read.recovery), Some(read.sample));
            return Ok(Judged {
                history: read.history,
                notes,
                findings: vec![read.finding],
                sample,
            });
        }
        (Some(source), None) => {
            let path = source.path.clone();
            let wrong = |error| Usage(format!("{}: {error}", path.display()));
            jsonl::read(source.reader).map_err(wrong)?
        }
    };
    let mut notes = torn(&recovery);
    if history.events().is_empty() {
        notes.push(no_start());
    }
    let limit = overrides.check_limit.unwrap_or(plan.check_limit.0);
    let findings = check_all(workload.checkers(&plan.options()), &history, limit);
    Ok(Judged { history, notes, findings, sample: None })
}

fn torn(recovery: &Recovery) -> Vec<Reason> {
    if !recovery.is_torn() {
        return Vec::new();
    }
    let note = recovery.notes().join(" ");
    vec![Reason::new(TORN, format!("the history is torn: {note} Checked is what came before."))]
}

fn no_start() -> Reason {
    let text = "the run ended before its first operation, so there is nothing to check: its \
                perjury.log tells how far it came";
    Reason::new(EMPTY, text)
}

/// What was seen besides the history: by clients, in logs, of processes.
struct Witnessed {
    findings: Vec<Finding>,
    assertions: Vec<assertion::Record>,
}

fn witnessed(
    run: &RunDir,
    plan: &Plan,
    registry: &Registry,
    record: &RunRecord,
    history: &History,
) -> Result<Witnessed, Stop> {
    let definition = registry
        .find_database(&plan.database)
        .ok()
        .and_then(|database| Definition::parse(database.definition(), "database.toml").ok());
    let (claims, crashes) = definition.map(|it| (it.claims, it.crashes)).unwrap_or_default();
    let faults = report::faults_from(history, &fault_pairs(registry));
    let asked = plan.faults(registry).unwrap_or_default();
    let asked: Vec<(String, String)> = asked
        .iter()
        .filter_map(|fault| Some((fault.name().to_owned(), (*fault.functions().first()?).into())))
        .collect();
    let judged = assertion::judge(&assertion::Given {
        claims: &claims,
        lines: &assertion::read(run),
        run,
        nodes: &plan.cluster.names(),
        operations: &history.operations(),
        faults: &faults,
        asked: &asked,
        lenient: plan.part_of_campaign,
    })
    .map_err(store_failure)?;
    let crashes = assertion::judge_ends(&record.ends, &faults, crashes);
    let findings = judged.finding.into_iter().chain(crashes).collect();
    Ok(Witnessed { findings, assertions: judged.records })
}

fn evidence(
    plan: &Plan,
    registry: &Registry,
    workload: &dyn Workload,
    record: &RunRecord,
    findings: Vec<Finding>,
    mut reasons: Vec<Reason>,
) -> Evidence {
    let fault_pairs = fault_pairs(registry);
    let asked = plan.faults(registry).unwrap_or_default();
    let reads_at_end =
        workload.final_generator(&plan.options(), crate::Seed::root(plan.seed)).is_some();
    let expectations = Expectations {
        functions: Vec::new(),
        faults: asked
            .iter()
            .filter_map(|fault| fault.functions().first())
            .map(|f| (*f).to_owned())
            .collect(),
        final_reads_from: reads_at_end.then(|| record.final_reads_from().unwrap_or(u64::MAX)),
    };
    reasons.extend(record.doubts.iter().cloned());
    if !record.ended {
        let text = "the controller was killed before the run came to its end";
        reasons.push(Reason::new(KILLED, text));
    }
    Evidence {
        phases: record.phases.clone(),
        load: record.load.clone(),
        sampled: None,
        findings,
        fault_pairs,
        expectations,
        limits: plan.limits(registry).unwrap_or_default(),
        reasons,
        clocks: Vec::new(),
        assertions: Vec::new(),
        ends: Vec::new(),
        error: record.error.clone(),
    }
}

/// Which function mends which, over all faults: the second of each undoes the first.
pub fn fault_pairs(registry: &Registry) -> Vec<Pair> {
    let two = registry.faults.iter().filter_map(|fault| match fault.functions() {
        [breaks, mends, ..] => Some(Pair::new(breaks, mends)),
        _ => None,
    });
    two.collect()
}

/// Runs every checker in a thread of its own, until `limit`.
pub fn check_all(
    checkers: Vec<Box<dyn Checker>>,
    history: &History,
    limit: Duration,
) -> Vec<Finding> {
    let jobs = checkers.into_iter().map(|checker| {
        let name = checker.name().to_owned();
        let check = move |budget: &Budget| checker.check(history, budget);
        Job { name, check: Box::new(check) }
    });
    run_all(jobs.collect(), limit)
}

/// Judges the first events of a run. Calls that are open may have taken effect or not, which is what
/// they are in the whole history at that moment. `None` if a checker panics: a bug of ours, which is
/// to disturb nobody who only looks on.
pub fn check_beginning(
    workload: &dyn Workload,
    options: &Options,
    history: &History,
    limit: Duration,
) -> Option<Vec<Finding>> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        check_all(workload.checkers(options), history, limit)
    }))
    .ok()
}

/// Lets each checker judge transactions, at the same time, for as long as `limit`.
pub fn check_transactions(
    checkers: Vec<Box<dyn TransactionChecker>>,
    transactions: &Transactions,
    limit: Duration,
) -> Vec<Finding> {
    let jobs = checkers.into_iter().map(|checker| {
        let name = checker.name().to_owned();
        let check = move |budget: &Budget| checker.check_transactions(transactions, budget);
        Job { name, check: Box::new(check) }
    });
    run_all(jobs.collect(), limit)
}

/// What one checker has to do.
struct Job<'h> {
    name: String,
    check: Box<dyn FnOnce(&Budget) -> Finding + Send + 'h>,
}

fn run_all(jobs: Vec<Job<'_>>, limit: Duration) -> Vec<Finding> {
    let budget = Budget::default();
    let mut findings: Vec<Option<Finding>> = jobs.iter().map(|_| None).collect();
    let names: Vec<String> = jobs.iter().map(|job| job.name.clone()).collect();
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for (position, job) in jobs.into_iter().enumerate() {
            let (send, budget) = (send.clone(), budget.clone());
            scope.spawn(move || {
                let _ = send.send((position, checked(job, &budget)));
            });
        }
        collect(&receive, &mut findings, &budget, limit);
    });
    let late =
        |name: &str| Finding::unknown(name, format!("it was not done after {} s", limit.as_secs()));
    findings
        .into_iter()
        .zip(names)
        .map(|(finding, name)| finding.unwrap_or_else(|| late(&name)))
        .collect()
}

fn checked(job: Job<'_>, budget: &Budget) -> Finding {
    let Job { name, check } = job;
    let check = std::panic::AssertUnwindSafe(|| check(budget));
    std::panic::catch_unwind(check).unwrap_or_else(|_| {
        let why = "the checker failed, which is a bug in Perjury: please report it";
        Finding::unknown(&name, why)
    })
}

fn collect(
    receive: &mpsc::Receiver<(usize, Finding)>,
    findings: &mut [Option<Finding>],
    budget: &Budget,
    limit: Duration,
) {
    let deadline = Instant::now() + limit;
    for _ in 0..findings.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut next = receive.recv_timeout(left);
        if next.is_err() {
            budget.cancel();
            next = receive.recv_timeout(CANCEL_GRACE);
        }
        let Ok((position, finding)) = next else { continue };
        findings[position] = Some(finding);
    }
}

fn reproduce(run: &RunDir) -> String {
    format!("perjury test --plan {}", run.path().join(PLAN).display())
}

fn store_failure(error: StoreError) -> Stop {
    HarnessFailure::new("writing the store", error).into()
}
