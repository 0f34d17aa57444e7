//! The demo database under power cuts: what it acknowledged survives each of them.
//!
//! `PERJURY_CUTS=200 cargo test --test power -- --nocapture` cuts more often than the default.

#![expect(clippy::print_stdout, reason = "what the cuts took is worth knowing")]

mod common;

use common::Bench;
use serde_json::Value;

/// From one cut to the next: a node is back within half a second, a leader within another.
const PERIOD_MS: u64 = 1750;

#[test]
fn the_demo_database_survives_power_cuts() {
    if std::fs::File::options().read(true).write(true).open("/dev/fuse").is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI has /dev/fuse");
        return;
    }
    let cuts = std::env::var("PERJURY_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let bench = Bench::new();
    let mut arguments = vec!["test".to_owned(), "demo".to_owned()];
    arguments.extend(["--workload", "set", "--seed", "7"].map(str::to_owned));
    for cut in 0..cuts {
        // Mostly all nodes at once. One alone lets operations succeed while it is down.
        let what = match cut % 4 {
            // Nothing follows, so there is time for another leader also on a busy machine.
            _ if cut + 1 == cuts => "n1+n2 prefix for 2500ms",
            3 => "n1+n2 prefix for 900ms",
            1 => "all prefix for 200ms",
            _ => "all none for 200ms",
        };
        let at = 2000 + PERIOD_MS * cut;
        arguments.extend(["--at".to_owned(), format!("{at}ms power {what}")]);
    }
    arguments.extend(["--time-limit".to_owned(), format!("{}s", 3 + PERIOD_MS * cuts / 1000)]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    bench.run(&arguments).expect_code(0);
    let results = bench.results();
    let faults = results["faults"].as_array().expect("faults");
    let installed = faults.iter().filter(|fault| fault["outcome"] == "healed").count() as u64;
    let sum = |count: &str| -> u64 {
        let nodes = faults.iter().filter_map(|fault| fault["evidence"]["nodes"].as_object());
        nodes.flat_map(|nodes| nodes.values()).filter_map(|node| node["disk"][count].as_u64()).sum()
    };
    println!(
        "{installed} cuts of {} nodes in all; lost {} writes of {} bytes and {} names, kept {}, \
         tore {}; {}",
        sum("power_losses"),
        sum("lost_writes"),
        sum("lost_bytes"),
        sum("lost_names"),
        sum("kept_writes"),
        sum("torn_writes"),
        results["operations"]
    );
    assert_eq!(installed, cuts, "{:?}", faults.iter().map(outcome).collect::<Vec<_>>());
    assert!(sum("lost_writes") > 0, "the cuts took nothing: {results}");
}

fn outcome(fault: &Value) -> &Value {
    &fault["outcome"]
}
