//! Identifiers given twice, planted.

use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::Script;

#[test]
fn an_identifier_given_twice_is_found() {
    let mut script = Script::default();
    let check = |script: &Script| UniqueIds.check(&script.history(), &Budget::default());
    assert_eq!(check(&script).verdict, Verdict::Unknown);
    for id in [json!("a"), json!(1), json!("1"), json!([1])] {
        script.whole(0, "generate", json!(null), id);
    }
    script.failed(0, "generate", json!("a"));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    script.whole(1, "generate", json!(null), json!("a"));
    let finding = check(&script);
    assert_eq!(finding.anomalies[0].kind, "duplicate-id");
    assert_eq!(finding.anomalies[0].operations, [0, 10]);
}
