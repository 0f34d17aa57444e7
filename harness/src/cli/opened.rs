//! Opening what `explain` and `export` are given: a run of the store, or a history file.

use super::args::JudgeArgs;
use super::stored::{
    find, judged, known_workload, options, read, refused, untold, workload, wrong,
};
use crate::Registry;
use crate::analysis;
use crate::exit::{HarnessFailure, Stop, Usage};
use crate::explain::{Subject, looks_keyed};
use crate::report::Results;
use crate::report::faults_from;
use crate::store::RunDir;
use perjury_checkers::History;
use perjury_checkers::history::{Reading, jsonl, read_with_hints};
use perjury_checkers::txn::read::{TransactionsRead, is_of_sessions, read_transactions};
use perjury_checkers::workload::{OfTransactions, checkers_of_transactions};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A run's file of results.
pub const RESULTS: &str = "results.json";

/// What was read: a run, or a history file.
pub enum Source {
    Run {
        run: RunDir,
        history: History,
    },
    File(Reading),
    /// Transactions that have no times, with their texts.
    Sessions {
        workload: String,
        read: TransactionsRead,
        texts: Vec<Value>,
    },
}

/// A run, or a history file, with what is known of it.
pub struct Opened<'h> {
    pub subject: Subject<'h>,
    /// `None` for formats that know only who ran what after what.
    pub history: Option<&'h History>,
    /// The run, with what is known of it.
    pub run: Option<(&'h RunDir, Option<Results>)>,
    /// The bytes of `results.json`, or what `perjury check --json` prints.
    pub results: String,
}

/// Whether anomalies are asked for: then they have to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Anomalies,
    Operations,
}

impl Source {
    /// Reads a run or a history file.
    pub fn open(file: &Path, store: &Path, judge: &JudgeArgs) -> Result<Self, Stop> {
        if let Some(name) = &judge.workload {
            known_workload(name)?;
        }
        if file.is_file() {
            return Self::of_file(file, judge);
        }
        let run = find(file, store)?;
        let source = run.read_history().map_err(|error| Usage(error.to_string()))?;
        let path = source.path.clone();
        let (history, _) = jsonl::read(source.reader).map_err(|error| wrong(&path, &error))?;
        Ok(Self::Run { run, history })
    }

    fn of_file(file: &Path, judge: &JudgeArgs) -> Result<Self, Stop> {
        let (bytes, name) = read(file)?;
        if !is_of_sessions(&bytes, &name) {
            let reading = read_with_hints(&bytes, &name).map_err(|error| wrong(file, &error))?;
            return Ok(Self::File(reading));
        }
        let workload = workload(judge, &bytes, &name).unwrap_or_default().to_owned();
        let write = of_transactions(file, judge, &workload)?.write;
        let read = read_transactions(&bytes, &name, write).map_err(|error| wrong(file, &error))?;
        let texts = (0u32..).take(read.transactions.len());
        let texts = texts.map(|number| read.transactions.text(number, write)).collect();
        Ok(Self::Sessions { workload, read, texts })
    }

    /// With what is known of it: a file is judged, a run was.
    pub fn judged(
        &self,
        file: &Path,
        judge: &JudgeArgs,
        registry: &Registry,
        need: Need,
    ) -> Result<Opened<'_>, Stop> {
        match self {
            Self::Run { run, history } => Opened::of_run(run, history, judge, registry, need),
            Self::File(reading) => Opened::of_file(file, reading, judge, registry, need),
            Self::Sessions { workload, read, texts } => {
                Opened::of_sessions(file, judge, workload, read, texts)
            }
        }
    }
}

