//! Tests of campaigns: what a matrix becomes, and what outcomes come to.

use super::file::File;
use super::flags::Flags;
use super::judge::{judge, judge_interrupted};
use super::matrix::{self, Planned, Resolved};
use super::record::{Attempt, Campaign, Cell, Expected, Outcome, Shard};
use crate::exit::{ANOMALY, BUG, HARNESS, UNKNOWN, USAGE, Usage, VALID};
use clap::{Arg, ArgAction, Command};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn flags() -> Flags {
    let long = |name: &'static str| Arg::new(name).long(name);
    let command = Command::new("test")
        .arg(Arg::new("database"))
        .args(["workload", "nemesis", "read", "rate"].map(long))
        .arg(long("set").action(ArgAction::Append))
        .arg(long("at").action(ArgAction::Append))
        .arg(long("vagrant-up").action(ArgAction::SetTrue));
    Flags::of(&command)
}

/// What the command line would make of these arguments, near enough.
fn resolved(arguments: &[String]) -> Result<Resolved, Usage> {
    let value = |flag: &str, usual: &str| {
        let given = arguments.iter().find_map(|argument| argument.strip_prefix(flag));
        given.unwrap_or(usual).to_owned()
    };
    let database = arguments.first().filter(|first| !first.starts_with("--"));
    Ok(Resolved {
        usual: [
            database.cloned().unwrap_or_else(|| "demo".to_owned()),
            value("--workload=", "register"),
            value("--nemesis=", "kill"),
        ],
        load: Duration::from_secs(1),
        worst: Duration::from_secs(2),
    })
}

fn expand(text: &str, seed: u64) -> Result<Vec<Planned>, Usage> {
    let file = File::parse(&format!("name = \"t\"\n{text}"), "t.toml", &flags())?;
    Ok(matrix::expand(&file, seed, &flags(), &resolved)?.cells)
}

fn ids(cells: &[Planned]) -> Vec<&str> {
    cells.iter().map(|planned| &*planned.cell.id).collect()
}

const MATRIX: &str = r#"
[defaults]
vagrant-up = true
[[matrix]]
database = ["etcd", "demo"]
workload = "register"
nemesis = ["kill", "kill,partition"]
repeat = 2
[[matrix]]
workload = "set"
set.read = ["strong", "weak"]
at = ["1s kill n1", "2s kill n2"]
[[matrix.except]]
set.read = "weak"
expect = ["lost-element"]
"#;

#[test]
fn a_matrix_is_the_product_of_its_lists() {
    let cells = expand(MATRIX, 1).unwrap();
    let names = ids(&cells);
    assert_eq!(names.len(), 10, "{names:?}");
    assert!(names.contains(&"etcd-register-kill+partition-2"), "{names:?}");
    let distinct: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    let safe = |name: &&&str| name.chars().all(|c| c.is_ascii_alphanumeric() || "+-=.".contains(c));
    assert!(names.iter().all(|name| safe(&name)), "{names:?}");
    assert_eq!(
        cells[0].arguments,
        ["etcd", "--nemesis=kill", "--vagrant-up", "--workload=register"],
    );
    let weak = cells.last().unwrap();
    assert_eq!(weak.cell.expected, Expected::Anomaly(vec!["lost-element".to_owned()]));
    assert_eq!(weak.arguments.iter().filter(|word| word.starts_with("--at=")).count(), 2);
    assert!(weak.arguments.contains(&"--set=read=weak".to_owned()), "{:?}", weak.arguments);
}

#[test]
fn names_and_seeds_are_the_same_every_night() {
    let seeds = |seed| -> Vec<u64> {
        expand(MATRIX, seed).unwrap().iter().map(|planned| planned.cell.seed).collect()
    };
    assert_eq!(seeds(7), seeds(7));
    assert_ne!(seeds(7), seeds(8));
    let distinct: BTreeSet<u64> = seeds(7).into_iter().collect();
    assert_eq!(distinct.len(), 10, "cells have seeds of their own");
    // A cell keeps its name and its seed when others come before it.
    let before = expand("[[matrix]]\nworkload = \"set\"\n", 7).unwrap();
    let after = expand("[[matrix]]\nworkload = [\"queue\", \"set\"]\n", 7).unwrap();
    let (one, other) = (&before[0].cell, &after[1].cell);
    assert_eq!((&one.id, one.seed), (&other.id, other.seed));
}

