//! `perjury client-check`: a client that keeps to the protocol, and every mistake planted in it.

mod common;

use common::{Bench, Ran, repository};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A register in Python that keeps to the protocol.
const GOOD: &str = r#"
import json, sys
def say(**words): print(json.dumps(words), flush=True)
known = {}
hello = json.loads(sys.stdin.readline())
say(type="hello", protocol=1)
for line in sys.stdin:
    op = json.loads(line)
    f, value = op["f"], op["value"]
    if f == "read":
        say(id=op["id"], type="ok", value=[value[0], known.get(value[0])])
    elif f == "write":
        known[value[0]] = value[1]
        say(id=op["id"], type="ok", value=value)
    elif f == "cas":
        key, (old, new) = value
        if known.get(key) == old:
            known[key] = new
            say(id=op["id"], type="ok")
        else:
            say(id=op["id"], type="fail", error="another value")
    else:
        say(id=op["id"], type="fail", error="no such operation")
"#;

fn check(client: &str, flags: &[&str]) -> Ran {
    let bench = Bench::beside_others();
    fs::write(bench.dir.path().join("client.py"), client).expect("a file");
    let whole =
        [&["client-check", "--workload", "register"][..], flags, &["--", "python3", "client.py"]];
    let mut command = bench.command(&whole.concat());
    let output = command.env_remove("PYTHONUNBUFFERED").output().expect("the binary runs");
    Ran::new(&output, Duration::ZERO)
}

