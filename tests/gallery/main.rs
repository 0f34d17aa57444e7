//! The gallery: for each kind of anomaly a history, its report, its drawing, and a page of all.
//!
//! Everything is made anew and has to be, byte for byte, what is in the repository.
//! `PERJURY_WRITE_DOCS=1 cargo test --test gallery` writes it there instead.

mod examples;
mod notation;
mod page;
mod service;
mod witnesses;

use examples::Made;
use perjury_checkers::finding::kinds;
use perjury_checkers::history::jsonl;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file or folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All examples in the order of the table of kinds.
fn made() -> Vec<Made> {
    let (examples, without) = examples::read();
    let limits: BTreeSet<String> = reported().into_iter().map(|one| one.anomaly.kind).collect();
    let mut by_kind: BTreeMap<String, _> = BTreeMap::new();
    for example in examples {
        let kind = example.kind.clone();
        assert!(by_kind.insert(kind.clone(), example).is_none(), "{kind} has two examples");
    }
    let (mut made, mut wrong) = (Vec::new(), Vec::new());
    for kind in kinds::all() {
        match by_kind.remove(&kind.name).map(|example| example.make()) {
            Some(Ok(one)) => made.push(one),
            Some(Err(why)) => wrong.push(why),
            None if without.contains_key(&kind.name) || limits.contains(&kind.name) => {}
            None => wrong.push(format!("{}: no example", kind.name)),
        }
    }
    wrong.extend(by_kind.keys().map(|kind| format!("{kind}: an example of no known kind")));
    assert!(wrong.is_empty(), "{} of the gallery are wrong:\n{}", wrong.len(), wrong.join("\n"));
    made
}

/// What needs no history to be told.
fn reported() -> Vec<service::Broken> {
    service::broken().into_iter().chain(witnesses::told()).collect()
}

/// Every file of the gallery by its path in the repository.
fn files(made: &[Made]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for one in made {
        let kind = &one.example.kind;
        files.insert(format!("docs/anomalies/{kind}.svg"), one.svg.clone());
        files.insert(format!("tests/golden/reports/{kind}.txt"), one.report.clone());
        let mut history = Vec::new();
        for event in one.history.events() {
            jsonl::write_event(&mut history, event).expect("memory");
        }
        let history = String::from_utf8(history).expect("UTF-8");
        files.insert(format!("tests/golden/histories/{kind}.jsonl"), history);
    }
    let limits = reported();
    for one in &limits {
        let report = format!("tests/golden/reports/{}.txt", one.anomaly.kind);
        files.insert(report, one.report.clone());
    }
    let page = page::render(made, &limits, &examples::read().1);
    files.insert("docs/anomalies.md".to_owned(), page);
    files
}

fn written() -> BTreeSet<String> {
    let folders = ["docs/anomalies", "tests/golden/reports", "tests/golden/histories"];
    let mut names = BTreeSet::new();
    for folder in folders {
        for entry in fs::read_dir(repository(folder)).into_iter().flatten().flatten() {
            names.insert(format!("{folder}/{}", entry.file_name().to_string_lossy()));
        }
    }
    names
}

#[test]
fn every_kind_is_found_told_and_drawn_as_it_was() {
    let files = files(&made());
    let leftover: Vec<String> =
        written().into_iter().filter(|name| !files.contains_key(name)).collect();
    if std::env::var_os("PERJURY_WRITE_DOCS").is_some() {
        for name in leftover {
            fs::remove_file(repository(&name)).expect("an old file");
        }
        for (name, content) in &files {
            let path = repository(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, content).expect("a file");
        }
        return;
    }
    let differs = |(name, content): (&String, &String)| {
        let there = fs::read_to_string(repository(name)).unwrap_or_default();
        (there != *content).then(|| name.clone())
    };
    let different: Vec<String> = files.iter().filter_map(differs).collect();
    assert!(
        different.is_empty() && leftover.is_empty(),
        "these differ: {different:?}, and these are of nothing: {leftover:?}; look at them and \
         write them anew with PERJURY_WRITE_DOCS=1 cargo test --test gallery"
    );
}

#[test]
fn drawings_are_well_formed_and_say_why_edges_hold() {
    for one in made() {
        let kind = &one.example.kind;
        let document = roxmltree::Document::parse(&one.svg);
        let document = document.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(document.root_element().tag_name().name(), "svg", "{kind}");
        assert!(document.root_element().attribute("aria-label").is_some(), "{kind}");
        let is_reason = |node: &roxmltree::Node<'_, '_>| node.attribute("class") == Some("reason");
        let reasons = document.descendants().filter(is_reason).count();
        let drawn = one.svg.contains("class=\"drawing cycle\"");
        assert!(!drawn || reasons >= one.anomaly.edges.len().min(2), "{kind}: no reasons");
    }
}

#[test]
fn reports_say_what_they_have_to() {
    for one in made() {
        let (kind, report) = (&one.example.kind, &one.report);
        for part in [one.anomaly.title.split_whitespace().next().unwrap_or("?"), "Proof", "breaks"]
        {
            assert!(report.contains(part), "{kind}: no {part} in\n{report}");
        }
        assert!(report.contains("perjury check tests/golden/"), "{kind}:\n{report}");
        let wide = report.lines().find(|line| line.chars().count() > 102);
        assert!(wide.is_none_or(|line| line.contains("perjury check")), "{kind}: {wide:?}");
        assert!(!one.anomaly.operations.is_empty(), "{kind} names no operation");
    }
}
