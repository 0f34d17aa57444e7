//! Tests of `partition`: with a pretended network for what it concludes, and with real agents,
//! firewalls and packets in namespaces for what it does.

use super::port::Dropping;
use super::*;
use crate::testing::{Hosts, Lab, has_network_tools, in_namespaces, operations, options, shell};
use std::process::Command;

fn halves() -> Op {
    let pairs = [["n1", "n2"], ["n2", "n1"], ["n1", "n3"], ["n3", "n1"]];
    Op::new("cut", json!({"shape": "halves", "cut": pairs}))
}

fn mending() -> Op {
    Op::new("mend", Value::Null)
}

#[tokio::test]
async fn a_cut_is_seen_and_so_is_its_mending() {
    let lab = Lab::pretended(3);
    let Applied::Installed(evidence) = apply(&lab, &Dropping::default(), &halves()).await else {
        panic!()
    };
    assert_eq!(evidence["shape"], "halves");
    assert_eq!(evidence["cut"].as_array().unwrap().len(), 4);
    assert!(evidence["dropped"]["n1->n2"].as_u64().unwrap() > 0, "{evidence}");
    assert_eq!(evidence["probes"].as_array().unwrap().len(), 4);
    assert_eq!(evidence["whole"].as_array().unwrap().len(), 2, "n2 and n3 still talk");
    let Applied::Healed(evidence) = apply(&lab, &Dropping::default(), &mending()).await else {
        panic!()
    };
    assert_eq!(evidence["probes"].as_array().unwrap().len(), 9, "clients look too: {evidence}");
    mend(&lab, &Dropping::default()).await.unwrap();
}

#[tokio::test]
async fn every_shape_is_seen() {
    let lab = Lab::pretended(5);
    let names: Vec<String> = (1..=5).map(|n| format!("n{n}")).collect();
    let mut rng = Seed::root(3).rng();
    for shape in Shape::USUAL {
        let op = Op::new("cut", value(shape, None, &names, &mut rng));
        let applied = apply(&lab, &Dropping::default(), &op).await;
        assert!(matches!(applied, Applied::Installed(_)), "{shape:?}: {applied:?}");
        let applied = apply(&lab, &Dropping::default(), &mending()).await;
        assert!(matches!(applied, Applied::Healed(_)), "{shape:?}: {applied:?}");
    }
}

#[tokio::test]
async fn a_second_cut_on_top_of_the_first_is_seen_too() {
    let lab = Lab::pretended(3);
    apply(&lab, &Dropping::default(), &halves()).await;
    let more = Op::new("cut", json!({"shape": "one-way", "cut": [["n2", "n3"]]}));
    let applied = apply(&lab, &Dropping::default(), &more).await;
    assert!(matches!(applied, Applied::Installed(_)), "{applied:?}");
    mend(&lab, &Dropping::default()).await.unwrap();
}

#[tokio::test]
async fn primaries_are_found_when_they_are_cut_off() {
    let lab = Lab::pretended(3);
    let op = Op::new("cut", json!({"shape": "primaries", "fallback": [["n1", "n2"]]}));
    *lab.leaders.lock().unwrap() = vec![2];
    let Applied::Installed(evidence) = apply(&lab, &Dropping::default(), &op).await else {
        panic!()
    };
    assert_eq!(evidence["primaries"], json!(["n3"]));
    assert_eq!(evidence["cut"].as_array().unwrap().len(), 4);
    mend(&lab, &Dropping::default()).await.unwrap();
    lab.leaders.lock().unwrap().clear();
    let Applied::Installed(evidence) = apply(&lab, &Dropping::default(), &op).await else {
        panic!()
    };
    assert_eq!(evidence["cut"], json!([["n1", "n2"]]));
}

#[tokio::test]
async fn a_network_that_only_says_so_is_found_out() {
    for (sabotage, complaint) in [
        ("cut", "is cut, and yet"),
        ("cut more", "should still work"),
        ("count", "no packet of it was dropped"),
    ] {
        let lab = Lab::pretended(4);
        *lab.fabric.as_ref().unwrap().sabotage.lock().unwrap() = Some(sabotage);
        let Applied::Indeterminate(cause) = apply(&lab, &Dropping::default(), &halves()).await
        else {
            panic!("{sabotage}")
        };
        assert!(cause.contains(complaint), "{sabotage}: {cause}");
    }
    let lab = Lab::pretended(3);
    apply(&lab, &Dropping::default(), &halves()).await;
    *lab.fabric.as_ref().unwrap().sabotage.lock().unwrap() = Some("mend");
    let Applied::Indeterminate(cause) = apply(&lab, &Dropping::default(), &mending()).await else {
        panic!()
    };
    assert!(cause.contains("still cut"), "{cause}");
}

