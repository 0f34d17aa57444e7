//! Tests of `latency` on a pretended network.

use super::*;
use crate::testing::{Lab, operations, options};

fn spread(trips: Value) -> Op {
    let zones = json!([["n1", "n2"], ["n3"], ["n4"]]);
    Op::new(
        "spread",
        json!({"zones": zones, "round_trip_ms": trips, "jitter_percent": 5, "seed": 3}),
    )
}

#[tokio::test]
async fn zones_are_seen_to_be_apart_and_together_again() {
    let (lab, memory) = (Lab::pretended(4), Memory::default());
    let op = spread(json!([[0, 80, 120], [80, 0, 200], [120, 200, 0]]));
    let Applied::Installed(evidence) = apply(&lab, &memory, &op).await else { panic!() };
    assert_eq!(evidence["links"].as_array().unwrap().len(), 10, "{evidence}");
    let first = &evidence["measured"][0];
    assert_eq!((&first["from"], &first["to"]), (&json!("n1"), &json!("n3")));
    assert_eq!(first["round_trip_ms"]["median"], 80.5);
    let gather = Op::new("gather", Value::Null);
    let healed = apply(&lab, &memory, &gather).await;
    assert!(matches!(healed, Applied::Healed(_)), "{healed:?}");
    *lab.fabric.as_ref().unwrap().sabotage.lock().unwrap() = Some("nothing happens");
    let applied = apply(&lab, &memory, &op).await;
    assert!(matches!(applied, Applied::Indeterminate(_)), "{applied:?}");
}

#[tokio::test]
async fn matrices_that_do_not_fit_are_skipped() {
    let (lab, memory) = (Lab::pretended(4), Memory::default());
    for (trips, complaint) in [
        (json!([[0, 80], [80, 0]]), "3 rows"),
        (json!([[0, 0, 0], [0, 0, 0], [0, 0, 0]]), "far apart"),
        (json!("far"), "no matrix"),
    ] {
        let applied = apply(&lab, &memory, &spread(trips)).await;
        let Applied::Skipped(reason) = applied else { panic!("{applied:?}") };
        assert!(reason.contains(complaint), "{reason}");
    }
}

#[test]
fn the_seed_alone_places_nodes_and_options_pin() {
    let ops = |set: &[(&str, &str)], number: u64| {
        let schedule = Latency::default().schedule(&options(5, set), Seed::root(number));
        operations(schedule, 4)
    };
    assert_eq!(ops(&[], 1), ops(&[], 1));
    assert_ne!(ops(&[], 1), ops(&[], 2));
    let value: Spread = serde_json::from_value(ops(&[], 1)[0].value.clone()).unwrap();
    assert_eq!(value.zones.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert!((80..=200).contains(&value.round_trip_ms[0][1]));
    assert_eq!(value.round_trip_ms[0][1], value.round_trip_ms[1][0]);
    let pinned = ops(&[("latency-zones", "n1,n2|n3,n4,n5"), ("latency-ms", "30")], 1);
    assert_eq!(pinned[0].value["zones"], json!([["n1", "n2"], ["n3", "n4", "n5"]]));
    assert_eq!(pinned[0].value["round_trip_ms"], json!([[0, 30], [30, 0]]));
}

#[test]
fn wrong_options_are_named() {
    for (key, value, complaint) in [
        ("latency-ms", "200-80", "80-200"),
        ("latency-zones", "n1|n9", "`n9`"),
        ("latency-zones", "n1,n2|n2", "twice"),
        ("latency-zones", "n1,n2", "two zones"),
    ] {
        let error = Choices::of(&options(5, &[(key, value)])).unwrap_err();
        assert!(error.contains(complaint), "{error}");
    }
}
