//! The client: one session with one server, and the workload whose operations it performs.

use crate::api::{Freshness, Zk};
use crate::{bank, counter, lock, queue, register, set, txn};
use perjury_harness::{Client, Connect, DriverSettings, Failure, Node, Op, Options};
use perjury_wire::WireError;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long making znodes may take, with elections.
const PREPARE_LIMIT: Duration = Duration::from_secs(30);
const PREPARE_PAUSE: Duration = Duration::from_millis(200);
const PREPARE_REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// Servers grant two to twenty of their ticks.
const SESSION_MS: u64 = 4000;

/// What the settings under `[client.settings]` come to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What precedes each read.
    pub freshness: Freshness,
    /// The session timeout to ask for.
    pub session: Duration,
}

impl Settings {
    /// Reads `sync` and `session-timeout`; the error names the setting that is wrong.
    pub fn read(settings: &DriverSettings) -> Result<Self, String> {
        let freshness = match settings.choice("sync", &["false", "true", "write"])? {
            0 => Freshness::AsItIs,
            1 => Freshness::Sync,
            _ => Freshness::Write,
        };
        let session = settings.parsed("session-timeout", SESSION_MS)?;
        if session == 0 {
            return Err(
                "[client.settings] session-timeout: it is at least one millisecond".to_owned()
            );
        }
        Ok(Self { freshness, session: Duration::from_millis(session) })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Workload {
    Register,
    ListAppend,
    RwRegister,
    Set,
    Bank(bank::Bank),
    Counter,
    Queue,
    Lock,
}

/// Makes clients for one workload.
#[derive(Clone, Debug)]
pub struct ZkConnector {
    workload: Workload,
    settings: Settings,
    port: u16,
}

/// A client bound to one server.
#[derive(Debug)]
pub struct ZkClient {
    pub(crate) zk: Zk,
    workload: Workload,
    held: Option<lock::Held>,
}

impl ZkConnector {
    /// Clients for `workload` of servers' port `port`.
    pub fn new(
        workload: &str,
        settings: Settings,
        options: &Options,
        port: u16,
    ) -> Result<Self, String> {
        let workload = match workload {
            "register" => Workload::Register,
            "list-append" => Workload::ListAppend,
            "rw-register" => Workload::RwRegister,
            "set" => Workload::Set,
            "bank" => Workload::Bank(bank::Bank::from_options(options)?),
            "counter" => Workload::Counter,
            "queue" => Workload::Queue,
            "lock" => Workload::Lock,
            other => {
                let known = crate::WORKLOADS.join(", ");
                return Err(format!("zookeeper has no workload `{other}`: it has {known}"));
            }
        };
        Ok(Self { workload, settings, port })
    }

    /// A client of the server at `address`.
    pub async fn open(&self, address: SocketAddr) -> Result<ZkClient, String> {
        let Settings { freshness, session } = self.settings;
        let zk = Zk::open(address, session, freshness).await.map_err(|error| error.to_string())?;
        Ok(ZkClient { zk, workload: self.workload, held: None })
    }

    /// Makes the znodes that operations take for granted, through any of `servers`.
    pub async fn make_znodes(&self, servers: &[SocketAddr]) -> Result<(), String> {
        let deadline = Instant::now() + PREPARE_LIMIT;
        let mut turns = servers.iter().cycle();
        loop {
            let Some(server) = turns.next() else { return Err("there is no server".to_owned()) };
            let error = match self.make_through(*server).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Instant::now() > deadline {
                return Err(format!("znodes cannot be made: {error}"));
            }
            tokio::time::sleep(PREPARE_PAUSE).await;
        }
    }

    async fn make_through(&self, server: SocketAddr) -> Result<(), WireError> {
        let zk = Zk::open(server, self.settings.session, Freshness::AsItIs).await?;
        let mut zk = zk.with_limit(PREPARE_REQUEST_LIMIT);
        zk.ensure_root().await?;
        match self.workload {
            Workload::Register => zk.ensure(register::ROOT, b"").await?,
            Workload::ListAppend => zk.ensure(txn::Kind::Lists.root(), b"").await?,
            Workload::RwRegister => zk.ensure(txn::Kind::Registers.root(), b"").await?,
            Workload::Set => zk.ensure(set::ROOT, b"").await?,
            Workload::Bank(bank) => bank.open_accounts(&mut zk).await?,
            Workload::Counter => zk.ensure(counter::PATH, b"0").await?,
            Workload::Queue => zk.ensure(queue::ROOT, b"").await?,
            Workload::Lock => {}
        }
        zk.close().await;
        Ok(())
    }
}

impl Connect for ZkConnector {
    type Client = ZkClient;

    async fn connect(&self, node: &Node) -> Result<ZkClient, String> {
        self.open(SocketAddr::new(node.address, self.port)).await
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let servers: Vec<SocketAddr> =
            nodes.iter().map(|node| SocketAddr::new(node.address, self.port)).collect();
        self.make_znodes(&servers).await
    }
}

impl Client for ZkClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let zk = &mut self.zk;
        match self.workload {
            Workload::Register => register::invoke(zk, op).await,
            Workload::ListAppend => txn::invoke(zk, txn::Kind::Lists, op).await,
            Workload::RwRegister => txn::invoke(zk, txn::Kind::Registers, op).await,
            Workload::Set => set::invoke(zk, op).await,
            Workload::Bank(bank) => bank.invoke(zk, op).await,
            Workload::Counter => counter::invoke(zk, op).await,
            Workload::Queue => queue::invoke(zk, op).await,
            Workload::Lock => lock::invoke(zk, &mut self.held, op).await,
        }
    }

    async fn close(self) {
        self.zk.close().await;
    }
}

/// An operation that this client does not know was certainly not done.
pub(crate) fn unknown(op: &Op) -> Failure {
    Failure::Definite(format!("zookeeper's client has no operation `{}` of {}", op.f, op.value))
}

/// A key as part of a path: `7`, `x`. Others than letters, digits and dashes have no place there.
pub(crate) fn key_text(key: &Value) -> Option<String> {
    let text = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    (!text.is_empty() && text.chars().all(plain)).then_some(text)
}

/// A value as it was written: JSON.
pub(crate) fn decode(data: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(data).map_err(|_| {
        let shown = String::from_utf8_lossy(data);
        Failure::Unexpected(format!("a znode's data is not JSON: {shown:.100}"))
    })
}

/// The same of a whole number.
pub(crate) fn decode_number(data: &[u8]) -> Result<i64, Failure> {
    let shown = || String::from_utf8_lossy(data).into_owned();
    decode(data)?
        .as_i64()
        .ok_or_else(|| Failure::Unexpected(format!("a znode holds no number: {:.100}", shown())))
}
