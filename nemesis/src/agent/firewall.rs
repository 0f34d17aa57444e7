//! Cuts by firewall, for nodes whose network Perjury does not carry itself.
//!
//! All rules live in `table inet perjury`, one rule with a counter for each peer and direction.
//! Nothing else is read or changed. Rules are set and taken away in one transaction each, so that
//! a node is never half cut, and what is set is read back from the kernel.

use super::control::{self, canonical};
use super::ledger::Undo;
use super::process::{SharedLedger, lock};
use super::tools;
use crate::wire::{CutPeers, Direction, MendPeers, NetRule, NetStatus};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;

/// Rules at a time.
const RULES_MAX: usize = 4096;

pub(super) const NO_NFT: &str = "nft is not installed on this node: install the package `nftables`";

/// Before connection tracking and before packets are routed, so that those for containers on the
/// node are dropped too. Neighbour discovery passes, as ARP does: otherwise a cut of one direction
/// would in IPv6 soon be one of both.
const TABLE: &str = "\
add table inet perjury
add chain inet perjury incoming { type filter hook prerouting priority -300; policy accept; }
add chain inet perjury outgoing { type filter hook postrouting priority 300; policy accept; }
add rule inet perjury incoming icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
add rule inet perjury outgoing icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
";

type Key = (Direction, IpAddr);

#[derive(Clone, Copy)]
struct Installed {
    handle: u64,
    packets: u64,
    bytes: u64,
}

/// The table as the kernel has it.
struct Table {
    exists: bool,
    rules: BTreeMap<Key, Installed>,
}

/// Perjury's own firewall table. Invariant: when it holds a rule, the ledger has an open entry.
pub(crate) struct Firewall {
    nft: Option<PathBuf>,
    control: Vec<IpAddr>,
    ledger: SharedLedger,
    /// One change at a time.
    changing: Mutex<()>,
}

impl Firewall {
    /// With the program `nft` of this node and its control connection.
    pub(crate) fn new(ledger: SharedLedger) -> Self {
        Self::with(tools::find("nft"), control::addresses(), ledger)
    }

    fn with(nft: Option<PathBuf>, control: Vec<IpAddr>, ledger: SharedLedger) -> Self {
        Self { nft, control, ledger, changing: Mutex::new(()) }
    }

    /// Drops packets of these peers, in addition to those dropped already.
    pub(crate) fn cut(&self, what: &CutPeers) -> Result<NetStatus, String> {
        let _held = lock(&self.changing);
        let peers: BTreeSet<IpAddr> = what.peers.iter().copied().map(canonical).collect();
        self.check(&peers)?;
        let table = self.read()?;
        let wanted: BTreeSet<Key> = directions(what.direction)
            .iter()
            .flat_map(|&direction| peers.iter().map(move |&peer| (direction, peer)))
            .collect();
        let mut script = if table.exists { String::new() } else { TABLE.to_owned() };
        for (direction, peer) in wanted.iter().filter(|key| !table.rules.contains_key(key)) {
            let (chain, side) = match direction {
                Direction::Out => ("outgoing", "daddr"),
                Direction::In | Direction::Both => ("incoming", "saddr"),
            };
            let family = if peer.is_ipv4() { "ip" } else { "ip6" };
            writeln!(script, "add rule inet perjury {chain} {family} {side} {peer} counter drop")
                .map_err(|error| error.to_string())?;
        }
        if table.rules.len() + peers.len() * 2 > RULES_MAX {
            return Err(format!("more than {RULES_MAX} rules"));
        }
        if lock(&self.ledger).pending().iter().all(|(_, undo)| *undo != Undo::Mend {}) {
            lock(&self.ledger).intend(Undo::Mend {})?;
        }
        self.run(&["-f", "-"], &script)?;
        let now = self.read()?;
        match wanted.iter().find(|key| !now.rules.contains_key(key)) {
            None => self.describe(&now),
            Some((direction, peer)) => {
                Err(format!("nft reported success, but {peer} ({direction:?}) is not cut"))
            }
        }
    }

    fn check(&self, peers: &BTreeSet<IpAddr>) -> Result<(), String> {
        let own = control::own_addresses()?;
        for peer in peers {
            if self.control.contains(peer) {
                return Err(format!(
                    "{peer} is where the control connection comes from: it is never cut. \
                     Run the controller on a machine that is not a node"
                ));
            }
            if own.contains(peer) || peer.is_loopback() || peer.is_unspecified() {
                return Err(format!("{peer} is this node's own address: it cannot be cut off"));
            }
        }
        Ok(())
    }

