//! A bank, asked by clients in Rust, Python, JavaScript and shell: the same database, the same
//! verdict.

#![expect(clippy::print_stdout, reason = "what was skipped has to be seen")]

mod common;

use common::{Bench, anomaly_kinds, repository};
use std::process::Command;

/// What is run for a client in each language.
fn languages() -> Vec<(&'static str, Vec<String>)> {
    let bank = repository("examples/bank").display().to_string();
    let own =
        |language: &str| vec![bank.clone(), "--set".to_owned(), format!("language={language}")];
    let mut all = vec![
        ("Rust", vec!["demo".to_owned()]),
        ("Python", own("py")),
        ("shell", own("sh")),
        ("JavaScript", own("js")),
    ];
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: JavaScript, as node is not installed");
        all.pop();
    }
    all
}

/// A bug that is rarely to be seen by the few operations of a busy machine is looked for so often.
const TRIES: usize = 5;

/// The exit code, and what was found, of the first run that ends with this code, or of the last.
fn verdict(database: &[String], more: &[&str], wanted: i32) -> (Option<i32>, Vec<String>) {
    // Where nothing is to be found, one run that finds something is one too many.
    let tries = if wanted == 0 { 1 } else { TRIES };
    let mut found = (None, Vec::new());
    for seed in 1..=tries {
        found = run(database, more, seed);
        if found.0 == Some(wanted) {
            break;
        }
    }
    found
}

/// The exit code, and the kinds of anomalies that were found.
fn run(database: &[String], more: &[&str], seed: usize) -> (Option<i32>, Vec<String>) {
    let bench = Bench::beside_others();
    let seed = seed.to_string();
    let load = ["--workload", "bank", "--nemesis", "none", "--node-count", "3", "--seed", &seed];
    let mut words = vec!["test"];
    words.extend(database.iter().map(String::as_str));
    words.extend(load.iter().chain(&["--time-limit", "5s", "--concurrency", "6"]).chain(more));
    let ran = bench.run(&words);
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    assert!(matches!(ran.code, Some(0 | 1)), "{words:?} ends with {:?}:\n{shown}", ran.code);
    (ran.code, anomaly_kinds(&bench.results()).into_iter().collect())
}

#[test]
fn all_languages_come_to_the_same_verdict() {
    let _turn = Bench::new();
    let settings = [(&[][..], 0), (&["--set", "bug=torn-transactions"][..], 1)];
    for (more, code) in settings {
        let languages = languages();
        // Two at a time: five seconds of load each are mostly waiting.
        for pair in languages.chunks(2) {
            let found: Vec<_> = std::thread::scope(|scope| {
                let running: Vec<_> = pair
                    .iter()
                    .map(|(name, database)| {
                        (name, scope.spawn(move || verdict(database, more, code)))
                    })
                    .collect();
                running
                    .into_iter()
                    .map(|(name, run)| (name, run.join().expect("a verdict")))
                    .collect()
            });
            for (name, (found, kinds)) in found {
                assert_eq!(found, Some(code), "{name} {more:?}: {kinds:?}");
            }
        }
    }
}
