//! Queues: the commands of tc that shape what goes to some peers, and the reading of what there is.
//!
//! The root is our own htb, which passes on at once what no filter claims, and so all that is not
//! for a shaped peer. Each policy has a class, for its rate, with a netem below it for the rest.

use perjury_harness::cluster::{Distribution, LinkPolicy};
use serde_json::Value;
use std::net::IpAddr;

/// The handle of our own root queue: nobody else's is touched.
pub(super) const HANDLE: &str = "7065:";
/// Classes of one interface.
pub(super) const CLASSES_MAX: u16 = 250;

/// What to add to an interface that has no queue of ours yet.
pub(super) fn root(device: &str) -> Vec<String> {
    words(&format!("qdisc add dev {device} root handle {HANDLE} htb default 0"))
}

pub(super) fn remove(device: &str) -> Vec<String> {
    words(&format!("qdisc del dev {device} root handle {HANDLE}"))
}

/// The commands that shape what goes to `peers` as class number `class`.
pub(super) fn class(
    device: &str,
    class: u16,
    peers: &[IpAddr],
    policy: &LinkPolicy,
) -> Vec<Vec<String>> {
    let id = format!("{HANDLE}{class:x}");
    let rate = if policy.rate_kbit > 0.0 {
        format!("{:.0}kbit", policy.rate_kbit.max(1.0))
    } else {
        // More than any interface has.
        "30gbit quantum 60000".to_owned()
    };
    let mut commands = vec![words(&format!(
        "class add dev {device} parent {HANDLE} classid {id} htb rate {rate}"
    ))];
    let below = format!("qdisc add dev {device} parent {id} handle 71{class:02x}:");
    let netem = netem(policy);
    if netem.is_empty() {
        let bytes = (policy.rate_kbit * policy.queue_limit_ms() / 8.0).max(3000.0);
        commands.push(words(&format!("{below} bfifo limit {bytes:.0}")));
    } else {
        commands.push(words(&format!("{below} netem limit 20000 {netem}")));
    }
    for peer in peers {
        let (protocol, priority, word, bits) =
            if peer.is_ipv4() { ("ip", 1, "ip", 32) } else { ("ipv6", 2, "ip6", 128) };
        let port = match policy.port {
            0 => String::new(),
            port => format!(" match {word} dport {port} 0xffff"),
        };
        commands.push(words(&format!(
            "filter add dev {device} parent {HANDLE} protocol {protocol} prio {priority} \
             u32 match {word} dst {peer}/{bits}{port} flowid {id}"
        )));
    }
    commands
}

/// What netem is asked for; empty when it is not needed. Where we hold some packets back, netem
/// holds the others back and lets those go first: what is seen is the same.
fn netem(policy: &LinkPolicy) -> String {
    let mut words = Vec::new();
    let reordering = policy.reorder_percent > 0.0;
    let delay = policy.delay_ms + if reordering { policy.reorder_ms } else { 0.0 };
    if delay > 0.0 || policy.jitter_ms > 0.0 {
        let mut text = format!("delay {delay}ms");
        if policy.jitter_ms > 0.0 && policy.distribution != Distribution::Constant {
            text += &format!(" {}ms distribution {}", policy.jitter_ms, policy.distribution.name());
            // Evenly spread is what netem does by itself.
            text = text.replace(" distribution uniform", "");
        }
        words.push(text);
    }
    for (name, percent) in [
        ("reorder", policy.reorder_percent),
        ("duplicate", policy.duplicate_percent),
        ("corrupt", policy.corrupt_percent),
    ] {
        if percent > 0.0 {
            words.push(format!("{name} {percent}%"));
        }
    }
    words.join(" ")
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// The root queue of an interface.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// What the kernel gives every interface.
    Default,
    Ours,
    /// Somebody else's, in words.
    Foreign(String),
}

