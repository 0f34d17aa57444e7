//! `perjury test`: from a plan to a verdict.

use super::args::{OutputArgs, TestArgs};
use super::display::Display;
use super::{log, output, plan, schedule};
use crate::analysis::{self, Overrides};
use crate::database::Definition;
use crate::exit::{self, HarnessFailure, Stop as Ended, Usage};
use crate::local::archives;
use crate::local::packages::{self, Need};
use crate::local::{self, Entered};
use crate::plan::Plan;
use crate::report::{Results, terminal};
use crate::run::{self, Setting};
use crate::scheduler::{Progress, Stop};
use crate::store::{RunDir, Store};
use crate::{Database, Registry, secret};
use perjury_checkers::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What the outer process tells the one inside the lab.
#[derive(Serialize, Deserialize)]
struct Handoff {
    plan: Plan,
    layers: Vec<PathBuf>,
    /// What the plan leaves out.
    secrets: BTreeMap<String, String>,
}

/// Runs the test, in a lab of its own when the nodes are local.
pub fn test(args: &TestArgs, registry: &Registry, verbose: u8) -> Result<ExitCode, Ended> {
    if let Some(text) = local::handoff() {
        let handoff: Handoff = serde_json::from_str(&text)
            .map_err(|error| HarnessFailure::new("entering the lab", error))?;
        secret::unpack(&handoff.secrets);
        return all(&handoff, args, registry, verbose);
    }
    let plan = plan::resolve(args, registry)?;
    if args.dry_run {
        output::print(plan.to_toml().trim_end());
        output::print(&schedule::commented(&plan, &registry.for_plan(&plan)?)?);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(vagrant) = &plan.cluster.vagrant {
        super::enter(&vagrant.directory, registry)?;
    }
    let extended = registry.for_plan(&plan)?;
    fetch_archive(&**extended.find_database(&plan.database)?)?;
    if !plan.cluster.is_local() {
        let handoff = Handoff { plan, layers: Vec::new(), secrets: BTreeMap::new() };
        return all(&handoff, args, registry, verbose);
    }
    let layers = layers(&**extended.find_database(&plan.database)?)?;
    let handoff = Handoff { plan, layers, secrets: secret::carry() };
    let handoff = serde_json::to_string(&handoff).unwrap_or_default();
    match local::enter_lab(&handoff) {
        Ok(Entered::Left(code)) => Ok(code),
        Ok(Entered::Inside) => {
            Err(HarnessFailure::new("entering the lab", "it was entered twice").into())
        }
        Err(error) => Err(HarnessFailure::new("making local nodes", error).into()),
    }
}

/// Gets the database's archive while there is a network.
fn fetch_archive(database: &dyn Database) -> Result<(), Ended> {
    let Some(archive) = parse(database)?.archive else { return Ok(()) };
    let fetched = archives::fetch(&archive, database.folder().as_deref());
    fetched.map(|_| ()).map_err(|error| HarnessFailure::new("getting the archive", error).into())
}

fn parse(database: &dyn Database) -> Result<Definition, Usage> {
    Definition::parse(database.definition(), &format!("{}/database.toml", database.name()))
        .map_err(|error| Usage(format!("{:?}", miette::Report::new(*error))))
}

/// The database's packages, unpacked beneath the nodes when the machine does not have them.
fn layers(database: &dyn Database) -> Result<Vec<PathBuf>, Ended> {
    let definition = parse(database)?;
    let Some(program) = definition.program.as_ref().and_then(|program| program.literal()) else {
        return Ok(Vec::new());
    };
    let needs: Vec<Need<'_>> =
        definition.packages.iter().map(|package| Need { package, program }).collect();
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: packages::PackageError| {
        let hint = "Are `packages` and `program` under [install] of its database.toml right?";
        HarnessFailure::new("getting packages for the local nodes", format!("{error}\n{hint}"))
    };
    let cache = packages::cache_dir().map_err(failed)?;
    Ok(packages::ensure(&needs, &cache).map_err(failed)?)
}

/// As many runs as asked for, with seeds counting up, until one is not valid.
fn all(
    handoff: &Handoff,
    args: &TestArgs,
    registry: &Registry,
    verbose: u8,
) -> Result<ExitCode, Ended> {
    let mut last = Ok(ExitCode::from(exit::UNKNOWN));
    for count in 0..args.test_count.max(1) {
        let plan =
            Plan { seed: handoff.plan.seed.wrapping_add(u64::from(count)), ..handoff.plan.clone() };
        let results = one(&plan, &handoff.layers, args, registry, verbose)?;
        last = Ok(ExitCode::from(results.exit_code));
        if results.verdict != Verdict::Valid || results.exit_code != exit::VALID {
            break;
        }
    }
    last
}

fn one(
    plan: &Plan,
    layers: &[PathBuf],
    args: &TestArgs,
    registry: &Registry,
    verbose: u8,
) -> Result<Results, Ended> {
    let failed = |error| HarnessFailure::new("the store", error);
    secret::mask(&plan.set);
    let store = Store::open(&args.output.store).map_err(failed)?;
    let run = store.create_run(&plan.name, &jiff::Zoned::now()).map_err(failed)?;
    run.write(analysis::PLAN, plan.to_toml().as_bytes()).map_err(failed)?;
    let extended = registry.for_plan(plan)?;
    let planned = schedule::lines(plan, &extended)?;
    run.write(schedule::FILE, schedule::text(&planned).as_bytes()).map_err(failed)?;
    log::to_file(run.append("perjury.log").map_err(failed)?, verbose);
    let display = Display::new(args.output.json, plan, run.path());
    display.plan(&schedule::digest(&planned));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| HarnessFailure::new("the runtime", error))?;
    let outcome = runtime.block_on(run_and_show(plan, layers, &extended, &run, &display));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    let overrides = Overrides { judged: outcome?.judged, ..Overrides::default() };
    display.say("checking");
    // It knows the faults of the stored plan, in which secrets are masked, and not of this one.
    let results = analysis::analyze(&run, registry, &overrides);
    display.finish();
    let results = results?;
    show(&results, &run, &args.output);
    if let Some(error) = &results.error {
        let log = run.path().join("perjury.log");
        output::complain(&format!(
            "perjury: while {}: {}\nThe log is {}",
            error.phase,
            error.message,
            log.display()
        ));
    }
    Ok(results)
}

