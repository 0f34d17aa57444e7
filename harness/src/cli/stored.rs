//! `perjury analyze`, `check` and `history`: what works on files, without a cluster.

use super::args::{AnalyzeArgs, CheckArgs, JudgeArgs};
use super::{output, test};
use crate::Registry;
use crate::analysis::{self, Overrides};
use crate::exit::{self, HarnessFailure, Stop, Usage};
use crate::registry::unknown;
use crate::report;
use crate::store::{self, RunDir, Store, StoreError};
use perjury_checkers::finding::DeadEnd;
use perjury_checkers::finding::worst;
use perjury_checkers::history::{Hints, Reading, Recovery, read_with_hints};
use perjury_checkers::txn::read::is_of_sessions;
use perjury_checkers::txn::weakest;
use perjury_checkers::workload::{
    CheckOptions, Settings, WORKLOADS, checkers_for_workload, checkers_of_transactions,
};
use perjury_checkers::{Anomaly, Finding, History, Verdict};
use serde_json::json;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// The largest history file that is read into memory, decompressed.
const FILE_LIMIT: u64 = 8 << 30;

/// Checks a stored run again and writes its results and reports anew.
pub fn analyze(args: &AnalyzeArgs, registry: &Registry) -> Result<ExitCode, Stop> {
    let run = find(&args.run, &args.output.store)?;
    let overrides = Overrides {
        consistency_model: args.consistency_model.clone(),
        check_limit: args.check_limit.map(|limit| limit.0),
        progress: output::bar(args.output.json, "{bar:30} {percent}% of {total_bytes}, {elapsed}"),
        ..Overrides::default()
    };
    let results = analysis::analyze(&run, registry, &overrides)?;
    test::show(&results, &run, &args.output);
    Ok(ExitCode::from(results.exit_code))
}

/// The run that an argument means: a folder, `store/latest`, or the name of a test.
pub fn find(argument: &Path, store: &Path) -> Result<RunDir, Usage> {
    let store = Store::open(store).map_err(|error| Usage(error.to_string()))?;
    store.resolve(&argument.to_string_lossy()).map_err(|error| Usage(error.to_string()))
}

/// Prints the history of a stored run.
pub fn history(run: &Path) -> Result<(), Stop> {
    let run = find(run, &super::args::OutputArgs::default().store)?;
    let missing = |error: StoreError| Usage(error.to_string());
    let mut source = run.read_history().map_err(missing)?;
    let copied = std::io::copy(&mut source.reader, &mut std::io::stdout().lock());
    match copied {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(HarnessFailure::new("printing the history", error).into())
        }
        _ => Ok(()),
    }
}

/// Checks a history file of any known format.
pub fn check(args: &CheckArgs) -> Result<ExitCode, Stop> {
    let judge = &args.judge;
    if let Some(name) = &judge.workload {
        known_workload(name)?;
        if args.stream {
            return super::stream::check(args, name);
        }
    }
    let (bytes, name) = read(&args.file)?;
    let workload = workload(judge, &bytes, &name);
    if let Some(workload) = workload {
        let of = checkers_of_transactions(workload, &options(judge)).map_err(refused)?;
        if let Some(of) = of {
            return super::transactions::check(args, &bytes, &name, of);
        }
    }
    let reading = read_with_hints(&bytes, &name).map_err(|error| wrong(&args.file, &error))?;
    drop(bytes);
    let Reading { history, recovery, hints } = reading;
    let workload = workload.or(hints.workload).ok_or_else(|| untold(&hints))?;
    let findings = judged(judge, workload, &history, &hints)?;
    let verdict = worst(findings.iter().map(|finding| finding.verdict));
    if let Some(folder) = &args.pictures {
        let all = history.operations();
        pictures(folder, &findings, |anomaly| {
            let involved = all.iter().filter(|call| anomaly.operations.contains(&call.index));
            report::picture_of(anomaly, &involved.copied().collect::<Vec<_>>())
        })?;
    }
    show(args, &findings, history.events().len() as u64, &recovery);
    Ok(ExitCode::from(exit::of_verdict(verdict)))
}

/// What a file is a history of, as far as the user says so or its format does.
pub fn workload<'a>(judge: &'a JudgeArgs, bytes: &[u8], name: &str) -> Option<&'a str> {
    match judge.workload.as_deref() {
        // Without real time, and with a promise about sessions, there is no order of versions.
        None | Some("rw-register") if is_of_sessions(bytes, name) => Some("key-value"),
        workload => workload,
    }
}

/// The error for a file that does not tell what it is a history of.
pub fn untold(hints: &Hints) -> Usage {
    Usage(format!(
        "{} does not tell what it is a history of: name it with --workload, one of {}",
        hints.format,
        names().collect::<Vec<_>>().join(", ")
    ))
}

/// Lets each checker of a workload judge a history.
pub fn judged(
    judge: &JudgeArgs,
    workload: &str,
    history: &History,
    hints: &Hints,
) -> Result<Vec<Finding>, Usage> {
    let checkers = checkers_for_workload(workload, &options(judge).with_hints(hints), history);
    Ok(analysis::check_all(checkers.map_err(refused)?, history, judge.check_limit.0))
}

pub fn refused(why: String) -> Usage {
    Usage(format!("--workload: {why}"))
}

pub fn wrong(file: &Path, error: &dyn std::fmt::Display) -> Usage {
    Usage(format!("{}: {error}", file.display()))
}

