//! Tests of rates: what is written is read, areas are right, and nonsense is explained.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn rate(text: &str) -> Rate {
    text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
}

#[test]
fn reads_what_it_writes() {
    for text in ["200", "0", "0.5", "100 for 10s, 100..5000 for 30s, 5000", "1 for 1s, repeat"] {
        assert_eq!(rate(text).to_string(), text);
        let json = serde_json::to_string(&rate(text)).expect("JSON");
        assert_eq!(serde_json::from_str::<Rate>(&json).expect("a rate"), rate(text), "{json}");
    }
    assert_eq!(rate("3"), Rate::constant(3.0));
    assert!(rate("0").is_unlimited() && !rate("0 for 1s, 5").is_unlimited());
}

#[test]
fn nonsense_is_explained() {
    for (text, hint) in [
        ("", "no rate"),
        ("fast", "no rate"),
        ("-1", "between 0"),
        ("nan", "between 0"),
        ("1..5", "for how long"),
        ("1, 2", "for how long"),
        ("1 for 2s, 3, repeat", "for how long"),
        ("1 for 2 days", "unit of time"),
        ("1 for 0s, 2", "no time"),
        ("0 for 2s, repeat", "nothing"),
        ("repeat", "nothing"),
    ] {
        let why = text.parse::<Rate>().expect_err(text);
        assert!(why.contains(hint), "{text}: {why}");
    }
}

#[test]
fn as_many_are_due_as_the_area_under_the_line() {
    let shape = rate("100 for 10s, 100..300 for 20s, 0 for 10s, 50");
    for (seconds, count) in
        [(0, 0.0), (5, 500.0), (10, 1000.0), (20, 2500.0), (30, 5000.0), (40, 5000.0), (50, 5500.0)]
    {
        let found = shape.expected(seconds * SECOND);
        assert!((found - count).abs() < 1e-6, "{seconds}: {found}");
    }
    assert_eq!(shape.mean(30 * SECOND).round(), 167.0);
    let waves = rate("100 for 1s, 0 for 1s, repeat");
    assert!((waves.expected(7 * SECOND / 2) - 200.0).abs() < 1e-6);
}

#[test]
fn the_time_of_each_is_the_inverse() {
    for text in [
        "100",
        "0.1",
        "0..1000 for 10s, 1000",
        "1000..0 for 10s, 7",
        "3 for 1s, 0..9 for 2s, repeat",
    ] {
        let shape = rate(text);
        let mut before = 0;
        for count in 0..3000_u32 {
            let time = shape.time_of(f64::from(count)).expect("there are so many");
            assert!(time >= before, "{text} {count}");
            let back = shape.expected(time);
            assert!((back - f64::from(count)).abs() < 1e-3, "{text} {count}: {back}");
            before = time;
        }
    }
    let ends = rate("10 for 1s, 0");
    assert_eq!(ends.time_of(9.5), Some(950_000_000));
    assert_eq!(ends.time_of(10.0), None, "nothing is due any more");
    assert_eq!(rate("10 for 1s").time_of(11.0), None);
}
