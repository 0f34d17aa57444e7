//! An entry: what a list says of one run, whatever state its folder is in.

use super::address::Address;
use super::files;
use crate::exit;
use crate::report::headline::Standing;
use crate::report::results::VERSION;
use crate::run::record;
use crate::store::{LIVE_HISTORY, SEALED_HISTORY};
use perjury_checkers::Verdict;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What a run concluded.
pub(super) const RESULTS: &str = "results.json";
/// Larger files are taken as damaged.
pub(super) const RESULTS_MAX: u64 = 512 << 20;
/// A run that wrote nothing for this long, and has not ended, was killed.
const QUIET: Duration = Duration::from_secs(120);
/// Characters of a text of a run's own in a list.
const TEXT_MAX: usize = 200;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Judged(Standing),
    /// Not judged yet, and written to a moment ago.
    Running,
    /// Never judged: killed, perhaps.
    Unfinished,
    /// There are results that cannot be read.
    Damaged,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) address: Address,
    pub(super) state: State,
    /// The test's name.
    pub(super) name: String,
    pub(super) database: String,
    pub(super) workload: String,
    /// Faults that were asked for, by name.
    pub(super) faults: Vec<String>,
    pub(super) seed: Option<u64>,
    pub(super) started: Option<jiff::Timestamp>,
    pub(super) duration_ns: Option<u64>,
    /// Calls of clients.
    pub(super) operations: Option<u64>,
    pub(super) anomalies: Option<u64>,
    /// Kinds of those that are explained.
    pub(super) kinds: BTreeSet<String>,
    /// What is wrong with its files; empty if nothing is.
    pub(super) trouble: String,
}

/// Tells whether a file is still the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// What an entry was made of: as long as it is the same, so is the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    results: Option<FileStamp>,
    record: Option<FileStamp>,
    is_quiet: bool,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Judged(standing) => standing.word(),
            Self::Running => "Running",
            Self::Unfinished => "Unfinished",
            Self::Damaged => "Damaged",
        }
    }

    /// A sign that needs no colour.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Judged(standing) => standing.sign(),
            Self::Running => "▸",
            Self::Unfinished => "–",
            Self::Damaged => "‼",
        }
    }

    /// In a query, in data, and as a class in the style sheet.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Judged(Standing::Valid) => "valid",
            Self::Judged(Standing::Unknown) => "unknown",
            Self::Judged(Standing::Invalid) => "invalid",
            Self::Judged(Standing::Failed) => "failed",
            Self::Running => "running",
            Self::Unfinished => "unfinished",
            Self::Damaged => "damaged",
        }
    }

    /// All of them, what has to be looked at first in front.
    pub(super) fn all() -> [Self; 7] {
        let judged = [Standing::Invalid, Standing::Failed, Standing::Unknown, Standing::Valid];
        let [invalid, failed, unknown, valid] = judged.map(Self::Judged);
        [invalid, failed, unknown, valid, Self::Running, Self::Unfinished, Self::Damaged]
    }
}

impl Stamp {
    /// Costs one look at a file of a run that was judged, a few more of another.
    pub(super) fn of(folder: &Path, now: SystemTime) -> Self {
        let results = FileStamp::of(&folder.join(RESULTS));
        if results.is_some() {
            return Self { results, record: None, is_quiet: true };
        }
        let record = FileStamp::of(&folder.join(record::FILE));
        Self { results, record, is_quiet: is_quiet(folder, now) }
    }
}

impl FileStamp {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let data = path.symlink_metadata().ok()?;
        let (inode, bytes, modified) = (data.ino(), data.len(), data.modified().ok());
        Some(Self { inode, bytes, modified })
    }
}

/// Whether nothing was written to the run for a while.
fn is_quiet(folder: &Path, now: SystemTime) -> bool {
    let written = [LIVE_HISTORY, "perjury.log", record::FILE, SEALED_HISTORY, ""].map(|name| {
        let data = folder.join(name).symlink_metadata();
        data.and_then(|data| data.modified()).ok()
    });
    // What was written in the future was written just now, by another clock.
    let age = |written: SystemTime| now.duration_since(written).unwrap_or_default();
    written.into_iter().flatten().all(|written| age(written) > QUIET)
}

