//! Every `perjury` command in the documents is run: a test as a dry run, the others for real.

mod common;

use common::{Bench, repository};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

#[test]
fn every_command_in_the_documents_is_accepted() {
    let bench = Bench::new();
    let at = |name: &str| bench.dir.path().join(name);
    fs::write(at("ssh_config"), "Host a b c\n  HostName 127.0.0.1\n").expect("a file");
    fs::write(at("history.edn"), HISTORY).expect("a file");
    fs::write(at("my.script"), "every 5s pause one for 1s\n").expect("a file");
    let nightly = fs::read(repository("examples/nightly/nightly.toml")).expect("an example");
    fs::create_dir_all(at("examples/nightly")).expect("a folder");
    for name in ["nightly.toml", "examples/nightly/nightly.toml"] {
        fs::write(at(name), &nightly).expect("a file");
    }
    own_database(&bench);
    lie(&bench);
    let plan = fs::read(bench.latest().join("plan.toml")).expect("the plan of a run");
    fs::write(at("plan.toml"), plan).expect("a file");
    let commands = commands();
    assert!(commands.len() >= 10, "only {commands:?}");
    for (file, command) in commands {
        let words =
            shlex::split(&command).unwrap_or_else(|| panic!("{file}: quotes in `{command}`"));
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        if ["test", "campaign", "gc"].contains(&words[0]) && !words.contains(&"--dry-run") {
            words.push("--dry-run");
        }
        if words[0] == "new" {
            // `tests/external.rs` follows those words; here the folder is there already.
            bench.run(&words).expect_code(254).expect_error("nothing is overwritten");
            continue;
        }
        if words[0] == "serve" {
            serve(&bench, &words);
            continue;
        }
        let ran = bench.run(&words);
        assert!(
            matches!(ran.code, Some(0..=2)),
            "{file}: `perjury {command}` ends with {:?}:\n{}",
            ran.code,
            ran.stderr
        );
    }
}

/// The database that the documents make, in `kv`, and the examples with clients.
fn own_database(bench: &Bench) {
    for (from, to) in [("kv", "kv"), ("kv", "examples/kv"), ("bank", "examples/bank")] {
        let folder = bench.dir.path().join(to);
        fs::create_dir_all(&folder).expect("a folder");
        for entry in fs::read_dir(repository("examples").join(from)).expect("an example").flatten()
        {
            if entry.path().is_file() {
                fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy");
            }
        }
    }
}

/// The latest run has an anomaly, for whatever explains one.
fn lie(bench: &Bench) {
    let flags = ["--time-limit", "8s", "--nemesis-interval", "2s"];
    let found = ["1", "2", "3", "4"].into_iter().any(|seed| {
        let bug = ["test", "--bug", "stale-reads", "--seed", seed];
        bench.run(&[&bug[..], &flags[..]].concat()).code == Some(1)
    });
    assert!(found, "the planted bug was not found with any seed");
}

/// A server says where it is, and is then ended.
fn serve(bench: &Bench, words: &[&str]) {
    let mut command = bench.command(&[words, &["--port", "0"]].concat());
    let mut server = command.stdout(Stdio::piped()).spawn().expect("the server");
    let mut line = String::new();
    let output = server.stdout.as_mut().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    server.kill().expect("it runs until it is ended");
    server.wait().expect("it has ended");
    assert!(line.contains("http://127.0.0.1:"), "{words:?}: {line}");
}

const HISTORY: &str = "{:index 0 :type :invoke :process 0 :f :txn :value [[:append :x 1]]}
{:index 1 :type :ok :process 0 :f :txn :value [[:append :x 1]]}
";

/// Commands in `sh` blocks of all documents, without the program's name.
fn commands() -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for path in documents() {
        let text = fs::read_to_string(&path).expect("a document");
        let mut inside = false;
        for line in text.lines() {
            if line.starts_with("```") {
                inside = line == "```sh";
            }
            let program = ["perjury ", "cargo run --release -- "];
            let rest = program.iter().find_map(|program| line.strip_prefix(program));
            if let Some(rest) = rest.filter(|_| inside) {
                let rest = rest.split(" # ").next().unwrap_or(rest).trim();
                commands.push((path.display().to_string(), rest.to_owned()));
            }
        }
    }
    commands
}

fn documents() -> Vec<PathBuf> {
    let folder =
        fs::read_dir(repository("docs")).expect("docs").flatten().map(|entry| entry.path());
    let pages = folder.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let mut documents: Vec<PathBuf> = pages.chain([repository("README.md")]).collect();
    documents.sort();
    documents
}
