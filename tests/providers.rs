//! Every fault on every kind of node: it works and leaves evidence, or it is refused by name.
//!
//! `tests/faults.rs` is about what that evidence says, on local nodes of root.

mod common;

use common::{Bench, PERJURY, Ran};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;
use std::time::Instant;

/// Every fault by its name, and when it is asked for. They overlap, but for those that take a node
/// down: to start one starts all.
const LINES: [(&str, &str); 15] = [
    ("kill", "1s kill n1 for 1s"),
    ("pause", "1s pause n2 for 1s"),
    ("file", "1s file bit-flips n5 for 1s"),
    ("stop", "3s stop n3 for 1s"),
    ("disk", "3s disk slow n2 for 1s"),
    ("crash-loop", "5s crash-loop n4 for 2s"),
    ("clock", "5s clock jump 30000 n3 for 1s"),
    ("partition", "8s cut n1|n2,n3,n4,n5 for 1s"),
    (
        "packet",
        "10s packet {\"links\":[[\"n1\",\"n2\"]],\"policy\":{\"loss_percent\":30,\"seed\":1}} for 1s",
    ),
    ("latency", "13s spread for 1s"),
    ("power", "13s power n4 for 1s"),
    ("cpu", "13s cpu n5 for 2s"),
    ("memory", "15s memory n3 for 1s"),
    ("membership", "16s remove-members n2 for 1s"),
    ("surge", "20s surge 8 for 1s"),
];

/// No account has this number; none is needed.
const ORDINARY: u32 = 64_124;

#[test]
fn an_ordinary_user_has_every_fault_or_is_told_why_not() {
    if !nix::unistd::geteuid().is_root() {
        // The tests of `faults.rs` are those of an ordinary user then.
        return;
    }
    let bench = Bench::beside_others();
    let home = bench.dir.path();
    let binary = home.join("perjury");
    std::fs::copy(PERJURY, &binary).expect("a copy of the binary");
    let rights = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(home, rights).expect("a folder that can be entered");
    chown(home, Some(ORDINARY), Some(ORDINARY)).expect("a folder of the user's own");
    let id = ORDINARY.to_string();
    every_fault(&bench, "local, user", |arguments| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(&binary);
        command.args(arguments).env("HOME", home).env("PERJURY_STORE", bench.store());
        finish(command.current_dir(home))
    });
}

#[test]
fn hosts_have_every_fault_or_say_why_not() {
    let bench = Bench::beside_others();
    let script = "exec \"$@\" --nodes n1,n2,n3,n4,n5 --ssh-config \"$PERJURY_SSH_CONFIG\" \
                  --set packet-kinds=loss";
    every_fault(&bench, "hosts", |arguments| {
        let lab = ["local", "up", "--nodes", "5", "--", "sh", "-c", script, "sh", PERJURY];
        bench.run(&[&lab[..], arguments].concat())
    });
}

fn finish(command: &mut Command) -> Ran {
    let began = Instant::now();
    let output = command.output().expect("the program runs");
    Ran::new(&output, began.elapsed())
}

/// Asks for all faults at once. Those that are refused by name are left out, and the others asked
/// for again; each of these must have been seen, and seen to be undone.
fn every_fault(bench: &Bench, provider: &str, run: impl Fn(&[&str]) -> Ran) {
    let faults = known();
    let names: BTreeSet<&str> = faults.iter().map(|fault| text(&fault["name"])).collect();
    assert_eq!(names, LINES.iter().map(|line| line.0).collect(), "a fault that nobody tries");
    let mut refused = BTreeSet::new();
    let ran = loop {
        let ran = run(&arguments(&refused));
        let Some(name) = names.iter().find(|name| is_refused(&ran, name)) else { break ran };
        assert!(refused.insert(*name), "{name} is refused again: {}", ran.stderr);
    };
    // What flipped bits do to the database is its own affair: the verdict is not judged here.
    assert!(matches!(ran.code, Some(0..=2)), "{:?}: {}", ran.code, ran.stderr);
    let results = bench.results();
    let records = results["faults"].as_array().expect("faults");
    for fault in &faults {
        let (name, told) = (text(&fault["name"]), text(&fault["providers"][provider]));
        let seen: Vec<&Value> =
            records.iter().filter(|record| record["f"] == fault["operations"][0]).collect();
        if refused.contains(name) {
            assert_ne!(told, "works", "{name} was refused on {provider}");
            continue;
        }
        assert!(told.starts_with("works"), "{name} was not refused on {provider}: {told}");
        assert_eq!(seen.len(), 1, "{name} on {provider}: {}", ran.stderr);
        assert_eq!(seen[0]["outcome"], "healed", "{name} on {provider}: {:#}", seen[0]);
    }
}

/// What `perjury faults` says.
fn known() -> Vec<Value> {
    let ran = Bench::beside_others().run(&["faults", "--json"]);
    serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn arguments<'a>(refused: &BTreeSet<&str>) -> Vec<&'a str> {
    let mut all = vec!["test", "demo", "--seed", "5", "--concurrency", "4n"];
    all.extend(["--time-limit", "34s", "--set", "latency-ms=20-40"]);
    let asked = LINES.iter().filter(|line| !refused.contains(line.0));
    all.extend(asked.flat_map(|line| ["--at", line.1]));
    all
}

/// Whether the run did not begin because of this fault.
fn is_refused(ran: &Ran, name: &str) -> bool {
    ran.code == Some(254) && ran.stderr.contains(&format!("--nemesis {name}: "))
}
