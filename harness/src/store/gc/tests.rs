//! Sweeps over a store of small made-up runs and campaigns.

use super::*;
use crate::campaign::record::{Attempt, Campaign, Cell, Expected, Outcome, VERSION};
use perjury_checkers::Verdict;
use std::fs;

const NOW: &str = "2026-03-11T12:00:00Z";

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    Bench { _folder: folder, store }
}

fn now() -> jiff::Timestamp {
    NOW.parse().unwrap()
}

/// A name as the store gives it to a run that began so many days before now.
fn time(days: i64) -> String {
    let when = now() - jiff::SignedDuration::from_hours(24 * days);
    super::super::layout::time_name(&when.to_zoned(jiff::tz::TimeZone::UTC), 0)
}

const ALL: Limits = Limits { keep_passes: usize::MAX, max_age: None, max_size: None };

impl Bench {
    /// A run of a thousand bytes and a few.
    fn run(&self, name: &str, days: i64, verdict: &str) -> PathBuf {
        let path = self.store.root().join(name).join(time(days));
        write_run(&path, days, verdict, true);
        path
    }

    fn sweep(&self, limits: Limits) -> Sweep {
        plan(&self.store, limits, now()).unwrap()
    }

    fn reason(&self, limits: Limits, path: &Path) -> String {
        let sweep = self.sweep(limits);
        let removed = sweep.removed.iter().find(|run| run.path == path);
        let kept = sweep.kept.iter().find(|run| run.path == path);
        match (removed, kept) {
            (Some(run), None) => format!("{:?}", run.reason),
            (None, Some(run)) => format!("{:?}", run.reason),
            other => format!("{other:?}"),
        }
    }

    /// A night of a campaign with these cells; a run for each attempt.
    fn night(&self, days: i64, cells: &[(&str, Outcome, &[&str])]) -> PathBuf {
        let folder = self.store.root().join("campaigns/nightly").join(time(days));
        let cells = cells.iter().map(|(id, outcome, verdicts)| {
            let attempts = verdicts.iter().enumerate().map(|(number, verdict)| {
                let run = format!("cells/{id}/{}{}", &time(days)[..18], number);
                write_run(&folder.join(&run), days, verdict, true);
                attempt(run)
            });
            cell(id, *outcome, attempts.collect())
        });
        write_campaign(&folder, days, cells.collect(), true);
        folder
    }
}

fn write_run(path: &Path, days: i64, verdict: &str, ended: bool) {
    fs::create_dir_all(path.join("n1")).unwrap();
    let started = now() - jiff::SignedDuration::from_hours(24 * days);
    let record = serde_json::json!({"started": started, "ended": ended, "tool": "perjury 0.1.0"});
    fs::write(path.join("run.json"), record.to_string()).unwrap();
    if !verdict.is_empty() {
        let results = serde_json::json!({"verdict": verdict, "version": 1});
        fs::write(path.join("results.json"), results.to_string()).unwrap();
    }
    fs::write(path.join("n1/db.log"), [b'x'; 1000]).unwrap();
}

fn attempt(run: String) -> Attempt {
    Attempt {
        started: now(),
        seconds: 1.0,
        exit_code: None,
        verdict: Some(Verdict::Valid),
        run: Some(run),
        anomalies: BTreeMap::new(),
        reason: None,
        figures: None,
        reached: BTreeMap::new(),
    }
}

fn cell(id: &str, outcome: Outcome, attempts: Vec<Attempt>) -> Cell {
    let (id, axes) = (id.to_owned(), BTreeMap::new());
    Cell { id, position: 0, axes, seed: 1, expected: Expected::Valid, outcome, attempts }
}

fn write_campaign(folder: &Path, days: i64, cells: Vec<Cell>, ended: bool) {
    let started = now() - jiff::SignedDuration::from_hours(24 * days);
    let campaign = Campaign {
        version: VERSION,
        tool: "perjury 0.1.0".to_owned(),
        host: "here".to_owned(),
        name: "nightly".to_owned(),
        seed: 1,
        matrix: "m".to_owned(),
        started,
        ended: ended.then_some(started),
        shard: None,
        cells,
    };
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("campaign.json"), serde_json::to_vec(&campaign).unwrap()).unwrap();
}

