//! Reports: what a run amounts to, for machines, for continuous integration, and for people.

pub mod clocks;
pub(crate) mod drawing;
pub mod faults;
pub mod headline;
pub mod junit;
pub mod limits;
pub mod load;
pub mod logs;
pub(crate) mod page;
mod plot;
pub mod results;
pub mod schema;
pub mod series;
pub mod service;
pub mod stats;
pub mod summary;
pub mod terminal;
pub mod text;
mod timeline;
pub mod vacuity;
pub mod verdict;

pub use drawing::{picture, picture_among, picture_of};
pub use faults::{FaultOutcome, FaultRecord, Mend, Pair, faults_from, target_words};
pub use results::{Evidence, Phase, Results, RunError, Subject};
pub use vacuity::{Expectations, vacuity};
pub use verdict::{Conclusion, Reason, code, conclude};

#[cfg(test)]
mod tests;

use crate::store::{RunDir, StoreError};
use perjury_checkers::{History, Operation};

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
    let operations = input.history.operations();
    page::render(input, &operations, &plots(input, &operations))
}

/// Writes `results.json`, `report.html`, `plots/`, `junit.xml` and `summary.md` into the run.
pub fn write(run: &RunDir, input: &ReportInput<'_>) -> Result<(), StoreError> {
    let operations = input.history.operations();
    let plots = plots(input, &operations);
    run.write("results.json", &input.results.to_json()?)?;
    run.write("report.html", page::render(input, &operations, &plots).as_bytes())?;
    for plot in &plots {
        run.write(&format!("plots/{}.svg", plot.name), plot.file().as_bytes())?;
    }
    run.write("junit.xml", junit::render(input.results)?.as_bytes())?;
    run.write("summary.md", summary::render(input).as_bytes())?;
    Ok(())
}

fn plots(input: &ReportInput<'_>, operations: &[Operation<'_>]) -> Vec<plot::Plot> {
    let results = input.results;
    let scene = drawing::Scene::new(operations, &results.faults);
    let anomalies = headline::anomalies(results);
    let ends =
        anomalies.iter().filter_map(|(_, anomaly)| drawing::Scene::span(&scene.involved(anomaly)));
    let marks: Vec<u64> = ends.map(|(_, to)| to).collect();
    plot::plots(&plot::PlotInput {
        history: input.history,
        operations,
        faults: &results.faults,
        end_ns: results.duration_ns,
        marks: &marks,
        clocks: &results.clocks,
        series: &results.series,
        findings: &results.findings,
        sample: results.sample,
    })
}
