//! Limits of the service that a test sets: what is told when a fault broke one.

use perjury_checkers::finding::kinds;
use perjury_checkers::{Anomaly, Finding};
use perjury_harness::explain::anomaly::numbered;
use perjury_harness::explain::{AnomalyStory, Paint, Subject};
use perjury_harness::report::limits::{Bound, Limit, judge};
use perjury_harness::report::service::Service;
use perjury_harness::report::{FaultOutcome, FaultRecord};
use serde_json::{Value, json};

const SECOND: u64 = 1_000_000_000;

/// A broken limit, and its report.
pub struct Broken {
    pub anomaly: Anomaly,
    pub report: String,
}

/// A kill of one node, with what clients got of the database.
fn fault(service: Service) -> FaultRecord {
    FaultRecord {
        index: 4,
        f: "kill".to_owned(),
        targets: vec!["n1".to_owned()],
        value: json!(["n1"]),
        from_ns: 2 * SECOND,
        observed_ns: Some(2 * SECOND + SECOND / 20),
        to_ns: Some(5 * SECOND),
        outcome: FaultOutcome::Healed,
        evidence: Value::Null,
        reason: None,
        mend: None,
        ok_operations: service.ok,
        service: Some(service),
    }
}

/// The limits, each broken by one of these faults.
pub fn broken() -> Vec<Broken> {
    let usual =
        Service { calls: 400, ok: 396, calls_after: 500, ok_after: 500, ..Service::default() };
    let back = |recovery_ns| Service { recovery_ns, ..usual.clone() };
    let faults = [
        fault(Service { ok: 212, longest_outage_ns: 1_400_000_000, ..back(Some(SECOND)) }),
        fault(Service { ok_after: 260, ..back(Some(SECOND)) }),
        fault(Service { longest_outage_ns: 4 * SECOND, ..back(Some(SECOND)) }),
        fault(back(Some(9 * SECOND))),
        fault(back(None)),
    ];
    let bounds = [Bound::Availability(0.9), Bound::Outage(3 * SECOND), Bound::Recovery(5 * SECOND)];
    let finding = judge(&faults, 5, &bounds.map(Limit::of_all)).expect("there are limits");
    let again =
        "perjury test --min-availability 0.9 --max-recovery 5s --limit 'outage <= 3s'".to_owned();
    let told = told(vec![finding], again);
    assert!(told.iter().all(|one| one.report.contains("kill at 2.000 s")));
    told
}

/// The reports of what was found.
pub fn told(findings: Vec<Finding>, again: String) -> Vec<Broken> {
    let subject = Subject { findings, again, ..Subject::default() };
    let told = numbered(&subject.findings).into_iter().map(|one| Broken {
        anomaly: one.2.clone(),
        report: AnomalyStory::new(&subject, one).render(Paint { on: false }, 100),
    });
    let told: Vec<Broken> = told.collect();
    for one in &told {
        let kind = kinds::find(&one.anomaly.kind).expect("a kind that is known");
        assert!(one.report.contains(&kind.breaks));
    }
    told
}
