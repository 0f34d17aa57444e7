//! Wrong totals, planted; published verdicts.

use serde_json::json;

use super::*;
use crate::Verdict;
use crate::history::read_any;
use crate::testing::{Script, golden, golden_index};

fn check(bank: Bank, script: &Script) -> Finding {
    bank.check(&script.history(), &Budget::default())
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect()
}

#[test]
fn totals_accounts_and_overdrafts() {
    let mut script = Script::default();
    let transfer = json!({"from": 0, "to": 1, "amount": 3});
    script
        .whole(0, "read", json!(null), json!({"0": 10, "1": 0}))
        .whole(0, "transfer", transfer.clone(), transfer)
        .whole(0, "read", json!(null), json!({"0": 7, "1": 3}));
    assert_eq!(check(Bank::default(), &script).verdict, Verdict::Valid);
    assert_eq!(check(Bank { total: Some(11), ..Bank::default() }, &script).anomaly_count, 2);
    script
        .whole(0, "read", json!(null), json!({"0": 10, "1": 3}))
        .whole(0, "read", json!(null), json!({"0": 10}))
        .whole(0, "read", json!(null), json!({"0": -1, "1": 11}));
    let finding = check(Bank::default(), &script);
    assert_eq!(kinds(&finding), ["wrong-total", "wrong-accounts", "negative-balance"]);
    let allowed = check(Bank { negative_allowed: true, ..Bank::default() }, &script);
    assert_eq!(kinds(&allowed), ["wrong-total", "wrong-accounts"]);
}

#[test]
fn an_account_is_missing_even_if_no_read_ever_showed_it() {
    let mut script = Script::default();
    script.whole(0, "read", json!(null), json!({"0": 10, "1": 10}));
    let three = Bank { total: Some(30), accounts: Some(3), negative_allowed: false };
    assert_eq!(kinds(&check(three, &script)), ["wrong-accounts"]);
    assert_eq!(kinds(&check(Bank { accounts: Some(2), ..three }, &script)), ["wrong-total"]);
    assert_eq!(check(Bank::default(), &script).verdict, Verdict::Valid);
}

#[test]
fn what_was_not_read_is_not_judged() {
    let mut script = Script::default();
    script.failed(0, "read", json!(null));
    assert_eq!(check(Bank::default(), &script).verdict, Verdict::Unknown);
    script.whole(0, "read", json!(null), json!([1, 2]));
    let reason = check(Bank::default(), &script).reason.expect("unknown");
    assert!(reason.contains("operation 2"), "{reason}");
}

#[test]
fn published_verdicts() {
    for [file, _, _, verdict] in golden_index("elle-cli/bank") {
        let (history, _) = read_any(&golden(&file), &file).expect(&file);
        let finding = Bank::default().check(&history, &Budget::default());
        let expected = if verdict == "valid" { Verdict::Valid } else { Verdict::Invalid };
        assert_eq!(finding.verdict, expected, "{file}: {:?}", finding.anomalies);
    }
}
