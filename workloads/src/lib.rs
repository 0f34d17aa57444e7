//! What clients ask: vocabulary, generator and checkers of each workload.
//!
//! A workload knows no database: it names operations, and a database's client carries them out.
//! Every sequence of operations is a function of the seed alone; see [`Keys`](keys::Keys) for how
//! histories are kept short enough, key by key, to be checked completely.

mod agree;
mod bank;
mod causal;
mod causal_reverse;
mod counter;
mod crdt_counter;
mod eventual;
mod g2;
mod inserts;
mod keys;
mod last;
mod leader_election;
mod list_append;
mod lock;
mod long_fork;
mod monotonic;
mod mv_register;
mod or_set;
mod partitioned_log;
mod queue;
mod register;
mod replicas;
mod rw_register;
mod sequential;
mod set;
mod settings;
mod sweep;
#[cfg(test)]
mod testing;
mod unique_ids;
mod watch;

pub use bank::{Bank, Opening};
pub use causal::Causal;
pub use causal_reverse::CausalReverse;
pub use counter::Counter;
pub use crdt_counter::CrdtCounter;
pub use eventual::Eventual;
pub use g2::G2;
pub use leader_election::LeaderElection;
pub use list_append::ListAppend;
pub use lock::Lock;
pub use long_fork::LongFork;
pub use monotonic::Monotonic;
pub use mv_register::MvRegister;
pub use or_set::OrSet;
pub use partitioned_log::PartitionedLog;
pub use queue::Queue;
pub use register::Register;
pub use rw_register::RwRegister;
pub use sequential::Sequential;
pub use set::Set;
pub use unique_ids::UniqueIds;
pub use watch::Watch;

use perjury_harness::{Registry, Workload};
use std::sync::Arc;

/// All workloads, by name.
pub fn all() -> Vec<Arc<dyn Workload>> {
    vec![
        Arc::new(Bank),
        Arc::new(Causal),
        Arc::new(CausalReverse),
        Arc::new(Counter),
        Arc::new(CrdtCounter),
        Arc::new(Eventual::PLAIN),
        Arc::new(G2),
        Arc::new(LeaderElection),
        Arc::new(ListAppend),
        Arc::new(Lock),
        Arc::new(LongFork),
        Arc::new(Eventual::LAST_WRITE_WINS),
        Arc::new(Monotonic),
        Arc::new(MvRegister),
        Arc::new(OrSet),
        Arc::new(PartitionedLog),
        Arc::new(Queue),
        Arc::new(Register),
        Arc::new(RwRegister),
        Arc::new(Sequential),
        Arc::new(Set),
        Arc::new(UniqueIds),
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
    use crate::testing::{operations, options};
    use perjury_checkers::finding::kinds;
    use perjury_harness::Options;
    use perjury_harness::generator::Popularity;

    #[test]
    fn every_workload_says_what_it_can_find_in_known_words() {
        for workload in super::all() {
            assert!(!workload.finds().is_empty(), "{} finds nothing", workload.name());
            for kind in workload.finds() {
                assert!(kinds::find(kind).is_some(), "{}: {kind}", workload.name());
            }
        }
    }

    #[test]
    fn the_popularity_of_keys_changes_what_is_asked_where_a_workload_says_so() {
        let hot =
            Options { key_choice: Some(Popularity::Hot { keys: 1, share: 0.9 }), ..options(4, 50) };
        for workload in super::all() {
            let asked = |options: &Options| operations(&*workload, options, 7, 500, |_| 1_000);
            let same = asked(&options(4, 50)) == asked(&hot);
            assert_eq!(same, !workload.chooses_keys(), "{}", workload.name());
        }
    }

    #[test]
    fn every_workload_of_this_crate_is_registered() {
        let names: Vec<&str> = super::all().iter().map(|workload| workload.name()).collect();
        let wanted = [
            "bank",
            "causal",
            "causal-reverse",
            "counter",
            "crdt-counter",
            "eventual",
            "g2",
            "leader-election",
            "list-append",
            "lock",
            "long-fork",
            "lww-register",
            "monotonic",
            "mv-register",
            "or-set",
            "partitioned-log",
            "queue",
            "register",
            "rw-register",
            "sequential",
            "set",
            "unique-ids",
            "watch",
        ];
        assert_eq!(names, wanted);
    }
}