#[test]
fn shards_are_disjoint_and_complete() {
    for of in 1..=12 {
        let mut held = vec![0; 10];
        for number in 1..=of {
            let shard = Shard { number, of };
            (0..10).filter(|&cell| shard.holds(cell)).for_each(|cell| held[cell] += 1);
        }
        assert_eq!(held, vec![1; 10], "{of} shards");
    }
    assert!("0/3".parse::<Shard>().is_err() && "4/3".parse::<Shard>().is_err());
}

fn attempt(exit_code: Option<u8>, kinds: &[&str]) -> Attempt {
    Attempt {
        started: jiff::Timestamp::UNIX_EPOCH,
        seconds: 1.0,
        exit_code,
        verdict: None,
        run: None,
        anomalies: kinds.iter().map(|kind| ((*kind).to_owned(), 1)).collect(),
        reason: None,
        figures: None,
        reached: BTreeMap::new(),
    }
}

#[test]
fn every_exit_code_is_judged_by_what_was_expected() {
    let any = Expected::Anomaly(Vec::new());
    let stale = Expected::Anomaly(vec!["stale-read".to_owned()]);
    let table = [
        (Some(VALID), &[][..], [Outcome::Passed, Outcome::Vanished, Outcome::Vanished]),
        (
            Some(ANOMALY),
            &["stale-read"][..],
            [Outcome::Anomaly, Outcome::KnownAnomaly, Outcome::KnownAnomaly],
        ),
        (
            Some(ANOMALY),
            &["lost-write"][..],
            [Outcome::Anomaly, Outcome::KnownAnomaly, Outcome::Anomaly],
        ),
        (
            Some(ANOMALY),
            &["lost-write", "stale-read"][..],
            [Outcome::Anomaly, Outcome::KnownAnomaly, Outcome::Anomaly],
        ),
        (Some(UNKNOWN), &[][..], [Outcome::Unknown; 3]),
        (Some(HARNESS), &[][..], [Outcome::Infrastructure; 3]),
        (Some(USAGE), &[][..], [Outcome::Misconfigured; 3]),
        (Some(BUG), &[][..], [Outcome::Bug; 3]),
        (Some(101), &[][..], [Outcome::Bug; 3]),
        (None, &[][..], [Outcome::Bug; 3]),
    ];
    for (code, kinds, outcomes) in table {
        for (expected, outcome) in [&Expected::Valid, &any, &stale].into_iter().zip(outcomes) {
            let attempt = attempt(code, kinds);
            assert_eq!(
                judge(expected, &attempt, false),
                outcome,
                "{code:?} {kinds:?} {expected:?}"
            );
            assert_eq!(judge(expected, &attempt, true), Outcome::Infrastructure);
            let interrupted = judge_interrupted(expected, &attempt);
            let kept = matches!(code, Some(VALID | ANOMALY));
            assert_eq!(interrupted, if kept { outcome } else { Outcome::NotRun });
        }
    }
}

fn of(outcomes: &[Outcome]) -> Campaign {
    let cell = |(position, outcome): (usize, &Outcome)| Cell {
        id: format!("cell-{position}"),
        position,
        axes: BTreeMap::new(),
        seed: 1,
        expected: Expected::Valid,
        outcome: *outcome,
        attempts: Vec::new(),
    };
    Campaign {
        version: super::record::VERSION,
        tool: "perjury".to_owned(),
        host: "a machine".to_owned(),
        name: "t".to_owned(),
        seed: 1,
        matrix: String::new(),
        started: jiff::Timestamp::UNIX_EPOCH,
        ended: None,
        shard: None,
        cells: outcomes.iter().enumerate().map(cell).collect(),
    }
}

