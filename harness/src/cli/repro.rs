//! `perjury repro`: published findings, listed, reproduced, or put on a page.

use super::args::ReproArgs;
use super::output;
use crate::Registry;
use crate::exit::{self, HarnessFailure, Stop, Usage};
use crate::registry::unknown;
use crate::repro::record::{Outcome, Record};
use crate::repro::runs::{Way, reproduce};
use crate::repro::{Finding, page};
use crate::store::CampaignDir;
use futures::stream::{self, StreamExt};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Lists, reproduces or tells, as the arguments say.
pub fn repro(args: &ReproArgs, registry: &Registry) -> Result<ExitCode, Stop> {
    if !args.page.is_empty() {
        output::print(page::page(&read_records(&args.page)?).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let findings = chosen(args, registry)?;
    if findings.is_empty() {
        list(registry, args.json);
        return Ok(ExitCode::SUCCESS);
    }
    let program = std::env::current_exe()
        .map_err(|error| HarnessFailure::new("finding this program", error))?;
    let logs = args.store.join("repro");
    CampaignDir::make(&logs).map_err(|error| HarnessFailure::new("the store", error))?;
    let seeds = (args.seed..).take(args.seeds as usize).collect();
    let way = Way { program, store: args.store.clone(), logs, seeds };
    let records = run_all(&findings, &way, args)?;
    if !args.json {
        records.iter().for_each(|record| output::print(&summary(record)));
    }
    Ok(ExitCode::from(code(&records)))
}

fn chosen(args: &ReproArgs, registry: &Registry) -> Result<Vec<Finding>, Usage> {
    if args.all {
        return Ok(registry.findings.clone());
    }
    let find = |name: &String| {
        let found = registry.findings.iter().find(|finding| finding.name == *name);
        let all = || registry.findings.iter().map(|finding| finding.name.as_str());
        found.cloned().ok_or_else(|| unknown("NAME", "finding", name, all()))
    };
    args.names.iter().map(find).collect()
}

fn list(registry: &Registry, json: bool) {
    if json {
        output::print(&serde_json::to_string_pretty(&registry.findings).unwrap_or_default());
        return;
    }
    let width = registry.findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    for finding in &registry.findings {
        output::print(&format!("  {:width$}  {}", finding.name, finding.claim));
    }
}

fn run_all(findings: &[Finding], way: &Way, args: &ReproArgs) -> Result<Vec<Record>, Stop> {
    let bar = bar(findings.len() * way.seeds.len() * 2);
    let plain = !std::io::stderr().is_terminal();
    let one = |finding: Finding| {
        let bar = &bar;
        async move {
            let tell = |side: &str, outcome: &Outcome| {
                let line = format!(
                    "{} ({side}, seed {}, {:.0} s): {}",
                    finding.name,
                    outcome.seed,
                    outcome.seconds,
                    outcome.words()
                );
                bar.inc(1);
                bar.println(&line);
                if plain {
                    output::complain(&line);
                }
            };
            let record = reproduce(&finding, way, &tell).await;
            if let (Ok(record), true) = (&record, args.json) {
                output::print(&serde_json::to_string(record).unwrap_or_default());
            }
            record
        }
    };
    // In this thread: a test is bound to the life of the thread that starts it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| HarnessFailure::new("the runtime", error))?;
    let jobs = args.jobs.max(1);
    let outcomes: Vec<_> = runtime
        .block_on(stream::iter(findings.iter().cloned().map(one)).buffer_unordered(jobs).collect());
    bar.finish_and_clear();
    outcomes.into_iter().map(|outcome| outcome.map_err(Stop::from)).collect()
}

fn bar(length: usize) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(length as u64), target);
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_bar} {pos}/{len} runs")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn summary(record: &Record) -> String {
    let state = if record.is_reproduced() { "reproduced" } else { "NOT reproduced" };
    format!(
        "{}: {state}: shown in {} of {} runs; the strict setting passed in {} of {}",
        record.finding.name,
        record.shown(),
        record.loose.len(),
        record.passed(),
        record.strict.len()
    )
}

/// 0 when everything went as published, 3 when a run could not be made, 2 otherwise.
fn code(records: &[Record]) -> u8 {
    let broken = |run: &Outcome| run.exit_code.is_none_or(|code| code > exit::UNKNOWN);
    if records.iter().all(Record::is_reproduced) {
        return exit::VALID;
    }
    let runs = records.iter().flat_map(|record| record.loose.iter().chain(&record.strict));
    if runs.into_iter().any(broken) { exit::HARNESS } else { exit::UNKNOWN }
}

/// Records of files that `--json` wrote, one for each finding.
fn read_records(files: &[std::path::PathBuf]) -> Result<Vec<Record>, Usage> {
    let mut records: BTreeMap<String, Record> = BTreeMap::new();
    for file in files {
        for record in read(file)? {
            match records.get_mut(&record.finding.name) {
                Some(known) => known.merge(record),
                None => {
                    records.insert(record.finding.name.clone(), record);
                }
            }
        }
    }
    Ok(records.into_values().collect())
}

fn read(file: &Path) -> Result<Vec<Record>, Usage> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Usage(format!("--page: cannot read {name}: {error}")))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let record = |(number, line): (usize, &str)| {
        let wrong = |error| Usage(format!("--page: {name}:{}: {error}", number + 1));
        serde_json::from_str(line).map_err(wrong)
    };
    lines.map(record).collect()
}
