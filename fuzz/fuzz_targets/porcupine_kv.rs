//! Any bytes as Porcupine's key-value logs.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::fuzzing::porcupine_kv(bytes));
