//! Verdicts against those that Porcupine, Knossos and Violin publish for their own histories.

use serde_json::{Value, json};

use crate::history::read_with_hints;
use crate::testing::{golden, golden_index};
use crate::workload::{CheckOptions, checkers_for_workload};
use crate::{Budget, Finding, Verdict};

/// Judges a file as `perjury check` does.
fn judge(file: &str, workload: &str) -> Finding {
    let reading = read_with_hints(&golden(file), file).expect(file);
    let mut options = CheckOptions::default().with_hints(&reading.hints);
    if file.starts_with("knossos/") && workload != "mutex" {
        options.initial = Some(json!(0));
        options.null_read_is_any = true;
    }
    let workload = reading.hints.workload.unwrap_or(workload);
    let checkers = checkers_for_workload(workload, &options, &reading.history).expect(file);
    checkers[0].check(&reading.history, &Budget::default())
}

#[test]
fn every_history_of_a_single_object_gets_its_published_verdict() {
    let mut judged = 0;
    for folder in ["porcupine-etcd/", "porcupine-kv/", "knossos/", "violin/"] {
        for [file, workload, model, published] in golden_index(folder) {
            assert_eq!(model, "linearizable", "{file}");
            let workload = workload.split([',', ';', ':']).next().unwrap_or_default();
            let finding = judge(&file, workload);
            let expected = if published == "valid" { Verdict::Valid } else { Verdict::Invalid };
            assert_eq!(finding.verdict, expected, "{file}: {finding:#?}");
            if finding.verdict == Verdict::Invalid {
                let anomaly = &finding.anomalies[0];
                assert!(!anomaly.steps.is_empty() && !anomaly.operations.is_empty(), "{file}");
                assert!(anomaly.operations.len() <= 24, "{file}: {anomaly:#?}");
            }
            judged += 1;
        }
    }
    assert_eq!(judged, 577);
}

/// A few of Porcupine's clients put or append the same twice; the general engine decides those.
#[test]
fn most_keys_of_porcupines_maps_are_judged_by_their_pieces() {
    let (mut texts, mut keys) = (0, 0);
    for [file, ..] in golden_index("porcupine-kv/") {
        let stats = judge(&file, "kv-map").stats;
        texts += stats["engines"]["texts"].as_u64().unwrap_or(0);
        keys += stats["keys"].as_u64().expect("a count");
    }
    assert!(3 * texts >= 2 * keys, "{texts} of {keys}");
}

#[test]
fn the_minimal_rethinkdb_history_is_explained() {
    let finding = judge("knossos/rethink-fail-minimal.edn", "cas-register");
    let anomaly = &finding.anomalies[0];
    // It read 3, which nobody wrote.
    assert_eq!((anomaly.kind.as_str(), &anomaly.operations[..]), ("phantom-read", &[2][..]));
    assert_eq!(anomaly.key, None::<Value>);
}
