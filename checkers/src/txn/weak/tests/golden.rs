//! Verdicts against those that AWDIT and VeriStrong publish or give.

use crate::testing::{golden, golden_index};
use crate::txn::TransactionChecker;
use crate::txn::transactions::{Action, Atom, Builder, Status, Transactions};
use crate::txn::weak::{WeakIsolation, WeakLevel};
use crate::{Budget, Finding, Verdict};

/// AWDIT's format: `w K V`, `r K V`; `-----` ends a transaction, `=====` a session.
fn awdit(text: &str) -> Transactions {
    let mut builder = Builder::new(false);
    for (number, session) in (0..).zip(text.split("=====")) {
        for txn in session.split("-----") {
            builder.begin_in_session(number, Status::Committed);
            for line in txn.lines().filter(|line| !line.trim().is_empty()) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let [key, value] = [1, 2].map(|at| Atom(words[at].parse().expect("a number")));
                let action = if words[0] == "w" { Action::Write } else { Action::Read };
                builder.micro(action, key, value);
            }
        }
    }
    builder.finish()
}

/// Plume's format: `r(key,value,session,txn)`; 0 is what is there at first.
fn plume(text: &str) -> Transactions {
    let mut builder = Builder::new(false);
    let mut last = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let inner = line[2..].trim_end_matches(')').split(',');
        let numbers: Vec<i64> = inner.map(|word| word.parse().expect("a number")).collect();
        let [key, value, session, txn] = numbers[..] else { panic!("{line}") };
        if last != Some((session, txn)) {
            last = Some((session, txn));
            let status = if txn < 0 { Status::Aborted } else { Status::Committed };
            builder.begin_in_session(session as u32, status);
        }
        let action = if line.starts_with('w') { Action::Write } else { Action::Read };
        let value = if value == 0 { Atom::NIL } else { Atom(value as u32) };
        builder.micro(action, Atom(key as u32), value);
    }
    builder.finish()
}

fn judge(folder: &str, parse: impl Fn(&str) -> Transactions) -> Vec<Finding> {
    let mut findings = Vec::new();
    for [file, _, model, published] in golden_index(folder) {
        let Ok(level) = model.parse::<WeakLevel>() else { continue };
        let txns = parse(&String::from_utf8(golden(&file)).expect("text"));
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
    assert_eq!(judge("awdit/", awdit).len(), 27);
}

#[test]
fn histories_of_databases_get_their_verdicts() {
    let findings = judge("databases/", plume);
    assert_eq!(findings.len(), 62);
    for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Invalid) {
        assert!(finding.anomalies[0].operations.len() <= 8, "{finding:#?}");
    }
}
