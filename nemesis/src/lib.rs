//! What goes wrong: faults, their schedules, and the node agent that injects, observes and heals.

pub mod agent;
pub mod wire;
