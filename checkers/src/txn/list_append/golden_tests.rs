//! Verdicts against those that Elle gives for its own tests and for simulated stores.

use serde_json::Value;

use super::*;
use crate::Verdict;
use crate::history::edn::parse_value;
use crate::history::read_any;
use crate::testing::{golden, golden_index, golden_names};

fn finding(history: &History, model: ConsistencyModel) -> Finding {
    ListAppend { model }.check(history, &Budget::default())
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// Elle's words for what it found, as ours; what is no finding is left out.
fn anomaly_types(types: &Value) -> Vec<String> {
    let types = words(types).into_iter().filter(|kind| {
        let finding = ["cycle-search-timeout", "empty-transaction-graph"].contains(kind);
        !finding && !kind.ends_with("cycle-exists")
    });
    types
        .map(|kind| {
            kind.replace("-single-item", "-single").replace("-nonadjacent-item", "-nonadjacent")
        })
        .collect()
}

/// Where reads show a key in incompatible orders, Elle takes one of the longest as the order
/// of versions and may find write cycles with it. Here is the proof that this does not refute
/// read-uncommitted, which forbids write cycles and nothing else: what all reads agree on has
/// no write cycle, so transactions can be put in an order that it follows, and in that order
/// all other writes go, too. That contradicts only reads which contradict each other anyhow.
fn only_disputed(level: ConsistencyModel, found: &Finding) -> bool {
    let has = |kind: &str| !found.stats["anomalies"][kind].is_null();
    let write_cycle = |order: &str| has(&format!("G0{order}"));
    let agreed = match level {
        ConsistencyModel::ReadUncommitted => write_cycle(""),
        ConsistencyModel::StrongSessionReadUncommitted => {
            write_cycle("") || write_cycle("-process")
        }
        ConsistencyModel::StrongReadUncommitted => {
            ["", "-process", "-realtime"].into_iter().any(write_cycle)
        }
        _ => return false,
    };
    has("incompatible-order") && !agreed && !has("duplicate-elements")
}

/// Whether an anomaly type is among those found.
fn has_type(found: &Finding, kind: &str) -> bool {
    let anomalies = &found.stats["anomalies"];
    !anomalies[kind].is_null() || !anomalies[&format!("disputed-{kind}")].is_null()
}

#[test]
fn simulated_stores_have_elles_verdict_for_every_model() {
    let (mut compared, mut differences) = (0, Vec::new());
    for name in golden_names("elle-oracle", "la-") {
        let file = format!("elle-oracle/{name}");
        let bytes = golden(&file);
        let (history, _) = read_any(&bytes, &file).expect(&file);
        let expectations = parse_value(&bytes).expect(&file);
        let verdicts = expectations["verdicts"].as_object().expect("verdicts");
        for (model, verdict) in verdicts {
            let level = model.parse().expect("a model that we know");
            let found = finding(&history, level);
            let expected =
                if verdict["valid?"] == true { Verdict::Valid } else { Verdict::Invalid };
            if let Some(kind) =
                anomaly_types(&verdict["anomaly-types"]).iter().find(|kind| !has_type(&found, kind))
            {
                differences
                    .push(format!("{file} {model}: {kind} not in {}", found.stats["anomalies"]));
            }
            for refuted in words(&verdict["not"]) {
                let level = refuted.parse().expect("a model that we know");
                let again = &found.stats["models"]["ruled-out-by"][ConsistencyModel::name(level)];
                if again.is_null() && !only_disputed(level, &found) {
                    differences.push(format!("{file} {model}: Elle refutes {refuted}"));
                }
            }
            if found.verdict != expected && !only_disputed(level, &found) {
                differences.push(format!(
                    "{file} {model}: Elle says {expected:?} with {}, we {:?} with {}",
                    verdict["anomaly-types"], found.verdict, found.stats["anomalies"]
                ));
            }
            compared += 1;
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(compared, 60 * 11);
}

#[test]
fn elles_own_tests_come_out_the_same() {
    for name in golden_names("elle-tests", "list-append") {
        let file = format!("elle-tests/{name}");
        let bytes = golden(&file);
        let (history, _) = read_any(&bytes, &file).expect(&file);
        let test = parse_value(&bytes).expect(&file);
        let asked = &test["opts"]["consistency-models"];
        let only_some_anomalies = !test["opts"]["anomalies"].is_null();
        let models = if asked.is_null() { vec!["strict-serializable"] } else { words(asked) };
        let worst =
            crate::finding::worst(models.iter().map(|model| {
                finding(&history, model.parse().expect("a model that we know")).verdict
            }));
        let found = finding(&history, ConsistencyModel::StrictSerializable);
        for kind in anomaly_types(&test["anomaly-types"]) {
            assert!(has_type(&found, &kind), "{file}: {kind} not in {}", found.stats["anomalies"]);
        }
        if !only_some_anomalies {
            let expected = if test["valid?"] == true { Verdict::Valid } else { Verdict::Invalid };
            assert_eq!(worst, expected, "{file} {models:?}: {}", found.stats["anomalies"]);
        }
        for model in words(&test["not"]).into_iter().chain(words(&test["also-not"])) {
            let level = model.parse().expect("a model that we know");
            let found = finding(&history, level);
            if !only_disputed(level, &found) {
                assert_eq!(found.verdict, Verdict::Invalid, "{file}: Elle refuted {model}");
            }
        }
    }
}

#[test]
fn published_examples() {
    for [file, workload, model, verdict] in golden_index("elle") {
        if workload != "list-append" || file.starts_with("elle-") && !file.starts_with("elle-cli/")
        {
            continue;
        }
        let (history, _) = read_any(&golden(&file), &file).expect(&file);
        let expected = if verdict == "valid" { Verdict::Valid } else { Verdict::Invalid };
        let found = finding(&history, model.parse().expect(&model));
        assert_eq!(found.verdict, expected, "{file} {model} {}", found.stats["anomalies"]);
    }
}
