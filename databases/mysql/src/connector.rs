//! The client: one connection to one server. The connector makes the tables first.

use crate::schema;
use crate::session::{Conversation, Login};
use crate::settings::Settings;
use crate::workloads::Workload;
use perjury_harness::{Client, Connect, DriverSettings, Failure, Node, Op, Options};
use perjury_wire::{Connection, WireError};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long making the tables may take, with elections.
const PREPARE_LIMIT: Duration = Duration::from_secs(30);
const PREPARE_PAUSE: Duration = Duration::from_millis(200);
const PREPARE_REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// How long the tables may take to come to the other servers.
const SPREAD_LIMIT: Duration = Duration::from_secs(10);
/// A server that is paused or cut off does not answer.
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// Makes clients for one workload.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    workload: Workload,
    settings: Settings,
}

/// A client bound to one server.
pub(crate) struct MySqlClient {
    pub(crate) connection: Connection<Conversation>,
    workload: Workload,
    settings: Settings,
}

impl Connector {
    /// The error names the workload, setting or option that is wrong.
    pub(crate) fn new(
        workload: &str,
        settings: &DriverSettings,
        options: &Options,
    ) -> Result<Self, String> {
        let workload = Workload::named(workload)?;
        Ok(Self { workload, settings: Settings::new(settings, options)? })
    }

    /// A client of the server at `address`.
    pub(crate) async fn open(&self, address: SocketAddr) -> Result<MySqlClient, String> {
        let opened = Connection::open(address, self.settings.login.clone()).await;
        let connection = opened.map_err(|error| error.to_string())?;
        Ok(MySqlClient { connection, workload: self.workload, settings: self.settings.clone() })
    }

    /// Makes the database and its tables through any of `servers`, and waits until all have them.
    pub(crate) async fn make_tables(&self, servers: &[SocketAddr]) -> Result<(), String> {
        let deadline = Instant::now() + PREPARE_LIMIT;
        let mut turns = servers.iter().cycle();
        loop {
            let Some(server) = turns.next() else { return Err("there is no server".to_owned()) };
            let error = match self.make_tables_at(*server).await {
                Ok(()) => break,
                Err(error) => error,
            };
            if Instant::now() > deadline {
                return Err(format!("the tables cannot be made: {error}"));
            }
            sleep(PREPARE_PAUSE).await;
        }
        let deadline = Instant::now() + SPREAD_LIMIT;
        for server in servers {
            while !self.has_tables(*server).await && Instant::now() < deadline {
                sleep(PREPARE_PAUSE).await;
            }
        }
        Ok(())
    }

    async fn make_tables_at(&self, server: SocketAddr) -> Result<(), WireError> {
        let plain = Login { database: None, statements: Vec::new(), ..self.settings.login.clone() };
        let connection = Connection::<Conversation>::open(server, plain).await?;
        let mut connection = connection.with_limit(PREPARE_REQUEST_LIMIT);
        let database = &self.settings.database;
        let mut statements =
            vec![format!("CREATE DATABASE IF NOT EXISTS {database}"), format!("USE {database}")];
        statements.extend(schema::statements(self.workload, &self.settings));
        connection
            .exchange(move |session| {
                Box::pin(async move {
                    for statement in &statements {
                        session.query(statement).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Whether a server knows the last table; what cannot be asked is not waited for.
    async fn has_tables(&self, server: SocketAddr) -> bool {
        let select = format!("SELECT COUNT(*) FROM {}", schema::table(self.workload));
        let asked = ask(server, self.settings.login.clone(), select);
        match timeout(ASK_LIMIT, asked).await {
            Ok(Err(WireError::Refused { .. })) => false,
            Ok(Err(WireError::NotSent(text))) => !text.starts_with("logging in"),
            _ => true,
        }
    }
}

impl Connect for Connector {
    type Client = MySqlClient;

    async fn connect(&self, node: &Node) -> Result<MySqlClient, String> {
        self.open(SocketAddr::new(node.address, self.settings.port)).await
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let servers = nodes.iter().map(|node| SocketAddr::new(node.address, self.settings.port));
        self.make_tables(&servers.collect::<Vec<_>>()).await
    }
}

impl Client for MySqlClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        self.workload.invoke(&mut self.connection, &self.settings, op).await
    }
}

/// The first number that a statement is answered with.
async fn ask(server: SocketAddr, login: Login, select: String) -> Result<i64, WireError> {
    let mut connection = Connection::<Conversation>::open(server, login).await?;
    let asked = connection.exchange(move |session| {
        Box::pin(async move { session.query(&select).await?.number(0, 0) })
    });
    asked.await
}

/// Which of `nodes` take writes, by position. Where all do, none leads.
pub(crate) async fn primaries(settings: &DriverSettings, nodes: &[Node]) -> Vec<usize> {
    let login = Login {
        user: settings.or("user", "root").to_owned(),
        password: settings.or("password", "").to_owned(),
        database: None,
        statements: Vec::new(),
    };
    let mut writable = Vec::new();
    let mut read_only = 0;
    for (position, node) in nodes.iter().enumerate() {
        let server = SocketAddr::new(node.address, settings.port);
        let select = "SELECT @@global.read_only".to_owned();
        match timeout(ASK_LIMIT, ask(server, login.clone(), select)).await {
            Ok(Ok(0)) => writable.push(position),
            Ok(Ok(_)) => read_only += 1,
            _ => {}
        }
    }
    if read_only == 0 { Vec::new() } else { writable }
}
