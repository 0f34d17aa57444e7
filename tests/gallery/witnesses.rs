//! What clients, logs and processes show: what is told of it.

use crate::service::{Broken, told as reports};
use perjury_harness::assertion::{Crashes, End, Kind, Record, Source, State, conclude, judge_ends};

const SECOND: u64 = 1_000_000_000;

fn record(kind: Kind, source: Source, name: &str, evidence: &str) -> Record {
    Record {
        name: name.to_owned(),
        kind,
        source,
        state: State::Failed,
        held: u64::from(kind == Kind::Never),
        failed: u64::from(kind == Kind::Always),
        first_ns: None,
        evidence: vec![evidence.to_owned()],
    }
}

/// An assertion that failed, a line that must not be, and a crash.
pub fn told() -> Vec<Broken> {
    let versions = record(
        Kind::Always,
        Source::Client,
        "versions only grow",
        r#"at 3.200 s: {"f":"read","value":4,"details":{"before":17,"now":16}}"#,
    );
    let corruption = record(
        Kind::Never,
        Source::Log,
        "data is damaged",
        "n2 db.log:118: ERROR checksum mismatch in segment 7",
    );
    let asserted = conclude(&[versions, corruption], false);
    let end =
        End { node: "n3".to_owned(), at_ns: 4 * SECOND, code: None, signal: Some(11), core: true };
    let crashed = judge_ends(&[end], &[], Crashes::Undisturbed).expect("a process ended");
    reports(vec![asserted, crashed], "perjury test".to_owned())
}
