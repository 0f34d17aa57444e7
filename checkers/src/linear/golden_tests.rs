//! Verdicts against those that Porcupine and Knossos publish for their own histories.

use serde_json::Value;

use super::{CasRegister, Linearizable, Model, Mutex};
use crate::history::read_any;
use crate::testing::{Script, golden, golden_index};
use crate::{Budget, Checker, History, Kind, Verdict};

fn verdict<M: Model>(model: M, history: &History) -> Verdict {
    let finding = Linearizable::new(model).check(history, &Budget::default());
    if finding.verdict == Verdict::Invalid {
        let anomaly = &finding.anomalies[0];
        assert!(!anomaly.steps.is_empty() && !anomaly.operations.is_empty(), "{anomaly:?}");
    }
    finding.verdict
}

fn expected(word: &str) -> Verdict {
    if word == "valid" { Verdict::Valid } else { Verdict::Invalid }
}

/// Lines of `INFO  jepsen.util - PROCESS`, type, function and value, between tabs.
fn porcupine_log(text: &str) -> History {
    let mut script = Script::default();
    let mut asked = std::collections::BTreeMap::new();
    let mut renamed = std::collections::BTreeMap::new();
    let mut fresh = 1000;
    for line in text.lines() {
        let Some((_, rest)) = line.split_once("jepsen.util - ") else { continue };
        let cells: Vec<&str> = rest.split('\t').collect();
        let [process, kind, f, value] = cells[..] else { panic!("{line}") };
        let Ok(process) = process.trim().parse::<u32>() else { continue };
        let kind = match kind {
            ":invoke" => Kind::Invoke,
            ":ok" => Kind::Ok,
            ":fail" => Kind::Fail,
            ":info" => Kind::Info,
            _ => panic!("{line}"),
        };
        let f = &f[1..];
        let value = crate::history::edn::parse_value(value.as_bytes()).expect(line);
        let as_process = *renamed.entry(process).or_insert(process);
        if kind == Kind::Invoke {
            asked.insert(process, value.clone());
        }
        // The answer of a compare-and-set, and of a time-out, does not repeat the value.
        let value = if f == "read" { value } else { asked[&process].clone() };
        script.push(as_process, kind, f, value);
        if kind == Kind::Info {
            renamed.insert(process, fresh);
            fresh += 1;
        }
    }
    script.history()
}

#[test]
fn porcupine_etcd_logs() {
    for [file, _, _, published] in golden_index("porcupine-etcd/") {
        let text = String::from_utf8(golden(&file)).expect("a text");
        let model = CasRegister { failed_cas_compares: true, ..CasRegister::default() };
        assert_eq!(verdict(model, &porcupine_log(&text)), expected(&published), "{file}");
    }
}

#[test]
fn knossos_histories() {
    for [file, workload, _, published] in golden_index("knossos/") {
        let (history, _) = read_any(&golden(&file), &file).expect(&file);
        let found = match workload.as_str() {
            "mutex" => verdict(Mutex, &history),
            _ => verdict(CasRegister::knossos(), &history),
        };
        assert_eq!(found, expected(&published), "{file}");
    }
}

#[test]
fn the_minimal_rethinkdb_history_is_explained() {
    let file = "knossos/rethink-fail-minimal.edn";
    let (history, _) = read_any(&golden(file), file).expect(file);
    let finding = Linearizable::new(CasRegister::knossos()).check(&history, &Budget::default());
    let anomaly = &finding.anomalies[0];
    // It read 3, which nobody wrote.
    assert_eq!((anomaly.kind.as_str(), &anomaly.operations[..]), ("phantom-read", &[2][..]));
    assert_eq!(anomaly.key, None::<Value>);
}
