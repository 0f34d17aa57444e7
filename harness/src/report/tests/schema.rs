//! The schema of `results.json`: published as it is, and what is written keeps it.

use super::anomalies::{clean, cycle, lost_element, stale_read};
use super::fixture::*;
use crate::report::clocks::ClockReading;
use crate::report::logs::LogLine;
use crate::report::*;
use serde_json::{Value, json};
use std::path::Path;

/// Results with everything in them that there can be.
fn full() -> Value {
    let mut run = stale_read();
    let results = &mut run.results;
    results.clocks =
        vec![ClockReading { node: "n1".to_owned(), at_ns: 5, offset_ns: -7, error_ns: 1 }];
    results.log_lines = vec![vec![LogLine {
        at_ns: -5,
        offset_ns: 0,
        node: "n1".to_owned(),
        file: "demo.log".to_owned(),
        text: "ready".to_owned(),
    }]];
    results.error = Some(RunError { phase: "the load".to_owned(), message: "no".to_owned() });
    serde_json::from_slice(&results.to_json().unwrap()).unwrap()
}

fn problems(results: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&schema::results()).expect("a schema");
    validator
        .iter_errors(results)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn what_is_written_keeps_the_schema() {
    for run in [clean(500), cycle(), lost_element(), run_that_failed()] {
        let bytes = run.results.to_json().unwrap();
        assert_eq!(problems(&serde_json::from_slice(&bytes).unwrap()), [""; 0]);
    }
    assert_eq!(problems(&full()), [""; 0]);
}

fn run_that_failed() -> Run {
    let mut run = clean(10);
    run.results.error =
        Some(RunError { phase: "starting".to_owned(), message: "it died".to_owned() });
    run
}

#[test]
fn what_does_not_keep_it_is_found() {
    let plants: [(&str, Value); 4] = [
        ("/verdict", json!("perhaps")),
        ("/faults/0/from_ns", json!("soon")),
        ("/findings/0/anomalies/0/operations/0", json!(-1)),
        ("/started", json!(7)),
    ];
    for (place, wrong) in plants {
        let mut results = full();
        *results.pointer_mut(place).unwrap_or_else(|| panic!("{place} is not there")) = wrong;
        assert_ne!(problems(&results), [""; 0], "{place}");
    }
    let mut results = full();
    results.as_object_mut().unwrap().remove("exit_code");
    assert_ne!(problems(&results), [""; 0], "a name is missing");
}

#[test]
fn the_published_schema_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results.schema.json");
    let wanted = format!("{:#}\n", schema::results());
    if std::env::var_os("PERJURY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == wanted,
        "docs/results.schema.json is old: run this test with PERJURY_WRITE_DOCS=1"
    );
}
