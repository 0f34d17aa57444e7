//! A test of the repository itself: layout, dependencies between crates, size and style.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;
const LINE_COLUMNS_MAX: usize = 110;

/// Which of our crates each may use. No others.
const EDGES: [(&str, &[&str]); 11] = [
    ("perjury-checkers", &[]),
    ("perjury-clock", &[]),
    ("perjury-harness", &["perjury-checkers"]),
    ("perjury-workloads", &["perjury-checkers", "perjury-harness"]),
    ("perjury-nemesis", &["perjury-checkers", "perjury-clock", "perjury-harness"]),
    ("perjury-vagrant", &["perjury-harness"]),
    (
        "perjury-demo",
        &[
            "perjury-checkers",
            "perjury-clock",
            "perjury-harness",
            "perjury-workloads",
            "perjury-nemesis",
        ],
    ),
    ("perjury-database-testing", &["perjury-checkers", "perjury-harness"]),
    ("perjury-wire", &["perjury-harness"]),
    ("perjury", &["*"]),
    ("perjury-fuzz", &["perjury-checkers"]),
];

/// The same for every folder of `databases/` that is not listed above.
const EDGES_OF_DATABASES: &[&str] = &[
    "perjury-checkers",
    "perjury-database-testing",
    "perjury-harness",
    "perjury-nemesis",
    "perjury-wire",
    "perjury-workloads",
];

/// What the checkers may never pull in: runtimes, networks, clocks.
const NOT_IN_CHECKERS: [&str; 8] =
    ["tokio", "russh", "hyper", "mio", "socket2", "nix", "jiff", "axum"];

/// Files of ours that may start processes: one line each, with the reason in the file itself.
const STARTS_PROCESSES: [&str; 12] = [
    "clock/build.rs",
    "databases/demo/src/alone/echo.rs",
    "harness/src/campaign/runner.rs",
    "harness/src/client/external/child.rs",
    "harness/src/control/",
    "harness/src/local/",
    "harness/src/local.rs",
    "nemesis/src/agent/",
    "nemesis/src/agent.rs",
    "tests/",
    "harness/tests/",
    "vagrant/src/command.rs",
];

/// Files of ours that may write files: the store, and what runs on nodes.
const WRITES_FILES: [&str; 12] = [
    "clock/build.rs",
    "clock/src/",
    "harness/src/cli/new.rs",
    "harness/src/store/",
    "harness/src/store.rs",
    "harness/src/control/",
    "harness/src/local/",
    "harness/src/local.rs",
    "nemesis/src/agent/",
    "databases/demo/src/",
    "tests/",
    "harness/tests/",
];

#[test]
fn every_file_says_its_job_first() {
    let silent = sources().into_iter().filter(|file| !file.text.starts_with("//! "));
    complain("start with `//!` and one sentence", silent.map(|file| file.name));
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut long = Vec::new();
    for file in sources() {
        let lines: Vec<&str> = file.text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            long.push(format!("{}: {} lines", file.name, lines.len()));
        }
        for (number, line) in lines.iter().enumerate() {
            if line.chars().count() > LINE_COLUMNS_MAX && !line.contains("http") {
                long.push(format!(
                    "{}:{}: {} columns",
                    file.name,
                    number + 1,
                    line.chars().count()
                ));
            }
        }
        long.extend(long_functions(&file.name, &lines));
    }
    complain("be shorter", long.into_iter());
}

/// Functions as rustfmt lays them out: from a line with `fn` to the brace at its indentation.
fn long_functions(name: &str, lines: &[&str]) -> Vec<String> {
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let starts =
            ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "async fn ", "pub async fn "];
        if !starts.iter().any(|prefix| trimmed.starts_with(prefix)) {
            continue;
        }
        let closing = format!("{}}}", &line[..line.len() - trimmed.len()]);
        let length =
            lines[start..].iter().position(|line| *line == closing).map_or(0, |end| end + 1);
        if length > FUNCTION_LINES_MAX {
            long.push(format!("{name}:{}: a function of {length} lines", start + 1));
        }
    }
    long
}

#[test]
fn crates_use_only_what_the_architecture_allows() {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.into_iter().collect();
    let mut wrong = Vec::new();
    for manifest in files().into_iter().filter(|path| path.ends_with("Cargo.toml")) {
        let table: toml::Table = read(&manifest).parse().expect("a manifest is TOML");
        let Some(name) = table.get("package").and_then(|package| package["name"].as_str()) else {
            continue;
        };
        let of_database =
            manifest.starts_with(root().join("databases")).then_some(EDGES_OF_DATABASES);
        let Some(allowed) = allowed.get(name).copied().or(of_database) else {
            wrong.push(format!("{name} is not in EDGES of tests/tidy.rs"));
            continue;
        };
        let used = table.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten();
        for (dependency, _) in used.filter(|(dependency, _)| dependency.starts_with("perjury")) {
            if !allowed.contains(&dependency.as_str()) && !allowed.contains(&"*") {
                wrong.push(format!("{name} uses {dependency}"));
            }
        }
    }
    complain("be allowed by docs/architecture.md", wrong.into_iter());
}

