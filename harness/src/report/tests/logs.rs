//! Excerpts of logs: their ends, and lines around anomalies by the controller's clock.

use super::anomalies::{clean, stale_read};
use super::fixture::*;
use crate::report::clocks::ClockReading;
use crate::report::*;
use crate::store::{RunDir, Store};
use jiff::SignedDuration;

fn empty_run() -> (tempfile::TempDir, RunDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = store.create_run("set", &jiff::Zoned::now()).unwrap();
    (folder, run)
}

/// A line every 100 ms from the run's start, by a clock that is `off` seconds ahead.
fn log(run: &Run, off: i64) -> String {
    let line = |tenth: i64| {
        let passed = SignedDuration::from_millis(tenth * 100) + SignedDuration::from_secs(off);
        let time = run.results.subject.started + passed;
        format!("{time} INFO tick {tenth}\n    and its second line\n")
    };
    (0..600).map(line).collect()
}

/// The one stale read of the fixture was at 18.68 s.
const EXPECTED: std::ops::RangeInclusive<i64> = 177..=196;

fn around(run: &RunDir, made: &Run) -> Vec<logs::LogLine> {
    let mut found = logs::around_anomalies(run, &made.results, &made.history).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn excerpts_are_the_last_lines_of_every_file() {
    let (_folder, run) = empty_run();
    let made = stale_read();
    run.write("n1/demo.log", log(&made, 0).as_bytes()).unwrap();
    run.write("n2/binary.log", &[0xff, 0xfe, b'\n', b'o', b'k', 0]).unwrap();
    let found = logs::excerpts(&run, &made.results).unwrap();
    let names: Vec<&str> = found.iter().map(|excerpt| &*excerpt.file).collect();
    assert_eq!(names, ["demo.log (last lines)", "binary.log (last lines)"]);
    assert!(found[0].text.contains("tick 599\n") && !found[0].text.contains("tick 500\n"));
}

#[test]
fn lines_around_an_anomaly_are_those_of_that_second_with_what_follows_them() {
    let (_folder, run) = empty_run();
    let made = stale_read();
    run.write("n1/demo.log", log(&made, 0).as_bytes()).unwrap();
    let lines = around(&run, &made);
    let ticks: Vec<String> = lines.iter().map(|line| line.text.clone()).step_by(2).collect();
    let wanted = EXPECTED.map(|tick| format!("INFO tick {tick}"));
    assert_eq!(ticks.len(), EXPECTED.count());
    for (tick, wanted) in ticks.iter().zip(wanted) {
        assert!(tick.ends_with(&wanted), "{tick}, not {wanted}");
    }
    assert_eq!(lines[1].text.trim(), "and its second line");
}

/// The same lines by three clocks, one right, one an hour ahead, one set back in the middle.
#[test]
fn each_nodes_offset_is_taken_off() {
    let (_folder, run) = empty_run();
    let mut made = stale_read();
    let reading = |node: &str, at_s: u64, offset_s: i64| ClockReading {
        node: node.to_owned(),
        at_ns: at_s * SECOND,
        offset_ns: offset_s * SECOND as i64,
        error_ns: 1,
    };
    made.results.clocks = vec![
        reading("n1", 0, 0),
        reading("n2", 0, 3600),
        reading("n3", 0, 0),
        reading("n3", 10, -40),
    ];
    run.write("n1/demo.log", log(&made, 0).as_bytes()).unwrap();
    run.write("n2/demo.log", log(&made, 3600).as_bytes()).unwrap();
    let (right, behind) = (log(&made, 0), log(&made, -40));
    let early = right.lines().take(200);
    let set_back: Vec<&str> = early.chain(behind.lines().skip(200)).collect();
    run.write("n3/demo.log", set_back.join("\n").as_bytes()).unwrap();
    let lines = around(&run, &made);
    assert_eq!(lines.len(), 60, "the nearest of all");
    assert!(lines.is_sorted_by_key(|line| line.at_ns));
    for node in ["n1", "n2", "n3"] {
        let of_node = lines.iter().filter(|line| line.node == node);
        let ticks: Vec<&str> = of_node.filter_map(|line| line.text.split("tick ").nth(1)).collect();
        let numbers: Vec<i64> = ticks.iter().map(|tick| tick.parse().unwrap()).collect();
        assert!(numbers.len() >= 8, "{node}: {numbers:?}");
        assert!(numbers.iter().all(|number| EXPECTED.contains(number)), "{node}: {numbers:?}");
    }
    made.results.log_lines = vec![lines];
    let page = html(&made.input());
    assert!(page.contains("What the nodes wrote then") && page.contains("clock 1 h 0 min ahead"));
}

#[test]
fn a_run_without_anomalies_has_no_such_lines() {
    let (_folder, run) = empty_run();
    let made = clean(100);
    run.write("n1/demo.log", log(&made, 0).as_bytes()).unwrap();
    assert!(logs::around_anomalies(&run, &made.results, &made.history).unwrap().is_empty());
}
