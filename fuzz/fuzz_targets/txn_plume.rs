//! Any bytes as Plume's text format.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::txn::read::fuzzing::plume(bytes));
