//! What faults ask of the agent about the network, in addition to the harness's process verbs.
//!
//! The wire format itself and the verbs about processes are `perjury_harness::agent::protocol`.

pub mod clock;
pub mod custom;
pub mod disk;
pub mod file;
pub mod power;

mod packets;

pub use packets::*;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// `net.cut` with [`CutPeers`]: drops packets by firewall; answers [`NetStatus`].
pub const NET_CUT: &str = "net.cut";
/// `net.mend` with [`MendPeers`]: takes those rules away again; answers [`NetStatus`].
pub const NET_MEND: &str = "net.mend";
/// `net.status` with `null`: answers [`NetStatus`].
pub const NET_STATUS: &str = "net.status";
/// `net.probe` with [`Probe`]: answers a list of [`Probed`], in the order asked.
pub const NET_PROBE: &str = "net.probe";

/// Which packets are dropped, as seen from the node that drops them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Those that come from the peer. The sender notices nothing, as on a broken wire.
    In,
    /// Those that go to the peer. The kernel tells a local sender of UDP (`EPERM`), so faults
    /// that imitate a network use `In`.
    Out,
    Both,
}

/// Drop what comes from, or goes to, these addresses. IPv4 and IPv6 may be mixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutPeers {
    pub peers: Vec<IpAddr>,
    pub direction: Direction,
}

/// Stop dropping for these addresses, in both directions; for all of them when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MendPeers {
    #[serde(default)]
    pub peers: Vec<IpAddr>,
}

/// A rule that drops, with what it has dropped so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetRule {
    pub peer: IpAddr,
    /// `In` or `Out`.
    pub direction: Direction,
    pub packets: u64,
    pub bytes: u64,
}

/// What the agent can do to the network, and what it does at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetStatus {
    /// Why no firewall rule can be set on this node, with the remedy.
    #[serde(default)]
    pub problem: Option<String>,
    /// The rules in Perjury's own table, by direction and peer.
    pub rules: Vec<NetRule>,
    /// The node's own addresses, loopback left out.
    pub addresses: Vec<IpAddr>,
    /// Where the control connection comes from: never cut.
    pub control: Vec<IpAddr>,
}

/// Try a TCP connection to each of these at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// [`PROBE_TARGETS_MAX`] at the most.
    pub targets: Vec<SocketAddr>,
    /// From 1 to 10 000.
    pub timeout_ms: u64,
}

/// How many targets one probe may have.
pub const PROBE_TARGETS_MAX: usize = 64;

/// What became of one connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It was accepted.
    Reached,
    /// It was refused: packets went there and came back, so the network works.
    Refused,
    /// No answer within the time.
    TimedOut,
    /// The kernel knows no way there.
    Unreachable,
}

impl Reach {
    /// Whether packets went there and back.
    pub fn got_through(self) -> bool {
        matches!(self, Self::Reached | Self::Refused)
    }
}

/// The answer to one target of a [`Probe`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    pub target: SocketAddr,
    pub reach: Reach,
    /// In words: `refused after 1 ms`.
    pub detail: String,
}
