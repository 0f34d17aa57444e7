//! `summary.md`: what is in it, and that words of others do nothing in it.

use super::fixture::{campaigns, cell, of};
use crate::campaign::outputs::{Input, summary};
use crate::campaign::record::Outcome;

#[test]
fn it_says_what_to_look_at_and_folds_the_rest() {
    let (tonight, earlier) = campaigns();
    let page = summary::render(&Input::new(&tonight, &earlier));
    let at =
        |words: &str| page.find(words).unwrap_or_else(|| panic!("{words:?} is not in:\n{page}"));
    let order = [
        "## ⚠️ nightly: Perjury itself failed in 1 of 36 cells: please report it.",
        "exit code 255",
        "### To look at",
        "| [`etcd-list-append-partition-1`](cells/etcd-list-append-partition-1/20260311T020110.000/",
        "### Known anomalies",
        "### Run again",
        "run twice; at first: cluster: no route to host n3",
        "### Trends",
        "`demo-list-append-none-1` worse: ok a second",
        "<details><summary>All 36 cells</summary>",
        "</details>",
    ];
    let places: Vec<usize> = order.iter().map(|words| at(words)).collect();
    assert!(places.is_sorted(), "{places:?}\n{page}");
    assert!(page.contains("last good 2026-03-08, bad since 2026-03-09 (anomaly), 3 nights"));
}

#[test]
fn a_good_night_is_short() {
    let page = summary::render(&Input::new(&of(vec![cell("a", Outcome::Passed)], 1), &[]));
    assert!(page.starts_with("## ✅ nightly: The only cell came out as expected.\n"), "{page}");
    assert!(!page.contains("###"), "{page}");
    let empty = summary::render(&Input::new(&of(Vec::new(), 1), &[]));
    assert!(empty.starts_with("## ❔ nightly: Nothing was tested"), "{empty}");
}

#[test]
fn words_of_others_stay_words() {
    let mut hostile = cell("a`|b", Outcome::Anomaly);
    let last = hostile.attempts.last_mut().unwrap();
    last.reason = Some("| x | <script>alert(1)</script> @everyone\n# title".to_owned());
    last.run = Some("javascript:alert(1)".to_owned());
    let page = summary::render(&Input::new(&of(vec![hostile], 1), &[]));
    assert!(
        !page.contains("<script") && !page.contains("@everyone") && !page.contains("javascript")
    );
    assert!(!page.lines().any(|line| line.starts_with("# ")), "{page}");
    let row = page.lines().find(|line| line.contains("alert")).unwrap();
    assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
}
