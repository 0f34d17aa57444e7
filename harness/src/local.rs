//! Local clusters: nodes made of Linux namespaces on this machine, on a data network of our own.
//!
//! - [`enter_lab`] moves the program into namespaces that vanish with it (`lab`).
//! - [`LocalCluster::up`] starts the nodes (`node`), each with its own file system (`root`), its own
//!   SSH server (`server`, `exec`, `sftp`) and a place on the network (`wire`, `fabric`).
//! - [`packages::ensure`] fetches what is to be installed on them.
//! - [`check`] says whether all this can work here.

pub mod archives;
mod command;
mod doctor;
mod exec;
mod fabric;
mod lab;
mod node;
pub mod packages;
mod root;
mod server;
mod sftp;
mod sys;
mod wire;

pub use command::{COMMAND, command_main};
pub use doctor::{PROBE, Problem, check, probe_main};
pub use fabric::CONTROLLER;
pub use lab::{Entered, LabError, SCRATCH, enter_lab, handoff, is_inside};
pub use node::{NODE, node_main};
pub(crate) use sys::die_with_parent;

use crate::agent;
use crate::cluster::Fabric;
use crate::control::{HostKeys, SshTarget};
use fabric::{LocalFabric, Plug};
use node::{Report, Spec};
use root::RootSpec;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use wire::Station;

