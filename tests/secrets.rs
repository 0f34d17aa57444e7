//! Secrets among the options of a run: nobody finds them in what the run leaves behind.

mod common;

use common::Bench;
use std::fs;
use std::path::Path;

const SECRET: &str = "correct \"horse\" battery";
/// As it stands inside of a JSON string.
const QUOTED: &str = "correct \\\"horse\\\" battery";

/// A fault that says the secret wherever it can: in its own definition, in its answer, and in the
/// log of the database.
fn leaky_fault() -> String {
    format!(
        r#"
[[fault]]
name = "leak"
about = "says {QUOTED}"
inject = "echo '{QUOTED}' | tee -a /var/log/perjury-demo.log && touch /run/leaky"
heal = "rm -f /run/leaky"
observe = "test -e /run/leaky && echo '{QUOTED}'"
limit = "5s"
"#
    )
}

/// Every file below a folder that contains one of `words`, sealed ones decompressed.
fn containing(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").filter_map(Result::ok) {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            if !kind.is_file() {
                continue;
            }
            let mut bytes = fs::read(&path).expect("a file");
            if path.extension().is_some_and(|extension| extension == "zst") {
                bytes = zstd::decode_all(&bytes[..]).expect("a sealed history");
            }
            let text = String::from_utf8_lossy(&bytes);
            if words.iter().any(|word| text.contains(word)) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn run(bench: &Bench, option: &str) {
    let file = bench.dir.path().join("leak.toml");
    fs::write(&file, leaky_fault()).expect("the fault is written");
    let fault = file.display().to_string();
    let option = format!("--set={option}={SECRET}");
    let arguments = ["test", "--fault", &fault, "--at", "1s leak n1 for 1s", &option];
    let ran = bench.run(&[&arguments[..], &["--time-limit", "4s", "--seed", "5"]].concat());
    ran.expect_code(0);
}

#[test]
fn a_secret_is_in_no_file_of_the_store() {
    let bench = Bench::new();
    run(&bench, "admin-password");
    assert_eq!(containing(&bench.store(), &[SECRET, QUOTED]), [""; 0]);
    let plan = fs::read_to_string(bench.latest().join("plan.toml")).expect("the plan");
    assert!(plan.contains("admin-password = \"env:PERJURY_SECRET_ADMIN_PASSWORD\""), "{plan}");
    let log = fs::read_to_string(bench.latest().join("n1/perjury-demo.log")).expect("the log");
    assert!(log.contains("***"), "{log}");

    // The same plan again: it says what is missing, and takes it from there.
    let plan = bench.latest().join("plan.toml").display().to_string();
    let again = bench.run(&["test", "--plan", &plan, "--dry-run"]);
    again.expect_code(254);
    assert!(again.stderr.contains("PERJURY_SECRET_ADMIN_PASSWORD"), "{}", again.stderr);
    let mut command = bench.command(&["test", "--plan", &plan, "--dry-run"]);
    let output = command.env("PERJURY_SECRET_ADMIN_PASSWORD", SECRET).output().expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !printed.contains(SECRET), "{printed}");
}

/// The search finds what it has to find: under a name that is no secret's, everything is kept.
#[test]
fn an_option_that_is_no_secret_is_found() {
    let bench = Bench::new();
    run(&bench, "motto");
    let found = containing(&bench.store(), &[SECRET, QUOTED]);
    for name in ["plan.toml", "history.jsonl.zst", "results.json", "n1/perjury-demo.log"] {
        assert!(found.iter().any(|path| path.ends_with(name)), "{name} is not in {found:?}");
    }
}
