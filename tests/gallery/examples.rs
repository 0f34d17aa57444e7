//! The examples: for each kind of anomaly a small history in which a checker finds it.

use crate::notation;
use perjury_checkers::workload::{CheckOptions, Settings, checkers_for_workload};
use perjury_checkers::{Anomaly, Budget, Finding, History};
use perjury_harness::explain::anomaly::numbered;
use perjury_harness::explain::{AnomalyStory, Paint, Subject, looks_keyed};
use perjury_harness::report;
use serde::Deserialize;

/// Columns of the reports.
const WIDTH: usize = 100;

/// One kind with its history, as `examples.toml` has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub kind: String,
    pub workload: String,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub settings: Vec<String>,
    /// In the notation of `notation.rs`.
    pub history: String,
}

#[derive(Deserialize)]
struct File {
    example: Vec<Example>,
    /// Kinds of which no history can be made, with the reason.
    #[serde(default)]
    without: std::collections::BTreeMap<String, String>,
}

/// All examples, and kinds without one.
pub fn read() -> (Vec<Example>, std::collections::BTreeMap<String, String>) {
    let text = include_str!("examples.toml");
    let text = std::fs::read_to_string(super::repository("tests/gallery/examples.toml"))
        .unwrap_or_else(|_| text.to_owned());
    let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    (file.example, file.without)
}

/// What an example comes to.
pub struct Made {
    pub example: Example,
    pub history: History,
    pub anomaly: Anomaly,
    /// What `perjury explain --anomaly` says.
    pub report: String,
    pub svg: String,
}

impl Example {
    pub fn history(&self) -> History {
        let (write, lists) = match self.workload.as_str() {
            "list-append" => ("append", true),
            "set-add" => ("add", true),
            "txn-counter" => ("inc", false),
            _ => ("w", false),
        };
        notation::history(&self.history, write, lists)
    }

    /// The command that finds it in the history's file.
    pub fn command(&self) -> String {
        let file = format!("tests/golden/histories/{}.jsonl", self.kind);
        let mut command = format!("perjury check {file} --workload {}", self.workload);
        if let Some(model) = &self.model {
            command += &format!(" --consistency-model {model}");
        }
        for setting in &self.settings {
            command += &format!(" --setting {setting}");
        }
        command
    }

    fn findings(&self, history: &History) -> Vec<Finding> {
        let options = CheckOptions {
            consistency_model: self.model.clone(),
            settings: Settings::parse(self.settings.iter().map(String::as_str)),
            ..CheckOptions::default()
        };
        let checkers = checkers_for_workload(&self.workload, &options, history);
        let checkers = checkers.unwrap_or_else(|why| panic!("{}: {why}", self.kind));
        checkers.iter().map(|checker| checker.check(history, &Budget::default())).collect()
    }

    /// Judges the history and tells the anomaly; the error says what was found instead.
    pub fn make(&self) -> Result<Made, String> {
        let history = self.history();
        let findings = self.findings(&history);
        let operations = history.operations();
        let subject = Subject {
            keyed: looks_keyed(&operations),
            operations,
            timed: true,
            again: self.command(),
            findings,
            ..Subject::default()
        };
        let all = numbered(&subject.findings);
        let found = all.iter().find(|(_, _, anomaly)| anomaly.kind == self.kind);
        let Some(found) = found else {
            let kinds: Vec<&str> =
                all.iter().map(|(_, _, anomaly)| anomaly.kind.as_str()).collect();
            let reasons: Vec<_> =
                subject.findings.iter().map(|f| (f.verdict, f.reason.as_deref())).collect();
            return Err(format!("{}: found {kinds:?} {reasons:?}", self.kind));
        };
        let story = AnomalyStory::new(&subject, *found);
        let report = story.render(Paint { on: false }, WIDTH);
        let anomaly = found.2.clone();
        let svg = report::picture_of(&anomaly, &subject.operations) + "\n";
        Ok(Made { example: self.clone(), history, anomaly, report, svg })
    }
}
