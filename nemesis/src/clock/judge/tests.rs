//! Tests of the judge: what each kind must show, and what it must not be taken for.

use super::*;

fn status(told: impl Fn(i64) -> i64) -> ClockStatus {
    let sample = |at: i64| Sample {
        monotonic_ns: at * MS,
        raw_ns: (1_000_000 + at) * MS,
        told_ns: told(at) + 1_000_000 * MS,
    };
    ClockStatus {
        reach: Reach::BuiltIn,
        skewed: true,
        running: vec![1],
        attached: vec![1],
        asked: 3,
        told: None,
        probes: (0..12).map(|number| sample(number * 37)).collect(),
    }
}

#[test]
fn each_kind_is_told_from_the_truth_and_from_the_others() {
    let kinds = [
        Skew::Jump { delta_ms: 300 },
        Skew::Strobe { delta_ms: 300, period_ms: 100 },
        Skew::Drift { rate_ppm: 10_000 },
        Skew::Freeze {},
        Skew::Smear { delta_ms: 300, over_ms: 1000 },
    ];
    let shown: [fn(i64) -> i64; 6] = [
        |at| (at + 300) * MS,
        |at| if (at / 100) % 2 == 0 { (at + 300) * MS } else { at * MS },
        |at| at * MS + at * 10_000,
        |_| 0,
        |at| at * MS + at * 300_000,
        |at| at * MS,
    ];
    let truth = status(|at| at * MS);
    for (asked, skew) in kinds.into_iter().enumerate() {
        for (is, told) in shown.into_iter().enumerate() {
            let seen = skewed(skew, &truth, &status(told));
            // A smear that is over is a jump.
            let fits = asked == is || (asked == 4 && is == 0);
            assert_eq!(seen.is_ok(), fits, "{skew:?} when {is} is shown: {seen:?}");
        }
    }
    assert!(is_true(None, &truth).is_ok());
    assert!(is_true(None, &status(|at| (at - 6) * MS)).is_err());
}

#[test]
fn a_database_that_has_no_such_clock_or_was_told_otherwise_is_not_hit() {
    let truth = status(|at| at * MS);
    let jumped = status(|at| (at + 300) * MS);
    let skew = Skew::Jump { delta_ms: 300 };
    let error = skewed(skew, &truth, &ClockStatus { attached: vec![], ..jumped.clone() });
    assert!(error.unwrap_err().contains("has the clock"));
    let other = ClockStatus { told: Some(truth.probes[0]), ..jumped.clone() };
    assert!(skewed(skew, &truth, &other).unwrap_err().contains("database"));
    let down = ClockStatus { attached: vec![], running: vec![], ..jumped };
    assert!(skewed(skew, &truth, &down).is_ok(), "its clock is wrong while it is down");
}
