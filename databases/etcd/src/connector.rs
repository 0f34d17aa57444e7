//! The client: one connection to one member, and the workload whose operations it performs.

use crate::bank::Bank;
use crate::connection::Connection;
use crate::guarded::{Guard, Section};
use crate::lock::Locker;
use crate::txn::{self, Kind};
use crate::{WORKLOADS, counter, queue, register, set};
use perjury_harness::{Client, Connect, DriverSettings, Failure, Node, Op, Options};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long making keys may take, with elections.
const PREPARE_LIMIT: Duration = Duration::from_secs(30);
const PREPARE_PAUSE: Duration = Duration::from_millis(200);
const PREPARE_REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// How reads are done: etcd's own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// Through the leader's confirmation that it still leads.
    #[default]
    Linearizable,
    /// From the member's own state: allowed to be stale.
    Serializable,
}

impl Reads {
    /// The value of option `read`.
    pub fn from_option(value: Option<&str>) -> Result<Self, String> {
        match value {
            None | Some("linearizable") => Ok(Self::Linearizable),
            Some("serializable") => Ok(Self::Serializable),
            Some(other) => {
                Err(format!("there is no read `{other}`: it is linearizable or serializable"))
            }
        }
    }

    pub(crate) fn serializable(self) -> bool {
        self == Self::Serializable
    }
}

/// What the settings under `[client.settings]` come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How reads are done.
    pub reads: Reads,
    /// Whether sets are one key, guarded by the lock.
    pub section: Option<Section>,
    /// The lease to ask for, in seconds; 0 for the shortest that etcd grants.
    pub lease_seconds: u32,
}

impl Settings {
    /// Reads `read`, `guard`, `work` and `lease`; the error names the setting that is wrong.
    pub fn read(settings: &DriverSettings) -> Result<Self, String> {
        let reads = Reads::from_option(settings.get("read"))?;
        let guard = match settings.choice("guard", &["none", "lock", "revision"])? {
            0 => None,
            1 => Some(Guard::Lock),
            _ => Some(Guard::Revision),
        };
        let work = Duration::from_millis(settings.parsed("work", 0_u32)?.into());
        let section = guard.map(|guard| Section { guard, work });
        Ok(Self { reads, section, lease_seconds: settings.parsed("lease", 2)? })
    }
}

#[derive(Clone, Copy, Debug)]
enum Workload {
    Register,
    Transactions(Kind),
    Set,
    GuardedSet(Section),
    Bank(Bank),
    Counter,
    Queue,
    Lock,
}

/// Makes clients for one workload.
#[derive(Clone, Debug)]
pub struct EtcdConnector {
    workload: Workload,
    settings: Settings,
    port: u16,
}

/// A client bound to one member.
#[derive(Debug)]
pub struct EtcdClient {
    pub(crate) connection: Connection,
    locker: Locker,
    workload: Workload,
    reads: Reads,
}

impl EtcdConnector {
    /// Clients for `workload`, to be connected to members' port `port`.
    pub fn new(
        workload: &str,
        settings: Settings,
        options: &Options,
        port: u16,
    ) -> Result<Self, String> {
        let workload = match (workload, settings.section) {
            ("set", Some(section)) => Workload::GuardedSet(section),
            (other, Some(_)) => {
                return Err(format!("guard: it is for the workload set, not for {other}"));
            }
            ("set", None) => Workload::Set,
            ("register", _) => Workload::Register,
            ("list-append", _) => Workload::Transactions(Kind::Lists),
            ("rw-register", _) => Workload::Transactions(Kind::Registers),
            ("bank", _) => Workload::Bank(Bank::from_options(options)?),
            ("counter", _) => Workload::Counter,
            ("queue", _) => Workload::Queue,
            ("lock", _) => Workload::Lock,
            (other, _) => {
                let known = WORKLOADS.join(", ");
                return Err(format!("etcd has no workload `{other}`: it has {known}"));
            }
        };
        Ok(Self { workload, settings, port })
    }

    /// A client of the member at `address`.
    pub async fn open(&self, address: SocketAddr) -> Result<EtcdClient, String> {
        let connection = Connection::open(address).await.map_err(|error| error.to_string())?;
        let Settings { reads, lease_seconds, .. } = self.settings;
        let locker = Locker::new(lease_seconds.into());
        Ok(EtcdClient { connection, locker, workload: self.workload, reads })
    }

    /// Makes the keys that operations take for granted, through any of `members`.
    pub async fn make_keys(&self, members: &[SocketAddr]) -> Result<(), String> {
        let Workload::Bank(bank) = self.workload else { return Ok(()) };
        let deadline = Instant::now() + PREPARE_LIMIT;
        let mut turns = members.iter().cycle();
        loop {
            let Some(member) = turns.next() else { return Err("there is no member".to_owned()) };
            let error = match Connection::open(*member).await {
                Ok(connection) => {
                    let mut connection = connection.with_limit(PREPARE_REQUEST_LIMIT);
                    match bank.open_accounts(&mut connection).await {
                        Ok(()) => return Ok(()),
                        Err(failure) => format!("{failure:?}"),
                    }
                }
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                return Err(format!("accounts cannot be opened: {error}"));
            }
            tokio::time::sleep(PREPARE_PAUSE).await;
        }
    }
}

impl Connect for EtcdConnector {
    type Client = EtcdClient;

    async fn connect(&self, node: &Node) -> Result<EtcdClient, String> {
        self.open(SocketAddr::new(node.address, self.port)).await
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let members: Vec<SocketAddr> =
            nodes.iter().map(|node| SocketAddr::new(node.address, self.port)).collect();
        self.make_keys(&members).await
    }
}

impl Client for EtcdClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let (connection, reads) = (&mut self.connection, self.reads);
        match self.workload {
            Workload::Register => register::invoke(connection, reads, op).await,
            Workload::Transactions(kind) => txn::invoke(connection, kind, reads, op).await,
            Workload::Set => set::invoke(connection, reads, op).await,
            Workload::GuardedSet(section) => {
                section.invoke(connection, &mut self.locker, reads, op).await
            }
            Workload::Bank(bank) => bank.invoke(connection, reads, op).await,
            Workload::Counter => counter::invoke(connection, reads, op).await,
            Workload::Queue => queue::invoke(connection, reads, op).await,
            Workload::Lock => self.locker.invoke(connection, op).await,
        }
    }
}

/// An operation that this client does not know was certainly not done.
pub(crate) fn unknown(op: &Op) -> Failure {
    Failure::Definite(format!("etcd's client has no operation `{}` of {}", op.f, op.value))
}

/// A key as part of an etcd key: `7`, `x`.
pub(crate) fn key_text(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}
