//! Any bytes as our JSON lines.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::fuzzing::jsonl(bytes));
