//! Data for machines: the list of runs, and one run's results.

use super::address::Address;
use super::entry::{Entry, RESULTS, RESULTS_MAX};
use super::files;
use super::pages::selection::{PAGE, Selection};
use super::reply::{self, Answer, Refusal};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Version of the format: changes only when a name changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct List<'a> {
    version: u32,
    /// Runs in the store.
    total: usize,
    /// Runs that were asked for.
    matched: usize,
    page: usize,
    pages: usize,
    runs: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    /// `NAME/TIME`.
    run: String,
    /// Its page.
    page: String,
    state: &'static str,
    name: &'a str,
    database: &'a str,
    workload: &'a str,
    faults: &'a [String],
    seed: Option<u64>,
    started: Option<jiff::Timestamp>,
    duration_ns: Option<u64>,
    operations: Option<u64>,
    anomalies: Option<u64>,
    kinds: &'a BTreeSet<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    trouble: &'a str,
}

impl<'a> Listed<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            run: entry.address.text(),
            page: entry.address.run_page(),
            state: entry.state.key(),
            name: &entry.name,
            database: &entry.database,
            workload: &entry.workload,
            faults: &entry.faults,
            seed: entry.seed,
            started: entry.started,
            duration_ns: entry.duration_ns,
            operations: entry.operations,
            anomalies: entry.anomalies,
            kinds: &entry.kinds,
            trouble: &entry.trouble,
        }
    }
}

/// The runs of a selection, a page of them.
pub(super) fn runs(all: &[Arc<Entry>], selection: &Selection) -> Answer {
    let chosen = selection.of(all);
    let page = chosen.iter().skip((selection.page - 1).saturating_mul(PAGE)).take(PAGE);
    reply::json(&List {
        version: VERSION,
        total: all.len(),
        matched: chosen.len(),
        page: selection.page,
        pages: chosen.len().div_ceil(PAGE).max(1),
        runs: page.map(|entry| Listed::of(entry)).collect(),
    })
}

/// `results.json` of a run.
pub(super) fn results(address: &Address, folder: &Path) -> Answer {
    let bytes = files::read(&folder.join(RESULTS), RESULTS_MAX).map_err(|why| {
        Refusal::missing(format!("{} has no results that can be read: {why}.", address.text()))
    })?;
    Ok(reply::response("application/json", bytes))
}
