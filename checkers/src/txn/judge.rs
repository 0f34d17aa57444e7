//! What the checkers say of transactions, for the tests that hold them against evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::synthetic::atomic::Kind;
use super::{ListAppend, RwRegister, TransactionChecker, Transactions};
use crate::{Anomaly, Budget, Verdict};

/// A checker's answer on every level at once.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The names of levels that it refutes.
    pub(crate) refuted: BTreeSet<String>,
    /// How many anomalies of each kind it found.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// Those that strict serializability forbids.
    pub(crate) anomalies: Vec<Anomaly>,
    /// Why it could not say anything.
    pub(crate) reason: Option<String>,
}

pub(crate) fn judge(txns: &Transactions, kind: Kind) -> Judged {
    let checker: &dyn TransactionChecker = match kind {
        Kind::ListAppend => &ListAppend::default(),
        Kind::RwRegister => &RwRegister::default(),
    };
    judge_with(checker, txns)
}

pub(crate) fn judge_with(checker: &dyn TransactionChecker, txns: &Transactions) -> Judged {
    let finding = checker.check_transactions(txns, &Budget::default());
    let object = |value: &serde_json::Value| value.as_object().cloned().unwrap_or_default();
    let refuted = object(&finding.stats["models"]["ruled-out-by"]);
    let kinds = object(&finding.stats["anomalies"]);
    let strict = refuted.contains_key("strict-serializable");
    assert_eq!(finding.verdict == Verdict::Invalid, strict, "{finding:?}");
    Judged {
        refuted: refuted.into_iter().map(|(name, _)| name).collect(),
        kinds: kinds.into_iter().filter_map(|(kind, n)| Some((kind, n.as_u64()?))).collect(),
        anomalies: finding.anomalies,
        reason: finding.reason,
    }
}

/// A history, a line a transaction.
pub(crate) fn told(txns: &Transactions) -> String {
    let line = |number| {
        let txn = txns.txn(number);
        let (status, process, steps) = (txn.status, txn.process, txns.text(number, "w"));
        format!("{}: p{process} {}..{} {status:?} {steps}\n", txn.index, txn.begin, txn.end)
    };
    (0..txns.len() as u32).map(line).collect()
}
