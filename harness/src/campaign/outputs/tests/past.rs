//! Since when a cell is bad, and how its figures changed.

use super::fixture::{campaigns, cell, night_of, of};
use crate::campaign::outputs::Input;
use crate::campaign::outputs::trend::{self, Figure, Trend};
use crate::campaign::record::{Campaign, Outcome};

/// A campaign a night of one cell, the last being this one.
fn nights(outcomes: &[Option<Outcome>]) -> Vec<Campaign> {
    let night = |(number, outcome): (usize, &Option<Outcome>)| {
        of(outcome.map(|outcome| cell("a", outcome)).into_iter().collect(), number as i64)
    };
    outcomes.iter().enumerate().map(night).collect()
}

fn since(outcomes: &[Option<Outcome>]) -> String {
    let mut nights = nights(outcomes);
    let tonight = nights.pop().unwrap();
    Input::new(&tonight, &nights).history.since_words("a")
}

#[test]
fn last_good_and_first_bad_are_found_by_the_cells_id() {
    use Outcome::{Anomaly, Infrastructure, NotRun, Passed, Unknown};
    let of = |outcomes: &[Outcome]| {
        since(&outcomes.iter().map(|outcome| Some(*outcome)).collect::<Vec<_>>())
    };
    assert_eq!(of(&[Anomaly]), "");
    assert_eq!(of(&[Passed, Anomaly]), "last good 2026-03-01, first bad 2026-03-02 (anomaly)");
    assert_eq!(
        of(&[Passed, Passed, Unknown, Anomaly]),
        "last good 2026-03-02, bad since 2026-03-03 (unknown), 2 nights"
    );
    // What was bad before a good night is over.
    assert_eq!(
        of(&[Anomaly, Passed, Infrastructure]),
        "last good 2026-03-02, first bad 2026-03-03 (infrastructure)"
    );
    // A night in which it was not run is neither.
    assert_eq!(
        of(&[Passed, NotRun, Anomaly]),
        "last good 2026-03-01, first bad 2026-03-03 (anomaly)"
    );
    assert_eq!(of(&[Passed, NotRun]), "last good 2026-03-01");
    assert_eq!(
        of(&[Unknown, Unknown]),
        "not good in any night on record, bad since 2026-03-01 (unknown), 2 nights"
    );
}

#[test]
fn a_cell_is_new_or_was_missing_for_some_nights() {
    let (passed, bad) = (Some(Outcome::Passed), Some(Outcome::Anomaly));
    assert_eq!(since(&[None, bad]), "new in this campaign");
    assert_eq!(since(&[passed, None, bad]), "last good 2026-03-01, first bad 2026-03-03 (anomaly)");
}

#[test]
fn other_campaigns_and_later_nights_do_not_count() {
    let mut nights = nights(&[Some(Outcome::Passed); 70]);
    let later = nights.pop().unwrap();
    let tonight = nights.remove(10);
    nights[0].name = "weekly".to_owned();
    nights.push(later);
    assert_eq!(Input::new(&tonight, &nights).history.len(), 10);
    let newest = nights.pop().unwrap();
    let input = Input::new(&newest, &nights);
    assert_eq!(input.history.len(), 61);
    assert_eq!(input.history.campaigns().next().unwrap().started, night_of(8));
}

#[test]
fn a_change_is_named_beyond_a_quarter_of_the_median() {
    let figures = |rates: &[f64]| {
        let mut nights = nights(&vec![Some(Outcome::Passed); rates.len()]);
        for (night, rate) in nights.iter_mut().zip(rates) {
            night.cells[0].attempts[0].figures.as_mut().unwrap().ok_per_second = *rate;
        }
        let tonight = nights.pop().unwrap();
        Trend::of(&Input::new(&tonight, &nights), "a", Figure::Throughput)
    };
    assert_eq!(figures(&[100.0, 1.0]).change(), None, "one night is no median");
    let slow = figures(&[90.0, 100.0, 110.0, 60.0]);
    assert_eq!(slow.words().unwrap(), "ok a second 60.0, 40% less than the median of 100");
    assert!(!slow.is_better());
    let fast = figures(&[90.0, 100.0, 110.0, 120.0, 400.0]);
    assert_eq!(fast.words().unwrap(), "ok a second 400, 3.8 times the median of 105");
    assert!(fast.is_better());
    assert_eq!(figures(&[90.0, 100.0, 110.0, 76.0]).words(), None);
    assert_eq!(figures(&[0.0, 0.0, 0.0, 5.0]).change(), None);
    assert_eq!(figures(&[f64::NAN, 1.0, 1.0, 5.0]).change(), None);
}

#[test]
fn trends_of_the_whole_campaign_are_in_the_order_of_the_matrix() {
    let (tonight, earlier) = campaigns();
    let trends = trend::noticeable(&Input::new(&tonight, &earlier));
    let found: Vec<(&str, Figure)> =
        trends.iter().map(|(id, trend)| (id.as_str(), trend.figure)).collect();
    assert_eq!(
        found,
        [
            ("demo-list-append-none-1", Figure::Throughput),
            ("demo-list-append-none-1", Figure::Latency),
            ("demo-list-append-kill+partition-1", Figure::Recovery),
        ]
    );
}
