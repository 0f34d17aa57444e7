//! What goes wrong: faults, their schedules, and the node agent that injects, observes and heals.

pub mod agent;
mod ground;
mod kill;
mod latency;
mod packet;
mod partition;
mod pause;
mod schedule;
mod targets;
#[cfg(test)]
mod testing;
pub mod wire;

use perjury_harness::Registry;

/// Registers the faults, and the node agent as the internal command `agent`.
pub fn register(registry: Registry) -> Registry {
    registry
        .fault(kill::Kill)
        .fault(pause::Pause)
        .fault(partition::Partition::default())
        .fault(packet::Packet::default())
        .fault(latency::Latency::default())
        .internal("agent", agent::main)
}
