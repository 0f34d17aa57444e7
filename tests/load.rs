//! Loads: open and closed ones look different to a database that stands still, shapes are followed,
//! and the benchmarks of the harness run.

mod common;

use common::Bench;
use serde_json::Value;

/// A run of one server that is paused for a second, and its results.
fn paused(bench: &Bench, arrival: &str) -> Value {
    let ran = bench.run(&[
        "test",
        "memory",
        "--node-count",
        "1",
        "--concurrency",
        "2",
        "--rate",
        "200",
        "--arrival",
        arrival,
        "--time-limit",
        "5s",
        "--at",
        "2s pause n1 for 1s",
        "--seed",
        "4",
    ]);
    // Unknown: nothing succeeded while the only node stood still.
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    bench.results()
}

fn worst_p95_ms(results: &Value) -> f64 {
    let functions = results["operations"].as_object().expect("functions").values();
    let p95 = functions.filter_map(|counts| counts["latency"]["p95_ns"].as_f64());
    p95.fold(0.0, f64::max) / 1e6
}

#[test]
fn an_open_load_sees_that_a_database_stood_still_and_a_closed_one_does_not() {
    let bench = Bench::beside_others();
    let open = paused(&bench, "constant");
    let late = |results: &Value| results["load"]["late"]["max_ns"].as_f64().map(|ns| ns / 1e6);
    assert!(late(&open).is_some_and(|ms| ms > 800.0), "{:#}", open["load"]);
    assert!(worst_p95_ms(&open) > 500.0, "a fifth of the operations was due while it stood still");
    assert_eq!(open["load"]["arrival"], "constant");
    assert_eq!(open["load"]["offered"], 200.0);
    let closed = paused(&bench, "closed");
    assert_eq!(late(&closed), None);
    assert!(worst_p95_ms(&closed) < 500.0, "only those that were asked then are slow");
}

#[test]
fn a_shape_is_followed() {
    let bench = Bench::beside_others();
    let ran = bench.run(&[
        "test",
        "memory",
        "--node-count",
        "1",
        "--rate",
        "50 for 2s, 50..450 for 2s, 0",
        "--arrival",
        "poisson",
        "--time-limit",
        "6s",
        "--nemesis",
        "none",
        "--key-choice",
        "hot:1:0.9",
        "--ops-per-key",
        "100000",
    ]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let history = bench.run(&["history"]).stdout;
    let calls: Vec<Value> = history
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Value| event["type"] == "invoke")
        .collect();
    // When they were due, which a busy machine does not change.
    let due = |call: &Value| {
        let time = if call["due"].is_null() { &call["time"] } else { &call["due"] };
        time.as_f64().expect("a time") / 1e9
    };
    let begun =
        |from: f64, to: f64| calls.iter().filter(|call| (from..to).contains(&due(call))).count();
    let first = due(&calls[0]);
    let steps = [
        begun(first, first + 2.0),
        begun(first + 2.0, first + 4.0),
        begun(first + 4.1, first + 5.5),
    ];
    assert!((60..=150).contains(&steps[0]) && (400..=600).contains(&steps[1]), "{steps:?}");
    assert!(steps[2] < 20, "{steps:?}");
    let hot = calls.iter().filter(|call| call["value"][0] == 0).count();
    assert!(hot * 10 > calls.len() * 8, "{hot} of {}", calls.len());
}

/// Every history is too long where none may be held.
fn unheld(bench: &Bench, arguments: &[&str]) -> common::Ran {
    let mut command = bench.command(arguments);
    let began = std::time::Instant::now();
    let output = command.env("PERJURY_HOLD_MB", "0").output().expect("the binary runs");
    common::Ran::new(&output, began.elapsed())
}

