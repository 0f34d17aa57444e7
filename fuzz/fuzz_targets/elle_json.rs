//! Any bytes as elle-cli's JSON array.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::fuzzing::elle_json(bytes));