#[tokio::test]
async fn clients_are_cut_off_from_one_node_only() {
    let lab = Lab::pretended(3);
    let op =
        Op::new("cut", json!({"shape": "client", "cut": [["client", "n2"], ["n2", "client"]]}));
    let applied = apply(&lab, &Dropping::default(), &op).await;
    let Applied::Installed(evidence) = applied else { panic!("{applied:?}") };
    assert!(evidence["dropped"]["client->n2"].as_u64().unwrap() > 0, "{evidence}");
    assert_eq!(evidence["whole"].as_array().unwrap().len(), 6, "all nodes still talk");
    let Applied::Healed(evidence) = apply(&lab, &Dropping::default(), &mending()).await else {
        panic!()
    };
    assert_eq!(evidence["probes"].as_array().unwrap().len(), 9, "{evidence}");
}

#[tokio::test]
async fn one_port_is_cut_and_the_others_are_not() {
    let op = Op::new(
        "cut",
        json!({"shape": "one-port", "port": 2380, "cut": [["n1", "n2"], ["n2", "n1"]]}),
    );
    let (lab, dropping) = (Lab::pretended(3), Dropping::default());
    let applied = apply(&lab, &dropping, &op).await;
    let Applied::Installed(evidence) = applied else { panic!("{applied:?}") };
    assert_eq!(evidence["probes"].as_array().unwrap().len(), 2, "{evidence}");
    mend(&lab, &dropping).await.unwrap();
    *lab.fabric.as_ref().unwrap().sabotage.lock().unwrap() = Some("nothing happens");
    let applied = apply(&lab, &dropping, &op).await;
    let Applied::Indeterminate(cause) = applied else { panic!("{applied:?}") };
    assert!(cause.contains("is cut, and yet"), "{cause}");
    let ports = options(5, &[("partition-shapes", "one-port")]);
    assert!(shapes(&ports).unwrap_err().contains("partition-port"));
}

#[tokio::test]
async fn links_flap_before_they_stay_cut() {
    let lab = Lab::pretended(3);
    let mut op = halves();
    op.value["flaps"] = json!(3);
    op.value["period_ms"] = json!(20);
    let applied = apply(&lab, &Dropping::default(), &op).await;
    let Applied::Installed(evidence) = applied else { panic!("{applied:?}") };
    assert_eq!(evidence["flapped"]["seen_working"], 3, "{evidence}");
    *lab.fabric.as_ref().unwrap().sabotage.lock().unwrap() = Some("mend");
    let lab = Lab::pretended(3);
    *lab.fabric.as_ref().unwrap().sabotage.lock().unwrap() = Some("mend");
    let applied = apply(&lab, &Dropping::default(), &op).await;
    let Applied::Indeterminate(cause) = applied else { panic!("{applied:?}") };
    assert!(cause.contains("never seen to work"), "{cause}");
}

#[test]
fn the_seed_alone_chooses_and_every_shape_comes_up() {
    let ops = |number: u64| {
        operations(Partition::default().schedule(&options(5, &[]), Seed::root(number)), 32)
    };
    assert_eq!(ops(1), ops(1));
    assert_ne!(ops(1), ops(2));
    let mut shapes: Vec<String> =
        ops(1).iter().step_by(2).take(8).map(|op| op.value["shape"].to_string()).collect();
    shapes.sort();
    shapes.dedup();
    assert_eq!(shapes.len(), 8, "{shapes:?}");
}

#[test]
fn shapes_are_pinned_and_too_few_nodes_refused() {
    let pinned = options(5, &[("partition-shapes", "halves,bridge")]);
    assert_eq!(shapes(&pinned).unwrap(), [Shape::Halves, Shape::Bridge]);
    assert!(shapes(&options(5, &[("partition-shapes", "half")])).unwrap_err().contains("`half`"));
    assert!(!shapes(&options(2, &[])).unwrap().contains(&Shape::Bridge));
    assert!(shapes(&options(1, &[])).unwrap_err().contains("needs 2 nodes"));
    let bridge = options(2, &[("partition-shapes", "bridge")]);
    assert!(shapes(&bridge).unwrap_err().contains("needs 3 nodes"));
}