#[test]
fn what_is_too_long_to_be_held_is_judged_as_it_grows_and_counted_as_a_whole() {
    let bench = Bench::beside_others();
    let load = ["--node-count=1", "--nemesis=none", "--time-limit=4s", "--rate=0", "--keys=100"];
    let ran = unheld(&bench, &[&["test", "memory", "--concurrency", "1000"], &load[..]].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let results = bench.results();
    let count = |results: &Value| -> u64 {
        let functions = results["operations"].as_object().expect("functions").values();
        functions.filter_map(|counts| counts["invoked"].as_u64()).sum()
    };
    let calls = bench.run(&["history"]).stdout.matches("\"type\":\"invoke\"").count() as u64;
    assert_eq!(count(&results), calls, "all are counted, whoever was sampled");
    let of = results["sample"]["of"].as_u64();
    assert_eq!(of, Some(1000), "{}", results["sample"]);
    assert_eq!(results["findings"][0]["stats"]["operations"], calls, "all are judged");
    let again = unheld(&bench, &["analyze", "--json"]);
    let again: Value = serde_json::from_str(&again.stdout).expect("JSON");
    assert_eq!(again["findings"], results["findings"], "a stored run is judged the same");
    assert_eq!(count(&again), calls);
}

#[test]
fn a_lie_in_a_history_that_is_not_held_is_found_and_explained() {
    let bench = Bench::beside_others();
    let ran =
        unheld(&bench, &["test", "--bug", "stale-reads", "--fail-fast", "--time-limit", "60s"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("at the first anomaly"), "{}", ran.stdout);
    let kind = bench.results()["findings"][0]["anomalies"][0]["kind"].clone();
    let explained = ["stale-read", "lost-write"];
    assert!(explained.iter().any(|known| kind == *known), "{kind}: the whole object explains it");
}

#[test]
fn a_campaign_knows_the_same_words() {
    let bench = Bench::beside_others();
    let file = bench.dir.path().join("nightly.toml");
    let text = "name = \"shapes\"\n[[matrix]]\ndatabase = \"demo\"\nworkload = \"register\"\n\
                arrival = \"poisson\"\nkey-choice = \"hot:1:0.9\"\n\
                rate = [\"100 for 10s, 100..500 for 20s, 500\", 50]\n";
    std::fs::write(&file, text).expect("a file");
    let ran = bench.run(&["campaign", "nightly.toml", "--dry-run"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for words in ["'--rate=100 for 10s, 100..500 for 20s, 500'", "--rate=50", "--arrival=poisson"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
}

#[test]
fn a_load_that_cannot_be_is_refused() {
    let bench = Bench::beside_others();
    for (arguments, hint) in [
        (&["--rate", "0", "--arrival", "poisson"], "need a --rate"),
        (&["--rate", "1, 2", "--arrival", "closed"], "for how long"),
        (&["--rate", "5", "--key-choice", "zipf"], "zipf:1.1"),
        (&["--workload", "bank", "--key-choice", "hot:1:0.9"], "those that have are causal"),
    ] {
        let all: Vec<&str> = [&["test", "demo", "--dry-run"], &arguments[..]].concat();
        let ran = bench.run(&all);
        assert_eq!(ran.code, Some(254), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn the_harness_measures_itself() {
    let bench = Bench::beside_others();
    for target in ["scheduler", "echo"] {
        let short = ["bench", target, "--time-limit", "1s", "--concurrency", "64", "--json"];
        let ran = bench.run(&short);
        let measured: Value = serde_json::from_str(&ran.stdout).expect(target);
        assert_eq!(measured["not_ok"], 0, "{target}: {measured}");
        assert!(measured["operations"].as_u64() > Some(100), "{target}: {measured}");
    }
    let open =
        ["bench", "echo", "--time-limit", "1s", "--rate", "500", "--arrival", "poisson", "--json"];
    let measured: Value = serde_json::from_str(&bench.run(&open).stdout).expect("JSON");
    assert!(measured["scheduling_error_us"]["p99"].as_f64().is_some(), "{measured}");
    let stages = bench.run(&["bench", "stages", "--operations", "1000"]).stdout;
    assert!(stages.contains("encode"), "{stages}");
    let unknown = bench.run(&["bench", "moon"]);
    assert_eq!(unknown.code, Some(254));
    assert!(unknown.stderr.contains("scheduler, echo"), "{}", unknown.stderr);
}
