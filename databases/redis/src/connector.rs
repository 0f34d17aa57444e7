//! The client: connections of one process, and the workload whose operations it performs.

use crate::route::Route;
use crate::settings::Settings;
use crate::{bank, counter, list_append, lock, prepare, queue, register, rw_register, set};
use perjury_harness::{Client, Connect, Failure, Node, Op, Options};
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;

/// Names of the workloads.
pub(crate) const WORKLOADS: &[&str] =
    &["bank", "counter", "list-append", "lock", "queue", "register", "rw-register", "set"];

#[derive(Clone, Copy, Debug)]
enum Workload {
    Bank,
    Counter,
    ListAppend,
    Lock,
    Queue,
    Register,
    RwRegister,
    Set,
}

/// Makes clients for one workload.
#[derive(Clone, Debug)]
pub struct RedisConnector {
    workload: Workload,
    pub(crate) settings: Arc<Settings>,
    bank: bank::Opening,
}

/// A client bound to one node.
#[derive(Debug)]
pub struct RedisClient {
    route: Route,
    workload: Workload,
    lock: lock::Holder,
}

impl RedisConnector {
    /// Clients for `workload`; errors name the option that is wrong.
    pub(crate) fn new(
        workload: &str,
        settings: Settings,
        options: &Options,
    ) -> Result<Self, String> {
        let workload = match workload {
            "bank" => Workload::Bank,
            "counter" => Workload::Counter,
            "list-append" => Workload::ListAppend,
            "lock" => Workload::Lock,
            "queue" => Workload::Queue,
            "register" => Workload::Register,
            "rw-register" => Workload::RwRegister,
            "set" => Workload::Set,
            other => {
                let known = WORKLOADS.join(", ");
                return Err(format!("redis has no workload `{other}`: it has {known}"));
            }
        };
        let bank = bank::Opening::from_options(options)?;
        Ok(Self { workload, settings: Arc::new(settings), bank })
    }

    /// A client of the node at `address`.
    pub(crate) async fn open(&self, address: IpAddr) -> Result<RedisClient, String> {
        let mut route = Route::new(Arc::clone(&self.settings), address);
        route.connect().await.map_err(|error| error.to_string())?;
        Ok(RedisClient { route, workload: self.workload, lock: lock::Holder::default() })
    }

    /// Waits until the servers agree on who is who, and makes what the workload needs.
    pub(crate) async fn make_ready(&self, addresses: &[IpAddr]) -> Result<(), String> {
        prepare::wait_for_agreement(&self.settings, addresses).await?;
        match self.workload {
            Workload::Bank => prepare::open_accounts(&self.settings, addresses, &self.bank).await,
            _ => Ok(()),
        }
    }
}

impl Connect for RedisConnector {
    type Client = RedisClient;

    async fn connect(&self, node: &Node) -> Result<RedisClient, String> {
        self.open(node.address).await
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let addresses: Vec<IpAddr> = nodes.iter().map(|node| node.address).collect();
        self.make_ready(&addresses).await
    }
}

impl Client for RedisClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let route = &mut self.route;
        match self.workload {
            Workload::Bank => bank::invoke(route, op).await,
            Workload::Counter => counter::invoke(route, op).await,
            Workload::ListAppend => list_append::invoke(route, op).await,
            Workload::Lock => lock::invoke(route, &mut self.lock, op).await,
            Workload::Queue => queue::invoke(route, op).await,
            Workload::Register => register::invoke(route, op).await,
            Workload::RwRegister => rw_register::invoke(route, op).await,
            Workload::Set => set::invoke(route, op).await,
        }
    }
}
