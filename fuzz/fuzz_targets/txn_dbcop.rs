//! Any bytes as dbcop's JSON and bincode.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::txn::read::fuzzing::dbcop(bytes));
