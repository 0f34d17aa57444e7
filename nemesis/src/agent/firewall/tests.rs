//! Tests of the firewall table alone; with real packets it is tested by the partition fault.

use super::*;
use crate::agent::ledger::Ledger;
use crate::testing::{has_network_tools, in_namespaces, shell};
use std::path::Path;
use std::sync::Arc;

fn firewall(dir: &Path, nft: Option<PathBuf>, control: &[&str]) -> Firewall {
    let ledger = Arc::new(Mutex::new(Ledger::open(dir).unwrap()));
    let control = control.iter().map(|address| address.parse().unwrap()).collect();
    Firewall::with(nft, control, ledger)
}

fn cut(peers: &[&str], direction: Direction) -> CutPeers {
    CutPeers { peers: addresses(peers), direction }
}

fn addresses(of: &[&str]) -> Vec<IpAddr> {
    of.iter().map(|address| address.parse().unwrap()).collect()
}

fn keys(status: &NetStatus) -> Vec<(Direction, String)> {
    status.rules.iter().map(|rule| (rule.direction, rule.peer.to_string())).collect()
}

#[test]
fn rules_come_and_go_one_by_one_and_the_table_with_the_last() {
    const NAME: &str = "agent::firewall::tests::\
        rules_come_and_go_one_by_one_and_the_table_with_the_last";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let firewall = firewall(dir.path(), super::tools::find("nft"), &["198.51.100.1"]);
    assert_eq!(firewall.status().unwrap().problem, None);
    let both = firewall.cut(&cut(&["10.0.0.2", "fd00::2"], Direction::Both)).unwrap();
    let expected = [
        (Direction::In, "10.0.0.2".to_owned()),
        (Direction::In, "fd00::2".to_owned()),
        (Direction::Out, "10.0.0.2".to_owned()),
        (Direction::Out, "fd00::2".to_owned()),
    ];
    assert_eq!(keys(&both), expected);
    let again = firewall.cut(&cut(&["::ffff:10.0.0.2"], Direction::In)).unwrap();
    assert_eq!(keys(&again), expected, "once is enough, and the mapped address is the same");
    firewall.cut(&cut(&["10.0.0.3"], Direction::In)).unwrap();
    assert!(firewall.has_entry());

    let less = firewall.mend(&MendPeers { peers: addresses(&["10.0.0.2", "fd00::2"]) }).unwrap();
    assert_eq!(keys(&less), [(Direction::In, "10.0.0.3".to_owned())]);
    assert!(firewall.has_entry(), "one is left to undo");
    let none = firewall.mend(&MendPeers::default()).unwrap();
    assert!(none.rules.is_empty() && !firewall.read().unwrap().exists);
    assert!(!firewall.has_entry());
    firewall.mend(&MendPeers::default()).unwrap();
}

#[test]
fn packets_that_leave_are_counted_and_dropped_too() {
    const NAME: &str = "agent::firewall::tests::packets_that_leave_are_counted_and_dropped_too";
    if !has_network_tools() || !in_namespaces(NAME) {
        return;
    }
    shell(
        "ip link set lo up; ip link add d0 type veth peer name d1; ip link set d0 up; ip link set d1 up; \
           ip addr add 10.0.0.1/24 dev d0",
    );
    let dir = tempfile::tempdir().unwrap();
    let firewall = firewall(dir.path(), super::tools::find("nft"), &[]);
    firewall.cut(&cut(&["10.0.0.9"], Direction::Out)).unwrap();
    let socket = std::net::UdpSocket::bind("10.0.0.1:0").unwrap();
    let _ = socket.send_to(b"x", "10.0.0.9:9");
    let status = firewall.status().unwrap();
    assert_eq!(status.rules[0].packets, 1, "{status:?}");
    assert!(status.addresses.contains(&"10.0.0.1".parse().unwrap()));
    let own = firewall.cut(&cut(&["10.0.0.1"], Direction::In)).unwrap_err();
    assert!(own.contains("own address"), "{own}");
}

#[test]
fn the_controllers_address_is_refused_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let firewall = firewall(dir.path(), None, &["198.51.100.1"]);
    for peer in ["198.51.100.1", "::ffff:198.51.100.1"] {
        let refusal = firewall.cut(&cut(&["198.51.100.2", peer], Direction::In)).unwrap_err();
        assert!(refusal.contains("never cut"), "{refusal}");
    }
}

#[test]
fn a_node_without_nft_says_which_package_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let firewall = firewall(dir.path(), None, &[]);
    let refusal = firewall.cut(&cut(&["198.51.100.2"], Direction::In)).unwrap_err();
    assert!(refusal.contains("package `nftables`"), "{refusal}");
    assert!(firewall.status().unwrap().problem.unwrap().contains("nftables"));
    assert!(!firewall.has_entry(), "nothing was done, nothing is to be undone");
    firewall.mend(&MendPeers::default()).unwrap();
}

#[test]
fn an_nft_that_only_says_so_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let pretender = dir.path().join("nft");
    std::fs::write(&pretender, "#!/bin/sh\ncat >/dev/null\necho '{\"nftables\":[]}'\n").unwrap();
    shell(&format!("chmod +x {}", pretender.display()));
    let firewall = firewall(dir.path(), Some(pretender), &[]);
    let complaint = firewall.cut(&cut(&["198.51.100.2"], Direction::In)).unwrap_err();
    assert!(complaint.contains("is not cut"), "{complaint}");
    assert!(firewall.has_entry(), "what may have been done stays to be undone");
}
