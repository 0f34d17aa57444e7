//! A database of a user's own, with a client in another language: put on trial, described from
//! nothing by what the README says, and told apart when it does not come up.

mod common;

use common::{Bench, PERJURY, anomaly_kinds, repository};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// One node and a short load.
const SHORT: [&str; 8] =
    ["--node-count", "1", "--concurrency", "4", "--seed", "1", "--time-limit", "5s"];

/// A folder of a database: the example, with lines of its definition replaced.
fn database(bench: &Bench, changes: &[(&str, &str)]) -> String {
    let folder = bench.dir.path().join("kv");
    fs::create_dir(&folder).expect("a folder");
    for name in ["server.py", "client.py", "database.toml"] {
        fs::copy(repository("examples/kv").join(name), folder.join(name)).expect("a copy");
    }
    let file = folder.join("database.toml");
    let mut text = fs::read_to_string(&file).expect("the definition");
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is not in the definition");
        text = text.replace(from, to);
    }
    fs::write(&file, text).expect("a file");
    folder.display().to_string()
}

fn test(database: &str, flags: &[&str]) -> Vec<String> {
    let words = ["test", database].into_iter().chain(SHORT).chain(flags.iter().copied());
    words.map(str::to_owned).collect()
}

#[test]
fn the_example_is_found_right_and_found_stale() {
    let definition = fs::read_to_string(repository("examples/kv/database.toml")).expect("a file");
    assert!(definition.lines().count() <= 40, "a simple definition takes at most 40 lines");
    let client = fs::read_to_string(repository("examples/kv/client.py")).expect("a file");
    assert!(client.lines().count() < 60, "the client takes less than 60 lines");
    let bench = Bench::beside_others();
    let kv = repository("examples/kv").display().to_string();
    let run = |flags: &[&str]| {
        let words = test(&kv, flags);
        bench.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    // Long enough that each kind of call succeeds on a busy machine, with the only node often down.
    let longer = [&["test", &kv], &SHORT[..6], &["--time-limit", "15s"]].concat();
    let faults = ["--nemesis", "kill,disk", "--nemesis-interval", "3s"];
    bench.run(&[&longer[..], &faults].concat()).expect_code(0);
    let results = bench.results();
    assert!(results["operations"].to_string().contains("\"cas\""), "{results:#}");
    run(&["--nemesis", "none", "--set", "stale=true"]).expect_code(1);
    let kinds = anomaly_kinds(&bench.results());
    assert!(
        kinds.iter().any(|kind| kind.contains("stale") || kind.contains("linear")),
        "{kinds:?}"
    );
    // What is in the store is enough to judge it again, with the database's own files or without.
    bench.run(&["analyze", "store/latest"]).expect_code(1);
}

#[test]
fn the_documents_show_the_client_in_rust_as_it_is() {
    let page = fs::read_to_string(repository("docs/databases.md")).expect("the page");
    let code = fs::read_to_string(repository("examples/kv/main.rs")).expect("the example");
    let (_, code) = code.split_once("\n\n").expect("a header and the code");
    assert!(page.contains(&format!("```rust\n{code}```")), "docs/databases.md shows another");
}

/// `examples/kv/main.rs`, which is built with the tests: a program with a database and a client in
/// Rust.
#[test]
fn a_client_in_rust_comes_to_the_same() {
    let program = Path::new(PERJURY).with_file_name("examples").join("kv");
    assert!(program.exists(), "build it first: cargo build --example kv");
    let bench = Bench::beside_others();
    for (stale, code) in [("false", 0), ("true", 1)] {
        let words = test("kv", &["--nemesis", "none", "--set", &format!("stale={stale}")]);
        let output = Command::new(&program)
            .args(words)
            .env("PERJURY_STORE", bench.store())
            .current_dir(bench.dir.path())
            .output()
            .expect("the example runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "stale={stale}: {said}");
    }
}

/// Text of the README's section: files by name, and commands, in order.
enum Block {
    File { name: String, text: String },
    Commands(String),
}

fn section() -> Vec<Block> {
    let readme = fs::read_to_string(repository("README.md")).expect("the README");
    let (_, rest) = readme.split_once("\n## Test your own database\n").expect("the section");
    let section = rest.split("\n## ").next().expect("its text");
    let mut blocks = Vec::new();
    let mut lines = section.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let text = text.join("\n") + "\n";
            if language == "sh" {
                blocks.push(Block::Commands(text));
            } else {
                let name = before.split('`').nth(1).expect("a file's name in the line above");
                blocks.push(Block::File { name: name.to_owned(), text });
            }
        } else if !line.is_empty() {
            before = line;
        }
    }
    blocks
}

