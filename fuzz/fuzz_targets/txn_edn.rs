//! Any bytes as EDN of transactions, read fast and carefully.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::txn::read::fuzzing::edn(bytes));
