//! `perjury check --stream`: a history is judged while it is read, in memory that does not grow with
//! its length.

use super::args::CheckArgs;
use super::stored::{options, show};
use crate::exit::{self, Stop, Usage};
use indicatif::{ProgressBar, ProgressStyle};
use perjury_checkers::history::ReadError;
use perjury_checkers::history::jsonl::Events;
use perjury_checkers::history::lines::{Block, Cutter};
use perjury_checkers::streaming::{Judge, JudgeError, Violation};
use perjury_checkers::workload::{CheckOptions, checkers_for_workload};
use perjury_checkers::{Anomaly, Budget, Event, Finding, History, Kind, Process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;

/// Events looked at to find out whether values are `[key, value]`.
const BEGINNING: usize = 1_000;
/// How many violated objects are looked at again, to be explained.
const MAX_EXPLAINED: usize = 8;
/// An object with more events than this is not looked at again.
const MAX_EVENTS: usize = 4_000_000;
/// Bytes read at a time, and how many such pieces may wait for the judge.
const PIECE: usize = 1 << 20;
const AHEAD: usize = 4;

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
    Ok(Events::new(Box::new(BufReader::with_capacity(PIECE, bytes))))
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
    mut show: impl FnMut(&[u8]) -> Result<(), Usage>,
) -> Result<(), Usage> {
    let mut opened = bytes(file, bar)?;
    let wrong =
        |error: std::io::Error| Usage(format!("{}: {}", file.display(), ReadError::Io(error)));
    std::thread::scope(|scope| {
        let (to_judge, read) = sync_channel::<Result<Vec<u8>, std::io::Error>>(AHEAD);
        scope.spawn(move || {
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                let count = opened.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                let last = !matches!(count, Ok(1..));
                // Nobody listens after an error.
                if to_judge.send(count.map(|_| piece)).is_err() || last {
                    break;
                }
            }
        });
        read.into_iter().try_for_each(|piece| show(&piece.map_err(wrong)?))
    })
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
    let mut again: Vec<Again<'_>> = violations.iter().take(MAX_EXPLAINED).map(Again::new).collect();
    if again.is_empty() {
        return Ok(());
    }
    read_again(file, &mut again)?;
    let mut explained: Vec<Anomaly> = Vec::new();
    for Again { violation, events, .. } in again {
        let before = explained.len();
        if events.len() < MAX_EVENTS {
            let history = History::new_lenient(events).map_err(|error| Usage(error.to_string()))?;
            let keyed = CheckOptions { keyed: Some(violation.key.is_some()), ..options.clone() };
            let checkers = checkers_for_workload(workload, &keyed, &history).map_err(Usage)?;
            for checker in checkers {
                explained.extend(checker.check(&history, &Budget::default()).anomalies);
            }
        }
        if explained.len() == before {
            explained.push(violation.anomaly.clone());
        }
    }
    finding.anomalies = explained;
    Ok(())
}

/// A violated object whose events are gathered.
struct Again<'v> {
    violation: &'v Violation,
    events: Vec<Event>,
    /// Processes with an open call on it.
    open: BTreeSet<u32>,
}

impl<'v> Again<'v> {
    fn new(violation: &'v Violation) -> Self {
        Self { violation, events: Vec::new(), open: BTreeSet::new() }
    }

    /// Keeps an event of the object, up to the one that showed the violation.
    fn look(&mut self, event: impl FnOnce() -> Event, index: u64, process: u32, ours: bool) {
        if index > self.violation.found_at || self.events.len() >= MAX_EVENTS {
            return;
        }
        if ours {
            self.open.insert(process);
        } else if !self.open.remove(&process) {
            return;
        }
        self.events.push(event());
    }
}

/// Gathers the events of violated objects.
fn read_again(file: &Path, again: &mut [Again<'_>]) -> Result<(), Usage> {
    let keys: BTreeMap<String, usize> = again
        .iter()
        .enumerate()
        .filter_map(|(at, one)| Some((one.violation.key.as_ref()?.to_string(), at)))
        .collect();
    let mut cutter = Cutter::default();
    pieces(file, &ProgressBar::hidden(), |piece| {
        cutter.push(piece);
        let block = Block::read(&cutter.cut(), usize::MAX);
        for brief in &block.briefs {
            let Process::Client(process) = brief.process else { continue };
            let (index, calls) = (brief.index, brief.kind == Kind::Invoke);
            let event = || brief.event(&block.names);
            if keys.is_empty() {
                again.iter_mut().for_each(|one| one.look(event, index, process, calls));
                continue;
            }
            if calls {
                let at = brief.value.key().and_then(|key| keys.get(&key.to_value().to_string()));
                if let Some(at) = at {
                    again[*at].look(event, index, process, true);
                }
                continue;
            }
            again.iter_mut().for_each(|one| one.look(event, index, process, false));
        }
        Ok(())
    })
}
