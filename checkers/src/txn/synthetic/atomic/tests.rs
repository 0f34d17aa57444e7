//! Tests that both outputs are one history, and that the store is atomic.

use super::*;
use crate::txn::read::read_transactions;
use crate::txn::transactions::Status;

#[test]
fn both_outputs_are_one_history() {
    for (kind, write) in [(Kind::ListAppend, "append"), (Kind::RwRegister, "w")] {
        for seed in 0..20 {
            let load = Load { failed: 5, unknown: 5, ..Load::new(kind, 500, seed) };
            let direct = load.transactions();
            let mut bytes = Vec::new();
            load.write_edn(&mut bytes).expect("a vector takes everything");
            let read = read_transactions(&bytes, "history.edn", write).expect("a history");
            assert_eq!(read.transactions.all(), direct.all());
            for number in 0..direct.len() as u32 {
                assert_eq!(read.transactions.text(number, write), direct.text(number, write));
            }
            assert_eq!(direct.len(), 500);
            for status in [Status::Committed, Status::Aborted, Status::Unknown] {
                assert!(direct.all().iter().any(|txn| txn.status == status), "{status:?}");
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let bytes = |seed| {
        let mut bytes = Vec::new();
        let load = Load::new(Kind::ListAppend, 200, seed);
        load.write_edn(&mut bytes).expect("a vector takes everything");
        bytes
    };
    assert_eq!(bytes(3), bytes(3));
    assert_ne!(bytes(3), bytes(4));
}
