//! `perjury bench`: how much load the harness itself can make on this machine.

use super::args::BenchArgs;
use super::output::{bar, print};
use crate::Registry;
use crate::bench::stages::{STAGES, Stage};
use crate::bench::{self, Load, Measured, Target};
use crate::exit::{HarnessFailure, Stop, Usage};
use crate::rate::Rate;
use crate::registry::unknown;
use crate::scheduler::{Progress, Stop as StopSignal};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Operations that pass through each stage.
const STAGE_OPERATIONS: u64 = 300_000;

/// Makes the load that was asked for and prints what came of it.
pub fn bench(args: &BenchArgs, registry: &Registry) -> Result<(), Stop> {
    if let Some(done) = stages(args)? {
        return Ok(done);
    }
    let target = find(&args.target, registry)?;
    let load = load(args)?;
    let failed = |error: String| HarnessFailure::new("the benchmark", error);
    let folder = tempfile::Builder::new().prefix("perjury-bench-").tempdir_in(&args.directory);
    let folder = folder.map_err(|error| {
        Usage(format!("--directory: cannot write in {}: {error}", args.directory.display()))
    })?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| failed(error.to_string()))?;
    let opened = (target.open)(args.connections).map_err(failed)?;
    let path = folder.path().join("history.jsonl");
    let (progress, stop) = (Arc::new(Progress::default()), StopSignal::new());
    let measured = runtime.block_on(async {
        let shown = tokio::spawn(show(args.json, Arc::clone(&progress), load.time));
        let interrupt = stop.clone();
        let interrupted = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupt.request();
            }
        });
        let measured = bench::run(&load, opened.clients, &path, progress, stop).await;
        shown.abort();
        interrupted.abort();
        measured
    });
    let measured = measured.map_err(|error| failed(error.to_string()))?;
    if args.json {
        print(&serde_json::to_string(&measured).unwrap_or_default());
    } else {
        print(&words(&target, &load, &measured));
    }
    Ok(())
}

/// `stages` are passed one after the other, and their costs printed. `stage:NAME` passes one of them,
/// `prepare:NAME` makes ready for it only: for tools that count what a whole process does.
fn stages(args: &BenchArgs) -> Result<Option<()>, Usage> {
    let count = args.operations.unwrap_or(STAGE_OPERATIONS);
    let find = |name: &str| {
        let found = STAGES.iter().find(|stage| stage.name == name);
        let names = STAGES.iter().map(|stage| stage.name);
        found.ok_or_else(|| unknown("TARGET", "stage", name, names))
    };
    match args.target.split_once(':') {
        Some(("stage", name)) => (find(name)?.prepare)(count)(),
        Some(("prepare", name)) => drop((find(name)?.prepare)(count)),
        _ if args.target == "stages" => time_stages(args, count),
        _ => return Ok(None),
    }
    Ok(Some(()))
}

fn time_stages(args: &BenchArgs, count: u64) {
    let nanos = |stage: &Stage| {
        let work = (stage.prepare)(count);
        let began = Instant::now();
        work();
        began.elapsed().as_nanos() as f64 / count.max(1) as f64
    };
    let costs: Vec<(&Stage, f64)> = STAGES.iter().map(|stage| (stage, nanos(stage))).collect();
    if args.json {
        let object: serde_json::Map<String, serde_json::Value> = costs
            .iter()
            .map(|(stage, cost)| (stage.name.to_owned(), json!(cost.round())))
            .collect();
        return print(&serde_json::Value::Object(object).to_string());
    }
    for (stage, cost) in costs {
        print(&format!("{:9} {cost:6.0} ns an operation: {}", stage.name, stage.about));
    }
}

fn find(name: &str, registry: &Registry) -> Result<Target, Usage> {
    let scheduler = bench::scheduler();
    let all = || std::iter::once(&scheduler).chain(&registry.targets);
    let found = all().find(|target| target.name == name).cloned();
    let known = all().map(|target| target.name);
    found.ok_or_else(|| unknown("TARGET", "target", name, known))
}

fn load(args: &BenchArgs) -> Result<Load, Usage> {
    let load = Load {
        workers: args.concurrency,
        time: args.time_limit.0,
        operations: args.operations,
        rate: args.rate.clone().unwrap_or_else(|| Rate::constant(0.0)),
        arrival: args.arrival,
        seed: args.seed,
    };
    if load.arrival.is_open() && load.rate.is_unlimited() {
        return Err(Usage(format!("--arrival {}: say how fast with --rate", load.arrival)));
    }
    Ok(load)
}

/// Shows how many operations have ended, until it is aborted.
async fn show(hidden: bool, progress: Arc<Progress>, time: Duration) {
    let bar = bar(hidden, "{bar:30} {msg}");
    bar.set_length(time.as_millis() as u64);
    let began = tokio::time::Instant::now();
    loop {
        let done = progress.ok() + progress.fail() + progress.info();
        let elapsed = began.elapsed();
        bar.set_position(elapsed.as_millis() as u64);
        let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
        bar.set_message(format!("{done} operations, {rate:.0} a second"));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn words(target: &Target, load: &Load, measured: &Measured) -> String {
    let Measured { operations, seconds, rate, cpu_ns, .. } = measured;
    let mut lines = vec![
        format!("{}: {}", target.name, target.about),
        format!("  workers      {}", load.workers),
        format!("  operations   {operations} in {seconds:.2} s, {} not ok", measured.not_ok),
        format!("  a second     {rate:.0}"),
        format!("  processor    {cpu_ns:.0} ns each, over all threads of this process"),
        format!("  history      {:.0} MB", measured.history_mb),
        format!(
            "  memory       {:.0} MB at the most, {:.0} MB at the start",
            measured.resident_mb, measured.resident_before_mb
        ),
    ];
    if let Some(error) = measured.scheduling_error_us {
        let (p50, p99, max) = (error.p50 / 1e3, error.p99 / 1e3, error.max / 1e3);
        lines.push(format!("  begun late   by {p50:.3} ms p50, {p99:.3} ms p99, {max:.3} ms max"));
    }
    lines.join("\n")
}