impl<'h> Opened<'h> {
    fn of_run(
        run: &'h RunDir,
        history: &'h History,
        judge: &JudgeArgs,
        registry: &Registry,
        need: Need,
    ) -> Result<Self, Stop> {
        let bytes = run.read(RESULTS).unwrap_or_default();
        let results = Results::from_json(&bytes);
        if let (Need::Anomalies, Err(why)) = (need, &results) {
            let path = run.path().display();
            return Err(Usage(format!(
                "{path}: {why}; run `perjury analyze {path}` first, which makes {RESULTS}"
            ))
            .into());
        }
        let results = results.ok();
        let plan = run.path().join(analysis::PLAN);
        let again = match plan.is_file() {
            true => format!("perjury test --plan {}", quoted(&plan)),
            false => String::new(),
        };
        let mut subject = subject(history, judge, again);
        match &results {
            Some(results) => {
                subject.findings = results.findings.clone();
                subject.faults = results.faults.clone();
            }
            None => subject.faults = faults_from(history, &analysis::fault_pairs(registry)),
        }
        let results_text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            subject,
            history: Some(history),
            run: Some((run, results)),
            results: results_text,
        })
    }

    fn of_file(
        file: &Path,
        reading: &'h Reading,
        judge: &JudgeArgs,
        registry: &Registry,
        need: Need,
    ) -> Result<Self, Stop> {
        let Reading { history, recovery, hints } = reading;
        let workload = judge.workload.as_deref().or(hints.workload);
        let mut subject = subject(history, judge, again(file, judge, workload));
        subject.keyed |= hints.keyed == Some(true);
        subject.faults = faults_from(history, &analysis::fault_pairs(registry));
        match workload {
            Some(workload) => subject.findings = judged(judge, workload, history, hints)?,
            None if need == Need::Anomalies => return Err(untold(hints).into()),
            None => {}
        }
        let results = results_of(&subject, &json!(recovery));
        Ok(Self { subject, history: Some(history), run: None, results })
    }

    fn of_sessions(
        file: &Path,
        judge: &JudgeArgs,
        workload: &str,
        read: &'h TransactionsRead,
        texts: &'h [Value],
    ) -> Result<Self, Stop> {
        let TransactionsRead { transactions, recovery, .. } = read;
        let checkers = of_transactions(file, judge, workload)?.checkers;
        let findings = analysis::check_transactions(checkers, transactions, judge.check_limit.0);
        let operations = (0u32..).zip(texts);
        let operations = operations.map(|(number, text)| transactions.operation(number, text));
        let subject = Subject {
            operations: operations.collect(),
            findings,
            timed: transactions.is_timed(),
            again: again(file, judge, Some(workload)),
            ..Subject::default()
        };
        let results = results_of(&subject, &json!(recovery));
        Ok(Self { subject, history: None, run: None, results })
    }

    /// The history's events, which some formats do not have.
    pub fn events(&self) -> Result<&'h History, Usage> {
        self.history.ok_or_else(|| {
            Usage(
                "this format knows only who ran what after what, without calls and answers in \
                 time: it can be exported as csv, dot, svg or results"
                    .to_owned(),
            )
        })
    }

    /// A file that could not be written, or any other failure on the way out.
    pub fn failed(error: impl std::fmt::Display) -> Stop {
        HarnessFailure::new("export", error).into()
    }
}

/// Who judges a file of transactions.
fn of_transactions(file: &Path, judge: &JudgeArgs, workload: &str) -> Result<OfTransactions, Stop> {
    let of = checkers_of_transactions(workload, &options(judge)).map_err(refused)?;
    of.ok_or_else(|| {
        let file = file.display();
        refused(format!("{file} holds transactions, no {workload}: say key-value")).into()
    })
}

fn subject<'h>(history: &'h History, judge: &JudgeArgs, again: String) -> Subject<'h> {
    let operations = history.operations();
    let with_error = history.events().iter().filter(|event| event.process.client().is_some());
    let errors: BTreeMap<u64, String> = with_error
        .filter_map(|event| Some((event.index, event.error.as_deref()?.to_owned())))
        .collect();
    let keyed = !judge.single && (judge.independent || looks_keyed(&operations));
    Subject { operations, errors, timed: true, keyed, again, ..Subject::default() }
}

fn results_of(subject: &Subject<'_>, recovery: &serde_json::Value) -> String {
    let verdicts = subject.findings.iter().map(|finding| finding.verdict);
    let verdict = perjury_checkers::finding::worst(verdicts);
    let json = json!({
        "verdict": verdict, "findings": subject.findings, "recovery": recovery,
    });
    serde_json::to_string_pretty(&json).unwrap_or_default() + "\n"
}

/// The command that judges a file again.
fn again(file: &Path, judge: &JudgeArgs, workload: Option<&str>) -> String {
    let mut words = vec!["perjury check".to_owned(), quoted(file)];
    words.extend(workload.map(|workload| format!("--workload {workload}")));
    let model = judge.consistency_model.as_ref();
    words.extend(model.map(|model| format!("--consistency-model {model}")));
    words.extend(judge.setting.iter().map(|setting| format!("--setting {setting}")));
    words.extend(judge.independent.then(|| "--independent".to_owned()));
    words.extend(judge.single.then(|| "--single".to_owned()));
    if let Some(initial) = &judge.initial {
        let initial = initial.to_string();
        words.push(format!("--initial {}", quoted(Path::new(&initial))));
    }
    words.extend(judge.null_read_is_any.then(|| "--null-read-is-any".to_owned()));
    words.extend(judge.failed_cas_compares.then(|| "--failed-cas-compares".to_owned()));
    words.join(" ")
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    shlex::try_quote(&text).map(|quoted| quoted.into_owned()).unwrap_or(text)
}
