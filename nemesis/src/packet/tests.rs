//! Tests of `packet`: what it concludes of a pretended network, and what its schedule asks for.

use super::*;
use crate::testing::{Hosts, Lab, has_network_tools, in_namespaces, operations, options, shell};

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
    assert!(cause.contains("there is still"), "{cause}");
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

/// What this machine's kernel can do to packets on its own.
async fn lacks(lab: &Lab) -> std::collections::BTreeMap<crate::wire::Means, String> {
    let status = lab.call(0, "net.shaping", json!({})).unwrap();
    serde_json::from_value::<crate::wire::Shaping>(status).unwrap().lacks
}

#[tokio::test]
async fn kernels_lose_real_packets_of_both_families_and_stop() {
    const NAME: &str = "packet::tests::kernels_lose_real_packets_of_both_families_and_stop";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    let (hosts, memory) = (Hosts::new(3, "10.88.0.1 1 10.88.0.2 22"), Memory::default());
    let policy = json!({"loss_percent": 30, "seed": 1});
    let one_way = json!({"links": [["n1", "n2"]], "policy": policy});
    let applied = apply(&hosts.lab, &memory, &op(Kind::Loss, one_way)).await;
    let Applied::Installed(evidence) = applied else { panic!("{applied:?}") };
    let heard = evidence["measured"][0]["heard"].as_u64().unwrap();
    // Three standard deviations, and one more for luck.
    assert!((375..465).contains(&heard), "{heard} of 600 for 30 % lost");
    let table = hosts.table(1);
    assert!(table.contains("ip6 saddr fd77::1") && table.contains("numgen"), "{table}");
    assert!(!hosts.table(0).contains("perjury_packets"), "only the receiver loses");
    let twice = apply(&hosts.lab, &memory, &op(Kind::Loss, json!({"policy": policy}))).await;
    let Applied::Skipped(reason) = twice else { panic!("{twice:?}") };
    assert!(reason.contains("already"), "{reason}");
    let healed = apply(&hosts.lab, &memory, &unshaping()).await;
    assert!(matches!(healed, Applied::Healed(_)), "{healed:?}");
    assert!(!hosts.table(1).contains("perjury_packets"), "{}", hosts.table(1));

    let pretend = |verb| {
        let answer = json!({"lacks": {}, "present": []});
        *hosts.lab.pretence.lock().unwrap() = Some((verb, answer));
    };
    let one_way = json!({"links": [["n1", "n2"]], "policy": policy});
    pretend("net.shape");
    let applied = apply(&hosts.lab, &memory, &op(Kind::Loss, one_way.clone())).await;
    let Applied::Indeterminate(cause) = applied else { panic!("{applied:?}") };
    assert!(cause.contains("noticed 0"), "{cause}");
    *hosts.lab.pretence.lock().unwrap() = None;
    let applied = apply(&hosts.lab, &memory, &op(Kind::Loss, one_way)).await;
    assert!(matches!(applied, Applied::Installed(_)), "{applied:?}");
    pretend("net.unshape");
    let applied = apply(&hosts.lab, &memory, &unshaping()).await;
    let Applied::Indeterminate(cause) = applied else { panic!("{applied:?}") };
    assert!(cause.contains("there is still"), "{cause}");
    *hosts.lab.pretence.lock().unwrap() = None;
    unshape(&hosts.lab, &memory, LAYER).await.unwrap();

    let reset = json!({"links": [["n1", "n3"]], "policy": {"reset_percent": 10, "seed": 1}});
    let applied = apply(&hosts.lab, &memory, &op(Kind::Reset, reset)).await;
    assert!(matches!(applied, Applied::Installed(_)), "{applied:?}");
    unshape(&hosts.lab, &memory, LAYER).await.unwrap();
}

