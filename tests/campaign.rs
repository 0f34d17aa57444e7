//! `perjury campaign` and `perjury merge`, with real local clusters and short cells.

mod common;

use common::{Bench, PERJURY, Ran};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Cells that take a few seconds each.
const DEFAULTS: &str = r#"
name = "short"
seed = 5
[defaults]
database = "demo"
node-count = 3
time-limit = "2s"
rate = 100
nemesis = "none"
"#;

fn campaign(bench: &Bench, matrix: &str, flags: &[&str]) -> Ran {
    let file = bench.dir.path().join("nightly.toml");
    fs::write(&file, format!("{DEFAULTS}{matrix}")).expect("a campaign's file");
    bench.run(&[&["campaign", "nightly.toml"], flags].concat())
}

/// The folder of the newest campaign.
fn folder(bench: &Bench) -> PathBuf {
    let parent = bench.store().join("campaigns/short");
    let entries = fs::read_dir(&parent).unwrap_or_else(|error| panic!("{parent:?}: {error}"));
    let folders = entries.flatten().map(|entry| entry.path());
    let is_real = |path: &PathBuf| path.is_dir() && !path.is_symlink();
    folders.filter(is_real).max().expect("a campaign's folder")
}

fn record(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("campaign.json")).expect("campaign.json");
    serde_json::from_str(&text).expect("campaign.json is JSON")
}

/// Each cell's outcome and how often it was run.
fn outcomes(folder: &Path) -> Vec<(String, usize)> {
    let record = record(folder);
    let cells = record["cells"].as_array().expect("cells");
    let told = |cell: &Value| {
        let outcome = cell["outcome"].as_str().unwrap_or_default().to_owned();
        (outcome, cell["attempts"].as_array().map_or(0, Vec::len))
    };
    cells.iter().map(told).collect()
}

