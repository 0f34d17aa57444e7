//! The table is whole: every word for a kind in the checkers' sources is in it, once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{all, find};

#[test]
fn every_name_is_there_once_and_says_something() {
    let names: BTreeSet<String> = all().into_iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), all().len());
    for kind in all() {
        assert_eq!(find(&kind.name).as_ref(), Some(&kind));
        assert!(kind.about.ends_with('.') && kind.about.matches(". ").count() >= 1, "{kind:?}");
        assert!(!kind.breaks.ends_with('.') && !kind.source.is_empty(), "{kind:?}");
    }
    assert_eq!(find("G1a-process"), None);
    assert_eq!(find("nothing"), None);
    assert!(find("G2-item-realtime").is_some_and(|kind| kind.about.contains("was complete")));
}

/// Sources of checkers, without their tests and what makes histories for tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let skipped = ["tests", "synthetic", "oracle", "history", "read", "kinds", "fuzzing"];
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if skipped.contains(&name.as_str()) || name.ends_with("_tests") || name == "random" {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// What stands where a kind does: after a field of that name, as the first argument of what makes
/// an anomaly, or as the first of a kind and a title.
fn said(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let flat: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let before = [
        "kind: \"",
        "flaws.add(\"",
        "plain( \"",
        "plain(\"",
        ".about(\"",
        "about( \"",
        "anomaly(\"",
        "anomaly( \"",
        "self.contradiction(\"",
        "self.contradiction( \"",
        "flaw(\"",
        "return (\"",
    ];
    let mut found = BTreeSet::new();
    for mark in before {
        for rest in flat.split(mark).skip(1) {
            found.extend(rest.split('"').next().map(str::to_owned));
        }
    }
    // Words that can only be kinds wherever they stand.
    for word in flat.split('"').skip(1).step_by(2) {
        if word.starts_with("G-") || word.ends_with("-realtime") || word.ends_with("-process") {
            found.insert(word.to_owned());
        }
    }
    found.retain(|word| word.len() > 1 && !word.contains([' ', '{']) && !word.starts_with('-'));
    found
}

#[test]
fn every_kind_in_the_sources_is_in_the_table() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut words: BTreeSet<String> = BTreeSet::new();
    for file in files {
        words.extend(said(&fs::read_to_string(&file).expect("a source")));
    }
    assert!(words.len() > 60, "only {words:?}");
    // Kinds of edges, and what else stands in such places.
    let others = ["realtime", "process", "wr", "ww", "rw"];
    let unknown: Vec<&String> = words
        .iter()
        .filter(|word| !others.contains(&word.as_str()) && find(word).is_none())
        .collect();
    assert!(unknown.is_empty(), "not in kinds.rs: {unknown:?}");
}