#[test]
fn the_readme_is_followed_word_by_word() {
    let bench = Bench::beside_others();
    let folder = bench.dir.path();
    fs::create_dir_all(folder.join("examples/kv")).expect("a folder");
    let server = "examples/kv/server.py";
    fs::copy(repository(server), folder.join(server)).expect("the server that is brought");
    let programs = Path::new(PERJURY).parent().expect("a folder").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    let mut codes = Vec::new();
    for block in section() {
        match block {
            Block::File { name, text } => {
                let shipped = repository("examples").join(&name);
                let shipped = fs::read_to_string(&shipped).expect("the example");
                assert_eq!(text, shipped, "the README and examples/{name} differ");
                fs::write(folder.join(&name), text).expect("a file");
            }
            Block::Commands(text) => {
                for command in text.lines() {
                    let output = Command::new("sh")
                        .args(["-c", command])
                        .current_dir(folder)
                        .env("PATH", &path)
                        .stdin(Stdio::null())
                        .output()
                        .expect("a shell");
                    let code = output.status.code();
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    let wanted = if command.contains("stale=true") { 1 } else { 0 };
                    assert_eq!(code, Some(wanted), "`{command}`: {said}");
                    codes.push(wanted);
                }
            }
        }
    }
    assert!(codes.len() >= 5 && codes.contains(&1), "{codes:?}");
}