#[test]
fn checkers_stay_pure() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "perjury-checkers",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--locked",
        ])
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(tree.contains("serde_json"), "cargo tree printed something else: {tree}");
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let impure = NOT_IN_CHECKERS.into_iter().filter(|name| names.contains(name));
    complain("not be in the checkers' dependencies", impure.map(str::to_owned));
}

#[test]
fn only_a_few_places_start_processes_or_write_files() {
    let mut wrong = Vec::new();
    for file in sources().into_iter().filter(|file| !is_test(&file.name)) {
        let code = without_tests(&file.text);
        let may = |list: &[&str]| list.iter().any(|prefix| file.name.starts_with(prefix));
        let starts = ["process::Command", "tokio::process", "posix_spawn"]
            .iter()
            .any(|call| code.contains(call));
        if starts && !may(&STARTS_PROCESSES) {
            wrong.push(format!("{} starts processes", file.name));
        }
        let writes = ["File::create", "fs::write(", "OpenOptions::new", "create_dir"];
        if writes.iter().any(|call| code.contains(call)) && !may(&WRITES_FILES) {
            wrong.push(format!("{} writes files", file.name));
        }
    }
    complain("leave that to the modules made for it", wrong.into_iter());
}

#[test]
fn the_harness_names_no_database_workload_or_fault() {
    let names = [
        "\"demo\"",
        "\"etcd\"",
        "\"nats\"",
        "\"list-append\"",
        "\"register\"",
        "\"partition\"",
        "\"pause\"",
    ];
    let mut wrong = Vec::new();
    for file in sources() {
        let inside = file.name.starts_with("harness/src/") && !is_test(&file.name);
        // `check FILE` speaks the names of other tools' workloads, from the checkers' table.
        if !inside || file.name.starts_with("harness/src/cli/check") {
            continue;
        }
        let code = without_tests(&file.text);
        let code: String =
            code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        wrong.extend(
            names
                .iter()
                .filter(|name| code.contains(**name))
                .map(|name| format!("{}: {name}", file.name)),
        );
    }
    complain("come from the registry", wrong.into_iter());
}

#[test]
fn nothing_is_stubbed_or_skipped() {
    let banned =
        ["todo!(", "unimplemented!(", concat!("#[", "ignore"), "assert!(true)", "#[allow("];
    let mut found = Vec::new();
    for file in sources().into_iter().filter(|file| file.name != "tests/tidy.rs") {
        for (number, line) in file.text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{}: {word}", file.name, number + 1));
            }
        }
    }
    complain("not be there", found.into_iter());
}

#[test]
fn documents_have_one_title_and_working_links() {
    let mut wrong = Vec::new();
    for path in
        files().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "md"))
    {
        let text = read(&path);
        let name = relative(&path);
        let titles = outside_code(&text).filter(|line| line.starts_with("# ")).count();
        if titles != 1 {
            wrong.push(format!("{name}: {titles} titles"));
        }
        for link in links(&text) {
            let target = path.parent().unwrap_or(Path::new("")).join(&link);
            if !target.exists() {
                wrong.push(format!("{name}: broken link to {link}"));
            }
        }
    }
    complain("be mended", wrong.into_iter());
}

fn outside_code(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        if line.starts_with("```") {
            inside = !inside;
        }
        !inside
    })
}

/// Relative link targets, without their anchors.
fn links(text: &str) -> Vec<String> {
    let targets = outside_code(text).flat_map(|line| line.split("](").skip(1));
    let targets = targets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let local = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    local.map(|target| target.split('#').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_project_speaks_only_of_itself() {
    let work = concat!("/wo", "rk/");
    let words = [work, concat!("/tmp/st", "udy"), concat!("develo", "per's session")];
    let mut found = Vec::new();
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}", relative(&path), number + 1));
            }
        }
    }
    complain("not name machine paths or how work is organised", found.into_iter());
}

struct Source {
    name: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let rust =
        files().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let sources: Vec<Source> =
        rust.map(|path| Source { name: relative(&path), text: read(&path) }).collect();
    assert!(sources.len() > 10, "the repository's sources were not found");
    sources
}

/// Files that git tracks, or would.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    let listing = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let files: Vec<PathBuf> = listing.lines().map(|line| root().join(line)).collect();
    files.into_iter().filter(|path| path.is_file()).collect()
}

fn is_test(name: &str) -> bool {
    name.contains("/tests")
        || name.ends_with("/testing.rs")
        || name.ends_with("_tests.rs")
        || name.starts_with("tests/")
        || name.contains("/benches/")
}

fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn complain(should: &str, of: impl Iterator<Item = String>) {
    let all: Vec<String> = of.collect();
    assert!(all.is_empty(), "{} should {should}:\n{}", all.len(), all.join("\n"));
}
