//! The scheduler and the history, with clients that answer at once:
//! `cargo bench -p perjury-harness --bench scheduler [-- SECONDS]`.

#![expect(clippy::print_stdout, reason = "a benchmark's output")]

use perjury_harness::bench::{self, Load};
use perjury_harness::rate::{Arrival, Rate};
use perjury_harness::scheduler::{Progress, Stop};
use std::sync::Arc;
use std::time::Duration;

fn main() {
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let time = Duration::from_secs(number.unwrap_or(5));
    let unlimited = |workers| (workers, Rate::constant(0.0), Arrival::Closed);
    let at_20k = |arrival| (100, Rate::constant(20_000.0), arrival);
    for (workers, rate, arrival) in [
        unlimited(10),
        unlimited(100),
        unlimited(1024),
        at_20k(Arrival::Constant),
        at_20k(Arrival::Poisson),
    ] {
        let words = match arrival {
            Arrival::Closed => format!("{workers} workers"),
            _ => format!("{workers} workers, {rate} a second, {arrival}"),
        };
        let load = Load { workers, time, operations: None, rate, arrival, seed: 1 };
        println!("{words}: {}", serde_json::to_string(&measure(&load)).expect("JSON"));
    }
}

fn measure(load: &Load) -> bench::Measured {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.jsonl");
    let clients = bench::answering_at_once(5);
    let progress = Arc::new(Progress::default());
    runtime.block_on(bench::run(load, clients, &path, progress, Stop::new())).expect("a history")
}