/// What is changed in the example, flags, and what the error has to tell.
type Row = (&'static [(&'static str, &'static str)], &'static [&'static str]);

const COMMAND: &str = "command = [\"python3\", \"/opt/kv/server.py\", \"--listen\", \
     \"{address}:{port.client}\", \"--data\", \"/var/lib/kv\"]";
const PROGRAM: &str = "program = \"python3\" ";
const PACKAGES: &str = "packages = [\"python3\"]";

const ROWS: [Row; 9] = [
    // No such package.
    (
        &[(PROGRAM, "program = \"no-such-thing\" "), (PACKAGES, "packages = [\"no-such-thing\"]")],
        &["no-such-thing", "apt-get", "[install]"],
    ),
    // No such program, and nothing that brings it.
    (
        &[(PROGRAM, "program = \"no-such-thing\" "), (PACKAGES, "packages = []")],
        &["n1: ", "needs the program `no-such-thing`", "install it on this machine"],
    ),
    // No such archive.
    (&[("archive = \"server.py\"", "archive = \"sever.py\"")], &["sever.py", "relative to the"]),
    // A set-up command that fails.
    (
        &[(
            "[ready]",
            "[[setup]]\ncommand = [\"sh\", \"-c\", \"echo no space >&2; exit 5\"]\n[ready]",
        )],
        &["n1: the set-up command `sh -c", "ended with code 5", "no space"],
    ),
    // It cannot be started.
    (&[(COMMAND, "command = [\"/opt/kv/sever\"]")], &["n1: ", "/opt/kv/sever", "[start]"]),
    // It dies.
    (
        &[(COMMAND, "command = [\"sh\", \"-c\", \"echo out of luck >&2; exit 7\"]")],
        &["n1: kv ended before it was ready", "out of luck", "`sh -c echo out of luck", "[start]"],
    ),
    // It never answers.
    (
        &[
            (COMMAND, "command = [\"sh\", \"-c\", \"echo wait for it; sleep 60\"]"),
            ("[ready]", "[ready]\ntimeout = \"2s\""),
        ],
        &[
            "n1: kv is not ready after 2 s",
            "wait for it",
            "no connection to",
            "`sh -c echo wait",
            "[ready]",
        ],
    ),
    // It answers garbage.
    (
        &[("/opt/kv/server.py", "-u\", \"/opt/kv/server.py"), ("--data", "--garbage\", \"--data")],
        &["n1", "no operation succeeded", "BLAH", "client-check"],
    ),
    // The client is not there.
    (
        &[("\"client.py\"", "\"clyent.py\"")],
        &["python3 clyent.py", "the program ended", "No such file"],
    ),
];

#[test]
fn what_does_not_come_up_is_told_with_node_command_output_and_a_hint() {
    let one = |(changes, parts): &Row| {
        let bench = Bench::beside_others();
        let folder = database(&bench, changes);
        let server = bench.dir.path().join("kv/server.py");
        let text = fs::read_to_string(&server).expect("the server");
        let garbage = "arguments.add_argument(\"--garbage\", action=\"store_true\")\n";
        let text = text.replace(
            "arguments = arguments.parse",
            &format!("{garbage}arguments = arguments.parse"),
        );
        let text = text.replace(
            "def answer(words):",
            "def answer(words):\n    if arguments.garbage:\n        return \"BLAH BLAH\"",
        );
        fs::write(&server, text).expect("a file");
        let words = test(&folder, &["--nemesis", "none"]);
        let ran = bench.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ran.code, Some(3), "{changes:?}:\n{}{}", ran.stdout, ran.stderr);
        for part in *parts {
            assert!(ran.stderr.contains(part), "no `{part}` for {changes:?}:\n{}", ran.stderr);
        }
    };
    for some in ROWS.chunks(3) {
        std::thread::scope(|scope| {
            some.iter().for_each(|row| drop(scope.spawn(|| one(row))));
        });
    }
}

#[test]
fn a_definition_is_begun_looked_at_and_refused() {
    let bench = Bench::beside_others();
    let ran = bench.run(&["new", "database", "mine"]);
    assert!(ran.expect_code(0).stdout.contains("mine/client.py"), "{}", ran.stdout);
    bench.run(&["client-check", "--database", "./mine"]).expect_code(0);
    bench.run(&["test", "./mine", "--dry-run"]).expect_code(0);
    bench.run(&["new", "database", "mine"]).expect_code(254).expect_error("nothing is overwritten");
    bench.run(&["new", "database", "My_DB"]).expect_code(254).expect_error("small letters");
    bench.run(&["new", "database", "x", "--driver", "none"]).expect_code(254).expect_error("none");

    let kv = repository("examples/kv").display().to_string();
    let ran = bench.run(&["doctor", &kv]);
    ran.expect_code(0);
    for part in [
        "starts: python3 /opt/kv/server.py --listen 192.0.2.1:7700",
        "is put into /opt/kv",
        "the client greets",
        "a connection to 192.0.2.1:7700",
    ] {
        assert!(ran.stdout.contains(part), "no `{part}` in\n{}", ran.stdout);
    }
    // Its program is the one that nobody has yet.
    let ran = bench.run(&["doctor", "mine/database.toml"]);
    assert!(ran.expect_code(3).stdout.contains("`mined` is not on this machine"), "{}", ran.stdout);
    let file = bench.dir.path().join("mine/database.toml");
    let text = fs::read_to_string(&file).expect("the definition");
    fs::write(&file, text.replace("[start]\ncommand", "[start]\ncomand")).expect("a file");
    bench.run(&["doctor", "mine"]).expect_code(254).expect_error("did you mean `command`?");

    let schema = bench.run(&["schema", "database"]);
    assert!(schema.expect_code(0).stdout.contains("\"title\": \"database.toml\""));
    bench.run(&["drivers"]).expect_code(0);
    bench.run(&["drivers", "no-such"]).expect_code(254).expect_error("no driver");
}
