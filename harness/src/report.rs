//! Reports: what a run amounts to, for machines, for continuous integration, and for people.

pub(crate) mod drawing;
pub mod faults;
pub mod headline;
pub mod junit;
pub mod logs;
pub(crate) mod page;
mod plot;
pub mod results;
pub mod service;
pub mod stats;
pub mod summary;
pub mod terminal;
pub mod text;
mod timeline;
pub mod vacuity;
pub mod verdict;

pub use drawing::{picture, picture_of};
pub use faults::{FaultOutcome, FaultRecord, Mend, Pair, faults_from, target_words};
pub use results::{Evidence, Phase, Results, RunError, Subject};
pub use vacuity::{Expectations, vacuity};
pub use verdict::{Conclusion, Reason, code, conclude};

#[cfg(test)]
mod tests;

use crate::store::{RunDir, StoreError};
use perjury_checkers::History;

/// Some lines of a log, as the report shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogExcerpt {
    pub node: String,
    /// The file's name inside the node's directory, with what part of it this is.
    pub file: String,
    pub text: String,
}

/// All that a report is made of: nothing else is asked, so that it can be made again.
#[derive(Clone, Copy, Debug)]
pub struct ReportInput<'a> {
    pub results: &'a Results,
    pub history: &'a History,
    /// The plan as it is in `plan.toml`; may be empty.
    pub plan_toml: &'a str,
    pub logs: &'a [LogExcerpt],
    /// The command that runs this again.
    pub reproduce: &'a str,
}

/// The bytes of `report.html`.
pub fn html(input: &ReportInput<'_>) -> String {
    page::render(input)
}

/// Writes `results.json`, `report.html`, `junit.xml` and `summary.md` into the run.
pub fn write(run: &RunDir, input: &ReportInput<'_>) -> Result<(), StoreError> {
    run.write("results.json", &input.results.to_json()?)?;
    run.write("report.html", html(input).as_bytes())?;
    run.write("junit.xml", junit::render(input.results)?.as_bytes())?;
    run.write("summary.md", summary::render(input).as_bytes())?;
    Ok(())
}
