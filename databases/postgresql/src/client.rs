//! The client: one session for writes, perhaps another for reads, and a workload's operations.

use crate::door::{Door, Servers};
use crate::session::{Login, PgSession, Wants};
use crate::steps::{self, Kind};
use crate::{WORKLOADS, bank, counter, lock, queue, register, set};
use perjury_harness::{Client, Connect, Failure, Node, Op, Options};
use perjury_wire::{Connection, WireError};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long tables may take to be made: a cluster may still be choosing its primary.
const PREPARE_LIMIT: Duration = Duration::from_secs(30);
const PREPARE_TRY: Duration = Duration::from_secs(5);
const PREPARE_PAUSE: Duration = Duration::from_millis(200);

/// What is asked of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    Register,
    ListAppend,
    RwRegister,
    Bank,
    Set,
    Counter,
    Queue,
    Lock,
}

impl Workload {
    /// In the order of [`WORKLOADS`].
    const ALL: [Self; 8] = [
        Self::Register,
        Self::ListAppend,
        Self::RwRegister,
        Self::Bank,
        Self::Set,
        Self::Counter,
        Self::Queue,
        Self::Lock,
    ];

    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let position = WORKLOADS.iter().position(|known| *known == name);
        position.map(|position| Self::ALL[position]).ok_or_else(|| {
            let known = WORKLOADS.join(", ");
            format!("postgresql has no workload `{name}`: it has {known}")
        })
    }

    fn tables(self, options: &Options) -> Result<Vec<String>, String> {
        let tables = match self {
            Self::Register => register::TABLES,
            Self::ListAppend => steps::LIST_TABLES,
            Self::RwRegister => steps::REGISTER_TABLES,
            Self::Bank => return bank::tables(options),
            Self::Set => set::TABLES,
            Self::Counter => counter::TABLES,
            Self::Queue => queue::TABLES,
            Self::Lock => lock::TABLES,
        };
        Ok(tables.iter().map(|sql| (*sql).to_owned()).collect())
    }

    /// Whether `op` may go where reads go.
    fn only_reads(self, op: &Op) -> bool {
        match self {
            Self::ListAppend | Self::RwRegister => steps::only_reads(op),
            _ => &*op.f == "read",
        }
    }
}

/// Makes clients for one workload.
#[derive(Debug)]
pub(crate) struct PgConnector {
    pub(crate) workload: Workload,
    pub(crate) login: Login,
    /// Reads go to the client's own node, whatever it is.
    pub(crate) reads_are_local: bool,
    pub(crate) port: u16,
    tables: Vec<String>,
    servers: Servers,
}

/// A client bound to one node.
#[derive(Debug)]
pub(crate) struct PgClient {
    workload: Workload,
    pub(crate) door: Door,
    pub(crate) reads: Option<Door>,
}

impl PgConnector {
    /// Clients that log in as `login` says, and read as it says too, or at their own node.
    pub(crate) fn new(
        workload: Workload,
        login: Login,
        reads_are_local: bool,
        port: u16,
        options: &Options,
    ) -> Result<Self, String> {
        let tables = workload.tables(options)?;
        let servers = Servers::default();
        Ok(Self { workload, login, reads_are_local, port, tables, servers })
    }

    /// A client of the server at `own`.
    pub(crate) async fn open(&self, own: SocketAddr) -> Result<PgClient, String> {
        let open = |login| Door::open(login, own, Arc::clone(&self.servers));
        let text = |error: WireError| error.to_string();
        let door = open(self.login.clone()).await.map_err(text)?;
        let reads = match self.reads_are_local {
            true => {
                let login = Login { wants: Wants::Reader, ..self.login.clone() };
                Some(open(login).await.map_err(text)?)
            }
            false => None,
        };
        Ok(PgClient { workload: self.workload, door, reads })
    }

    /// Makes the tables at whichever of `servers` lets it, and remembers all of them. The error
    /// tells what each said last.
    pub(crate) async fn prepare_at(&self, servers: Vec<SocketAddr>) -> Result<(), String> {
        let deadline = Instant::now() + PREPARE_LIMIT;
        loop {
            let mut words = Vec::new();
            for server in &servers {
                match timeout(PREPARE_TRY, self.make_tables(*server)).await {
                    Ok(Ok(())) => {
                        // Set once: a run is prepared once.
                        let _ = self.servers.set(servers);
                        return Ok(());
                    }
                    Ok(Err(error)) => words.push(format!("{server}: {error}")),
                    Err(_) => words.push(format!("{server}: no answer")),
                }
            }
            if Instant::now() >= deadline {
                return Err(format!("tables were not made: {}", words.join("; ")));
            }
            sleep(PREPARE_PAUSE).await;
        }
    }

    async fn make_tables(&self, server: SocketAddr) -> Result<(), WireError> {
        let mut connection: Connection<PgSession> =
            Connection::open(server, self.login.clone()).await?;
        for sql in self.tables.clone() {
            let made = connection
                .exchange(move |session| Box::pin(async move { session.query(&sql).await }));
            made.await?;
        }
        Ok(())
    }
}

impl Connect for PgConnector {
    type Client = PgClient;

    async fn connect(&self, node: &Node) -> Result<PgClient, String> {
        self.open(SocketAddr::new(node.address, self.port)).await
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let servers = nodes.iter().map(|node| SocketAddr::new(node.address, self.port)).collect();
        self.prepare_at(servers).await
    }
}

impl Client for PgClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let reads = self.reads.as_mut().filter(|_| self.workload.only_reads(op));
        let door = reads.unwrap_or(&mut self.door);
        match self.workload {
            Workload::Register => register::invoke(door, op).await,
            Workload::ListAppend => steps::invoke(door, Kind::Lists, op).await,
            Workload::RwRegister => steps::invoke(door, Kind::Registers, op).await,
            Workload::Bank => bank::invoke(door, op).await,
            Workload::Set => set::invoke(door, op).await,
            Workload::Counter => counter::invoke(door, op).await,
            Workload::Queue => queue::invoke(door, op).await,
            Workload::Lock => lock::invoke(door, op).await,
        }
    }
}

/// An operation that this client does not know was certainly not done.
pub(crate) fn unknown(op: &Op) -> Failure {
    Failure::Definite(format!("PostgreSQL's client has no operation `{}` of {}", op.f, op.value))
}

/// The key of an operation on `[key, …]`.
pub(crate) fn key(op: &Op) -> Result<i64, Failure> {
    op.value[0].as_i64().ok_or_else(|| unknown(op))
}