async fn run_and_show(
    plan: &Plan,
    layers: &[PathBuf],
    registry: &Registry,
    run: &RunDir,
    display: &Display,
) -> Result<run::record::RunRecord, Ended> {
    let (stop, progress) = (Stop::new(), Arc::new(Progress::default()));
    let interrupt = on_interrupt(stop.clone());
    let showing = display.follow(progress.clone());
    let perjury = std::env::current_exe()
        .map_err(|error| HarnessFailure::new("finding this program", error))?;
    let say = |line: &str| display.say(line);
    let setting =
        Setting { registry, run, layers: layers.to_vec(), perjury, stop, progress, say: &say };
    let record = run::run(plan, &setting).await;
    interrupt.abort();
    showing.abort();
    record
}

/// Ctrl-C, or the polite signal of a CI job: the run stops, heals, and is checked all the same. Once
/// more, and it ends at once: local nodes vanish, and agents on hosts heal when their lease lapses.
fn on_interrupt(stop: Stop) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        let Ok(mut terminate) = terminate else { return };
        let mut signalled = async || {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        signalled().await;
        tracing::warn!("stopped by a signal: healing, then checking what there is");
        output::complain(
            "stopping: healing, then checking what there is; once more to end at once",
        );
        stop.request();
        signalled().await;
        tracing::warn!("ended by a second signal");
        std::process::exit(i32::from(exit::HARNESS));
    })
}

/// Prints results as asked.
pub fn show(results: &Results, run: &RunDir, args: &OutputArgs) {
    if args.json {
        let json = results.to_json().unwrap_or_default();
        output::print(String::from_utf8_lossy(&json).trim_end());
        return;
    }
    output::print(&terminal::render(results, output::coloured(args.colour), output::width()));
    output::print(&format!("report: {}", run.path().join("report.html").display()));
    if results.anomaly_count() > 0 {
        output::print(&format!("explain: perjury explain {} --anomaly 1", run.path().display()));
    }
}
