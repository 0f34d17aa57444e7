//! Verdicts against those that AWDIT and VeriStrong publish or give.

use crate::testing::{golden, golden_index};
use crate::txn::TransactionChecker;
use crate::txn::read::read_transactions;
use crate::txn::weak::{WeakIsolation, WeakLevel};
use crate::{Budget, Finding, Verdict};

/// Judges every file of a folder by each level that it has a verdict for.
fn judge(folder: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for [file, _, model, published] in golden_index(folder) {
        let Ok(level) = model.parse::<WeakLevel>() else { continue };
        let txns = read_transactions(&golden(&file), &file, "w").expect(&file).transactions;
        let finding = WeakIsolation { level }.check_transactions(&txns, &Budget::default());
        let verdict = match finding.verdict {
            Verdict::Valid => "valid",
            Verdict::Invalid => "invalid",
            Verdict::Unknown => "unknown",
        };
        assert_eq!(verdict, published, "{file}, {model}: {finding:#?}");
        findings.push(finding);
    }
    findings
}

#[test]
fn histories_of_awdit_get_their_verdicts() {
    assert_eq!(judge("awdit/").len(), 27);
}

#[test]
fn histories_of_databases_get_their_verdicts() {
    let findings = judge("databases/");
    assert_eq!(findings.len(), 62);
    for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Invalid) {
        assert!(finding.anomalies[0].operations.len() <= 8, "{finding:#?}");
    }
}