/// Reads `tc -j qdisc show dev D`.
pub(super) fn root_of(text: &str) -> Result<Root, String> {
    let all: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| format!("tc's JSON output cannot be read ({error})"))?;
    let Some(root) = all.iter().find(|qdisc| qdisc["root"] == true) else {
        return Ok(Root::Default);
    };
    let (kind, handle) = (root["kind"].as_str().unwrap_or("?"), root["handle"].as_str());
    Ok(match handle {
        Some("0:") | None => Root::Default,
        Some(HANDLE) if kind == "htb" => Root::Ours,
        Some(handle) => Root::Foreign(format!("`{kind}` with the handle {handle}")),
    })
}

/// Reads `tc -j qdisc show`: the interfaces with a root queue of ours.
pub(super) fn ours(text: &str) -> Result<Vec<String>, String> {
    let all: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| format!("tc's JSON output cannot be read ({error})"))?;
    let ours = all.iter().filter(|qdisc| {
        qdisc["root"] == true && qdisc["kind"] == "htb" && qdisc["handle"] == HANDLE
    });
    Ok(ours.filter_map(|qdisc| Some(qdisc["dev"].as_str()?.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(policy: &LinkPolicy) -> Vec<String> {
        let peers = ["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        class("eth1", 3, &peers, policy).iter().map(|words| words.join(" ")).collect()
    }

    #[test]
    fn a_delay_is_netem_below_a_class_for_both_families() {
        let policy = LinkPolicy {
            delay_ms: 80.0,
            jitter_ms: 10.0,
            distribution: Distribution::Normal,
            duplicate_percent: 1.5,
            ..LinkPolicy::default()
        };
        assert_eq!(
            lines(&policy),
            [
                "class add dev eth1 parent 7065: classid 7065:3 htb rate 30gbit quantum 60000",
                "qdisc add dev eth1 parent 7065:3 handle 7103: netem limit 20000 \
                 delay 80ms 10ms distribution normal duplicate 1.5%",
                "filter add dev eth1 parent 7065: protocol ip prio 1 \
                 u32 match ip dst 10.0.0.2/32 flowid 7065:3",
                "filter add dev eth1 parent 7065: protocol ipv6 prio 2 \
                 u32 match ip6 dst fd00::2/128 flowid 7065:3",
            ]
        );
    }

    #[test]
    fn a_rate_needs_no_netem_and_reordering_holds_the_others_back() {
        let rate = LinkPolicy { rate_kbit: 800.0, port: 5432, ..LinkPolicy::default() };
        let text = lines(&rate);
        assert!(text[0].ends_with("rate 800kbit") && text[1].ends_with("bfifo limit 20000"));
        assert!(text[2].contains("match ip dport 5432 0xffff flowid"), "{text:?}");
        let reorder =
            LinkPolicy { reorder_percent: 20.0, reorder_ms: 8.0, ..LinkPolicy::default() };
        assert!(lines(&reorder)[1].ends_with("delay 8ms reorder 20%"));
        let uniform = LinkPolicy {
            delay_ms: 5.0,
            jitter_ms: 2.0,
            distribution: Distribution::Uniform,
            ..LinkPolicy::default()
        };
        assert!(lines(&uniform)[1].ends_with("delay 5ms 2ms"));
    }

    #[test]
    fn only_the_kernels_own_queue_is_replaced() {
        let with = |handle: &str, kind: &str| {
            root_of(&format!(r#"[{{"kind":"{kind}","handle":"{handle}","root":true}}]"#)).unwrap()
        };
        assert_eq!(with("0:", "fq_codel"), Root::Default);
        assert_eq!(with("7065:", "htb"), Root::Ours);
        assert_eq!(with("1:", "htb"), Root::Foreign("`htb` with the handle 1:".to_owned()));
        assert_eq!(root_of("[]").unwrap(), Root::Default);
        let text = r#"[{"kind":"htb","handle":"7065:","dev":"a","root":true},
            {"kind":"htb","handle":"1:","dev":"b","root":true}]"#;
        assert_eq!(ours(text).unwrap(), ["a"]);
    }
}