#[tokio::test]
async fn firewalls_cut_real_packets_of_both_families_and_let_others_be() {
    const NAME: &str =
        "partition::tests::firewalls_cut_real_packets_of_both_families_and_let_others_be";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    let hosts = Hosts::new(3, "10.88.0.1 1 10.88.0.2 22");
    let others =
        "nft add table ip theirs; nft add chain ip theirs c; nft add rule ip theirs c drop";
    shell(&format!("nsenter -t {} -n sh -ec '{others}'", hosts.holders[0].id()));
    assert!(hosts.connects(0, "10.77.0.2:9") && hosts.connects(0, "[fd77::2]:9"));

    let Applied::Installed(evidence) = apply(&hosts.lab, &Dropping::default(), &halves()).await
    else {
        panic!()
    };
    assert!(evidence["dropped"]["n1->n2"].as_u64().unwrap() > 0, "{evidence}");
    assert!(!hosts.connects(0, "10.77.0.2:9") && !hosts.connects(0, "[fd77::2]:9"));
    assert!(!hosts.connects(2, "10.77.0.1:9") && !hosts.connects(2, "[fd77::1]:9"));
    assert!(hosts.connects(1, "10.77.0.3:9") && hosts.connects(1, "[fd77::3]:9"));

    let healed = apply(&hosts.lab, &Dropping::default(), &mending()).await;
    assert!(matches!(healed, Applied::Healed(_)), "{healed:?}");
    assert!(hosts.connects(0, "10.77.0.2:9") && hosts.connects(2, "[fd77::1]:9"));
    assert!(!hosts.table(1).contains("perjury"), "{}", hosts.table(1));
    assert!(hosts.table(0).contains("table ip theirs"), "{}", hosts.table(0));
}

#[tokio::test]
async fn a_firewall_cut_one_way_lets_the_other_way_be() {
    const NAME: &str = "partition::tests::a_firewall_cut_one_way_lets_the_other_way_be";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    let hosts = Hosts::new(2, "10.88.0.1 1 10.88.0.2 22");
    let op = Op::new("cut", json!({"shape": "one-way", "cut": [["n1", "n2"]]}));
    let applied = apply(&hosts.lab, &Dropping::default(), &op).await;
    assert!(matches!(applied, Applied::Installed(_)), "{applied:?}");
    // A datagram from n2 reaches n1: the listener there counts what it gets.
    let rules = "nft add table inet seen; nft add chain inet seen c '{ type filter hook input \
        priority 0; }'; nft add rule inet seen c ip saddr 10.77.0.2 tcp dport 9 counter";
    shell(&format!("nsenter -t {} -n sh -ec \"{rules}\"", hosts.holders[0].id()));
    assert!(!hosts.connects(1, "10.77.0.1:9"), "the answer is lost on its way");
    let table = hosts.table(0);
    assert!(table.contains("counter packets") && !table.contains("packets 0"), "{table}");
    assert!(!table.contains("perjury"), "{table}");
    mend(&hosts.lab, &Dropping::default()).await.unwrap();
}

#[tokio::test]
async fn the_control_connection_is_never_cut() {
    const NAME: &str = "partition::tests::the_control_connection_is_never_cut";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    // The controller runs on n1.
    let hosts = Hosts::new(2, "10.77.0.1 40000 10.77.0.2 22");
    let op = Op::new("cut", json!({"shape": "halves", "cut": [["n1", "n2"]]}));
    let Applied::Skipped(reason) = apply(&hosts.lab, &Dropping::default(), &op).await else {
        panic!()
    };
    assert!(reason.contains("machine that is not a node"), "{reason}");
    let with = json!({"peers": ["10.77.0.1"], "direction": "in"});
    let refusal = hosts.lab.call(1, "net.cut", with).unwrap_err();
    assert!(refusal.contains("never cut"), "{refusal}");
    assert!(hosts.connects(1, "10.77.0.1:9"));
}

#[tokio::test]
async fn a_dead_agents_firewall_is_taken_down_by_its_successor() {
    const NAME: &str = "partition::tests::a_dead_agents_firewall_is_taken_down_by_its_successor";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    let hosts = Hosts::new(2, "10.88.0.1 1 10.88.0.2 22");
    let op = Op::new("cut", json!({"shape": "halves", "cut": [["n1", "n2"], ["n2", "n1"]]}));
    assert!(matches!(apply(&hosts.lab, &Dropping::default(), &op).await, Applied::Installed(_)));
    for node in 0..2 {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &hosts.holders[node].id().to_string(), "-n"])
            .arg(std::env::current_exe().unwrap());
        let state = &hosts.lab.nodes[node].state;
        let mut agent = hosts.lab.nodes[node].agent.lock().unwrap();
        agent.sigkill();
        *agent = crate::agent::tests::Client::start_in(&mut command, state, 60_000);
        assert!(agent.hello.healed[0].contains("no packet is dropped"), "{:?}", agent.hello);
    }
    assert!(hosts.connects(0, "10.77.0.2:9") && hosts.connects(1, "10.77.0.1:9"));
}
