//! Any bytes as Jepsen's logs, of which Porcupine's etcd logs are.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| perjury_checkers::fuzzing::porcupine_etcd(bytes));