    /// Takes rules away; the whole table with the last one.
    pub(crate) fn mend(&self, what: &MendPeers) -> Result<NetStatus, String> {
        let _held = lock(&self.changing);
        let peers: BTreeSet<IpAddr> = what.peers.iter().copied().map(canonical).collect();
        if self.nft.is_none() && !self.has_entry() {
            // Nothing can have been cut here.
            return self.status();
        }
        let table = self.read()?;
        let doomed = |key: &Key| peers.is_empty() || peers.contains(&key.1);
        let mut script = String::new();
        if table.exists && table.rules.keys().all(doomed) {
            script.push_str("delete table inet perjury\n");
        } else {
            for (key, rule) in table.rules.iter().filter(|(key, _)| doomed(key)) {
                let chain = if key.0 == Direction::Out { "outgoing" } else { "incoming" };
                writeln!(script, "delete rule inet perjury {chain} handle {}", rule.handle)
                    .map_err(|error| error.to_string())?;
            }
        }
        if !script.is_empty() {
            self.run(&["-f", "-"], &script)?;
        }
        let now = self.read()?;
        if let Some((_, peer)) = now.rules.keys().find(|key| doomed(key)) {
            return Err(format!("nft reported success, but {peer} is still cut"));
        }
        if !now.exists {
            self.close_entries()?;
        }
        self.describe(&now)
    }

    fn has_entry(&self) -> bool {
        lock(&self.ledger).pending().iter().any(|(_, undo)| *undo == Undo::Mend {})
    }

    fn close_entries(&self) -> Result<(), String> {
        let mut ledger = lock(&self.ledger);
        for (id, undo) in ledger.pending() {
            if undo == (Undo::Mend {}) {
                ledger.done(id, "no table inet perjury")?;
            }
        }
        Ok(())
    }

    /// What there is, and whether this node can cut at all.
    pub(crate) fn status(&self) -> Result<NetStatus, String> {
        match self.read() {
            Ok(table) => self.describe(&table),
            Err(problem) => {
                let nothing = Table { exists: false, rules: BTreeMap::new() };
                Ok(NetStatus { problem: Some(problem), ..self.describe(&nothing)? })
            }
        }
    }

    fn describe(&self, table: &Table) -> Result<NetStatus, String> {
        let rules = table.rules.iter().map(|(&(direction, peer), rule)| NetRule {
            peer,
            direction,
            packets: rule.packets,
            bytes: rule.bytes,
        });
        Ok(NetStatus {
            problem: None,
            rules: rules.collect(),
            addresses: control::own_addresses()?,
            control: self.control.clone(),
        })
    }

    /// Reads the table back from the kernel.
    fn read(&self) -> Result<Table, String> {
        // Listing the tables works with or without ours; listing a missing table is an error.
        let tables = self.run(&["-j", "list", "tables"], "")?;
        let exists = items(&tables)?.iter().any(|item| {
            let table = &item["table"];
            table["family"] == "inet" && table["name"] == "perjury"
        });
        if !exists {
            return Ok(Table { exists, rules: BTreeMap::new() });
        }
        let text = self.run(&["-j", "-a", "list", "table", "inet", "perjury"], "")?;
        let rules = items(&text)?.iter().filter_map(|item| parse_rule(&item["rule"])).collect();
        Ok(Table { exists, rules })
    }

    fn run(&self, arguments: &[&str], script: &str) -> Result<String, String> {
        tools::run(self.nft.as_ref().ok_or(NO_NFT)?, arguments, script)
    }
}

fn directions(direction: Direction) -> &'static [Direction] {
    match direction {
        Direction::In => &[Direction::In],
        Direction::Out => &[Direction::Out],
        Direction::Both => &[Direction::In, Direction::Out],
    }
}

pub(super) fn items(text: &str) -> Result<Vec<Value>, String> {
    let mut whole: Value = serde_json::from_str(text).map_err(|error| {
        format!("nft's JSON output cannot be read ({error}): it needs nft 0.9.1 or later with JSON")
    })?;
    match whole["nftables"].take() {
        Value::Array(items) => Ok(items),
        other => Err(format!("nft listed {other}, not a list")),
    }
}

/// A rule that drops one address; the others of the table are `None`.
fn parse_rule(rule: &Value) -> Option<(Key, Installed)> {
    let handle = rule["handle"].as_u64()?;
    let expressions = rule["expr"].as_array()?;
    let find = |key: &str| expressions.iter().find_map(|expression| expression.get(key));
    find("drop")?;
    let address = find("match")?["right"].as_str()?.parse().ok()?;
    let direction = match rule["chain"].as_str()? {
        "incoming" => Direction::In,
        "outgoing" => Direction::Out,
        _ => return None,
    };
    let counter = find("counter")?;
    let installed = Installed {
        handle,
        packets: counter["packets"].as_u64()?,
        bytes: counter["bytes"].as_u64()?,
    };
    Some(((direction, address), installed))
}

#[cfg(test)]
mod tests;
