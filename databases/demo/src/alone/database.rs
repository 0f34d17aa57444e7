//! The server alone as a database under test: what can be asked of it, and by which clients.

use crate::client::{DemoConnect, Workload};
use perjury_harness::client::SharedConnect;
use perjury_harness::{Database, Options};
use std::sync::Arc;

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

    fn connect(&self, workload: &str, _: &Options) -> Result<SharedConnect, String> {
        let workload = Workload::named(workload);
        let workload = workload.ok_or("the server has no such workload")?;
        Ok(Arc::new(DemoConnect { workload }))
    }
}
