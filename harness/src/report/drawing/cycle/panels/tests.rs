//! Which edges make a cycle, a case, or what shows it.

use super::*;
use perjury_checkers::Step;

fn anomaly(edges: &[(u64, u64)], operations: &[u64], steps: &[&str]) -> Anomaly {
    let edge = |(from, to): &(u64, u64)| Edge {
        from: *from,
        to: *to,
        kind: "ww".to_owned(),
        why: String::new(),
    };
    let step = |text: &&str| Step { text: (*text).to_owned(), operations: Vec::new() };
    Anomaly {
        edges: edges.iter().map(edge).collect(),
        operations: operations.to_vec(),
        steps: steps.iter().map(step).collect(),
        ..Anomaly::default()
    }
}

/// Per panel: its heading, its operations, and whether it leads back.
fn told(anomaly: &Anomaly) -> Vec<(String, Vec<u64>, bool)> {
    let panels = panels(anomaly).unwrap_or_default();
    let told = |panel: Panel<'_>| {
        assert_eq!(panel.edges.iter().filter(|edges| edges.is_empty()).count(), 0);
        (panel.heading.unwrap_or_default(), panel.order, panel.is_cycle)
    };
    panels.into_iter().map(told).collect()
}

#[test]
fn one_cycle_is_one_panel_also_with_parallel_edges() {
    let simple = anomaly(&[(1, 2), (2, 2 + 1), (3, 1)], &[1, 2, 3], &[]);
    assert_eq!(told(&simple), [(String::new(), vec![1, 2, 3], true)]);
    let parallel = anomaly(&[(1, 2), (1, 2), (2, 1)], &[1, 2], &[]);
    assert_eq!(told(&parallel), [(String::new(), vec![1, 2], true)]);
    let disordered = anomaly(&[(1, 2), (3, 1), (2, 3)], &[1, 2, 3], &[]);
    assert_eq!(told(&disordered)[0], (String::new(), vec![1, 2, 3], true));
}

#[test]
fn each_case_has_its_cycle_under_what_it_assumes() {
    let steps = [
        "Let T1 be that.",
        "If a came before b, then T1 comes before T2: a contradiction.",
        "If b came before a, then T3 comes before T4: a contradiction.",
        "So whatever the order was: a contradiction.",
    ];
    let cases = anomaly(&[(1, 2), (2, 1), (3, 4), (4, 3)], &[1, 2, 3, 4], &steps);
    let expected = [
        ("If a came before b:".to_owned(), vec![1, 2], true),
        ("If b came before a:".to_owned(), vec![3, 4], true),
    ];
    assert_eq!(told(&cases), expected);
    let unnamed = anomaly(&[(1, 2), (2, 1), (3, 4), (4, 3)], &[1, 2, 3, 4], &[]);
    assert_eq!(told(&unnamed)[1].0, "Case 2:");
}

#[test]
fn what_shows_a_cycle_stands_below_it() {
    let shown = anomaly(&[(1, 2), (2, 1), (2, 3), (3, 4)], &[1, 2, 3, 4, 5], &[]);
    let expected = [
        (String::new(), vec![1, 2], true),
        ("What shows it:".to_owned(), vec![2, 3, 4], false),
        ("Seen by:".to_owned(), vec![5], false),
    ];
    assert_eq!(told(&shown), expected);
}

#[test]
fn no_cycle_is_no_drawing() {
    assert!(panels(&anomaly(&[], &[1], &[])).is_none());
    assert!(panels(&anomaly(&[(1, 2), (2, 3)], &[1, 2, 3], &[])).is_none());
    // Longer than can be drawn.
    let long: Vec<(u64, u64)> = (0..40).map(|at| (at, (at + 1) % 40)).collect();
    assert!(panels(&anomaly(&long, &[], &[])).is_none());
}

#[test]
fn any_edges_come_to_an_end() {
    for seed in 0..3_000u64 {
        let mut state = seed;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let edges: Vec<(u64, u64)> = (0..next(9)).map(|_| (next(4), next(4))).collect();
        let anomaly = anomaly(&edges, &[0, 1, 2, 3, 4], &[]);
        let panels = panels(&anomaly).unwrap_or_default();
        assert!(panels.len() <= PANELS_MAX + 1, "{edges:?}");
        for panel in panels {
            let expected = if panel.is_cycle { panel.order.len() } else { panel.order.len() - 1 };
            assert!(panel.edges.len() == expected || panel.edges.is_empty(), "{edges:?}");
        }
    }
}
