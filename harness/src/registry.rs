//! The registry: which databases, workloads and faults this binary has.

use crate::{Database, Fault, Workload};
use std::process::ExitCode;
use std::sync::Arc;

/// A command for Perjury's own use on a node, such as the agent: hidden from the help.
pub type InternalCommand = fn(Vec<String>) -> ExitCode;

/// Everything pluggable, by name.
#[derive(Clone, Default)]
pub struct Registry {
    pub databases: Vec<Arc<dyn Database>>,
    pub workloads: Vec<Arc<dyn Workload>>,
    pub faults: Vec<Arc<dyn Fault>>,
    pub internal: Vec<(&'static str, InternalCommand)>,
}

impl Registry {
    /// Adds a database.
    pub fn database(mut self, database: impl Database + 'static) -> Self {
        self.databases.push(Arc::new(database));
        self
    }

    /// Adds a workload.
    pub fn workload(mut self, workload: impl Workload + 'static) -> Self {
        self.workloads.push(Arc::new(workload));
        self
    }

    /// Adds a kind of fault.
    pub fn fault(mut self, fault: impl Fault + 'static) -> Self {
        self.faults.push(Arc::new(fault));
        self
    }

    /// Adds a hidden command, run as `perjury NAME ARGUMENT...` before anything else happens.
    pub fn internal(mut self, name: &'static str, command: InternalCommand) -> Self {
        self.internal.push((name, command));
        self
    }
}
