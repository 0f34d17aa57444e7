//! Shaped packets, by the node's own kernel: nft loses them, tc delays them.
//!
//! All rules are in `table inet perjury_packets`, all queues below a root with the handle `7065:`.
//! An interface that has a queue of somebody else's is left as it is, and refused by name.

mod nft;
mod tc;

use super::control::{self, canonical};
use super::firewall::NO_NFT;
use super::ledger::Undo;
use super::process::{SharedLedger, lock};
use super::tools;
use crate::wire::{Direction, Means, Shape, Shaping, Towards};
use perjury_harness::cluster::LinkPolicy;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock};

const NO_TC: &str = "tc is not installed on this node: install the package `iproute2`";

/// Rules and queues of Perjury's own. Invariant: while there are any, the ledger has an open entry.
pub(crate) struct Shapes {
    control: Vec<IpAddr>,
    ledger: SharedLedger,
    lacks: OnceLock<BTreeMap<Means, String>>,
    /// One change at a time; the next free class of each interface.
    classes: Mutex<BTreeMap<String, u16>>,
}

impl Shapes {
    pub(crate) fn new(ledger: SharedLedger) -> Self {
        let (lacks, classes) = (OnceLock::new(), Mutex::default());
        Self { control: control::addresses(), ledger, lacks, classes }
    }

    /// Shapes packets from or to some peers, in addition to what is shaped already.
    pub(crate) fn shape(&self, what: &Shape) -> Result<Shaping, String> {
        let mut classes = lock(&self.classes);
        let peers: Vec<IpAddr> = what.peers.iter().copied().map(canonical).collect();
        what.policy.check()?;
        let lacks = self.lacks();
        if let Some(problem) = Means::of(&what.policy)?.iter().find_map(|means| lacks.get(means)) {
            return Err(problem.clone());
        }
        let own = control::own_addresses()?;
        for peer in &peers {
            if self.control.contains(peer) {
                return Err(format!(
                    "{peer} is where the control connection comes from: its packets are never \
                     shaped. Run the controller on a machine that is not a node"
                ));
            }
            if own.contains(peer) || peer.is_loopback() || peer.is_unspecified() {
                return Err(format!("{peer} is this node's own address"));
            }
        }
        match what.direction {
            Direction::In => self.lose(&peers, &what.policy)?,
            Direction::Out => self.queue(&peers, &what.policy, &mut classes)?,
            Direction::Both => return Err("`direction` is `in` or `out`".to_owned()),
        }
        self.status(&Towards::default())
    }

    fn intend(&self) -> Result<(), String> {
        let mut ledger = lock(&self.ledger);
        if ledger.pending().iter().all(|(_, undo)| *undo != Undo::Unshape {}) {
            ledger.intend(Undo::Unshape {})?;
        }
        Ok(())
    }

    fn lose(&self, peers: &[IpAddr], policy: &LinkPolicy) -> Result<(), String> {
        let script = nft::script(table_exists()?, peers, policy);
        self.intend()?;
        run_nft(&["-f", "-"], &script).map(drop)
    }

    fn queue(
        &self,
        peers: &[IpAddr],
        policy: &LinkPolicy,
        classes: &mut BTreeMap<String, u16>,
    ) -> Result<(), String> {
        let mut by_device: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for peer in peers {
            match device_to(*peer) {
                Ok(device) => by_device.entry(device).or_default().push(*peer),
                // A node may have addresses that lead nowhere from here; its main one must not.
                Err(problem) if by_device.is_empty() && peers.len() == 1 => return Err(problem),
                Err(problem) => tracing::info!(%peer, problem, "this address is not shaped"),
            }
        }
        if by_device.is_empty() {
            return Err(format!("no way leads to any of {peers:?}"));
        }
        for (device, peers) in by_device {
            let free = is_free(&device)?;
            self.intend()?;
            if free {
                classes.remove(&device);
                run_tc_words(&tc::root(&device))?;
            }
            let class = classes.entry(device.clone()).or_default();
            if *class >= tc::CLASSES_MAX {
                return Err(format!("{device} has {class} classes: unshape before more"));
            }
            *class += 1;
            for words in tc::class(&device, *class, &peers, policy) {
                run_tc_words(&words)?;
            }
        }
        Ok(())
    }

    /// Takes everything away.
    pub(crate) fn unshape(&self) -> Result<Shaping, String> {
        let _held = lock(&self.classes);
        if tools::find("nft").is_some() && table_exists()? {
            run_nft(&["-f", "-"], &format!("delete table inet {}\n", nft::TABLE))?;
        }
        if tools::find("tc").is_some() {
            for device in tc::ours(&run_tc(&["-j", "qdisc", "show"])?)? {
                run_tc_words(&tc::remove(&device))?;
            }
        }
        let now = self.status(&Towards::default())?;
        if let Some(left) = now.present.first() {
            return Err(format!("the tools reported success, but there is still: {left}"));
        }
        let mut ledger = lock(&self.ledger);
        for (id, undo) in ledger.pending() {
            if undo == (Undo::Unshape {}) {
                ledger.done(id, "no rule and no queue of Perjury's own")?;
            }
        }
        Ok(now)
    }

