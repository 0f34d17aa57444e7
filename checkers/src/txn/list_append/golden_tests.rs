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

/// Where reads show a key in incompatible orders, Elle takes one of the longest as the order
/// of versions and finds write cycles with it. Either read may be wrong, so we take only what
/// all reads agree on, and cannot refute read-uncommitted; see docs/checkers.md.
fn ambiguous(level: ConsistencyModel, found: &Finding) -> bool {
    level == ConsistencyModel::ReadUncommitted
        && found.stats["anomalies"]["incompatible-order"] != Value::Null
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
            let Ok(level) = model.parse::<ConsistencyModel>() else { continue };
            let found = finding(&history, level);
            let expected =
                if verdict["valid?"] == true { Verdict::Valid } else { Verdict::Invalid };
            let ambiguous = ambiguous(level, &found);
            if found.verdict != expected && !ambiguous {
                differences.push(format!(
                    "{file} {model}: Elle says {expected:?} with {}, we {:?} with {}",
                    verdict["anomaly-types"], found.verdict, found.stats["anomalies"]
                ));
            }
            compared += 1;
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared >= 480, "{compared}");
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
        if !only_some_anomalies {
            let expected = if test["valid?"] == true { Verdict::Valid } else { Verdict::Invalid };
            assert_eq!(worst, expected, "{file} {models:?}: {}", found.stats["anomalies"]);
        }
        for model in words(&test["not"]).into_iter().chain(words(&test["also-not"])) {
            let Ok(level) = model.parse::<ConsistencyModel>() else { continue };
            let found = finding(&history, level);
            if !ambiguous(level, &found) {
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
