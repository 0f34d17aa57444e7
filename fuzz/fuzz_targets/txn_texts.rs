//! Any bytes as AWDIT's and dbcop's texts.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::txn::read::fuzzing::texts(bytes));
