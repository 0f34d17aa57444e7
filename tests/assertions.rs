//! What is asserted of a run besides its history: by a client in another language, by a
//! definition of logs and faults, and that the database stays up.

mod common;

use common::{Bench, anomaly_kinds, repository};
use serde_json::Value;
use std::fs;

/// A copy of the example kv, its definition and client with additions.
fn database(bench: &Bench, definition: &str, changes: &[(&str, &str, &str)]) -> String {
    let folder = bench.dir.path().join("kv");
    fs::create_dir_all(&folder).expect("a folder");
    for name in ["server.py", "client.py", "database.toml"] {
        let mut text = fs::read_to_string(repository("examples/kv").join(name)).expect("a file");
        for (file, from, to) in changes.iter().filter(|change| change.0 == name) {
            assert!(text.contains(from), "`{from}` is not in {file}");
            text = text.replace(from, to);
        }
        if name == "database.toml" {
            // Keys of the top level come before the first table.
            let (keys, tables) = definition.split_once("---").unwrap_or(("", definition));
            text = format!("{keys}\n{text}\n{tables}\n");
        }
        fs::write(folder.join(name), text).expect("a file");
    }
    folder.display().to_string()
}

fn run(bench: &Bench, database: &str, flags: &[&str], code: i32) -> Value {
    let short = ["--node-count", "1", "--time-limit", "5s", "--concurrency", "4", "--seed", "1"];
    let words: Vec<&str> =
        ["test", database].into_iter().chain(short).chain(flags.iter().copied()).collect();
    bench.run(&words).expect_code(code);
    bench.results()
}

fn state<'a>(results: &'a Value, name: &str) -> &'a str {
    let all = results["assertions"].as_array().expect("assertions");
    let one = all.iter().find(|one| one["name"] == name);
    one.and_then(|one| one["state"].as_str()).unwrap_or_else(|| panic!("{name}: {all:#?}"))
}

/// The client counts as asserted that a compare-and-set was refused, and that values are small.
const ASSERTING: [(&str, &str, &str); 2] = [
    (
        "client.py",
        r#"{"type": "hello", "protocol": 1}"#,
        r#"{"type": "hello", "protocol": 1, "assertions": [{"kind": "sometimes", "name": "a refusal"}]}"#,
    ),
    (
        "client.py",
        r#"print(json.dumps({"id": op["id"], **answer}), flush=True)"#,
        r#"said = [
        {"kind": "sometimes", "name": "a refusal", "holds": "another value" in answer.get("error", "")},
        {"kind": "always", "name": "an operation", "holds": op["f"] != FORBIDDEN, "details": "seen"},
    ]
    print(json.dumps({"id": op["id"], **answer, "asserts": said}), flush=True)"#,
    ),
];

#[test]
fn what_a_client_and_a_definition_assert_decides() {
    let bench = Bench::beside_others();
    let claims = r#"
[[sometimes]]
name = "it was killed"
fault = "kill"
open = "write"
[[sometimes]]
name = "it listened"
log = "listening at port \\d+"
[[never]]
name = "a panic"
log = "panicked"
"#;
    let allowed =
        ("client.py", "server = None\n\n\nclass", "server = None\nFORBIDDEN = None\n\n\nclass");
    let kv = database(&bench, claims, &[ASSERTING[0], ASSERTING[1], allowed]);
    let results = run(&bench, &kv, &["--nemesis", "kill,disk", "--nemesis-interval", "1s"], 0);
    for name in ["it was killed", "it listened", "a panic", "a refusal", "an operation"] {
        assert_eq!(state(&results, name), "held", "{name}");
    }
    // Without kills nobody expects one; what a definition says of logs still counts.
    let results = run(&bench, &kv, &["--nemesis", "none"], 0);
    assert_eq!(state(&results, "it was killed"), "skipped");
    let page = fs::read_to_string(bench.latest().join("report.html")).expect("the report");
    assert!(page.contains("id=\"assertions\"") && page.contains("not of this run"));

    let forbidden = ("client.py", allowed.1, "server = None\nFORBIDDEN = \"cas\"\n\n\nclass");
    let kv = database(&bench, claims, &[ASSERTING[0], ASSERTING[1], forbidden]);
    let results = run(&bench, &kv, &["--nemesis", "none"], 1);
    assert!(anomaly_kinds(&results).iter().eq(["assertion-failed"]), "{results:#}");
    assert_eq!(state(&results, "an operation"), "failed");
}

#[test]
fn what_never_comes_about_makes_a_run_unknown_and_a_forbidden_line_an_anomaly() {
    let bench = Bench::beside_others();
    let claims = "[[sometimes]]\nname = \"it snowed\"\nlog = \"snow\"\n";
    let kv = database(&bench, claims, &[]);
    let results = run(&bench, &kv, &["--nemesis", "none"], 2);
    assert_eq!(state(&results, "it snowed"), "unreached");
    assert!(results["reasons"].to_string().contains("it snowed"), "{results:#}");

    let claims = "[[never]]\nname = \"it listens\"\nlog = \"listening\"\n";
    let kv = database(&bench, claims, &[]);
    let results = run(&bench, &kv, &["--nemesis", "none"], 1);
    assert!(anomaly_kinds(&results).iter().eq(["forbidden-log"]), "{results:#}");
    assert!(results["findings"].to_string().contains("n1 perjury-kv.log:1"), "{results:#}");
}

#[test]
fn a_claim_that_cannot_be_is_refused_before_anything_begins() {
    let bench = Bench::beside_others();
    for (claim, told) in [
        ("[[never]]\nname = \"x\"\nlog = \"(\"\n", "it is no regular expression"),
        ("[[never]]\nname = \"x\"\nfault = \"kill\"\n", "write `log`"),
        ("[[sometimes]]\nname = \"x\"\n", "either `log` or `fault`"),
        ("[[sometimes]]\nname = \"x\"\nfault = \"rain\"\n", "in the assertion `x`"),
    ] {
        let kv = database(&bench, claim, &[]);
        bench.run(&["test", &kv, "--node-count", "1"]).expect_code(254).expect_error(told);
    }
}

/// A server that crashes by itself, once, two seconds after its first start.
const CRASH: (&str, &str, &str) = (
    "server.py",
    "server.serve_forever()",
    "if not values:\n    crash = lambda: os.kill(os.getpid(), 11)\n    \
     threading.Timer(2, crash).start()\nserver.serve_forever()",
);

#[test]
fn a_crash_is_told_and_counts_as_the_definition_says() {
    let bench = Bench::beside_others();
    for (crashes, code) in [("undisturbed", 1), ("never", 1), ("told", 0)] {
        let kv = database(&bench, &format!("crashes = \"{crashes}\"\n---"), &[CRASH]);
        let results = run(&bench, &kv, &["--nemesis", "none"], code);
        assert_eq!(results["ends"][0]["signal"], 11, "{crashes}: {results:#}");
        assert_eq!(anomaly_kinds(&results).contains("crash"), code == 1);
    }
    // Kills and stops are asked for, so that nothing is told of them.
    let kv = database(&bench, "crashes = \"never\"\n---", &[]);
    let results = run(&bench, &kv, &["--nemesis", "kill,disk", "--nemesis-interval", "1s"], 0);
    assert!(results.get("ends").is_none(), "{results:#}");
}
