//! Tests of `packet`: what it concludes of a pretended network, and what its schedule asks for.

use super::*;
use crate::testing::{Lab, operations, options};

fn op(kind: Kind, with: Value) -> Op {
    let mut value = json!({
        "kind": kind.name(), "spec": "one", "targets": ["n2"], "direction": "both",
        "policy": kind.example(&Pins::default()),
    });
    for (key, given) in with.as_object().into_iter().flatten() {
        value[key] = given.clone();
    }
    Op::new("shape", value)
}

fn unshaping() -> Op {
    Op::new("unshape", Value::Null)
}

#[tokio::test]
async fn every_kind_is_seen_and_so_is_its_end() {
    for kind in Kind::ALL {
        let (lab, memory) = (Lab::pretended(3), Memory::default());
        let applied = apply(&lab, &memory, &op(kind, Value::Null)).await;
        let Applied::Installed(evidence) = applied else { panic!("{kind:?}: {applied:?}") };
        assert_eq!(evidence["kind"], kind.name());
        assert_eq!(evidence["links"].as_array().unwrap().len(), 4, "{evidence}");
        assert!(!evidence["measured"].as_array().unwrap().is_empty(), "{evidence}");
        let applied = apply(&lab, &memory, &unshaping()).await;
        let Applied::Healed(evidence) = applied else { panic!("{kind:?}: {applied:?}") };
        assert!(!evidence["measured"].as_array().unwrap().is_empty(), "{evidence}");
    }
}

#[tokio::test]
async fn a_network_that_only_says_so_is_found_out() {
    for kind in Kind::ALL {
        for sabotage in ["shape", "nothing happens", "count"] {
            if sabotage == "count" && kind == Kind::Rate {
                continue;
            }
            let (lab, memory) = (Lab::pretended(3), Memory::default());
            *lab.fabric.as_ref().unwrap().sabotage.lock().unwrap() = Some(sabotage);
            let applied = apply(&lab, &memory, &op(kind, Value::Null)).await;
            assert!(
                matches!(applied, Applied::Indeterminate(_)),
                "{kind:?} {sabotage}: {applied:?}"
            );
        }
    }
    let (lab, memory) = (Lab::pretended(3), Memory::default());
    apply(&lab, &memory, &op(Kind::Delay, Value::Null)).await;
    *lab.fabric.as_ref().unwrap().sabotage.lock().unwrap() = Some("unshape");
    let Applied::Indeterminate(cause) = apply(&lab, &memory, &unshaping()).await else { panic!() };
    assert!(cause.contains("still has"), "{cause}");
}

#[tokio::test]
async fn directions_and_links_are_as_given() {
    let (lab, memory) = (Lab::pretended(3), Memory::default());
    for (with, links) in [
        (json!({"direction": "in"}), json!([["n1", "n2"], ["n3", "n2"]])),
        (json!({"direction": "out"}), json!([["n2", "n1"], ["n2", "n3"]])),
        (json!({"links": [["n3", "n1"]]}), json!([["n3", "n1"]])),
    ] {
        let applied = apply(&lab, &memory, &op(Kind::Loss, with)).await;
        let Applied::Installed(evidence) = applied else { panic!("{applied:?}") };
        assert_eq!(evidence["links"], links);
        unshape(&lab, &memory, LAYER).await.unwrap();
    }
    *lab.leaders.lock().unwrap() = vec![2];
    let primaries = op(Kind::Loss, json!({"spec": "primaries", "fallback": ["n1"]}));
    let Applied::Installed(evidence) = apply(&lab, &memory, &primaries).await else { panic!() };
    assert_eq!(evidence["primaries"], json!(["n3"]));
}

#[tokio::test]
async fn what_cannot_be_done_or_seen_is_skipped() {
    let (lab, memory) = (Lab::pretended(3), Memory::default());
    for (with, complaint) in [
        (json!({"targets": ["n9"]}), "n9"),
        (json!({"policy": {"loss_percent": 120, "seed": 1}}), "loss_percent"),
        (json!({"policy": {"los_percent": 12, "seed": 1}}), "los_percent"),
        (json!({"policy": {"seed": 1}}), "does nothing"),
        (json!({"direction": "up"}), "`up`"),
    ] {
        let applied = apply(&lab, &memory, &op(Kind::Loss, with)).await;
        let Applied::Skipped(reason) = applied else { panic!("{applied:?}") };
        assert!(reason.contains(complaint), "{reason}");
    }
    use perjury_harness::Fabric;
    let all = around(&[0, 1, 2], Side::Both, 3);
    lab.fabric.as_ref().unwrap().cut(&all);
    let Applied::Skipped(reason) = apply(&lab, &memory, &op(Kind::Loss, Value::Null)).await else {
        panic!()
    };
    assert!(reason.contains("cut"), "{reason}");
}

#[test]
fn the_seed_alone_chooses_and_every_kind_comes_up() {
    let ops = |number: u64, set: &[(&str, &str)]| {
        let schedule = Packet::default().schedule(&options(5, set), Seed::root(number));
        operations(schedule, 32)
    };
    assert_eq!(ops(1, &[]), ops(1, &[]));
    assert_ne!(ops(1, &[]), ops(2, &[]));
    let kinds = |ops: &[Op]| {
        let kinds = ops.iter().step_by(2).take(8).map(|op| op.value["kind"].to_string());
        kinds.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(kinds(&ops(1, &[])).len(), 8);
    for op in ops(1, &[]).iter().step_by(2) {
        let policy: LinkPolicy = serde_json::from_value(op.value["policy"].clone()).unwrap();
        policy.check().unwrap();
    }
    let pinned = ops(1, &[("packet-delay-ms", "70"), ("packet-kinds", "delay")]);
    assert!(pinned.iter().step_by(2).all(|op| op.value["policy"]["delay_ms"] == 70.0));
    assert_eq!(
        pinned[0].value["targets"],
        ops(1, &[("packet-kinds", "delay")])[0].value["targets"]
    );
}

#[test]
fn wrong_options_are_named() {
    for (key, value, complaint) in [
        ("packet-kinds", "dealy", "there are delay, loss"),
        ("packet-targets", "half", "minority"),
        ("packet-directions", "up", "both, in, out"),
        ("packet-delay-ms", "-3", "above 0"),
    ] {
        let error = Choices::of(&options(5, &[(key, value)])).unwrap_err();
        assert!(error.contains(complaint), "{error}");
    }
}