/// What a list needs of `results.json`.
#[derive(Deserialize)]
struct Judged {
    version: u32,
    verdict: Verdict,
    exit_code: u8,
    name: String,
    database: String,
    workload: String,
    #[serde(default)]
    seed: u64,
    started: jiff::Timestamp,
    duration_ns: u64,
    #[serde(default)]
    options: BTreeMap<String, String>,
    #[serde(default)]
    operations: BTreeMap<String, Called>,
    #[serde(default)]
    faults: Vec<Asked>,
    #[serde(default)]
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Called {
    invoked: u64,
}

#[derive(Deserialize)]
struct Asked {
    f: String,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    anomalies: Vec<Kind>,
    #[serde(default)]
    anomaly_count: u64,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// What a list needs of `plan.toml`, of whatever version.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Planned {
    name: String,
    database: String,
    workload: String,
    seed: Option<u64>,
    nemesis: Vec<String>,
}

/// What a list needs of `run.json`.
#[derive(Deserialize)]
struct Begun {
    started: jiff::Timestamp,
}

impl Entry {
    /// Looks at the run in `folder`. Whatever is wrong with it, there is an entry.
    pub(super) fn read(address: Address, folder: &Path, stamp: Stamp) -> Self {
        if stamp.results.is_none() {
            let state = if stamp.is_quiet { State::Unfinished } else { State::Running };
            return Self::planned(address, folder, state, String::new());
        }
        let trouble = match files::read(&folder.join(RESULTS), RESULTS_MAX) {
            Ok(bytes) => match serde_json::from_slice::<Judged>(&bytes) {
                Ok(judged) if judged.version == VERSION => return Self::judged(address, judged),
                Ok(judged) => format!(
                    "its results have version {}, and this Perjury reads version {VERSION}",
                    judged.version
                ),
                Err(error) => format!("its results cannot be read: {error}"),
            },
            Err(why) => format!("its results cannot be read: {why}"),
        };
        Self::planned(address, folder, State::Damaged, trouble)
    }

    fn judged(address: Address, judged: Judged) -> Self {
        let standing = match judged.verdict {
            Verdict::Invalid => Standing::Invalid,
            _ if judged.exit_code == exit::HARNESS => Standing::Failed,
            Verdict::Unknown => Standing::Unknown,
            Verdict::Valid => Standing::Valid,
        };
        let asked = judged.options.get("nemesis").map_or("", String::as_str).split(',');
        let mut faults: BTreeSet<String> = asked.map(short).collect();
        faults.retain(|name| !name.is_empty() && name != "none");
        if faults.is_empty() {
            faults = judged.faults.iter().map(|fault| short(&fault.f)).collect();
        }
        let count = |found: &Found| found.anomaly_count.max(found.anomalies.len() as u64);
        let anomalies = judged.findings.iter().flat_map(|found| &found.anomalies);
        Self {
            address,
            state: State::Judged(standing),
            name: short(&judged.name),
            database: short(&judged.database),
            workload: short(&judged.workload),
            faults: faults.into_iter().collect(),
            seed: Some(judged.seed),
            started: Some(judged.started),
            duration_ns: Some(judged.duration_ns),
            operations: Some(judged.operations.values().map(|called| called.invoked).sum()),
            anomalies: Some(judged.findings.iter().map(count).sum()),
            kinds: anomalies.map(|anomaly| short(&anomaly.kind)).collect(),
            trouble: String::new(),
        }
    }

    /// A run of which no more is known than what was planned, if that.
    fn planned(address: Address, folder: &Path, state: State, trouble: String) -> Self {
        let plan = files::read(&folder.join(crate::analysis::PLAN), 1 << 20).ok();
        let plan = plan.and_then(|bytes| toml::from_str(&String::from_utf8_lossy(&bytes)).ok());
        let plan: Planned = plan.unwrap_or_default();
        let begun: Option<Begun> = json(&folder.join(record::FILE));
        let name = if plan.name.is_empty() { address.name() } else { &plan.name };
        let mut faults: Vec<String> = plan.nemesis.iter().map(|name| short(name)).collect();
        faults.sort_unstable();
        Self {
            state,
            name: short(name),
            database: short(&plan.database),
            workload: short(&plan.workload),
            faults,
            seed: plan.seed,
            started: begun.map(|begun| begun.started).or(by_folder(address.time())),
            duration_ns: None,
            operations: None,
            anomalies: None,
            kinds: BTreeSet::new(),
            trouble,
            address,
        }
    }
}

/// When a run began, as its folder says, in this machine's time zone.
fn by_folder(time: &str) -> Option<jiff::Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S.%f", time).ok()?;
    time.to_zoned(jiff::tz::TimeZone::system()).ok().map(|zoned| zoned.timestamp())
}

/// None if it is not there or is something else.
fn json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&files::read(path, RESULTS_MAX).ok()?).ok()
}

fn short(text: &str) -> String {
    crate::report::text::elide(text, TEXT_MAX).into_owned()
}