/// Most nodes of a local cluster.
pub const NODES: usize = 32;
/// The first node's last number in its addresses; the controller's is 1.
const FIRST_STATION: u8 = 10;
/// How long a node may take to say the next thing while it comes up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a local cluster did not come up.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error(
        "a local cluster needs a lab around it; this is a bug in the program, which must call `enter_lab`"
    )]
    NotInLab,
    #[error(
        "a local cluster has 1 to {NODES} nodes with distinct names of lower-case letters, digits and `-`: \
         {0}"
    )]
    Names(String),
    #[error("node {node} did not come up: {message}")]
    Node { node: String, message: String },
    #[error("the local data network could not {what}: {source}")]
    Network { what: &'static str, source: io::Error },
    #[error("the local cluster could not be brought up: {0}")]
    Failed(#[from] io::Error),
}

impl LocalError {
    fn network(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Network { what, source }
    }

    fn node(node: &str, message: impl ToString) -> Self {
        Self::Node { node: node.to_owned(), message: message.to_string() }
    }
}

/// What a local cluster is to be.
#[derive(Clone, Debug, Default)]
pub struct LocalSpec {
    /// Names of the nodes, which are also their hostnames.
    pub names: Vec<String>,
    /// Unpacked packages (see [`packages::ensure`]) that every node has; the first wins.
    pub layers: Vec<PathBuf>,
    /// Absolute directories that the nodes' root must be able to write to, beyond the usual ones
    /// (`/etc /opt /srv /home /usr/local /var/lib /var/log /var/cache` and what is new). They need not
    /// exist. Only an ordinary user's clusters need this.
    pub writable: Vec<PathBuf>,
}

impl LocalSpec {
    /// A cluster of `n1` to `n<count>`.
    pub fn numbered(count: usize) -> Self {
        Self { names: (1..=count).map(|number| format!("n{number}")).collect(), ..Self::default() }
    }

    fn check(&self) -> Result<(), LocalError> {
        let plain = |name: &String| {
            (1..=32).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && name.starts_with(|first: char| first.is_ascii_lowercase())
                && name != "localhost"
        };
        if let Some(bad) = self.names.iter().find(|name| !plain(name)) {
            return Err(LocalError::Names(format!("`{bad}` is not such a name")));
        }
        let distinct: BTreeSet<&String> = self.names.iter().collect();
        if distinct.len() != self.names.len() {
            return Err(LocalError::Names("one name is given twice".into()));
        }
        if !(1..=NODES).contains(&self.names.len()) {
            return Err(LocalError::Names(format!("not {}", self.names.len())));
        }
        Ok(())
    }

    fn stations(&self) -> impl Iterator<Item = (&String, Station)> {
        // At most NODES, so the numbers fit.
        self.names.iter().zip((FIRST_STATION..).map(Station::numbered))
    }

    fn hosts(&self) -> String {
        let mut text =
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n".to_owned();
        let controller = ("perjury".to_owned(), Station::numbered(1));
        for (name, station) in self.stations().chain([(&controller.0, controller.1)]) {
            let _ = writeln!(text, "{}\t{name}\n{}\t{name}", station.ipv4, station.ipv6);
        }
        text
    }
}

/// A node of a local cluster.
#[derive(Clone, Debug)]
pub struct LocalNode {
    pub name: String,
    /// On the data network.
    pub address: IpAddr,
    /// On the data network; none if the kernel has no IPv6.
    pub ipv6: Option<IpAddr>,
    /// The control link.
    pub ssh: SshTarget,
    /// A process of the lab that has the node's network namespace, for looking in from outside.
    pub pid: u32,
}

/// A running local cluster. When it is dropped its nodes are killed.
pub struct LocalCluster {
    nodes: Vec<LocalNode>,
    processes: Vec<Process>,
    fabric: Arc<LocalFabric>,
}

impl LocalCluster {
    /// Brings a cluster up. Call it inside a lab, on a tokio runtime with I/O and time enabled.
    pub async fn up(spec: LocalSpec) -> Result<Self, LocalError> {
        if !is_inside() {
            return Err(LocalError::NotInLab);
        }
        spec.check()?;
        let executable = agent::remote_path(Path::new("/proc/self/exe")).await?;
        let root = RootSpec {
            layers: spec.layers.clone(),
            writable: spec.writable.clone(),
            hosts: spec.hosts(),
            executable: executable.into(),
        };
        let login = generate_key()?;
        let own = Station::numbered(1);
        let stations: Vec<Station> =
            spec.stations().map(|(_, station)| station).chain([own]).collect();
        let starting = spec
            .stations()
            .map(|(name, station)| (name, station, stations.clone(), root.clone()))
            .map(|(name, station, stations, root)| {
                Process::start(name, NodePlan { station, stations, root }, login.public_key())
            });
        let started = futures::future::try_join_all(starting).await?;
        let (mut processes, targets): (Vec<Process>, Vec<SshTarget>) = started.into_iter().unzip();
        let mut plugs = Vec::new();
        for (process, (_, station)) in processes.iter().zip(spec.stations()) {
            plugs.push(Plug { namespace: process.namespace()?, station });
        }
        let namespace = std::fs::File::open("/proc/self/ns/net")?.into();
        plugs.push(Plug { namespace, station: own });
        let fabric = tokio::task::spawn_blocking(|| LocalFabric::connect(plugs))
            .await
            .map_err(io::Error::other)??;
        wire::configure(own, &stations)
            .await
            .map_err(LocalError::network("give the controller an address"))?;
        let ready = processes.iter_mut().map(Process::finish);
        let six = futures::future::try_join_all(ready).await?;
        if let Err(error) = know_hosts(&root.hosts) {
            tracing::debug!("the nodes' names are unknown to the controller: {error}");
        }
        let identity = login.to_openssh(LineEnding::LF).map_err(io::Error::other)?.to_string();
        let mut nodes = Vec::new();
        for (at, (name, station)) in spec.stations().enumerate() {
            nodes.push(LocalNode {
                name: name.clone(),
                address: station.ipv4.into(),
                ipv6: six[at].then_some(station.ipv6.into()),
                ssh: SshTarget { identity: Some(identity.clone()), ..targets[at].clone() },
                pid: processes[at].pid,
            });
        }
        Ok(Self { nodes, processes, fabric: Arc::new(fabric) })
    }

    /// The nodes, in the order of their names in the specification.
    pub fn nodes(&self) -> &[LocalNode] {
        &self.nodes
    }

    /// The data network. Indices of links are those of the nodes, and [`CONTROLLER`].
    pub fn fabric(&self) -> Arc<dyn Fabric> {
        Arc::clone(&self.fabric) as Arc<dyn Fabric>
    }

    /// Frames that the data network lost by itself, for want of room. A fault never counts here.
    pub fn lost_frames(&self) -> u64 {
        self.fabric.lost()
    }

    /// Kills the nodes with everything on them and waits until they are gone. After that another
    /// cluster may come up in the same lab.
    pub async fn down(mut self) {
        for process in &mut self.processes {
            let _ = process.child.start_kill();
        }
        for process in &mut self.processes {
            let _ = timeout(PATIENCE, process.child.wait()).await;
        }
        self.fabric.stop();
        if let Err(error) = wire::unplug().await {
            tracing::debug!("the controller's interface stays: {error}");
        }
        for shown in SHOWN {
            let _ = nix::mount::umount2(shown, nix::mount::MntFlags::MNT_DETACH);
        }
    }
}

/// The controller's files that a cluster shows otherwise than the machine has them.
const SHOWN: [&str; 2] = ["/etc/hosts", "/etc/gai.conf"];

/// Lets the controller know the nodes' names, and resolve them as the nodes do.
fn know_hosts(hosts: &str) -> io::Result<()> {
    let none: Option<&str> = None;
    for (shown, text) in SHOWN.into_iter().zip([hosts, root::RESOLVER]) {
        let place = Path::new(shown);
        if place.exists() {
            let file = Path::new(lab::SCRATCH).join(place.file_name().unwrap_or_default());
            std::fs::write(&file, text)?;
            nix::mount::mount(Some(&file), place, none, nix::mount::MsFlags::MS_BIND, none)?;
        }
    }
    Ok(())
}

fn generate_key() -> Result<PrivateKey, LocalError> {
    let key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519);
    Ok(key.map_err(io::Error::other)?)
}