#[tokio::test]
async fn kernels_slow_links_down_or_say_what_they_lack() {
    const NAME: &str = "packet::tests::kernels_slow_links_down_or_say_what_they_lack";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    let (hosts, memory) = (Hosts::new(2, "10.88.0.1 1 10.88.0.2 22"), Memory::default());
    let lacks = lacks(&hosts.lab).await;
    let queues = |host: usize| {
        let pid = hosts.holders[host].id().to_string();
        let shown = std::process::Command::new("nsenter")
            .args(["-t", &pid, "-n", "tc", "qdisc", "show", "dev", "data"])
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .output();
        let text = String::from_utf8(shown.unwrap().stdout).unwrap();
        // How many packets a queue has passed on changes by itself.
        text.split(" direct_packets_stat").next().unwrap_or_default().to_owned()
    };
    let before = queues(0);
    for (kind, means, policy) in [
        (Kind::Rate, crate::wire::Means::Htb, json!({"rate_kbit": 1000, "seed": 1})),
        (Kind::Delay, crate::wire::Means::Netem, json!({"delay_ms": 30, "seed": 1})),
    ] {
        let slow = json!({"links": [["n1", "n2"]], "policy": policy});
        let applied = apply(&hosts.lab, &memory, &op(kind, slow)).await;
        if lacks.contains_key(&means) {
            let Applied::Skipped(reason) = applied else { panic!("{applied:?}") };
            assert!(reason.contains("module"), "the remedy is named: {reason}");
            continue;
        }
        assert!(matches!(applied, Applied::Installed(_)), "{kind:?}: {applied:?}");
        assert!(queues(0).contains("7065:"), "{}", queues(0));
        unshape(&hosts.lab, &memory, LAYER).await.unwrap();
        assert_eq!(queues(0), before);
    }
    if lacks.contains_key(&crate::wire::Means::Htb) {
        return;
    }
    let pid = hosts.holders[0].id();
    shell(&format!("nsenter -t {pid} -n tc qdisc add dev data root handle 1: htb"));
    let before = queues(0);
    let slow = json!({"links": [["n1", "n2"]], "policy": {"rate_kbit": 1000, "seed": 1}});
    let applied = apply(&hosts.lab, &memory, &op(Kind::Rate, slow)).await;
    let Applied::Skipped(reason) = applied else { panic!("{applied:?}") };
    assert!(reason.contains("somebody else's") && reason.contains("data"), "{reason}");
    unshape(&hosts.lab, &memory, LAYER).await.unwrap();
    assert_eq!(queues(0), before, "it is left as it was");
}

#[tokio::test]
async fn a_dead_agents_rules_and_queues_are_taken_away_by_its_successor() {
    const NAME: &str =
        "packet::tests::a_dead_agents_rules_and_queues_are_taken_away_by_its_successor";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    let (hosts, memory) = (Hosts::new(2, "10.88.0.1 1 10.88.0.2 22"), Memory::default());
    let mut policy = json!({"loss_percent": 40, "seed": 1});
    if !lacks(&hosts.lab).await.contains_key(&crate::wire::Means::Htb) {
        policy["rate_kbit"] = json!(100_000);
    }
    let both = json!({"links": [["n1", "n2"], ["n2", "n1"]], "policy": policy});
    let applied = apply(&hosts.lab, &memory, &op(Kind::Loss, both)).await;
    assert!(matches!(applied, Applied::Installed(_)), "{applied:?}");
    for node in 0..2 {
        let mut command = std::process::Command::new("nsenter");
        command
            .args(["-t", &hosts.holders[node].id().to_string(), "-n"])
            .arg(std::env::current_exe().unwrap());
        let state = &hosts.lab.nodes[node].state;
        let mut agent = hosts.lab.nodes[node].agent.lock().unwrap();
        agent.sigkill();
        *agent = crate::agent::tests::Client::start_in(&mut command, state, 60_000);
        assert!(agent.hello.healed[0].contains("shaped no more"), "{:?}", agent.hello);
        drop(agent);
        let status = hosts.lab.call(node, "net.shaping", json!({})).unwrap();
        assert_eq!(status["present"], json!([]));
    }
}
