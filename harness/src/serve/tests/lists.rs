//! Lists of runs: what is read, what is read again, order, filters, and size.

use super::fixture::{Shelf, results};
use crate::report::headline::Standing;
use crate::serve::entry::State;
use crate::serve::pages::selection::{Column, Selection};
use crate::serve::query::Query;
use serde_json::json;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

fn selection(query: &str) -> Selection {
    Selection::read(&Query::read(query))
}

#[test]
fn every_state_of_a_folder_has_an_entry() {
    let shelf = Shelf::new();
    shelf.run("valid", "20260101T000000.000", |_| {});
    shelf.run("invalid", "20260101T000000.000", |results| {
        results["verdict"] = json!("invalid");
        results["findings"] = json!([{"anomalies": [{"kind": "x"}], "anomaly_count": 4}]);
    });
    shelf.run("failed", "20260101T000000.000", |results| {
        results["verdict"] = json!("unknown");
        results["exit_code"] = json!(3);
    });
    shelf.run("version", "20260101T000000.000", |results| results["version"] = json!(9));
    let damaged = shelf.folder("damaged", "20260101T000000.000");
    fs::write(damaged.join("results.json"), "{").unwrap();
    let linked = shelf.folder("linked", "20260101T000000.000");
    std::os::unix::fs::symlink("/etc/passwd", linked.join("results.json")).unwrap();
    shelf.folder("running", "20260101T000000.000");
    let killed = shelf.folder("killed", "20260101T000000.000");
    let long_ago = SystemTime::now() - Duration::from_secs(9999);
    fs::File::open(&killed).unwrap().set_modified(long_ago).unwrap();
    shelf.folder("none", "not-a-time");
    fs::create_dir_all(shelf.site.root.join(".hidden/20260101T000000.000")).unwrap();
    fs::create_dir_all(shelf.site.root.join("campaigns/20260101T000000.000")).unwrap();

    let runs = shelf.site.index.runs(&shelf.site.root);
    let state = |name: &str| runs.iter().find(|run| run.address.name() == name).unwrap().state;
    assert_eq!(runs.len(), 8);
    assert_eq!(state("valid"), State::Judged(Standing::Valid));
    assert_eq!(state("invalid"), State::Judged(Standing::Invalid));
    assert_eq!(state("failed"), State::Judged(Standing::Failed));
    for name in ["version", "damaged", "linked"] {
        assert_eq!(state(name), State::Damaged, "{name}");
    }
    assert_eq!(state("running"), State::Running);
    assert_eq!(state("killed"), State::Unfinished);
    let invalid = runs.iter().find(|run| run.name == "invalid").unwrap();
    assert_eq!((invalid.anomalies, invalid.operations), (Some(4), Some(10)));
    assert_eq!(invalid.faults, ["kill", "pause"]);
}

#[test]
fn only_what_changed_is_read_again() {
    let shelf = Shelf::new();
    let one = shelf.run("one", "20260101T000000.000", |_| {});
    shelf.run("two", "20260101T000000.000", |_| {});
    let find = |runs: &[Arc<crate::serve::entry::Entry>], name: &str| {
        runs.iter().find(|run| run.address.name() == name).unwrap().clone()
    };
    let before = shelf.site.index.runs(&shelf.site.root);
    let mut changed = results("one");
    changed["database"] = json!("another");
    fs::write(one.join("results.json"), changed.to_string()).unwrap();
    let after = shelf.site.index.runs(&shelf.site.root);
    assert!(Arc::ptr_eq(&find(&before, "two"), &find(&after, "two")));
    assert_eq!(find(&after, "one").database, "another");
    fs::remove_dir_all(one).unwrap();
    assert_eq!(shelf.site.index.runs(&shelf.site.root).len(), 1);
}

#[test]
fn a_selection_is_read_from_its_own_link() {
    let default = selection("");
    assert_eq!(default.link(), "/");
    assert_eq!((default.sort, default.descending), (Column::Started, true));
    let query = "q=a+%26+b&verdict=invalid&fault=kill&sort=operations&order=up&page=3";
    let wanted = selection(query);
    assert_eq!(wanted.search, "a & b");
    assert_eq!(wanted.link(), format!("/?{query}"));
    // A second click turns the order round; another column begins as suits it.
    let name = wanted.sorted_by(Column::Name);
    assert_eq!((name.descending, name.page), (false, 1));
    assert!(name.sorted_by(Column::Name).descending);
    assert!(selection("").sorted_by(Column::Anomalies).descending);
    assert_eq!(selection("sort=nonsense&order=sideways&page=-1"), default);
}

#[test]
fn runs_without_a_value_come_last_in_either_order() {
    let shelf = Shelf::new();
    shelf.run("few", "20260101T000000.000", |results| {
        results["operations"]["read"]["invoked"] = json!(1);
    });
    shelf.run("many", "20260102T000000.000", |_| {});
    shelf.folder("none", "20260103T000000.000");
    let runs = shelf.site.index.runs(&shelf.site.root);
    for (order, names) in [("up", ["few", "many", "none"]), ("down", ["many", "few", "none"])] {
        let chosen = selection(&format!("sort=operations&order={order}")).of(&runs);
        let found: Vec<&str> = chosen.iter().map(|run| run.address.name()).collect();
        assert_eq!(found, names);
    }
}

#[tokio::test]
async fn ten_thousand_runs_are_listed_fast_and_on_pages() {
    let shelf = Shelf::large();
    for number in 0..10_000 {
        let (name, time) = (format!("t{}", number % 20), format!("20260101T{number:06}.000"));
        shelf.run(&name, &time, |results| results["seed"] = json!(number));
    }
    let began = Instant::now();
    shelf.get(&[], "").await;
    let first = began.elapsed();
    let began = Instant::now();
    let (status, page) = shelf.get(&[], "page=50").await;
    let second = began.elapsed();
    assert_eq!(status, 200);
    assert!(page.contains("10,000 runs, page 50 of 50") && page.contains("rel=\"prev\""));
    assert!(!page.contains("rel=\"next\""));
    assert_eq!(page.matches("<th scope=\"row\">").count(), 200);
    // Without optimization, on a busy machine; some tenths of a second otherwise.
    assert!(
        first < Duration::from_secs(30) && second < Duration::from_secs(5),
        "{first:?} {second:?}"
    );
    assert!(second < first, "what was read is read again: {first:?} {second:?}");
}
