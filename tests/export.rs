//! `perjury export`: what other tools get, read back where there is something that reads it.

mod common;

use common::{Bench, repository};
use serde_json::Value;
use std::fs;

fn history(kind: &str) -> String {
    repository(&format!("tests/golden/histories/{kind}.jsonl")).display().to_string()
}

/// A history and what it is of.
const HISTORIES: [(&str, &str); 8] = [
    ("G-single", "list-append"),
    ("G1a", "list-append"),
    ("G2", "predicate-register"),
    ("cyclic-versions", "rw-register"),
    ("missing-read-write-dependency", "cas-register"),
    ("stale-read", "cas-register"),
    ("lost-element", "set"),
    ("negative-balance", "bank"),
];

/// Verdict and kinds, as `perjury check` gives them.
fn judged(bench: &Bench, file: &str, flags: &[&str]) -> (String, Vec<String>) {
    let ran = bench.run(&[&["check", file, "--json"], flags].concat());
    let answer: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{file}: {error}: {}", ran.stderr));
    let anomalies = answer["findings"][0]["anomalies"].as_array().cloned().unwrap_or_default();
    let kinds = anomalies.iter().filter_map(|anomaly| anomaly["kind"].as_str());
    let verdict = answer["verdict"].as_str().expect("a verdict").to_owned();
    (verdict, kinds.map(str::to_owned).collect())
}

#[test]
fn edn_and_json_lines_are_read_back_with_the_same_verdict() {
    let bench = Bench::beside_others();
    for (kind, workload) in HISTORIES {
        let file = history(kind);
        let expected = judged(&bench, &file, &["-w", workload]);
        for (format, ending) in [("edn", "edn"), ("jsonl", "jsonl")] {
            let out = bench.dir.path().join(format!("{kind}.{ending}")).display().to_string();
            bench.run(&["export", &file, "--format", format, "-o", &out]).expect_code(0);
            let found = judged(&bench, &out, &["-w", workload]);
            assert_eq!(found, expected, "{kind} as {format}");
        }
        let lines = bench.run(&["export", &file, "-f", "jsonl"]).expect_code(0).stdout.clone();
        let there = fs::read_to_string(&file).expect("a history");
        assert_eq!(lines.trim_end(), there.trim_end(), "{kind}");
    }
}

#[test]
fn knossos_gets_an_object_a_file() {
    let bench = Bench::beside_others();
    let file = history("missing-read-write-dependency");
    bench.run(&["export", &file, "-f", "knossos"]).expect_code(254).expect_error("--key '\"x\"'");
    let folder = bench.dir.path().join("keys");
    let out = folder.display().to_string();
    bench.run(&["export", &file, "-f", "knossos", "-o", &out]).expect_code(0);
    let x = fs::read_to_string(folder.join("key-1-x.edn")).expect("the history of x");
    assert!(x.starts_with("{:process 0, :type :invoke, :f :write, :value 1,"), "{x}");
    assert!(x.contains(":index 5") && !x.contains(":index 6"), "{x}");
    let path = folder.join("key-1-x.edn").display().to_string();
    // Without the other key there is nothing but a read of nil after a write of 1.
    let flags = ["-w", "cas-register", "--single"];
    assert_eq!(judged(&bench, &path, &flags).0, "invalid");
    let one = bench.run(&["export", &file, "-f", "knossos", "--key", "\"x\""]);
    assert_eq!(one.expect_code(0).stdout.trim_end(), x.trim_end());
    let whole = bench.run(&["export", &history("stale-read"), "-f", "knossos"]);
    assert!(whole.expect_code(0).stdout.contains(":f :read, :value 2"), "{}", whole.stdout);
}

