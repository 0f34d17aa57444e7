//! Cores: a few calls that have no order, given that all together have none.

use super::program::Program;
use super::saturate::{Before, Order, Saturated};
use super::witness::{Searched, search};
use crate::Budget;

/// How many attempts in vain a core is allowed: it has to be clear.
const STATES: usize = 20_000;
/// How many calls all attempts to leave something out may look at.
const LOOKS: usize = 5_000_000;

/// Calls that contradict each other.
pub(super) struct Core {
    /// Nodes of the program, ascending.
    pub(super) nodes: Vec<u32>,
    /// A cycle of those that has to be an order, by the same numbers, if there is one.
    pub(super) cycle: Vec<Before>,
}

/// Cuts a contradictory program down. A read may be left out of it, or a write with all that
/// found it; that never takes an order away.
pub(super) fn core(program: &Program, budget: &Budget) -> Core {
    let mut nodes: Vec<u32> = (0..program.nodes.len() as u32).collect();
    let mut order = Order::new(program);
    if order.saturate(budget) == Saturated::Cyclic
        && let Some(proof) = order.proof()
    {
        nodes = program.with_witnesses(&proof.nodes);
    }
    drop(order);
    let mut looks = 0;
    let mut chunk = nodes.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < nodes.len() && looks < LOOKS && !budget.is_cancelled() {
            let mut fewer = nodes.clone();
            fewer.drain(at..(at + chunk).min(nodes.len()));
            let fewer = program.kept(&fewer);
            looks += 1 + fewer.len();
            if is_contradictory(program, &fewer, budget) { nodes = fewer } else { at += chunk }
        }
        chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
    }
    let part = program.part(&nodes);
    let mut order = Order::new(&part);
    let mut cycle = Vec::new();
    if order.saturate(budget) == Saturated::Cyclic
        && let Some(proof) = order.proof()
    {
        cycle = proof.cycle.iter().map(|edge| edge.renamed(|node| nodes[node as usize])).collect();
    }
    Core { nodes, cycle }
}

fn is_contradictory(program: &Program, nodes: &[u32], budget: &Budget) -> bool {
    let part = program.part(nodes);
    let mut order = Order::new(&part);
    match order.saturate(budget) {
        Saturated::Cyclic => true,
        Saturated::Cancelled => false,
        // What is left out, but may still have happened, might explain one that missed.
        Saturated::Acyclic if part.has_misses() && program.has_unknown() => false,
        Saturated::Acyclic => search(&part, Some(&order), STATES, budget) == Searched::None,
    }
}