#[test]
fn every_outcome_is_told_and_infrastructure_is_tried_again() {
    let bench = Bench::beside_others();
    let matrix = r#"
[[matrix]]
workload = "register"
[[matrix]]
workload = "set"
set.deaf = "true"
ready-limit = "1s"
[[matrix]]
workload = "set"
expect = "anomaly"
[[matrix]]
bug = "lost-cas"
rate = 600
keys = 2
time-limit = "5s"
expect = ["lost-update", "lost-write", "stale-read", "nonlinearizable"]
"#;
    let ran = campaign(&bench, matrix, &[]);
    let folder = folder(&bench);
    let expected = [("passed", 1), ("infrastructure", 2), ("vanished", 1), ("known-anomaly", 1)];
    let expected: Vec<(String, usize)> =
        expected.iter().map(|(word, times)| ((*word).to_owned(), *times)).collect();
    assert_eq!(outcomes(&folder), expected, "{}\n{}", ran.stdout, ran.stderr);
    // The worst of these is that the infrastructure failed.
    ran.expect_code(3);
    for file in ["campaign.html", "junit.xml", "summary.md", "campaign.jsonl"] {
        assert!(folder.join(file).is_file(), "{file} is not there");
    }
    let junit = fs::read_to_string(folder.join("junit.xml")).expect("junit.xml");
    assert!(junit.contains(r#"tests="4" failures="0" errors="2""#), "{junit}");
    let cells = record(&folder);
    let run = cells["cells"][0]["attempts"][0]["run"].as_str().expect("the run's folder");
    assert!(folder.join(run).join("report.html").is_file());
}

#[test]
fn a_campaign_that_was_killed_goes_on_and_repeats_nothing() {
    let bench = Bench::beside_others();
    let matrix = "[[matrix]]\nworkload = [\"register\", \"set\", \"list-append\"]\n";
    let file = bench.dir.path().join("nightly.toml");
    fs::write(&file, format!("{DEFAULTS}{matrix}")).expect("a campaign's file");
    let mut child = bench
        .command(&["campaign", "nightly.toml", "--json"])
        .stdout(Stdio::null())
        .spawn()
        .expect("a campaign");
    let deadline = Instant::now() + Duration::from_secs(120);
    // In the middle of the second cell.
    let journal = || fs::read_to_string(folder(&bench).join("campaign.jsonl")).unwrap_or_default();
    while !bench.store().join("campaigns/short").exists() || journal().lines().count() < 1 {
        assert!(Instant::now() < deadline, "no cell was finished");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(1));
    child.kill().expect("killed");
    child.wait().expect("ended");
    let folder = folder(&bench);
    let torn = format!("{}{{\"cell\":\"", journal());
    fs::write(folder.join("campaign.jsonl"), torn).expect("a torn line");

    bench.run(&["campaign", "nightly.toml", "--resume"]).expect_code(0);
    let first = record(&folder)["cells"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(outcomes(&folder), vec![("passed".to_owned(), 1); 3]);
    let is_run = |name: &str| name.starts_with("20");
    let runs = fs::read_dir(folder.join("cells").join(first)).expect("runs").flatten();
    let runs = runs.filter(|run| is_run(&run.file_name().to_string_lossy())).count();
    assert_eq!(runs, 1, "a finished cell was run again");

    let again = bench.run(&["campaign", "nightly.toml", "--resume"]);
    again.expect_code(0);
    assert_eq!(outcomes(&folder), vec![("passed".to_owned(), 1); 3]);
    fs::write(&file, format!("{DEFAULTS}keys = 3\n{matrix}")).expect("another matrix");
    let refused =
        bench.run(&["campaign", "nightly.toml", "--resume", folder.to_str().expect("UTF-8")]);
    refused.expect_code(254).expect_error("the matrix is another one");
}

/// A campaign without what differs from one time to the next.
fn timeless(folder: &Path) -> Value {
    let mut record = record(folder);
    let cells = record["cells"].as_array_mut().expect("cells");
    for cell in cells {
        for attempt in cell["attempts"].as_array_mut().expect("attempts") {
            for key in ["started", "seconds", "run", "figures"] {
                attempt.as_object_mut().expect("an attempt").remove(key);
            }
        }
    }
    for key in ["started", "ended"] {
        record.as_object_mut().expect("a campaign").remove(key);
    }
    record
}

#[test]
fn shards_put_together_are_the_whole() {
    let bench = Bench::beside_others();
    let matrix =
        "[[matrix]]\nworkload = [\"register\", \"set\"]\n[[matrix]]\nworkload = \"list-append\"\n";
    campaign(&bench, matrix, &["--dry-run"]).expect_code(0);
    let begin = |arguments: &[&str]| {
        let arguments = [&["campaign", "nightly.toml"], arguments].concat();
        let mut command = bench.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a campaign")
    };
    let running = [
        begin(&["--store", "whole"]),
        begin(&["--store", "part1", "--shard", "1/3"]),
        begin(&["--store", "part2", "--shard", "2/3"]),
        begin(&["--store", "part3", "--shard", "3/3"]),
    ];
    for campaign in running {
        let ended = campaign.wait_with_output().expect("a campaign");
        Ran::new(&ended, Duration::ZERO).expect_code(0);
    }
    let at = |store: &str| {
        let parent = bench.dir.path().join(store).join("campaigns/short");
        let entries = fs::read_dir(parent).expect("campaigns").flatten();
        let folder = entries.map(|entry| entry.path()).find(|path| !path.is_symlink());
        folder.expect("a campaign")
    };
    let parts: Vec<String> =
        (1..=3).map(|part| at(&format!("part{part}")).display().to_string()).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let merge = |parts: &[&str], output: &str| {
        bench.run(&[&["merge"], parts, &["--output", output]].concat())
    };
    merge(&parts, "merged").expect_code(0);
    let merged = bench.dir.path().join("merged");
    assert_eq!(timeless(&merged), timeless(&at("whole")));
    assert!(merged.join("campaign.html").is_file());
    let run = record(&merged)["cells"][2]["attempts"][0]["run"].as_str().expect("a run").to_owned();
    assert!(merged.join(run).join("report.html").is_file());
    merge(&parts[..2], "incomplete").expect_code(254).expect_error("3");
    merge(&[parts[0], parts[0], parts[1]], "twice").expect_code(254);
}

#[test]
fn what_is_wrong_with_a_file_is_told_before_anything_runs() {
    let bench = Bench::beside_others();
    for (matrix, error) in [
        ("[[matrix]]\nworkloads = \"set\"\n", "nightly.toml:11"),
        ("[[matrix]]\nworkload = \"sett\"\n", "Did you mean `set`"),
        ("[[matrix]]\nworkload = \"set\"\nexpect = \"green\"\n", "nightly.toml:12"),
        ("[[matrix]]\nworkload = \"set\"\nrate = \"fast\"\n", "fast"),
        ("[[matrix]]\nworkload = \"set\"\nstore = \"x\"\n", "the campaign itself"),
        ("", "matrix"),
    ] {
        campaign(&bench, matrix, &[]).expect_code(254).expect_error(error);
    }
    assert!(!bench.store().join("campaigns").exists(), "something was run");
    let fine = "[[matrix]]\nworkload = \"set\"\n";
    campaign(&bench, fine, &["--shard", "4/3"]).expect_code(254);
    campaign(&bench, fine, &["--only", "etcd"]).expect_code(254).expect_error("demo-set");
    let missing = Command::new(PERJURY).args(["campaign", "/nowhere.toml"]).output();
    Ran::new(&missing.expect("the binary runs"), Duration::ZERO).expect_code(254);
}

/// Waits until `done`, and not for ever.
#[track_caller]
fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "it did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn ctrl_c_and_a_used_up_budget_leave_cells_for_later_and_one_process_runs_a_campaign() {
    let bench = Bench::beside_others();
    let matrix = "[[matrix]]\nworkload = [\"register\", \"set\"]\n";
    let file = bench.dir.path().join("nightly.toml");
    fs::write(&file, format!("{DEFAULTS}{matrix}")).expect("a campaign's file");
    let mut child = bench
        .command(&["campaign", "nightly.toml"])
        .stdout(Stdio::null())
        .spawn()
        .expect("a campaign");
    let cells = bench.store().join("campaigns/short/latest/cells/latest/run.json");
    let running = || cells.parent().is_some_and(Path::exists);
    wait_until(running);
    bench.run(&["campaign", "nightly.toml", "--resume"]).expect_code(3).expect_error("another");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("interrupted");
    assert_eq!(child.wait().expect("ended").code(), Some(2));
    let folder = folder(&bench);
    assert_eq!(outcomes(&folder), [("not-run".to_owned(), 1), ("not-run".to_owned(), 0)]);
    assert!(record(&folder)["ended"].is_null(), "it has not ended");
    assert!(folder.join("campaign.html").is_file());

    // Once the budget is used up no cell is begun; one that runs is not cut short.
    let ran = bench.run(&["campaign", "nightly.toml", "--resume", "--budget", "0s"]);
    ran.expect_code(2);
    assert!(ran.stdout.contains("the budget is used up"), "{}", ran.stdout);
    assert_eq!(outcomes(&folder), [("not-run".to_owned(), 1), ("not-run".to_owned(), 0)]);
    bench.run(&["campaign", "nightly.toml", "--resume", "--budget", "2s"]).expect_code(2);
    assert_eq!(outcomes(&folder), [("passed".to_owned(), 2), ("not-run".to_owned(), 0)]);
    bench.run(&["campaign", "nightly.toml", "--resume"]).expect_code(0);
    assert_eq!(outcomes(&folder), [("passed".to_owned(), 2), ("passed".to_owned(), 1)]);
}

#[test]
fn a_cell_that_does_not_end_is_killed_and_counts_as_infrastructure() {
    let bench = Bench::beside_others();
    let matrix = r#"
check-limit = "1s"
recovery-limit = "1s"
[[matrix]]
workload = "set"
set.deaf = true
ready-limit = "60s"
"#;
    let file = bench.dir.path().join("nightly.toml");
    let head = DEFAULTS.replace("seed = 5", "seed = 5\nretries = 0\nsetup-limit = \"1s\"");
    fs::write(&file, format!("{head}{matrix}")).expect("a campaign's file");
    let ran = bench.run(&["campaign", "nightly.toml"]);
    ran.expect_code(3);
    assert!(ran.took < Duration::from_secs(30), "it took {:?}", ran.took);
    let folder = folder(&bench);
    assert_eq!(outcomes(&folder), [("infrastructure".to_owned(), 1)]);
    let attempt = &record(&folder)["cells"][0]["attempts"][0];
    assert!(attempt["exit_code"].is_null(), "{attempt}");
    assert!(attempt["reason"].as_str().is_some_and(|why| why.contains("not done")), "{attempt}");
}