#[test]
fn csv_has_a_line_for_each_operation_and_no_formulas() {
    let bench = Bench::beside_others();
    let file = bench.dir.path().join("history.jsonl");
    let event = |index: u64, kind: &str, value: &str, error: &str| {
        format!(
            "{{\"index\":{index},\"time\":{},\"process\":0,\"type\":\"{kind}\",\
             \"f\":\"=cmd\",\"value\":{value},\"node\":\"@n1\"{error}}}\n",
            index * 1000
        )
    };
    let text = event(0, "invoke", "[1,-5]", "")
        + &event(1, "ok", "[1,-5]", "")
        + &event(2, "invoke", "[1,\"a\\\"b, c\\n\"]", "")
        + &event(3, "info", "null", ",\"error\":\"-timeout, \\\"x\\\"\"");
    fs::write(&file, text).expect("a file");
    let path = file.display().to_string();
    let ran = bench.run(&["export", &path, "-f", "csv", "--independent"]);
    let csv_text = ran.expect_code(0).stdout.clone();
    let mut reader = csv::Reader::from_reader(csv_text.trim_end().as_bytes());
    assert_eq!(reader.headers().expect("names").len(), 12);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let cells = |at: usize| rows[at].iter().collect::<Vec<_>>();
    assert_eq!(
        cells(0),
        ["0", "0", "'@n1", "'=cmd", "1", "-5", "ok", "-5", "0", "1000", "1000", ""]
    );
    let error = "'-timeout, \"x\"";
    let input = "\"a\\\"b, c\\n\"";
    assert_eq!(
        cells(1),
        ["2", "0", "'@n1", "'=cmd", "1", input, "info", "", "2000", "", "", error]
    );
}

#[test]
fn anomalies_are_drawn_and_results_written() {
    let bench = Bench::beside_others();
    let file = history("G-single");
    let flags = ["-w", "list-append"];
    let export = |more: &[&str]| bench.run(&[&["export", &file], &flags[..], more].concat());
    let dot = export(&["-f", "dot"]).expect_code(0).stdout.clone();
    let edges = dot.lines().filter(|line| is_edge(line)).count();
    assert_eq!(edges, 3, "{dot}");
    let svg = export(&["-f", "svg", "--anomaly", "G-single"]).expect_code(0).stdout.clone();
    assert!(roxmltree::Document::parse(svg.trim_end()).is_ok(), "{svg}");
    let folder = bench.dir.path().join("drawn").display().to_string();
    export(&["-f", "svg", "-o", &folder]).expect_code(0);
    assert!(bench.dir.path().join("drawn/anomaly-1.svg").is_file());
    export(&["-f", "svg", "-o", &folder]).expect_code(254).expect_error("--force");
    export(&["-f", "svg", "-o", &folder, "--force"]).expect_code(0);
    let results = export(&["-f", "results"]).expect_code(0).stdout.clone();
    let results: Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!(results["verdict"], "invalid");
    export(&["-f", "csv", "--anomaly", "1"]).expect_code(254).expect_error("--anomaly is for");
    export(&["-f", "dot", "--anomaly", "9"]).expect_code(254).expect_error("1  G-single");
    let stale = history("stale-read");
    let dot = bench.run(&["export", &stale, "-w", "cas-register", "-f", "dot"]);
    dot.expect_code(254).expect_error("no cycle");
}

/// `op1 -> op2 [label="...", color=...];`, with every quote inside escaped.
fn is_edge(line: &str) -> bool {
    let Some((ends, rest)) = line.trim().split_once(" [label=\"") else { return false };
    let Some((from, to)) = ends.split_once(" -> ") else { return false };
    let name = |text: &str| text.strip_prefix("op").is_some_and(|n| n.parse::<u64>().is_ok());
    let Some((label, _)) = rest.rsplit_once("\", color=") else { return false };
    let bare = label.replace("\\\\", "").replace("\\\"", "");
    name(from) && name(to) && !bare.contains('"')
}

#[test]
fn damaged_histories_leave_no_file_behind() {
    let bench = Bench::beside_others();
    let file = bench.dir.path().join("history.jsonl");
    let good = fs::read_to_string(history("stale-read")).expect("a history");
    fs::write(&file, format!("{good}nonsense\n")).expect("a file");
    let out = bench.dir.path().join("out.edn");
    let (path, to) = (file.display().to_string(), out.display().to_string());
    bench.run(&["export", &path, "-f", "edn", "-o", &to]).expect_code(254).expect_error("line 9");
    assert!(!out.exists());
    let left = fs::read_dir(bench.dir.path()).expect("a folder").flatten();
    let left: Vec<_> = left.filter(|entry| entry.file_name() != "history.jsonl").collect();
    assert!(left.is_empty(), "{left:?}");
}
