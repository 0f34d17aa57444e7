//! Any bytes as a few transactions, judged by the checkers and by definition.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::fuzzing::txn_checkers(bytes));
