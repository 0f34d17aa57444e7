//! What clients ask: vocabulary, generator and checkers of each workload.
//!
//! A workload knows no database: it names operations, and a database's client carries them out.
//! Every sequence of operations is a function of the seed alone; see [`Keys`](keys::Keys) for how
//! histories are kept short enough, key by key, to be checked completely.

mod agree;
mod bank;
mod counter;
mod crdt_counter;
mod eventual;
mod keys;
mod last;
mod list_append;
mod lock;
mod mv_register;
mod or_set;
mod queue;
mod register;
mod replicas;
mod rw_register;
mod set;
mod settings;
mod sweep;
#[cfg(test)]
mod testing;

pub use bank::{Bank, Opening};
pub use counter::Counter;
pub use crdt_counter::CrdtCounter;
pub use eventual::Eventual;
pub use list_append::ListAppend;
pub use lock::Lock;
pub use mv_register::MvRegister;
pub use or_set::OrSet;
pub use queue::Queue;
pub use register::Register;
pub use rw_register::RwRegister;
pub use set::Set;

use perjury_harness::{Registry, Workload};
use std::sync::Arc;

/// All workloads, by name.
pub fn all() -> Vec<Arc<dyn Workload>> {
    vec![
        Arc::new(Bank),
        Arc::new(Counter),
        Arc::new(CrdtCounter),
        Arc::new(Eventual::PLAIN),
        Arc::new(ListAppend),
        Arc::new(Lock),
        Arc::new(Eventual::LAST_WRITE_WINS),
        Arc::new(MvRegister),
        Arc::new(OrSet),
        Arc::new(Queue),
        Arc::new(Register),
        Arc::new(RwRegister),
        Arc::new(Set),
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
            "crdt-counter",
            "eventual",
            "list-append",
            "lock",
            "lww-register",
            "mv-register",
            "or-set",
            "queue",
            "register",
            "rw-register",
            "set",
        ];
        assert_eq!(names, wanted);
    }
}
