//! What faults ask of agents about packets: to echo them, to measure a way, to say what was heard.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// `net.echo` with `null`: answers datagrams and connections from then on, and says where: [`Echo`].
pub const NET_ECHO: &str = "net.echo";
/// `net.measure` with [`Measure`]: answers a list of [`Measured`], in the order asked.
pub const NET_MEASURE: &str = "net.measure";
/// `net.heard` with [`Session`]: what this node's echo has heard of it, as [`Heard`].
pub const NET_HEARD: &str = "net.heard";

/// Where a node echoes: the same port for UDP and TCP, over IPv4 and IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    pub port: u16,
}

/// Send small packets to echoes, to all at the same time, each with a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    pub ways: Vec<Way>,
    /// Packets to each, from 1 to [`COUNT_MAX`].
    pub count: u32,
    /// Between two of them.
    pub gap_us: u64,
    /// Bytes of each, from [`SIZE_MIN`] to [`SIZE_MAX`].
    pub size: usize,
    /// How long the last answer is waited for, up to 10 000.
    pub timeout_ms: u64,
    /// By exchanges over a TCP connection, made anew when it is reset, instead of datagrams.
    #[serde(default)]
    pub tcp: bool,
}

/// One way to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    pub echo: SocketAddr,
    /// Tells this measurement from all others at the echo.
    pub session: u64,
}

/// Most packets of one measurement.
pub const COUNT_MAX: u32 = 20_000;
/// A packet has at least its number, its session and a checksum.
pub const SIZE_MIN: usize = 32;
/// Most bytes of a packet that is not fragmented.
pub const SIZE_MAX: usize = 1400;

/// What came of one way, as the sender sees it. Times are of round trips.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub sent: u32,
    /// Packets with an answer.
    pub answered: u32,
    /// Answers that came again.
    pub duplicates: u32,
    /// Answers that came after one to a later packet.
    pub overtaken: u32,
    /// Answers whose own checksum is wrong.
    pub damaged: u32,
    /// TCP connections that were reset.
    pub resets: u32,
    pub least_us: u64,
    pub median_us: u64,
    pub mean_us: u64,
    pub most_us: u64,
}

/// Which measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub session: u64,
}

/// What an echo has heard of one measurement, and the node of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// Different packets.
    pub distinct: u32,
    /// Packets that came again.
    pub duplicates: u32,
    /// Packets that came after a later one.
    pub overtaken: u32,
    /// Packets of any measurement whose own checksum is wrong, since the echo began.
    pub damaged: u64,
    /// Datagrams that the kernel dropped for a wrong checksum, since the node started.
    pub checksum_errors: u64,
}

/// `net.shape` with [`Shape`]: shapes packets by this node's kernel, in addition to what it shapes
/// already; answers [`Shaping`].
pub const NET_SHAPE: &str = "net.shape";
/// `net.unshape` with `null`: takes all of it away; answers [`Shaping`].
pub const NET_UNSHAPE: &str = "net.unshape";
/// `net.shaping` with [`Towards`]: what the kernel has of it at this moment, as [`Shaping`].
pub const NET_SHAPING: &str = "net.shaping";

/// What becomes of packets between this node and a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// `In`: packets from these peers are lost, or reset their connections, by nft. `Out`: those to
    /// them are late, doubled, overtaken, damaged or slow, by tc. The rest of the policy is ignored.
    pub direction: super::Direction,
    pub peers: Vec<std::net::IpAddr>,
    pub policy: perjury_harness::cluster::LinkPolicy,
}

/// Whose packets would be shaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Towards {
    #[serde(default)]
    pub peers: Vec<std::net::IpAddr>,
}

/// What a node can do to packets, and does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shaping {
    /// What it cannot do, and why, with the remedy.
    pub lacks: std::collections::BTreeMap<Means, String>,
    /// The rules and queues of Perjury's own in the kernel, in words, with counts.
    pub present: Vec<String>,
}

/// What a node needs to shape packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    /// Loss and resets.
    Nft,
    /// Slow links, and whatever `Netem` does, by peer.
    Htb,
    /// Delay, duplicates, reordering and damage.
    Netem,
}

impl Means {
    /// What a policy needs.
    ///
    /// # Errors
    /// What no kernel does.
    pub fn of(policy: &perjury_harness::cluster::LinkPolicy) -> Result<Vec<Self>, String> {
        if policy.loss_burst > 1.0 {
            return Err("losses in bursts are there on local clusters only".to_owned());
        }
        if policy.corrupt_silently {
            return Err("damage that no checksum shows is there on local clusters only".to_owned());
        }
        let mut means = Vec::new();
        if policy.loss_percent > 0.0 || policy.reset_percent > 0.0 {
            means.push(Self::Nft);
        }
        let netem = policy.mean_delay_ms() > 0.0
            || policy.duplicate_percent > 0.0
            || policy.reorder_percent > 0.0
            || policy.corrupt_percent > 0.0;
        if netem || policy.rate_kbit > 0.0 {
            means.push(Self::Htb);
        }
        if netem {
            means.push(Self::Netem);
        }
        Ok(means)
    }
}