#[test]
fn of_each_test_the_newest_passing_runs_stay() {
    let bench = bench();
    let old: Vec<PathBuf> = (1..=5).map(|days| bench.run("register", days, "valid")).collect();
    let other = bench.run("bank", 9, "valid");
    // A failure between them is none of the two.
    let failure = bench.run("register", 0, "invalid");
    let sweep = bench.sweep(Limits { keep_passes: 2, ..ALL });
    let mut expected = old[2..].to_vec();
    expected.sort();
    let removed: Vec<PathBuf> = sweep.removed.iter().map(|run| run.path.clone()).collect();
    assert_eq!(removed, expected);
    assert!(sweep.removed.iter().all(|run| run.reason == Drop::TooMany && run.bytes > 1000));
    assert!(carry_out(&bench.store, &sweep).is_empty());
    assert!(old[0].exists() && old[1].exists() && other.exists() && failure.exists());
    assert!(old[2..].iter().all(|path| !path.exists()));
    assert_eq!(bench.sweep(Limits { keep_passes: 2, ..ALL }).removed, []);
    assert_eq!(bench.sweep(ALL).size, sweep.size - sweep.freed());
}

#[test]
fn what_did_not_pass_is_never_removed() {
    let bench = bench();
    let none = Limits { keep_passes: 0, max_age: Some(Duration::ZERO), max_size: Some(0) };
    for (days, verdict) in [(1, "invalid"), (2, "unknown"), (3, ""), (4, "nonsense")] {
        let path = bench.run("register", days, verdict);
        assert_eq!(bench.reason(none, &path), "NotPassing", "{verdict}");
    }
    let foreign = bench.run("register", 5, "valid");
    fs::remove_file(foreign.join("run.json")).unwrap();
    assert_eq!(bench.reason(none, &foreign), "NotRecognised");
    let notes = bench.store.root().join("register/my-notes");
    fs::create_dir_all(&notes).unwrap();
    let sweep = bench.sweep(none);
    assert_eq!(sweep.removed, []);
    carry_out(&bench.store, &sweep);
    assert!(notes.exists());
}

#[test]
fn a_run_that_may_be_going_on_stays() {
    let bench = bench();
    let none = Limits { keep_passes: 0, ..ALL };
    let path = bench.run("register", 3, "valid");
    write_run(&path, 3, "valid", false);
    // Its files were written just now, in 2026 or whenever this test runs.
    let touch = |when: jiff::Timestamp| {
        let times = fs::FileTimes::new().set_modified(when.into());
        for file in
            [path.join("run.json"), path.join("results.json"), path.join("n1"), path.clone()]
        {
            fs::File::open(file).unwrap().set_times(times).unwrap();
        }
    };
    touch(now() - jiff::SignedDuration::from_hours(3));
    assert_eq!(bench.reason(none, &path), "GoingOn");
    touch(now() + jiff::SignedDuration::from_hours(3));
    assert_eq!(bench.reason(none, &path), "GoingOn");
    touch(now() - jiff::SignedDuration::from_hours(30));
    assert_eq!(bench.reason(none, &path), "TooMany");
}

#[test]
fn what_latest_links_to_stays() {
    let bench = bench();
    let none = Limits { keep_passes: 0, max_age: Some(Duration::ZERO), max_size: Some(0) };
    let when = now().to_zoned(jiff::tz::TimeZone::UTC);
    for name in ["register", "bank"] {
        bench.run(name, 1, "valid");
        let path = bench.store.create_run(name, &when).unwrap().path().to_owned();
        write_run(&path, 0, "valid", true);
        assert_eq!(bench.reason(none, &path), "Latest");
    }
    assert_eq!(bench.sweep(none).removed.len(), 2);
}

#[test]
fn age_and_size_are_limits_too() {
    let bench = bench();
    let paths: Vec<PathBuf> = [1, 10, 40]
        .into_iter()
        .flat_map(|days| ["a", "b"].map(|name| bench.run(name, days, "valid")))
        .collect();
    let month = Limits { max_age: Some(Duration::from_secs(30 * 86_400)), ..ALL };
    let sweep = bench.sweep(month);
    assert_eq!(sweep.removed.len(), 2);
    assert!(sweep.removed.iter().all(|run| run.reason == Drop::TooOld));
    assert!(paths[4..].iter().all(|path| sweep.removed.iter().any(|run| run.path == *path)));
    let half = Limits { max_size: Some(sweep.size / 2), ..ALL };
    let sweep = bench.sweep(half);
    assert_eq!(sweep.removed.len(), 3, "{sweep:?}");
    assert!(sweep.removed.iter().all(|run| run.reason == Drop::TooLarge));
    assert!(paths[..2].iter().all(|path| sweep.kept.iter().any(|run| run.path == *path)));
    assert_eq!(bench.sweep(Limits { max_size: Some(sweep.size), ..ALL }).removed, []);
}