#[test]
fn a_good_client_is_found_good() {
    let ran = check(GOOD, &[]);
    ran.expect_code(0);
    for part in ["hello: it speaks protocol 1", "write [", "the client keeps to the protocol"] {
        assert!(ran.stdout.contains(part), "no `{part}` in\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("note"), "{}", ran.stdout);
    let ran = check(GOOD, &["--json"]);
    let whole: Value = serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON");
    assert_eq!(whole["mistakes"], 0);
    assert_eq!(whole["remarks"][0]["at"], "hello");
}

/// What is replaced in the good client, by what, and the rule and the advice that come of it.
const PLANTS: [(&str, &str, &str, &str); 20] = [
    ("import json, sys", "import jason", "ended", "say hello before anything that may fail"),
    ("hello = ", "print('connecting', flush=True)\nhello = ", "hello", "goes to standard error"),
    (
        "say(type=\"hello\", protocol=1)",
        "print({'type': 'hello'}, flush=True)",
        "hello",
        "json.dumps",
    ),
    ("say(type=\"hello\", protocol=1)", "", "no-hello", "read the first line"),
    ("protocol=1", "protocol=2", "hello", "\"protocol\":1"),
    ("flush=True", "flush=False", "no-hello", "flush"),
    ("print(json.dumps(words)", "print(json.dumps(words, indent=1)", "hello", "on one line"),
    (
        "    op = json",
        "    print('got it', flush=True)\n    op = json",
        "not-json",
        "standard error",
    ),
    ("    op = json", "    print('{\"a\":')\n    op = json", "many-lines", "on one line"),
    ("    op = json", "    print({}, flush=True)\n    op = json", "no-id", "echo"),
    (
        "id=op[\"id\"], type=\"ok\", value=[",
        "id=str(op[\"id\"]), type=\"ok\", value=[",
        "wrong-id",
        "number",
    ),
    (
        "id=op[\"id\"], type=\"ok\", value=value",
        "id=7000, type=\"ok\", value=value",
        "wrong-id",
        "echo",
    ),
    ("id=op[\"id\"], type=\"ok\", value=value", "type=\"ok\"", "no-id", "echo"),
    ("type=\"ok\", value=value", "type=\"OK\", value=value", "type", "did you mean"),
    ("known.get(value[0])]", "str(known.get(value[0]))]", "text", "int(...)"),
    ("value=[value[0], known.get(value[0])]", "value=known.get(value[0])", "value", "replaced by"),
    (
        "    else:\n        say(id=op[\"id\"], type=\"fail\", error=\"no such operation\")",
        "    else:\n        say(id=op[\"id\"], type=\"ok\")",
        "nonsense",
        "you do not know",
    ),
    (
        "    else:\n        say(id=op[\"id\"], type=\"fail\", error=\"no such operation\")",
        "    else:\n        raise ValueError(f)",
        "ended",
        "catch what goes wrong",
    ),
    (
        "        say(id=op[\"id\"], type=\"ok\", value=value)",
        "        say(id=op[\"id\"], type=\"ok\"); say(id=op[\"id\"], type=\"ok\")",
        "answered-twice",
        "exactly one line",
    ),
    (
        "for line in sys.stdin:",
        "import itertools, time\ndef lines():\n    yield from sys.stdin\n    \
      time.sleep(600)\nfor line in lines():",
        "does-not-end",
        "when standard input ends",
    ),
];

#[test]
fn every_mistake_is_told_with_what_to_write_instead() {
    let one = |(from, to, rule, advice): &(&str, &str, &str, &str)| {
        assert!(GOOD.contains(from), "{from} is not in the good client");
        let wrong = GOOD.replace(from, to);
        // Who never says hello is given little time; all others enough to start on a busy machine.
        let limit = if *rule == "no-hello" { "2s" } else { "20s" };
        let ran = check(&wrong, &["--answer-limit", limit, "--json"]);
        let said = format!("{rule} for `{to}`:\n{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(3), "{said}");
        let whole: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let mut remarks = whole["remarks"].as_array().expect("remarks").iter();
        let found = remarks.any(|remark| {
            remark["state"] == "mistake"
                && remark["rule"] == *rule
                && format!("{}{}", remark["what"], remark["instead"])
                    .replace("\\\"", "\"")
                    .contains(advice)
        });
        assert!(found, "no {said}");
    };
    // They mostly wait.
    for some in PLANTS.chunks(7) {
        std::thread::scope(|scope| {
            some.iter().for_each(|plant| drop(scope.spawn(|| one(plant))));
        });
    }
}

#[test]
fn a_slow_client_is_waited_for_and_preparing_is_asked_for() {
    let slow = GOOD
        .replace("    op = json", "    time.sleep(0.3)\n    op = json")
        .replace("import json, sys", "import json, sys, time");
    check(&slow, &[]).expect_code(0);
    let prepares = GOOD.replace("protocol=1", "protocol=1, prepare=True").replace(
        "    f, value =",
        "    if op['type'] == 'prepare': say(type='ok'); continue\n    f, value =",
    );
    let ran = check(&prepares, &[]);
    assert!(ran.expect_code(0).stdout.contains("prepare: ok"), "{}", ran.stdout);
    let deaf = GOOD.replace("protocol=1", "protocol=1, prepare=True");
    let ran = check(&deaf, &[]);
    assert!(ran.expect_code(3).stdout.contains("end of input") || ran.stdout.contains("ended"));
}

#[test]
fn all_that_fails_and_what_is_not_said_is_noted() {
    let mute = GOOD.replace(", error=\"no such operation\"", "").replace(
        "    if f == \"read\"",
        "    if f in (\"read\", \"write\", \"cas\"): say(id=op[\"id\"], type=\"fail\")\n    \
         elif f == \"read\"",
    );
    let ran = check(&mute, &[]);
    ran.expect_code(0);
    for part in ["it did not say why", "no operation was answered with ok", "--node"] {
        assert!(ran.stdout.contains(part), "no `{part}` in\n{}", ran.stdout);
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let bench = Bench::beside_others();
    let kv = repository("examples/kv").display().to_string();
    let rows: [(&[&str], i32, &str); 8] = [
        (&["client-check"], 254, "--workload: say"),
        (&["client-check", "--workload", "register"], 254, "COMMAND"),
        (&["client-check", "--workload", "regster", "--", "true"], 254, "Did you mean"),
        (&["client-check", "--port", "client", "--", "true"], 254, "--port"),
        (&["client-check", "--port", "client=x", "--", "true"], 254, "no port's number"),
        (&["client-check", "--node", "::1", "--", "true"], 254, "--port client="),
        (&["client-check", "--database", "/no/such", "--", "true"], 254, "cannot read"),
        (&["client-check", "--database", &kv, "--set", "stale=perhaps"], 254, "true, false"),
    ];
    for (arguments, code, text) in rows {
        bench.run(arguments).expect_code(code).expect_error(text);
    }
    let ran = bench.run(&["client-check", "--workload", "register", "--", "/no/such/program"]);
    assert!(ran.expect_code(3).stdout.contains("cannot be started"), "{}", ran.stdout);
}

#[test]
fn the_example_is_tried_with_a_database_that_runs_and_with_none() {
    let bench = Bench::beside_others();
    let kv = repository("examples/kv").display().to_string();
    let ran = bench.run(&["client-check", "--database", &kv]);
    assert!(ran.expect_code(0).stdout.contains("nothing was sent"), "{}", ran.stdout);

    // In memory: its disk may be busy for longer than the client waits.
    let data = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let mut server = Command::new("python3")
        .arg(repository("examples/kv/server.py"))
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut line = String::new();
    let output = server.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let port = line.trim().rsplit(' ').next().expect("its port").to_owned();
    let to = ["--node", "127.0.0.1", "--port", &format!("client={port}")];
    let ran = bench.run(&[&["client-check", "--database", &kv][..], &to].concat());
    server.kill().expect("it runs until it is ended");
    server.wait().expect("it has ended");
    ran.expect_code(0);
    assert!(!ran.stdout.contains("note"), "{}", ran.stdout);
}
