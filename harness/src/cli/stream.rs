//! `perjury check --stream`: a history is judged while it is read, in memory that does not grow with
//! its length.

use super::args::CheckArgs;
use super::stored::{options, show};
use crate::analysis::again::{MAX_EXPLAINED, gather};
use crate::exit::{self, Stop, Usage};
use crate::store::in_pieces;
use indicatif::{ProgressBar, ProgressStyle};
use perjury_checkers::history::ReadError;
use perjury_checkers::history::jsonl::Events;
use perjury_checkers::streaming::{Judge, JudgeError, Violation};
use perjury_checkers::workload::{CheckOptions, checkers_for_workload};
use perjury_checkers::{Anomaly, Budget, Event, Finding, History};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

/// Events looked at to find out whether values are `[key, value]`.
const BEGINNING: usize = 1_000;

/// Checks a history in our format while it is being read.
pub fn check(args: &CheckArgs, workload: &str) -> Result<ExitCode, Stop> {
    let file = &args.file;
    let wrong = |error: ReadError| Usage(format!("{}: {error}", file.display()));
    let beginning: Vec<Event> =
        open(file)?.take(BEGINNING).collect::<Result<_, _>>().map_err(wrong)?;
    let history = History::new(beginning).map_err(|error| wrong(error.into()))?;
    let options = options(&args.judge);
    let mut judge = Judge::new(workload, &options, &history)
        .map_err(|error| Usage(format!("--workload: {error}")))?;
    let bar = progress(args)?;
    let given_up = |error: JudgeError| Usage(format!("{}: {error}", file.display()));
    pieces(file, &bar, |piece| {
        judge.push_lines(piece).map_err(given_up)?;
        let seconds = bar.elapsed().as_secs_f64().max(0.001);
        let rate = judge.events() as f64 / seconds;
        bar.set_message(format!("{} events, {rate:.0} a second", judge.events()));
        Ok(())
    })?;
    let (mut finding, recovery) = judge.finish().map_err(given_up)?;
    bar.finish_and_clear();
    if judge.of_objects() {
        explain(&mut finding, judge.violations(), file, workload, &options)?;
    }
    let code = exit::of_verdict(finding.verdict);
    show(args, &[finding], judge.events(), &recovery);
    Ok(ExitCode::from(code))
}

/// Events as they are read.
pub type Lines = Events<Box<dyn BufRead + Send>>;

/// Opens a history in our format, also as .zst.
pub fn open(file: &Path) -> Result<Lines, Usage> {
    let bytes = bytes(file, &ProgressBar::hidden())?;
    Ok(Events::new(Box::new(BufReader::with_capacity(1 << 20, bytes))))
}

/// Opens a file, also a .zst. The bar counts the bytes of the file as they are read.
fn bytes(file: &Path, bar: &ProgressBar) -> Result<Box<dyn Read + Send>, Usage> {
    let wrong = |error: std::io::Error| Usage(format!("{}: {error}", file.display()));
    let opened = bar.wrap_read(File::open(file).map_err(wrong)?);
    Ok(if file.extension().is_some_and(|ending| ending == "zst") {
        Box::new(zstd::Decoder::new(opened).map_err(wrong)?)
    } else {
        Box::new(opened)
    })
}

/// Shows somebody a file piece by piece. The next pieces are read and unpacked meanwhile.
fn pieces(
    file: &Path,
    bar: &ProgressBar,
    show: impl FnMut(&[u8]) -> Result<(), Usage>,
) -> Result<(), Usage> {
    let wrong =
        |error: std::io::Error| Usage(format!("{}: {}", file.display(), ReadError::Io(error)));
    in_pieces(bytes(file, bar)?, wrong, show)
}

fn progress(args: &CheckArgs) -> Result<ProgressBar, Usage> {
    if args.json {
        return Ok(ProgressBar::hidden());
    }
    let size = std::fs::metadata(&args.file)
        .map_err(|error| Usage(format!("{}: {error}", args.file.display())))?
        .len();
    let bar = ProgressBar::new(size);
    let style =
        ProgressStyle::with_template("{spinner} {percent}% of {total_bytes}, {msg}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Ok(bar)
}

/// Reads the file again for the objects that are violated, and lets the checker of whole
/// histories say what is wrong with them.
fn explain(
    finding: &mut Finding,
    violations: &[Violation],
    file: &Path,
    workload: &str,
    options: &CheckOptions,
) -> Result<(), Stop> {
    let first = &violations[..violations.len().min(MAX_EXPLAINED)];
    if first.is_empty() {
        return Ok(());
    }
    let gathered = gather(first, |look| {
        pieces(file, &ProgressBar::hidden(), |piece| {
            look(piece);
            Ok(())
        })
    })?;
    let mut explained: Vec<Anomaly> = Vec::new();
    for (violation, events) in first.iter().zip(gathered) {
        let before = explained.len();
        let history = History::new_lenient(events).map_err(|error| Usage(error.to_string()))?;
        let keyed = CheckOptions { keyed: Some(violation.key.is_some()), ..options.clone() };
        for checker in checkers_for_workload(workload, &keyed, &history).map_err(Usage)? {
            explained.extend(checker.check(&history, &Budget::default()).anomalies);
        }
        if explained.len() == before {
            explained.push(violation.anomaly.clone());
        }
    }
    finding.anomalies = explained;
    Ok(())
}