/// What a node is to be, apart from its keys.
struct NodePlan {
    station: Station,
    stations: Vec<Station>,
    root: RootSpec,
}

/// A node's process, seen from the controller.
struct Process {
    name: String,
    pid: u32,
    child: Child,
    /// Held open for as long as the node is wanted.
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a node and waits until its namespaces exist.
    async fn start(
        name: &str,
        plan: NodePlan,
        login: &russh::keys::PublicKey,
    ) -> Result<(Self, SshTarget), LocalError> {
        let failed = |error: &dyn ToString| LocalError::node(name, error.to_string());
        let host_key = generate_key()?;
        let public =
            |key: &russh::keys::PublicKey| key.to_openssh().map_err(|error| failed(&error));
        let spec = Spec {
            name: name.to_owned(),
            station: plan.station,
            stations: plan.stations,
            root: plan.root,
            host_key: host_key.to_openssh(LineEnding::LF).map_err(|e| failed(&e))?.to_string(),
            authorized_key: public(login)?,
        };
        let mut child = Command::new("/proc/self/exe")
            .arg(NODE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        let (Some(input), Some(output), Some(pid)) =
            (child.stdin.take(), child.stdout.take(), child.id())
        else {
            return Err(failed(&"it ended at once"));
        };
        let output = BufReader::new(output);
        let mut process = Self { name: name.to_owned(), pid, child, input, output };
        let line = serde_json::to_string(&spec).map_err(|error| failed(&error))?;
        process.say(&line).await?;
        let Report::Ready { port } = process.hear().await? else {
            return Err(failed(&"it answered out of turn"));
        };
        let target = SshTarget {
            name: name.to_owned(),
            host: "127.0.0.1".into(),
            port,
            user: "root".into(),
            identity_files: Vec::new(),
            identity: None,
            use_agent: false,
            host_keys: HostKeys::Pinned(public(host_key.public_key())?),
            jump: None,
            proxy_command: None,
            host_key_alias: None,
        };
        Ok((process, target))
    }

    /// Its network namespace.
    fn namespace(&self) -> io::Result<OwnedFd> {
        Ok(std::fs::File::open(format!("/proc/{}/ns/net", self.pid))?.into())
    }

    /// Tells the node that it is on the network, and waits until it is up. Whether it has IPv6.
    async fn finish(&mut self) -> Result<bool, LocalError> {
        self.say("go").await?;
        match self.hear().await? {
            Report::Up { ipv6 } => Ok(ipv6),
            Report::Ready { .. } | Report::Failed { .. } => {
                Err(LocalError::node(&self.name, "it answered out of turn"))
            }
        }
    }

    async fn say(&mut self, line: &str) -> Result<(), LocalError> {
        let line = format!("{line}\n");
        let said = timeout(PATIENCE, self.input.write_all(line.as_bytes())).await;
        match said {
            Ok(Ok(())) => Ok(()),
            // Its own words, if it left any, say more than a broken pipe.
            Ok(Err(error)) => match self.hear().await {
                Err(error) => Err(error),
                Ok(_) => Err(LocalError::node(&self.name, error)),
            },
            Err(_) => Err(LocalError::node(&self.name, "it does not listen")),
        }
    }

    async fn hear(&mut self) -> Result<Report, LocalError> {
        let failed = |message: String| LocalError::node(&self.name, message);
        let mut line = String::new();
        match timeout(PATIENCE, self.output.read_line(&mut line)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) => return Err(failed("its process ended without a word".into())),
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
        match serde_json::from_str(&line) {
            Ok(Report::Failed { message }) => Err(failed(message)),
            Ok(report) => Ok(report),
            Err(_) => Err(failed(format!("it said `{}`", line.trim_end()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nodes_are_checked() {
        assert!(LocalSpec::numbered(5).check().is_ok());
        let named = |names: &[&str]| LocalSpec {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..LocalSpec::default()
        };
        assert!(named(&["db-1", "db-2"]).check().is_ok());
        for bad in [&[][..], &["a", "a"], &["N1"], &["a b"], &["-a"], &["localhost"], &["a\nb"]] {
            assert!(matches!(named(bad).check(), Err(LocalError::Names(_))), "{bad:?}");
        }
        assert!(LocalSpec::numbered(NODES + 1).check().is_err());
    }

    #[test]
    fn addresses_read_alike_in_both_families() {
        let hosts = LocalSpec::numbered(3).hosts();
        assert!(hosts.contains("10.99.0.12\tn3\nfd70:6a::12\tn3\n"), "{hosts}");
    }

    #[tokio::test]
    async fn outside_a_lab_there_is_no_cluster() {
        let outcome = LocalCluster::up(LocalSpec::numbered(1)).await;
        assert!(matches!(outcome.err(), Some(LocalError::NotInLab)));
    }
}
