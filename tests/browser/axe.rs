//! axe, the checker for accessibility: fetched once with npm, and put into pages.

use super::Browser;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

const PACKAGE: &str = "axe-core@4.14.1";

/// One fetches it, the others wait.
static FETCH: Mutex<()> = Mutex::new(());

/// Findings that are serious or critical, with where they are.
pub fn findings(browser: &mut Browser) -> Vec<String> {
    browser.value(&format!("{}\n0", source()));
    let found = browser
        .value("axe.run(document, { resultTypes: ['violations'] }).then((all) => all.violations)");
    let grave = |one: &&Value| one["impact"] == "serious" || one["impact"] == "critical";
    let found = found.as_array().expect("violations").iter().filter(grave);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line =
        |one: &Value| format!("{} {}: {}", word(&one["impact"]), word(&one["id"]), places(one));
    found.map(line).collect()
}

fn places(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().into_iter().flatten();
    nodes
        .take(5)
        .map(|node| format!("{} {}", node["html"], node["failureSummary"]))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The checker's script.
fn source() -> String {
    let _turn = FETCH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = folder();
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        fs::create_dir_all(&folder).expect("a folder for axe");
        let output = Command::new("npm")
            .args([
                "install",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
            ])
            .arg(&folder)
            .arg(PACKAGE)
            .output()
            .expect("these tests want npm; on Debian: apt-get install npm");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "npm cannot install {PACKAGE}: {said}");
    }
    fs::read_to_string(&script).unwrap_or_else(|error| panic!("{}: {error}", script.display()))
}

/// Beside what cargo builds, under the package's version.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(PACKAGE)
}