#[test]
fn of_campaigns_only_runs_of_good_cells_go_and_the_record_stays() {
    use Outcome::{Anomaly, KnownAnomaly, Passed};
    let bench = bench();
    let nights: Vec<PathBuf> = (1..=3)
        .map(|days| {
            bench.night(
                days,
                &[
                    ("good", Passed, &["", "valid"]),
                    ("known", KnownAnomaly, &["invalid"]),
                    ("bad", Anomaly, &["invalid"]),
                    ("lying", Passed, &["invalid"]),
                ],
            )
        })
        .collect();
    fs::write(nights[2].join("summary.md"), "words").unwrap();
    let sweep = bench.sweep(Limits { keep_passes: 0, ..ALL });
    let of = |id: &str| {
        let inside = |run: &&Dropped| run.path.to_string_lossy().contains(&format!("/{id}/"));
        sweep.removed.iter().filter(inside).count()
    };
    // The first try of a good cell failed and stays; of the known anomaly the newest stays.
    assert_eq!([of("good"), of("known"), of("bad"), of("lying")], [3, 2, 0, 0]);
    assert!(carry_out(&bench.store, &sweep).is_empty());
    assert!(nights[0].join("cells/known").exists());
    assert!(!nights[1].join("cells/known").exists(), "its folder was empty");
    assert!(nights[2].join("campaign.json").exists() && nights[2].join("summary.md").exists());
    assert_eq!(bench.store.runs().unwrap(), [], "a campaign is no test");
    assert_eq!(bench.sweep(Limits { keep_passes: 0, ..ALL }).removed, []);
}

#[test]
fn a_campaign_that_goes_on_or_means_other_folders_loses_nothing() {
    let bench = bench();
    let none = Limits { keep_passes: 0, ..ALL };
    let folder = bench.night(2, &[("good", Outcome::Passed, &["valid"])]);
    let run = format!("cells/good/{}0", &time(2)[..18]);
    write_campaign(&folder, 2, vec![cell("good", Outcome::Passed, vec![attempt(run)])], false);
    let record = fs::File::open(folder.join("campaign.json")).unwrap();
    record.set_times(fs::FileTimes::new().set_modified(now().into())).unwrap();
    let kept: Vec<Keep> = bench.sweep(none).kept.iter().map(|run| run.reason).collect();
    assert_eq!(kept, [Keep::GoingOn]);
    let elsewhere = bench.run("register", 2, "invalid");
    let up = format!("cells/../../../../register/{}", time(2));
    for outside in [up, elsewhere.display().to_string(), "cells/good/notes".to_owned()] {
        let attempts = vec![attempt(outside)];
        write_campaign(&folder, 2, vec![cell("good", Outcome::KnownAnomaly, attempts)], true);
        assert_eq!(bench.sweep(none).removed, []);
    }
    fs::write(folder.join("campaign.json"), "{").unwrap();
    assert_eq!(bench.sweep(none).removed, []);
}

#[test]
fn links_are_not_followed_and_leftovers_go() {
    let bench = bench();
    let outside = bench.store.root().parent().unwrap().join("outside");
    write_run(&outside, 9, "valid", true);
    let folder = bench.store.root().join("register");
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join(time(9))).unwrap();
    let run = bench.run("register", 8, "valid");
    std::os::unix::fs::symlink(&outside, run.join("link")).unwrap();
    let leftover = folder.join(format!("{LEFTOVER}{}", time(20)));
    fs::create_dir_all(leftover.join("n1")).unwrap();
    let sweep = bench.sweep(Limits { keep_passes: 0, ..ALL });
    assert_eq!(sweep.removed.len(), 1);
    assert!(carry_out(&bench.store, &sweep).is_empty());
    assert!(!run.exists() && !leftover.exists() && outside.join("run.json").exists());
}
