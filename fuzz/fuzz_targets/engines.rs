//! Any bytes as a few calls, judged by the engines and by brute force.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::fuzzing::engines(bytes));
