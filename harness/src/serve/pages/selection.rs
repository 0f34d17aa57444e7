//! A selection of runs: what a reader searches, filters and sorts by, as part of the address.

use crate::serve::entry::{Entry, State};
use crate::serve::query::{self, Query};
use std::cmp::Ordering;
use std::sync::Arc;

/// Runs on one page.
pub(in crate::serve) const PAGE: usize = 200;

/// Columns that runs can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Column {
    Verdict,
    Name,
    Database,
    Workload,
    Faults,
    Started,
    Duration,
    Operations,
    Anomalies,
}

impl Column {
    pub(in crate::serve) const ALL: [Self; 9] = [
        Self::Verdict,
        Self::Name,
        Self::Database,
        Self::Workload,
        Self::Faults,
        Self::Started,
        Self::Duration,
        Self::Operations,
        Self::Anomalies,
    ];

    pub(in crate::serve) fn title(self) -> &'static str {
        match self {
            Self::Verdict => "Verdict",
            Self::Name => "Name",
            Self::Database => "Database",
            Self::Workload => "Workload",
            Self::Faults => "Faults",
            Self::Started => "Started (UTC)",
            Self::Duration => "Duration",
            Self::Operations => "Operations",
            Self::Anomalies => "Anomalies",
        }
    }

    /// In a query.
    pub(in crate::serve) fn key(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Name => "name",
            Self::Database => "database",
            Self::Workload => "workload",
            Self::Faults => "faults",
            Self::Started => "started",
            Self::Duration => "duration",
            Self::Operations => "operations",
            Self::Anomalies => "anomalies",
        }
    }

    pub(in crate::serve) fn is_number(self) -> bool {
        matches!(self, Self::Duration | Self::Operations | Self::Anomalies)
    }

    /// Whether the first click shows the largest first.
    fn begins_descending(self) -> bool {
        self.is_number() || self == Self::Started
    }
}

/// What a reader wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Selection {
    /// Words that all have to be somewhere in the entry.
    pub(in crate::serve) search: String,
    pub(in crate::serve) verdict: String,
    pub(in crate::serve) database: String,
    pub(in crate::serve) workload: String,
    pub(in crate::serve) fault: String,
    pub(in crate::serve) sort: Column,
    pub(in crate::serve) descending: bool,
    /// From 1.
    pub(in crate::serve) page: usize,
}

impl Selection {
    /// What makes no sense is as if it were not there.
    pub(in crate::serve) fn read(query: &Query) -> Self {
        let word = |name| query.word(name).unwrap_or_default().to_owned();
        let sort = query.word("sort");
        let sort = Column::ALL.into_iter().find(|column| sort == Some(column.key()));
        let sort = sort.unwrap_or(Column::Started);
        let descending = match query.word("order") {
            Some("up") => false,
            Some("down") => true,
            _ => sort.begins_descending(),
        };
        let page = query.word("page").and_then(|page| page.parse().ok()).unwrap_or(1);
        Self {
            search: word("q"),
            verdict: word("verdict"),
            database: word("database"),
            workload: word("workload"),
            fault: word("fault"),
            sort,
            descending,
            page: page.max(1),
        }
    }

    /// The address of the page that shows this.
    pub(in crate::serve) fn link(&self) -> String {
        let is_usual = self.sort == Column::Started && self.descending;
        let order = if self.descending { "down" } else { "up" };
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        let pairs = [
            ("q", self.search.as_str()),
            ("verdict", &self.verdict),
            ("database", &self.database),
            ("workload", &self.workload),
            ("fault", &self.fault),
            ("sort", if is_usual { "" } else { self.sort.key() }),
            ("order", if is_usual { "" } else { order }),
            ("page", &page),
        ];
        query::link("/", &pairs)
    }

    /// The same, sorted by `column`; a second time the other way round.
    pub(in crate::serve) fn sorted_by(&self, column: Column) -> Self {
        let again = self.sort == column;
        let descending = if again { !self.descending } else { column.begins_descending() };
        Self { sort: column, descending, page: 1, ..self.clone() }
    }

    pub(in crate::serve) fn on_page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// The runs that it means, in its order. Of equal ones the newer comes first.
    pub(in crate::serve) fn of(&self, runs: &[Arc<Entry>]) -> Vec<Arc<Entry>> {
        let words: Vec<String> = self.search.split_whitespace().map(str::to_lowercase).collect();
        let mut chosen: Vec<Arc<Entry>> =
            runs.iter().filter(|run| self.fits(run, &words)).cloned().collect();
        // Stable, and the list begins with the newest.
        chosen.sort_by(|one, other| {
            if self.descending {
                ascending(self.sort, other, one)
            } else {
                ascending(self.sort, one, other)
            }
        });
        chosen.sort_by_key(|run| is_nothing(self.sort, run));
        chosen
    }

    fn fits(&self, run: &Entry, words: &[String]) -> bool {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        is(&self.verdict, run.state.key())
            && is(&self.database, &run.database)
            && is(&self.workload, &run.workload)
            && (self.fault.is_empty() || run.faults.contains(&self.fault))
            && has_all(run, words)
    }
}

fn has_all(run: &Entry, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let mut all = vec![
        run.name.to_lowercase(),
        run.address.text().to_lowercase(),
        run.database.to_lowercase(),
        run.workload.to_lowercase(),
        run.state.word().to_lowercase(),
        run.seed.map(|seed| seed.to_string()).unwrap_or_default(),
    ];
    all.extend(run.faults.iter().chain(&run.kinds).map(|name| name.to_lowercase()));
    words.iter().all(|word| all.iter().any(|text| text.contains(word)))
}

fn ascending(column: Column, one: &Entry, other: &Entry) -> Ordering {
    let rank = |run: &Entry| State::all().iter().position(|state| *state == run.state);
    match column {
        Column::Verdict => rank(one).cmp(&rank(other)),
        Column::Name => one.name.cmp(&other.name),
        Column::Database => one.database.cmp(&other.database),
        Column::Workload => one.workload.cmp(&other.workload),
        Column::Faults => one.faults.cmp(&other.faults),
        Column::Started => one.started.cmp(&other.started),
        Column::Duration => one.duration_ns.cmp(&other.duration_ns),
        Column::Operations => one.operations.cmp(&other.operations),
        Column::Anomalies => one.anomalies.cmp(&other.anomalies),
    }
}

/// Whether there is nothing to sort by: such runs are last in either order.
fn is_nothing(column: Column, run: &Entry) -> bool {
    match column {
        Column::Started => run.started.is_none(),
        Column::Duration => run.duration_ns.is_none(),
        Column::Operations => run.operations.is_none(),
        Column::Anomalies => run.anomalies.is_none(),
        _ => false,
    }
}
