//! The runs of a finding: each a process of its own, judged by what it left in the store.

use super::Finding;
use super::record::{Outcome, Record};
use crate::campaign::attempt;
use crate::campaign::runner::{self, Interrupts};
use crate::exit::HarnessFailure;
use crate::report::Results;
use crate::store::CampaignDir;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a run may take, with everything around it.
const RUN_LIMIT: Duration = Duration::from_secs(600);
/// Bytes of a run's output that are looked at when it left nothing else.
const LOG_TAIL: usize = 2000;

/// How findings are to be reproduced.
#[derive(Clone, Debug)]
pub struct Way {
    pub program: PathBuf,
    /// Where runs are kept.
    pub store: PathBuf,
    /// Where what the runs printed is kept.
    pub logs: PathBuf,
    pub seeds: Vec<u64>,
}

/// Runs both sides of `finding` with every seed, one run after the other. `tell` is told of each.
pub async fn reproduce(
    finding: &Finding,
    way: &Way,
    tell: &(dyn Fn(&str, &Outcome) + Sync),
) -> Result<Record, HarnessFailure> {
    let mut record = Record { finding: finding.clone(), loose: Vec::new(), strict: Vec::new() };
    let mut interrupts = Interrupts::listen()?;
    for seed in &way.seeds {
        let side = format!("repro-{}", finding.name);
        let outcome = run(way, &side, &finding.test, *seed, &mut interrupts).await?;
        tell("as published", &outcome);
        record.loose.push(outcome);
        if interrupts.count > 0 {
            break;
        }
        let outcome =
            run(way, &format!("{side}-strict"), &finding.strict, *seed, &mut interrupts).await?;
        tell("strict", &outcome);
        record.strict.push(outcome);
        if interrupts.count > 0 {
            break;
        }
    }
    Ok(record)
}

async fn run(
    way: &Way,
    name: &str,
    arguments: &[String],
    seed: u64,
    interrupts: &mut Interrupts,
) -> Result<Outcome, HarnessFailure> {
    let failed =
        |error: &dyn std::fmt::Display| HarnessFailure::new("reproducing a finding", error);
    let name = format!("{name}-{seed}");
    let mut words = vec!["test".to_owned()];
    words.extend(arguments.iter().cloned());
    for (flag, value) in
        [("--seed", seed.to_string()), ("--name", name.clone()), ("--store", text(&way.store))]
    {
        words.extend([flag.to_owned(), value]);
    }
    let logs = CampaignDir::at(&way.logs);
    let log_name = format!("{name}.log");
    let log = logs.log(&log_name).map_err(|error| failed(&error))?;
    let (started, began) = (jiff::Timestamp::now(), Instant::now());
    let ended = runner::run(&way.program, &words, log, RUN_LIMIT, interrupts).await?;
    let folder = newest(&way.store.join(&name), started);
    let results = folder.as_ref().and_then(|folder| read(folder));
    let said = logs.read(&format!("logs/{log_name}")).unwrap_or_default();
    let tail = String::from_utf8_lossy(&said[said.len().saturating_sub(LOG_TAIL)..]).into_owned();
    let run = folder.map(|folder| text(&folder));
    let seconds = began.elapsed().as_secs_f64();
    let attempt = attempt::attempt(started, seconds, ended, run, results.as_ref(), &tail);
    Ok(Outcome {
        seed,
        seconds: attempt.seconds,
        exit_code: attempt.exit_code,
        verdict: attempt.verdict,
        anomalies: attempt.anomalies,
        reason: attempt.reason,
        run: attempt.run,
    })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The folder of the run that was begun last, if that was after `started`.
fn newest(parent: &Path, started: jiff::Timestamp) -> Option<PathBuf> {
    let folder = std::fs::canonicalize(parent.join("latest")).ok()?;
    let modified = std::fs::metadata(&folder).ok()?.modified().ok()?;
    (jiff::Timestamp::try_from(modified).ok()? >= started).then_some(folder)
}

fn read(folder: &Path) -> Option<Results> {
    serde_json::from_slice(&std::fs::read(folder.join("results.json")).ok()?).ok()
}
