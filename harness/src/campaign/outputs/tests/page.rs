//! `campaign.html`: what is in it, its links, and that it stays one harmless file.

use super::fixture::{campaigns, cell, of};
use crate::campaign::outputs::words::{Look, OUTCOMES};
use crate::campaign::outputs::{self, Input, page};
use crate::campaign::record::{Campaign, Outcome};
use std::collections::BTreeSet;

#[test]
fn all_is_written_and_the_same_input_gives_the_same_bytes() {
    let (tonight, earlier) = campaigns();
    let names = ["campaign.json", "junit.xml", "summary.md", "campaign.html"];
    let kept = std::env::var_os("PERJURY_KEEP_REPORTS");
    let written = |again: bool| {
        let folder = tempfile::tempdir().unwrap();
        // For looking at: the page as a person sees it.
        let path = match &kept {
            Some(kept) if !again => std::path::Path::new(kept),
            _ => folder.path(),
        };
        outputs::write(path, &tonight, &earlier).unwrap();
        names.map(|name| std::fs::read_to_string(path.join(name)).unwrap())
    };
    let first = written(false);
    assert_eq!(first, written(true));
    let read: Campaign = serde_json::from_str(&first[0]).unwrap();
    assert_eq!(read, tonight);
}

#[test]
fn every_cell_has_its_box_with_a_sign_and_a_link() {
    let (tonight, earlier) = campaigns();
    let html = page::render(&Input::new(&tonight, &earlier));
    let boxes = html.matches("class=\"box tone-").count();
    assert_eq!(boxes, tonight.cells.len());
    for cell in &tonight.cells {
        let look = Look::of(cell.outcome);
        if let Some(last) = cell.attempts.last() {
            let ending = if last.verdict.is_some() { "report.html" } else { "" };
            let link = format!("href=\"{}/{ending}\"", last.run.as_deref().unwrap());
            assert!(html.contains(&link), "{link}");
        }
        assert!(html.contains(&format!(">{}</span><span>{}</span>", look.sign, look.word)));
    }
    let looks: BTreeSet<(&str, &str)> =
        OUTCOMES.iter().map(|outcome| (Look::of(*outcome).sign, Look::of(*outcome).word)).collect();
    assert_eq!(looks.len(), OUTCOMES.len());
    let signs: BTreeSet<&str> = looks.iter().map(|(sign, _)| *sign).collect();
    assert_eq!(signs.len(), OUTCOMES.len(), "told apart without colours");
}

#[test]
fn it_tells_what_to_look_at_since_when_and_how_to_run_it_again() {
    let (tonight, earlier) = campaigns();
    let html = page::render(&Input::new(&tonight, &earlier));
    let at = |words: &str| html.find(words).unwrap_or_else(|| panic!("{words:?} is missing"));
    let order = [
        "Perjury itself failed in 1 of 36 cells",
        "The matrix",
        "Look at these first",
        "class=\"story\">a panic in the checker &lt;register&gt; &amp; its friends",
        "Last good 2026-03-08, bad since 2026-03-09 (anomaly), 3 nights.",
        "Night by night",
        "How the databases did",
        "% more than the median of",
        "Run a cell alone again",
        "perjury test --plan cells/demo-register-none-1/20260311T020110.000/plan.toml",
    ];
    let places: Vec<usize> = order.iter().map(|words| at(words)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(html.matches("<svg class=\"spark\"").count() > 60);
}

#[test]
fn nothing_of_others_acts_and_nothing_is_loaded() {
    let mut hostile = cell("<script>alert(1)</script>", Outcome::Anomaly);
    hostile.axes.insert("version".to_owned(), "\" onload=\"x".to_owned());
    let last = hostile.attempts.last_mut().unwrap();
    last.reason = Some("<img src=x onerror=alert(1)> \u{202e}".to_owned());
    last.run = Some("cells/../../etc/passwd".to_owned());
    let mut campaign = of(vec![hostile, cell("b", Outcome::NotRun)], 3);
    campaign.name = "</title><script>".to_owned();
    let (_, earlier) = campaigns();
    let html = page::render(&Input::new(&campaign, &earlier));
    for words in ["<script", "<img", "\" onload", "\u{202e}", "passwd", "http:", "https:", "url("] {
        assert!(!html.contains(words), "{words}");
    }
}

#[test]
fn an_empty_campaign_has_a_page_too() {
    let html = page::render(&Input::new(&of(Vec::new(), 1), &[]));
    assert!(html.contains("Nothing was tested"));
}