/// Draws each anomaly into a folder, and cycles as DOT, too.
pub fn pictures(
    folder: &Path,
    findings: &[Finding],
    draw: impl Fn(&Anomaly) -> String,
) -> Result<(), Stop> {
    let mut files = Vec::new();
    for (number, anomaly) in findings.iter().flat_map(|finding| &finding.anomalies).enumerate() {
        let name = format!("{:02}-{}", number + 1, anomaly.kind);
        files.push((format!("{name}.svg"), draw(anomaly)));
        files.push((format!("{name}.dot"), anomaly.dot().unwrap_or_default()));
    }
    files.retain(|(_, content)| !content.is_empty());
    store::write_files(folder, &files)
        .map_err(|error| HarnessFailure::new("drawing anomalies", error).into())
}

/// Prints what was found, and what had to be mended in so many events.
pub fn show(args: &CheckArgs, findings: &[Finding], events: u64, recovery: &Recovery) {
    if args.json {
        let verdict = worst(findings.iter().map(|finding| finding.verdict));
        let json = json!({ "verdict": verdict, "findings": findings, "recovery": recovery });
        output::print(&serde_json::to_string_pretty(&json).unwrap_or_default());
        return;
    }
    for note in recovery.notes() {
        output::complain(&format!("note: {note}"));
    }
    output::print(&format!("{events} events"));
    for finding in findings {
        output::print(&finding_text(finding, output::coloured(args.colour)));
    }
}

/// What the flags say about the history.
pub fn options(args: &JudgeArgs) -> CheckOptions {
    CheckOptions {
        consistency_model: args.consistency_model.clone(),
        keyed: (args.independent || args.single).then_some(args.independent),
        initial: args.initial.clone(),
        null_read_is_any: args.null_read_is_any,
        failed_cas_compares: args.failed_cas_compares,
        settings: Settings::parse(args.setting.iter().map(String::as_str)),
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    WORKLOADS.iter().map(|workload| workload.name)
}

pub fn known_workload(name: &str) -> Result<(), Stop> {
    match names().any(|known| known == name) {
        true => Ok(()),
        false => Err(unknown("--workload", "workload", name, names()).into()),
    }
}

/// The bytes of a file, unpacked, and its name without `.zst`.
pub fn read(file: &Path) -> Result<(Vec<u8>, String), Usage> {
    let wrong = |error: std::io::Error| wrong(file, &error);
    let opened = std::fs::File::open(file).map_err(wrong)?;
    let mut bytes = Vec::new();
    let compressed = file.extension().is_some_and(|ending| ending == "zst");
    if compressed {
        let decoder = zstd::Decoder::new(opened).map_err(wrong)?;
        decoder.take(FILE_LIMIT).read_to_end(&mut bytes).map_err(wrong)?;
    } else {
        opened.take(FILE_LIMIT).read_to_end(&mut bytes).map_err(wrong)?;
    }
    let name = file.file_stem().filter(|_| compressed).or(file.file_name()).unwrap_or_default();
    Ok((bytes, name.to_string_lossy().into_owned()))
}

/// How far everything can be explained, and why nothing can be next.
fn dead_end_text(dead_end: &DeadEnd) -> String {
    let DeadEnd { operation, verified, states, candidates, .. } = dead_end;
    let mut text = format!(
        "\n    All {verified} operations that end before operation {operation} does can be put in \
         order."
    );
    if !states.is_empty() {
        let _ = write!(text, " What is there then: {}.", states.join(" or "));
    }
    for candidate in candidates {
        let _ = write!(text, "\n      next operation {}? {}", candidate.operation, candidate.why);
    }
    text
}

/// The weakest levels that an anomaly rules out.
fn ruled_out(anomaly: &Anomaly) -> String {
    let all: Vec<&str> = anomaly.rules_out.iter().map(String::as_str).collect();
    let weakest = weakest(&all);
    let more = if weakest.len() < all.len() { ", and all that is stronger" } else { "" };
    format!("{}{more}", weakest.join(", "))
}

/// A finding in words: the verdict, then each anomaly with its proof.
fn finding_text(finding: &Finding, colour: bool) -> String {
    let (word, code) = match finding.verdict {
        Verdict::Valid => ("valid", "32"),
        Verdict::Unknown => ("unknown", "33"),
        Verdict::Invalid => ("INVALID", "31"),
    };
    let word = if colour { format!("\x1b[1;{code}m{word}\x1b[0m") } else { word.to_owned() };
    let mut text = format!("{}: {word}", finding.checker);
    if let Some(reason) = &finding.reason {
        let _ = write!(text, ": {reason}");
    }
    for anomaly in &finding.anomalies {
        let _ =
            write!(text, "\n\n  {} ({})\n  {}", anomaly.title, anomaly.kind, anomaly.explanation);
        for (number, step) in anomaly.steps.iter().enumerate() {
            let _ = write!(text, "\n    {}. {}", number + 1, step.text);
        }
        if let Some(dead_end) = &anomaly.dead_end {
            text.push_str(&dead_end_text(dead_end));
        }
        let _ = write!(text, "\n    rules out: {}", ruled_out(anomaly));
    }
    if let Some(engines) = finding.stats.get("engines").and_then(|engines| engines.as_object()) {
        let told: Vec<String> =
            engines.iter().map(|(name, keys)| format!("{name} {keys}")).collect();
        let _ = write!(text, "\n  decided by (objects): {}", told.join(", "));
    }
    let shown = finding.anomalies.len() as u64;
    if finding.anomaly_count > shown {
        let _ = write!(text, "\n\n  and {} more", finding.anomaly_count - shown);
    }
    text
}
