//! A campaign of three databases, three workloads and four faults, with nights before it.

use crate::campaign::record::*;
use perjury_checkers::Verdict;
use std::collections::BTreeMap;

const DATABASES: [&str; 3] = ["demo", "etcd", "zookeeper"];
const WORKLOADS: [&str; 3] = ["register", "list-append", "bank"];
const FAULTS: [&str; 4] = ["none", "kill", "partition", "kill+partition"];

/// When the campaign of that night began.
pub(super) fn night_of(number: i64) -> jiff::Timestamp {
    let first: jiff::Timestamp = "2026-03-01T02:00:03Z".parse().unwrap();
    first + jiff::SignedDuration::from_hours(24 * number)
}

/// Tonight, and ten nights before it, oldest first.
pub(super) fn campaigns() -> (Campaign, Vec<Campaign>) {
    let earlier = (0..10).map(|number| campaign(number, false)).collect();
    (campaign(10, true), earlier)
}

/// A cell that passed.
pub(super) fn cell(id: &str, outcome: Outcome) -> Cell {
    let axes = [("database", "demo"), ("workload", "register"), ("nemesis", "kill")];
    let mut cell = Cell {
        id: id.to_owned(),
        position: 0,
        axes: axes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        seed: 7,
        expected: Expected::Valid,
        outcome,
        attempts: Vec::new(),
    };
    if outcome != Outcome::NotRun {
        cell.attempts.push(attempt(id, 0, 1.0));
    }
    come_to(&mut cell);
    cell
}

/// A campaign of these cells alone.
pub(super) fn of(cells: Vec<Cell>, number: i64) -> Campaign {
    Campaign { cells, ..campaign(number, false) }
}

fn campaign(number: i64, tonight: bool) -> Campaign {
    let mut cells = Vec::new();
    for database in DATABASES {
        for workload in WORKLOADS {
            for nemesis in FAULTS {
                let position = cells.len();
                let mut cell = one(number, position, [database, workload, nemesis]);
                if tonight {
                    break_some(&mut cell);
                } else if position == 18 && number > 7 {
                    cell.outcome = Outcome::Anomaly;
                } else if (position + number as usize * 7).is_multiple_of(61) {
                    cell.outcome = Outcome::Infrastructure;
                }
                come_to(&mut cell);
                cells.push(cell);
            }
        }
    }
    Campaign {
        version: VERSION,
        tool: "perjury 0.1.0".to_owned(),
        host: "Linux 6.12.0 x86_64, 8 CPUs".to_owned(),
        name: "nightly".to_owned(),
        seed: 20_260_301 + number as u64,
        matrix: "5f2b7c0e9d".repeat(6),
        started: night_of(number),
        ended: Some(night_of(number) + jiff::SignedDuration::from_secs(2143)),
        shard: None,
        cells,
    }
}

fn one(number: i64, position: usize, [database, workload, nemesis]: [&str; 3]) -> Cell {
    let id = format!("{database}-{workload}-{nemesis}-1");
    let mut axes: BTreeMap<String, String> =
        [("database", database), ("workload", workload), ("nemesis", nemesis), ("repeat", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    if database == "etcd" && workload == "register" {
        axes.insert("read".to_owned(), "serializable".to_owned());
    }
    // A little up and down, the same every time.
    let wave = 1.0 + 0.08 * f64::from((number as i32 * 5 + position as i32 * 3) % 7 - 3) / 3.0;
    let is_stale = axes.contains_key("read") && nemesis != "none";
    Cell {
        position,
        seed: 11_400_714_819_323_198_485_u64.wrapping_mul(position as u64 + 1),
        expected: match is_stale {
            true => Expected::Anomaly(vec!["stale-read".to_owned()]),
            false => Expected::Valid,
        },
        outcome: if is_stale { Outcome::KnownAnomaly } else { Outcome::Passed },
        attempts: vec![attempt(&id, number, wave)],
        axes,
        id,
    }
}

fn attempt(id: &str, number: i64, wave: f64) -> Attempt {
    Attempt {
        started: night_of(number),
        seconds: 47.25 * wave,
        exit_code: Some(0),
        verdict: Some(Verdict::Valid),
        run: Some(format!("cells/{id}/20260311T020{:03}.000", 100 + number)),
        anomalies: BTreeMap::new(),
        reason: None,
        figures: Some(Figures {
            operations: 6000,
            ok: (5400.0 * wave) as u64,
            ok_per_second: 180.0 * wave,
            median_ms: 2.1 * wave,
            p99_ms: 31.0 / wave,
            recovery_s: id.contains("kill").then_some(1.9 * wave),
            faults: 6,
        }),
        reached: BTreeMap::new(),
    }
}

/// Every outcome at least once.
fn break_some(cell: &mut Cell) {
    match cell.position {
        6 => cell.outcome = Outcome::Infrastructure,
        9 => {
            let failed =
                Attempt { figures: None, verdict: None, run: None, ..cell.attempts[0].clone() };
            let reason = Some("cluster: no route to host n3: check its network".to_owned());
            cell.attempts.insert(0, Attempt { reason, exit_code: Some(3), ..failed });
        }
        13 => cell.outcome = Outcome::Vanished,
        18 | 22 => cell.outcome = Outcome::Anomaly,
        25 => cell.outcome = Outcome::Unknown,
        29 => cell.outcome = Outcome::Misconfigured,
        30 => cell.outcome = Outcome::Bug,
        34 | 35 => {
            cell.outcome = Outcome::NotRun;
            cell.attempts.clear();
        }
        4 => {
            let figures = cell.attempts[0].figures.as_mut().unwrap();
            figures.p99_ms *= 2.4;
            figures.ok_per_second *= 0.55;
        }
        7 => cell.attempts[0].figures.as_mut().unwrap().recovery_s = Some(0.9),
        _ => {}
    }
}

/// What the last attempt says of the cell's outcome.
fn come_to(cell: &mut Cell) {
    let kind = match &*cell.axes["workload"] {
        "list-append" => "G-single",
        "bank" => "wrong-total",
        _ => "stale-read",
    };
    let outcome = cell.outcome;
    let Some(last) = cell.attempts.last_mut() else { return };
    let (verdict, reason) = match outcome {
        Outcome::Anomaly | Outcome::KnownAnomaly => {
            last.anomalies.insert(kind.to_owned(), 3);
            (
                Some(Verdict::Invalid),
                "A read of key 77 returned 1 although 2 had been written before.",
            )
        }
        Outcome::Unknown => (Some(Verdict::Unknown), "no fault was ever seen to be in place"),
        Outcome::Infrastructure => (None, "cluster: n2 does not answer on port 22"),
        Outcome::Misconfigured => (None, "--read: this database offers no choice"),
        Outcome::Bug => (None, "a panic in the checker <register> & its friends"),
        _ => return,
    };
    last.verdict = verdict;
    last.exit_code = Some(outcome.exit_code());
    last.reason = Some(reason.to_owned());
    if verdict.is_none() {
        last.figures = None;
    }
}
