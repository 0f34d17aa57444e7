//! What clients ask: vocabulary, generator and checkers of each workload.
//!
//! A workload knows no database: it names operations, and a database's client carries them out.
//! Every sequence of operations is a function of the seed alone; see [`Keys`](keys::Keys) for how
//! histories are kept short enough, key by key, to be checked completely.

mod bank;
mod counter;
mod keys;
mod last;
mod list_append;
mod lock;
mod partitioned_log;
mod queue;
mod register;
mod rw_register;
mod set;
mod settings;
mod sweep;
#[cfg(test)]
mod testing;
mod watch;

pub use bank::{Bank, Opening};
pub use counter::Counter;
pub use list_append::ListAppend;
pub use lock::Lock;
pub use partitioned_log::PartitionedLog;
pub use queue::Queue;
pub use register::Register;
pub use rw_register::RwRegister;
pub use set::Set;
pub use watch::Watch;

use perjury_harness::{Registry, Workload};
use std::sync::Arc;

/// All workloads, by name.
pub fn all() -> Vec<Arc<dyn Workload>> {
    vec![
        Arc::new(Bank),
        Arc::new(Counter),
        Arc::new(ListAppend),
        Arc::new(Lock),
        Arc::new(PartitionedLog),
        Arc::new(Queue),
        Arc::new(Register),
        Arc::new(RwRegister),
        Arc::new(Set),
        Arc::new(Watch),
    ]
}

/// Registers all workloads.
pub fn register(mut registry: Registry) -> Registry {
    registry.workloads.extend(all());
    registry
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_workload_of_this_crate_is_registered() {
        let names: Vec<&str> = super::all().iter().map(|workload| workload.name()).collect();
        let wanted = [
            "bank",
            "counter",
            "list-append",
            "lock",
            "partitioned-log",
            "queue",
            "register",
            "rw-register",
            "set",
            "watch",
        ];
        assert_eq!(names, wanted);
    }
}
