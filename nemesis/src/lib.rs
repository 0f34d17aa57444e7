//! What goes wrong: faults, their schedules, and the node agent that injects, observes and heals.

pub mod agent;
mod clock;
mod custom;
mod disk;
mod file;
mod ground;
mod latency;
mod membership;
mod packet;
mod partition;
mod power;
mod pressure;
mod process;
mod schedule;
mod surge;
mod targets;
#[cfg(test)]
mod testing;
pub mod wire;
mod zones;

use perjury_harness::Registry;
use process::ProcessFault;

/// Registers the faults, and the node agent as the internal command `agent`.
pub fn register(registry: Registry) -> Registry {
    registry
        .fault(ProcessFault::Kill)
        .fault(ProcessFault::Pause)
        .fault(partition::Partition::default())
        .fault(ProcessFault::Stop)
        .fault(ProcessFault::CrashLoop)
        .fault(membership::Membership)
        .fault(surge::Surge)
        .fault(packet::Packet::default())
        .fault(latency::Latency::default())
        .fault(clock::ClockFault)
        .fault(power::Power::default())
        .fault(disk::Disk)
        .fault(file::Files)
        .fault(pressure::cpu())
        .fault(pressure::memory())
        .custom_faults(|fault| std::sync::Arc::new(custom::Custom::new(fault)))
        .internal("agent", agent::main)
        .internal("clock-probe", agent::clock_probe)
        .internal("disk-layer", agent::layer::main)
}