    /// What the kernel has, and what this node cannot do.
    pub(crate) fn status(&self, towards: &Towards) -> Result<Shaping, String> {
        let mut present = Vec::new();
        if tools::find("nft").is_some() && table_exists().unwrap_or(false) {
            let text = run_nft(&["-j", "list", "table", "inet", nft::TABLE], "")?;
            present.push(format!("table inet {}", nft::TABLE));
            present.extend(nft::present(&text)?);
        }
        if tools::find("tc").is_some() {
            for device in tc::ours(&run_tc(&["-j", "qdisc", "show"])?)? {
                let text = run_tc(&["-s", "qdisc", "show", "dev", &device])?;
                present.push(format!(
                    "{device}: {}",
                    text.split_whitespace().collect::<Vec<_>>().join(" ")
                ));
            }
        }
        let mut lacks = self.lacks().clone();
        if !lacks.contains_key(&Means::Htb) {
            let devices = towards.peers.iter().filter_map(|&peer| device_to(canonical(peer)).ok());
            let problem = devices.collect::<BTreeSet<_>>().iter().find_map(|it| is_free(it).err());
            lacks.extend(problem.map(|problem| (Means::Htb, problem)));
        }
        Ok(Shaping { lacks, present })
    }

    /// Tried in a network of its own, so that no interface is touched.
    fn lacks(&self) -> &BTreeMap<Means, String> {
        self.lacks.get_or_init(|| {
            let mut lacks = BTreeMap::new();
            if tools::find("nft").is_none() {
                lacks.insert(Means::Nft, NO_NFT.to_owned());
            } else if let Err(problem) = table_exists() {
                lacks.insert(Means::Nft, problem);
            }
            let root = format!("qdisc add dev lo root handle {} htb default 0", tc::HANDLE);
            let filter = format!(
                "filter add dev lo parent {} protocol ip prio 1 u32 match ip dst 192.0.2.1/32 \
                 flowid {}1",
                tc::HANDLE,
                tc::HANDLE
            );
            for (means, commands) in [
                (Means::Htb, vec![root, filter]),
                (Means::Netem, vec!["qdisc add dev lo root netem delay 1ms".to_owned()]),
            ] {
                if let Err(problem) = try_apart(&commands) {
                    lacks.insert(means, explain(means, &problem));
                }
            }
            lacks
        })
    }
}

/// Runs commands of tc in a network namespace that ends with them.
fn try_apart(commands: &[String]) -> Result<(), String> {
    let tc = tools::find("tc").ok_or(NO_TC)?;
    let unshare = tools::find("unshare")
        .ok_or("unshare is not installed on this node: install the package `util-linux`")?;
    let lines = commands.iter().map(|command| format!("{} {command}", tc.display()));
    let script = lines.collect::<Vec<_>>().join(" && ");
    tools::run(&unshare, &["--net", "/bin/sh", "-c", &script], "").map(drop)
}

fn explain(means: Means, problem: &str) -> String {
    let (what, module) = match means {
        Means::Netem => ("netem (delay, duplicates, reordering, damage)", "sch_netem"),
        _ => ("htb with u32 filters (rates, and whatever is done by peer)", "sch_htb and cls_u32"),
    };
    if problem.contains("unknown") || problem.contains("not found") {
        return format!(
            "this node's kernel has no {what}: load the module {module}, which some distributions \
             keep in a package of further modules (linux-modules-extra, kernel-modules-extra)"
        );
    }
    format!("{what} cannot be used: {problem}")
}

fn table_exists() -> Result<bool, String> {
    let tables = run_nft(&["-j", "list", "tables"], "")?;
    Ok(super::firewall::items(&tables)?.iter().any(|item| {
        let table = &item["table"];
        table["family"] == "inet" && table["name"] == nft::TABLE
    }))
}

fn run_nft(arguments: &[&str], script: &str) -> Result<String, String> {
    tools::run(&tools::find("nft").ok_or(NO_NFT)?, arguments, script)
}

fn run_tc(arguments: &[&str]) -> Result<String, String> {
    tools::run(&tools::find("tc").ok_or(NO_TC)?, arguments, "")
}

fn run_tc_words(words: &[String]) -> Result<(), String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run_tc(&words).map(drop)
}

/// Whether an interface has only what the kernel gave it, and no queue of ours.
///
/// # Errors
/// When it has a queue of somebody else's.
fn is_free(device: &str) -> Result<bool, String> {
    match tc::root_of(&run_tc(&["-j", "qdisc", "show", "dev", device])?)? {
        tc::Root::Ours => Ok(false),
        tc::Root::Default => Ok(true),
        tc::Root::Foreign(queue) => Err(format!(
            "{device} has a queue of somebody else's ({queue}), which Perjury leaves as it is: \
             remove it with `tc qdisc del dev {device} root`"
        )),
    }
}

/// The interface through which packets leave for `peer`.
fn device_to(peer: IpAddr) -> Result<String, String> {
    let ip = tools::find("ip").ok_or(NO_TC)?;
    let text = tools::run(&ip, &["-j", "route", "get", &peer.to_string()], "")?;
    let routes: Value = serde_json::from_str(&text)
        .map_err(|error| format!("ip's JSON output cannot be read ({error})"))?;
    match routes[0]["dev"].as_str() {
        Some("lo") | None => Err(format!("no way leads to {peer}")),
        Some(device) => Ok(device.to_owned()),
    }
}
