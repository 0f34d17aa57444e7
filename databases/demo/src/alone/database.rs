//! The server alone as a database under test: what can be asked of it, and by which clients.

use super::shared::{Pool, Shared};
use crate::PORT;
use crate::client::{DemoConnect, Workload};
use perjury_harness::client::SharedConnect;
use perjury_harness::{Client, Connect, Database, Failure, Node, Op, Options};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A database that keeps everything in memory.
pub fn database() -> impl Database {
    Memory
}

struct Memory;

impl Database for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn about(&self) -> &str {
        "one server that keeps everything in memory and answers at once, to measure the harness with"
    }

    fn definition(&self) -> &str {
        include_str!("../../memory.toml")
    }

    fn workloads(&self) -> &[&'static str] {
        &["register", "rw-register", "list-append", "set", "counter", "queue", "unique-ids"]
    }

    fn options(&self) -> &[(&'static str, &'static str)] {
        &[("connections", "so many are shared by all workers, in place of one for each")]
    }

    fn connect(&self, workload: &str, options: &Options) -> Result<SharedConnect, String> {
        let workload = Workload::named(workload);
        let workload = workload.ok_or("the server has no such workload")?;
        let Some(count) = options.get("connections") else {
            return Ok(Arc::new(DemoConnect { workload }));
        };
        let wrong = || format!("connections={count}: write a number from 1");
        let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        Ok(Arc::new(SharingConnect {
            workload,
            count,
            pools: Mutex::default(),
            next: AtomicUsize::new(0),
        }))
    }
}

/// Makes clients that share connections: each of them in turn.
struct SharingConnect {
    workload: Workload,
    count: usize,
    /// By address.
    pools: Mutex<BTreeMap<SocketAddr, Arc<Pool>>>,
    next: AtomicUsize,
}

impl Connect for SharingConnect {
    type Client = Sharer;

    async fn connect(&self, node: &Node) -> Result<Sharer, String> {
        let address = SocketAddr::new(node.address, PORT);
        let pool = {
            let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
            let make = || Arc::new(Pool::new(address.to_string(), self.count));
            pools.entry(address).or_insert_with(make).clone()
        };
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let shared = pool.of(turn).await.unwrap_or_else(|| Err("nothing is shared".to_owned()))?;
        Ok(Sharer { workload: self.workload, shared })
    }
}

/// A client that shares its connection.
struct Sharer {
    workload: Workload,
    shared: Shared,
}

impl Client for Sharer {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        self.workload.ask(op, |request| self.shared.ask(request)).await
    }
}
