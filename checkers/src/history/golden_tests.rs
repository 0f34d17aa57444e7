//! Tests of the readers on files of other projects, with what their formats tell.

use serde_json::Value;

use super::*;
use crate::linear::{CasRegister, Linearizable};
use crate::testing::{golden, golden_index};
use crate::{Budget, Checker, Verdict};

#[test]
fn logs_of_porcupine_tell_what_they_are() {
    for [file, _, _, published] in golden_index("porcupine-etcd/") {
        let Reading { hints, recovery, history } =
            read_with_hints(&golden(&file), &file).expect(&file);
        assert_eq!((hints.format, hints.workload), (Format::Log, Some("cas-register")), "{file}");
        assert!(hints.failed_cas_compares && hints.initial == Some(Value::Null), "{file}");
        assert_eq!((hints.keyed, recovery.other_lines), (Some(false), 0), "{file}");
        assert!(history.operations().len() > 50, "{file}");
        let model = CasRegister {
            initial: hints.initial.unwrap_or_default(),
            null_read_is_any: false,
            failed_cas_compares: hints.failed_cas_compares,
        };
        let verdict = Linearizable::new(model).check(&history, &Budget::default()).verdict;
        assert_eq!(verdict == Verdict::Valid, published == "valid", "{file}");
    }
    for [file, ..] in golden_index("porcupine-kv/") {
        let Reading { hints, recovery, history } =
            read_with_hints(&golden(&file), &file).expect(&file);
        assert_eq!((hints.workload, hints.keyed), (Some("kv-map"), Some(true)), "{file}");
        assert_eq!(recovery.open_calls, 0, "{file}");
        for operation in history.operations() {
            let [key, input] = &operation.input.as_array().expect("a pair")[..] else { panic!() };
            assert!(key.is_string() && input.is_null() == (operation.f == "get"), "{file}");
            assert!(operation.output().expect("answered")[1].is_string(), "{file}");
        }
    }
}

#[test]
fn logs_of_violin_tell_what_they_are() {
    let mut seen = [0, 0];
    for [file, model, ..] in golden_index("violin/") {
        let Reading { hints, recovery, history } =
            read_with_hints(&golden(&file), &file).expect(&file);
        let workload = hints.workload.expect("a queue or a stack");
        assert!(model.starts_with(workload), "{file}: {model}");
        assert_eq!((hints.format, hints.keyed), (Format::Violin, Some(false)), "{file}");
        assert_eq!(recovery.open_calls, 0, "{file}");
        let calls = String::from_utf8(golden(&file)).expect("a text").matches("call").count();
        assert_eq!(history.operations().len(), calls, "{file}");
        seen[usize::from(workload == "stack")] += 1;
    }
    assert_eq!(seen, [439, 62]);
}
