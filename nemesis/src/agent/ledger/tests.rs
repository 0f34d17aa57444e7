//! Tests of the ledger: what a crash at any byte leaves behind.

use super::*;

fn resume(pid: u32) -> Undo {
    Undo::Resume { name: "db".to_owned(), processes: vec![Seen { pid, start_ticks: 7 }] }
}

#[test]
fn what_is_open_survives_and_what_is_done_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let first = ledger.intend(resume(1)).unwrap();
    let second = ledger.intend(resume(2)).unwrap();
    ledger.done(first, "seen").unwrap();
    drop(ledger);

    let mut ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!(ledger.pending(), [(second, resume(2))]);
    assert!(ledger.take_remarks().is_empty());
    assert_eq!(ledger.intend(Undo::Mend {}).unwrap(), second + 1, "ids are never used twice");
}

#[test]
fn a_tear_at_any_byte_loses_at_most_the_torn_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    ledger.intend(resume(1)).unwrap();
    let whole = fs::read(dir.path().join("ledger.jsonl")).unwrap().len();
    ledger.intend(resume(2)).unwrap();
    drop(ledger);
    let bytes = fs::read(dir.path().join("ledger.jsonl")).unwrap();

    for cut in whole..bytes.len() {
        fs::write(dir.path().join("ledger.jsonl"), &bytes[..cut]).unwrap();
        let mut ledger = Ledger::open(dir.path()).unwrap();
        assert_eq!(ledger.pending(), [(1, resume(1))], "cut at {cut}");
        ledger.intend(resume(3)).unwrap();
        drop(ledger);
        let ledger = Ledger::open(dir.path()).unwrap();
        assert_eq!(ledger.pending(), [(1, resume(1)), (2, resume(3))], "cut at {cut}");
    }
}

#[test]
fn a_line_of_rubbish_is_reported_and_the_others_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    ledger.intend(resume(1)).unwrap();
    drop(ledger);
    let path = dir.path().join("ledger.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"\x00\x00\x00\n");
    fs::write(&path, bytes).unwrap();

    let mut ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!(ledger.pending(), [(1, resume(1))]);
    let remarks = ledger.take_remarks();
    assert_eq!(remarks.len(), 1);
    assert!(remarks[0].contains("line 2"), "{remarks:?}");
}

#[test]
fn entries_from_before_a_reboot_are_closed_with_a_remark() {
    let dir = tempfile::tempdir().unwrap();
    let line = r#"{"id":4,"era":"another boot","undo":{"kind":"mend"}}"#;
    fs::write(dir.path().join("ledger.jsonl"), format!("{line}\n")).unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    assert!(ledger.pending().is_empty());
    assert!(ledger.take_remarks()[0].contains("restart"));
    drop(ledger);
    assert!(Ledger::open(dir.path()).unwrap().take_remarks().is_empty(), "closed for good");
}

#[test]
fn it_does_not_grow_without_bound() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let many = Undo::Resume {
        name: "db".to_owned(),
        processes: vec![Seen { pid: 1, start_ticks: 2 }; 4000],
    };
    for _ in 0..8 {
        let id = ledger.intend(many.clone()).unwrap();
        ledger.done(id, "seen").unwrap();
    }
    let length = fs::metadata(dir.path().join("ledger.jsonl")).unwrap().len();
    assert!(length < 2 * COMPACT_BYTES, "{length}");
}
