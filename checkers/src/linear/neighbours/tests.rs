//! The models by name, and how they compare on the same histories.

use serde_json::json;

use super::*;
use crate::testing::Script;
use crate::{Budget, Verdict};

#[test]
fn every_name_has_a_checker_of_that_name() {
    for name in MODELS {
        let checker = checker(name, &Options::default()).expect("a checker");
        assert_eq!(checker.name(), name);
    }
    assert!(checker("linearizable", &Options::default()).is_none());
}

/// One stale read, which all models but the weakest rule out in their own way.
#[test]
fn a_stale_read_by_each_model() {
    let mut script = Script::default();
    script.whole(0, "write", json!(1), json!(1)).whole(0, "write", json!(2), json!(2)).whole(
        1,
        "read",
        json!(null),
        json!(1),
    );
    let verdict = |name: &str| {
        let options = Options { allowed_versions: Some(0), ..Options::default() };
        let checker = checker(name, &options).expect("a checker");
        checker.check(&script.history(), &Budget::default()).verdict
    };
    let invalid: Vec<&str> =
        MODELS.into_iter().filter(|name| verdict(name) == Verdict::Invalid).collect();
    assert_eq!(invalid, ["regular", "safe", "staleness"]);
}

#[test]
fn nothing_but_registers_can_be_read() {
    let mut script = Script::default();
    script.whole(0, "frobnicate", json!(1), json!(1));
    for name in MODELS {
        let checker = checker(name, &Options::default()).expect("a checker");
        let finding = checker.check(&script.history(), &Budget::default());
        assert!(finding.reason.expect("unknown").contains("operation 0"), "{name}");
    }
}
