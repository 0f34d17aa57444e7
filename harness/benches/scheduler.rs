//! The scheduler and the history, with clients that answer at once:
//! `cargo bench -p perjury-harness --bench scheduler [-- SECONDS]`.

#![expect(clippy::print_stdout, reason = "a benchmark's output")]

use perjury_harness::bench::{self, Load};
use std::time::Duration;

fn main() {
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let time = Duration::from_secs(number.unwrap_or(5));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for workers in [10, 100, 1024] {
        let folder = tempfile::tempdir().expect("a folder");
        let load = Load { workers, nodes: 5, time, operations: None, seed: 1 };
        let path = folder.path().join("history.jsonl");
        let clients = bench::answering_at_once(load.nodes);
        let measured = runtime.block_on(bench::run(&load, clients, &path)).expect("a history");
        println!("{workers} workers: {}", serde_json::to_string(&measured).expect("JSON"));
    }
}
