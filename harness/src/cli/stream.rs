//! `perjury check --stream`: a history is judged line by line, in memory that does not grow with
//! its length.

use super::args::CheckArgs;
use super::stored::{options, show};
use crate::exit::{self, Stop, Usage};
use indicatif::{ProgressBar, ProgressStyle};
use perjury_checkers::history::ReadError;
use perjury_checkers::history::jsonl::Events;
use perjury_checkers::linear::{Streaming, Violation};
use perjury_checkers::workload::{CheckOptions, checkers_for_workload, stream_for_workload};
use perjury_checkers::{Budget, Event, Finding, History, Kind, Process};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

/// Events looked at to find out whether values are `[key, value]`.
const BEGINNING: usize = 1_000;
/// How many violated objects are looked at again, to be explained.
const MAX_EXPLAINED: usize = 8;

/// Events as they are read.
pub type Lines = Events<Box<dyn BufRead + Send>>;

/// Checks a history in our format while it is being read.
pub fn check(args: &CheckArgs, workload: &str) -> Result<ExitCode, Stop> {
    let file = &args.file;
    let mut lines = open(file)?;
    let wrong = |error: ReadError| Usage(format!("{}: {error}", file.display()));
    let beginning: Vec<Event> =
        lines.by_ref().take(BEGINNING).collect::<Result<_, _>>().map_err(wrong)?;
    let history = History::new(beginning.clone()).map_err(|error| wrong(error.into()))?;
    let options = options(&args.judge);
    let mut stream = stream_for_workload(workload, &options, &history)
        .map_err(|error| Usage(format!("--workload: {error}")))?;
    let bar = progress(args);
    let mut count = 0u64;
    let mut push = |event: &Event| {
        count += 1;
        bar.set_position(count);
        stream.push(event).map_err(|why| Usage(format!("{}: {why}", file.display())))
    };
    beginning.iter().try_for_each(&mut push)?;
    for event in lines.by_ref() {
        push(&event.map_err(wrong)?)?;
    }
    bar.finish_and_clear();
    let mut finding = stream.finish();
    explain(&mut finding, &*stream, file, workload, &options)?;
    let code = exit::of_verdict(finding.verdict);
    show(args, &[finding], count, &lines.recovery);
    Ok(ExitCode::from(code))
}

/// Opens a history in our format, also as .zst.
pub fn open(file: &Path) -> Result<Lines, Usage> {
    let wrong = |error: std::io::Error| Usage(format!("{}: {error}", file.display()));
    let opened = File::open(file).map_err(wrong)?;
    let reader: Box<dyn BufRead + Send> = if file.extension().is_some_and(|ending| ending == "zst")
    {
        Box::new(BufReader::new(zstd::Decoder::new(opened).map_err(wrong)?))
    } else {
        Box::new(BufReader::with_capacity(1 << 20, opened))
    };
    Ok(Events::new(reader))
}

fn progress(args: &CheckArgs) -> ProgressBar {
    if args.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {pos} events, {per_sec}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

/// Reads the file again for the objects that are violated, and lets the checker of whole
/// histories say what is wrong with them.
fn explain(
    finding: &mut Finding,
    stream: &dyn Streaming,
    file: &Path,
    workload: &str,
    options: &CheckOptions,
) -> Result<(), Stop> {
    let violations = stream.violations();
    let mut explained = Vec::new();
    for violation in &violations[..violations.len().min(MAX_EXPLAINED)] {
        let events = of_object(file, violation)?;
        let history = History::new_lenient(events).map_err(|error| Usage(error.to_string()))?;
        let keyed = CheckOptions { keyed: Some(violation.key.is_some()), ..options.clone() };
        let checkers = checkers_for_workload(workload, &keyed, &history).map_err(Usage)?;
        for checker in checkers {
            explained.extend(checker.check(&history, &Budget::default()).anomalies);
        }
    }
    if !explained.is_empty() {
        finding.anomalies = explained;
    }
    Ok(())
}

/// The events of a violated object, up to the one that showed it.
fn of_object(file: &Path, violation: &Violation) -> Result<Vec<Event>, Stop> {
    let mut open: BTreeMap<u32, bool> = BTreeMap::new();
    let mut events = Vec::new();
    for event in self::open(file)? {
        let event = event.map_err(|error| Usage(format!("{}: {error}", file.display())))?;
        let Process::Client(process) = event.process else { continue };
        if event.index > violation.found_at {
            break;
        }
        let ours = match (event.kind, &violation.key) {
            (Kind::Invoke, Some(key)) => event.value.get(0) == Some(key),
            (Kind::Invoke, None) => true,
            _ => open.get(&process).copied().unwrap_or(false),
        };
        open.insert(process, ours && event.kind == Kind::Invoke);
        if ours {
            events.push(event);
        }
    }
    Ok(events)
}
