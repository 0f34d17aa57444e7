//! `junit.xml` against the rules of the schemas in use, and that nothing is green that is not.

use super::fixture::{campaigns, cell, of};
use crate::campaign::outputs::{Input, junit};
use crate::campaign::record::{Campaign, Outcome};
use roxmltree::{Document, Node};
use std::path::Path;
use std::process::Command;

fn rendered(campaign: &Campaign, earlier: &[Campaign]) -> String {
    junit::render(&Input::new(campaign, earlier)).unwrap()
}

#[test]
fn it_keeps_the_rules_of_the_schemas_in_use() {
    let (tonight, earlier) = campaigns();
    for (campaign, earlier) in [(&tonight, &*earlier), (&tonight, &[]), (&of(Vec::new(), 3), &[])] {
        let xml = rendered(campaign, earlier);
        keeps_the_rules(&xml);
        xmllint(&xml);
    }
}

#[test]
fn words_of_others_neither_break_it_nor_leave_their_place() {
    let mut hostile = cell("x", Outcome::Anomaly);
    let last = hostile.attempts.last_mut().unwrap();
    last.reason = Some("]]> </error> \u{1b}[31m\u{0}\u{202e} skipped=\"0\" & \u{ffff}".to_owned());
    last.anomalies = [("a\"<b>".to_owned(), 2)].into();
    let mut campaign = of(vec![hostile], 1);
    campaign.name = "night \" skipped=\"0\" <b>".to_owned();
    let xml = rendered(&campaign, &[]);
    keeps_the_rules(&xml);
    xmllint(&xml);
    let document = Document::parse(&xml).unwrap();
    assert_eq!(document.root_element().attribute("name"), Some("night \" skipped=\"0\" <b>"));
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert_eq!(failure.attribute("type"), Some("a\"<b>"));
}

#[test]
fn only_what_was_expected_is_green() {
    let (tonight, earlier) = campaigns();
    let xml = rendered(&tonight, &earlier);
    let document = Document::parse(&xml).unwrap();
    let cases: Vec<Node<'_, '_>> =
        document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    assert_eq!(cases.len(), tonight.cells.len());
    for cell in &tonight.cells {
        let case = cases.iter().find(|case| case.attribute("name") == Some(&cell.id)).unwrap();
        let problem =
            case.children().find(|node| node.is_element() && !node.has_tag_name("system-out"));
        let tag = problem.map(|problem| problem.tag_name().name().to_owned());
        let (expected, kind) = match cell.outcome {
            Outcome::Passed | Outcome::KnownAnomaly => (None, None),
            Outcome::Anomaly if cell.axes["workload"] == "bank" => {
                (Some("failure"), Some("wrong-total"))
            }
            Outcome::Anomaly => {
                (Some("failure"), problem.and_then(|problem| problem.attribute("type")))
            }
            Outcome::NotRun => (Some("error"), Some("not-run")),
            _ => (Some("error"), problem.and_then(|problem| problem.attribute("type"))),
        };
        assert_eq!(tag.as_deref(), expected, "{}", cell.id);
        assert_eq!(problem.and_then(|problem| problem.attribute("type")), kind, "{}", cell.id);
        let notes = case.children().find(|node| node.has_tag_name("system-out"));
        let notes = notes.and_then(|node| node.text()).unwrap_or_default();
        assert_eq!(notes.contains("known anomaly"), cell.outcome == Outcome::KnownAnomaly);
        assert_eq!(notes.contains("try 1 failed: cluster: no route"), cell.attempts.len() == 2);
    }
    let retries: u64 = document
        .descendants()
        .filter(|node| node.attribute("name") == Some("retries"))
        .map(|node| node.attribute("value").unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(retries, 1);
    assert!(
        xml.contains("last good 2026-03-08, bad since 2026-03-09 (anomaly), 3 nights"),
        "{xml}"
    );
}

#[test]
fn a_single_runs_file_keeps_the_same_rules() {
    let name = "a run of the report's own tests";
    let mut report = quick_junit::Report::new(name);
    report.add_test_suite(quick_junit::TestSuite::new("suite"));
    let xml = crate::report::junit::to_xml(&report).unwrap();
    keeps_the_rules(&xml);
}

/// The rules of `tests/data/junit.xsd` that matter most, and what a schema cannot say: counts.
fn keeps_the_rules(xml: &str) {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(|c| is_allowed(c) && !('\u{7f}'..='\u{9f}').contains(&c)), "{xml:?}");
    let document = Document::parse(xml).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    attributes(root, &["name", "time", "tests", "failures", "errors"], &["name"]);
    counts(root);
    for suite in root.children().filter(Node::is_element) {
        let optional = ["skipped", "time", "timestamp", "hostname"];
        let needed = ["name", "tests", "failures", "errors"];
        attributes(suite, &[&needed[..], &optional].concat(), &needed);
        counts(suite);
        ordered(suite, &["properties", "testcase", "system-out"]);
        for case in suite.children().filter(|node| node.has_tag_name("testcase")) {
            attributes(case, &["name", "classname", "time"], &["name", "classname"]);
            ordered(case, &["failure", "error", "system-out"]);
            for part in case.children().filter(|node| node.is_element()) {
                let is_text = part.has_tag_name("system-out");
                attributes(part, if is_text { &[] } else { &["type", "message"] }, &[]);
                assert!(part.children().all(|child| child.is_text()));
            }
        }
        for property in suite.descendants().filter(|node| node.has_tag_name("property")) {
            attributes(property, &["name", "value"], &["name", "value"]);
        }
    }
}

fn attributes(node: Node<'_, '_>, allowed: &[&str], needed: &[&str]) {
    let has: Vec<&str> = node.attributes().map(|attribute| attribute.name()).collect();
    assert!(has.iter().all(|name| allowed.contains(name)), "{has:?}");
    assert!(needed.iter().all(|name| node.attribute(*name).is_some_and(|text| !text.is_empty())));
    if let Some(time) = node.attribute("time") {
        assert!(time.parse::<f64>().is_ok_and(|time| time.is_finite() && time >= 0.0), "{time}");
    }
}

fn ordered(node: Node<'_, '_>, order: &[&str]) {
    let names =
        node.children().filter(|child| child.is_element()).map(|child| child.tag_name().name());
    let places: Vec<Option<usize>> =
        names.map(|name| order.iter().position(|known| *known == name)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
}

fn counts(node: Node<'_, '_>) {
    for (attribute, tag) in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")] {
        let there = node.descendants().filter(|inner| inner.has_tag_name(tag)).count();
        assert_eq!(node.attribute(attribute), Some(&*there.to_string()), "{attribute}");
    }
}

/// Where `xmllint` is installed, its word counts too.
fn xmllint(xml: &str) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/junit.xsd");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    std::fs::write(&file, xml).unwrap();
    let Ok(output) =
        Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).arg(file).output()
    else {
        return;
    };
    assert!(output.status.success(), "{}\n{xml}", String::from_utf8_lossy(&output.stderr));
}