#[test]
fn the_worst_cell_decides_whatever_the_others_are() {
    // As docs/nightly.md has them, the worst last.
    let order = [
        (Outcome::Passed, VALID),
        (Outcome::KnownAnomaly, VALID),
        (Outcome::NotRun, UNKNOWN),
        (Outcome::Unknown, UNKNOWN),
        (Outcome::Vanished, UNKNOWN),
        (Outcome::Infrastructure, HARNESS),
        (Outcome::Anomaly, ANOMALY),
        (Outcome::Misconfigured, USAGE),
        (Outcome::Bug, BUG),
    ];
    assert_eq!(order.len(), Outcome::ALL.len());
    for set in 1..1_u32 << order.len() {
        let members: Vec<usize> = (0..order.len()).filter(|bit| set & (1 << bit) != 0).collect();
        let mut outcomes: Vec<Outcome> = members.iter().map(|&member| order[member].0).collect();
        let worst = order[*members.last().unwrap()].1;
        assert_eq!(of(&outcomes).exit_code(), worst, "{outcomes:?}");
        outcomes.reverse();
        assert_eq!(of(&outcomes).exit_code(), worst, "{outcomes:?}");
    }
    assert_eq!(of(&[]).exit_code(), UNKNOWN, "nothing was tested");
}

#[test]
fn exceptions_that_match_nothing_and_twins_are_errors() {
    let unused =
        "[[matrix]]\nworkload = \"set\"\n[[matrix.except]]\nworkload = \"queue\"\nskip = true\n";
    assert!(expand(unused, 1).unwrap_err().0.contains("matches no cell"));
    let twice = "[[matrix]]\nworkload = \"set\"\n[[matrix]]\nworkload = \"set\"\n";
    assert!(expand(twice, 1).unwrap_err().0.contains("is there twice"));
    let skipped =
        "[[matrix]]\nworkload = \"set\"\n[[matrix.except]]\nworkload = \"set\"\nskip = true\n";
    assert!(expand(skipped, 1).unwrap_err().0.contains("no cell"));
}

#[test]
fn what_holds_for_all_cells_gives_way_to_what_a_matrix_says() {
    let text = r#"
[cluster]
hosts = ["a", "b"]
ssh_config = "config"
[defaults]
rate = 50
at = ["1s kill n1", "2s kill n2"]
[[matrix]]
workload = ["set", "queue"]
rate = 0.5
at = [["3s kill n1", "4s kill n2"], ["5s kill n1"]]
"#;
    let long = |name: &'static str| Arg::new(name).long(name);
    let repeated = ["at", "nodes"].map(|name| long(name).action(ArgAction::Append));
    let command = Command::new("test").args(["workload", "rate", "ssh-config"].map(long));
    let flags = Flags::of(&command.args(repeated));
    let file = File::parse(&format!("name = \"t\"\n{text}"), "t.toml", &flags).unwrap();
    let cells = matrix::expand(&file, 1, &flags, &resolved).unwrap().cells;
    assert_eq!(cells.len(), 4);
    let first = &cells[0].arguments;
    for argument in ["--nodes=a", "--nodes=b", "--ssh-config=config", "--rate=0.5"] {
        assert!(first.iter().any(|given| given == argument), "{argument} is not in {first:?}");
    }
    let script = |planned: &Planned| {
        let lines = planned.arguments.iter().filter_map(|argument| argument.strip_prefix("--at="));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let scripts: BTreeSet<Vec<String>> = cells.iter().map(script).collect();
    let two = vec!["3s kill n1".to_owned(), "4s kill n2".to_owned()];
    assert_eq!(scripts, BTreeSet::from([two, vec!["5s kill n1".to_owned()]]));
}

#[test]
fn names_of_cells_are_names_of_folders_and_differ_where_letters_are_lost() {
    let text = "[[matrix]]\nworkload = \"set\"\nset.word = [\"a b\", \"a-b\", \"a/b\", \"ä\", \
                \"../x\", \"very long indeed, longer than a name should be, and then longer\"]\n";
    let cells = expand(text, 1).unwrap();
    let names: BTreeSet<&str> = ids(&cells).into_iter().collect();
    assert_eq!(names.len(), 6);
    for name in names {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "._+=-".contains(c);
        assert!(name.chars().all(is_safe) && name.len() <= 100, "{name}");
    }
}

#[test]
fn a_secret_does_not_belong_into_a_campaigns_file() {
    let file = |value: &str| {
        format!("[defaults]\nset.admin-password = \"{value}\"\n[[matrix]]\nrate = 1\n")
    };
    let refused = expand(&file("hunter2hunter2"), 1).expect_err("it is refused").0;
    assert!(refused.contains("env:NAME") && !refused.contains("hunter2"), "{refused}");
    assert_eq!(expand(&file("env:ADMIN_PASSWORD"), 1).expect("it is taken").len(), 1);
}
