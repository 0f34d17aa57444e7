//! Rules: what nft does to single packets of some peers, in a table of our own.

use super::super::firewall::items;
use perjury_harness::cluster::LinkPolicy;
use serde_json::Value;
use std::fmt::Write as _;
use std::net::IpAddr;

pub(super) const TABLE: &str = "perjury_packets";
/// Shares are of a million.
const WHOLE: f64 = 1_000_000.0;

/// Losses come before connection tracking, as on a wire; to reset a connection, nft has to be
/// where packets have reached their host.
const BEGIN: &str = "\
add table inet perjury_packets
add chain inet perjury_packets losses { type filter hook prerouting priority -301; policy accept; }
add chain inet perjury_packets resets { type filter hook input priority -301; policy accept; }
";

/// The script that adds a policy's rules for packets from `peers`.
pub(super) fn script(exists: bool, peers: &[IpAddr], policy: &LinkPolicy) -> String {
    let mut script = if exists { String::new() } else { BEGIN.to_owned() };
    let port = match policy.port {
        0 => String::new(),
        port => format!("meta l4proto {{ tcp, udp }} th dport {port} "),
    };
    for peer in peers {
        let family = if peer.is_ipv4() { "ip" } else { "ip6" };
        let from = format!("{family} saddr {peer} {port}");
        if policy.loss_percent > 0.0 {
            let chance = chance(policy.loss_percent);
            let _ = writeln!(script, "add rule inet {TABLE} losses {from}{chance}counter drop");
        }
        if policy.reset_percent > 0.0 {
            let chance = chance(policy.reset_percent);
            let _ = writeln!(
                script,
                "add rule inet {TABLE} resets {from}tcp flags & (syn|rst|ack) == ack {chance}\
                 counter reject with tcp reset"
            );
        }
    }
    script
}

fn chance(percent: f64) -> String {
    if percent >= 100.0 {
        return String::new();
    }
    format!("numgen random mod {WHOLE} < {:.0} ", (percent / 100.0 * WHOLE).max(1.0))
}

/// Reads `nft -j list table inet perjury_packets`: a line for each rule.
pub(super) fn present(text: &str) -> Result<Vec<String>, String> {
    let rules = items(text)?.into_iter().filter_map(|item| describe(&item["rule"]));
    Ok(rules.collect())
}

fn describe(rule: &Value) -> Option<String> {
    let expressions = rule["expr"].as_array()?;
    let find = |key: &str| expressions.iter().find_map(|expression| expression.get(key));
    let peer = expressions.iter().find_map(|expression| {
        let side = &expression["match"];
        (side["left"]["payload"]["field"] == "saddr").then(|| side["right"].as_str())?
    })?;
    let packets = find("counter")?["packets"].as_u64()?;
    let share = expressions.iter().find_map(|expression| {
        let side = &expression["match"];
        side["left"].get("numgen").and(side["right"].as_f64())
    });
    let percent = share.map_or(100.0, |share| share / WHOLE * 100.0);
    let what = if rule["chain"] == "resets" { "resets" } else { "drops" };
    Some(format!("nft {what} {percent} % of packets from {peer} ({packets} so far)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_families_and_ports_are_in_the_rules() {
        let peers = ["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        let policy =
            LinkPolicy { loss_percent: 12.5, reset_percent: 100.0, ..LinkPolicy::default() };
        let text = script(false, &peers, &policy);
        assert!(text.starts_with("add table inet perjury_packets\n"));
        assert!(
            text.contains("losses ip saddr 10.0.0.2 numgen random mod 1000000 < 125000 counter")
        );
        assert!(text.contains("resets ip6 saddr fd00::2 tcp flags & (syn|rst|ack) == ack counter"));
        let port = LinkPolicy { loss_percent: 100.0, port: 2380, ..LinkPolicy::default() };
        let text = script(true, &peers[..1], &port);
        assert!(
            text.contains("saddr 10.0.0.2 meta l4proto { tcp, udp } th dport 2380 counter drop")
        );
    }
}
