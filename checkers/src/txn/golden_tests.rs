//! Every history of transactions that has a published verdict gets it, the way `perjury check`
//! goes. Those of Elle's tests and of its oracle are in the tests of lists and registers.

use crate::history::read_any;
use crate::testing::{golden, golden_index};
use crate::txn::read::{is_of_sessions, read_transactions};
use crate::workload::{CheckOptions, Settings, checkers_for_workload, checkers_of_transactions};
use crate::{Budget, Finding, Verdict};

fn judge(file: &str, workload: &str, options: &CheckOptions) -> Finding {
    let bytes = golden(file);
    let workload = if is_of_sessions(&bytes, file) { "key-value" } else { workload };
    if let Some(of) = checkers_of_transactions(workload, options).expect(file) {
        let read = read_transactions(&bytes, file, of.write).expect(file);
        return of.checkers[0].check_transactions(&read.transactions, &Budget::default());
    }
    let (history, _) = read_any(&bytes, file).expect(file);
    let checkers = checkers_for_workload(workload, options, &history).expect(file);
    checkers[0].check(&history, &Budget::default())
}

fn options(file: &str, model: &str) -> CheckOptions {
    let named = !model.is_empty() && !model.contains(' ');
    // It reads 3, which nobody wrote: Elle takes histories as cut out of longer ones.
    let cut = file.starts_with("elle-cli/rw-register");
    CheckOptions {
        consistency_model: named.then(|| model.to_owned()),
        settings: Settings::parse(cut.then_some("all-writes-known=false")),
        ..CheckOptions::default()
    }
}

#[test]
fn every_history_of_the_index_gets_its_published_verdict() {
    let mut judged = 0;
    for folder in ["elle/", "elle-cli/", "awdit/", "databases/"] {
        for [file, workload, model, published] in golden_index(folder) {
            let workload = workload.split([',', ';', ':']).next().unwrap_or_default();
            let finding = judge(&file, workload, &options(&file, &model));
            let (verdict, kinds) = published.split_once(':').unwrap_or((&published, ""));
            let expected = match verdict {
                // Nothing is ever read in it, so it proves nothing about a counter.
                _ if file.starts_with("elle-cli/counter") => Verdict::Unknown,
                "valid" => Verdict::Valid,
                _ => Verdict::Invalid,
            };
            assert_eq!(finding.verdict, expected, "{file} {model}: {finding:#?}");
            for kind in kinds.split(',').map(str::trim).filter(|kind| !kind.is_empty()) {
                let kind = kind.replace("-single-item", "-single");
                assert!(!finding.stats["anomalies"][&kind].is_null(), "{file}: {kind}");
            }
            for anomaly in &finding.anomalies {
                assert!(!anomaly.steps.is_empty() && !anomaly.operations.is_empty(), "{file}");
            }
            judged += 1;
        }
    }
    assert_eq!(judged, 12 + 4 + 27 + 124);
}
