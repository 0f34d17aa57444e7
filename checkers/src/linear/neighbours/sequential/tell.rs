//! Telling: calls that have no order, in words.

use super::RULED_OUT;
use super::core::Core;
use super::program::Program;
use super::saturate::{Before, Why};
use crate::linear::model::Model;
use crate::linear::models::CasRegister;
use crate::linear::neighbours::reading::{Register, told};
use crate::tally::anomaly;
use crate::words::shortened;
use crate::{Anomaly, Edge, Operation};

pub(super) struct Teller<'t, 'h> {
    pub(super) model: &'t CasRegister,
    pub(super) registers: &'t [Register<'h>],
    pub(super) program: &'t Program,
}

impl Teller<'_, '_> {
    pub(super) fn anomaly(&self, core: &Core) -> Anomaly {
        let mut nodes = core.nodes.clone();
        nodes.sort_by_key(|node| self.program.node(*node).start);
        let step = |node: &u32| {
            let node = self.program.node(*node);
            told(&self.registers[node.key as usize], self.model, node.call)
        };
        let steps = nodes.iter().map(step).collect();
        let why = if core.cycle.is_empty() {
            "Every order of these was tried.".to_owned()
        } else {
            let reasons = core.cycle.iter().map(|edge| self.reason(edge));
            format!("{} This is a circle.", reasons.collect::<Vec<_>>().join(" "))
        };
        let explanation = format!(
            "No order of these operations keeps the order of each process and lets each read see \
             the latest value. {why}"
        );
        let title = "Not sequentially consistent".to_owned();
        let mut anomaly = anomaly("nonsequential", title, explanation, steps, RULED_OUT);
        anomaly.edges = core.cycle.iter().map(|edge| self.edge(edge)).collect();
        let first = nodes.first().map_or(0, |node| self.program.node(*node).key);
        if nodes.iter().all(|node| self.program.node(*node).key == first) {
            anomaly.key = self.registers[first as usize].key.cloned();
        }
        anomaly
    }

    fn operation(&self, node: u32) -> Operation<'_> {
        let node = self.program.node(node);
        self.registers[node.key as usize].operation(node.call as usize)
    }

    /// "process 3 wrote 1 to key 7".
    fn who(&self, number: u32) -> String {
        let node = self.program.node(number);
        let register = &self.registers[node.key as usize];
        let did = self.model.describe(&register.calls[node.call as usize].call, &register.values);
        let key = register.key.map(|key| format!(" at key {}", shortened(key)));
        format!("process {} {did}{}", self.operation(number).process, key.unwrap_or_default())
    }

    /// Why one call is before another; one sentence.
    fn reason(&self, edge: &Before) -> String {
        let (from, to) = (self.who(edge.from), self.who(edge.to));
        let why = match edge.why {
            Why::Program => "the same process made both".to_owned(),
            Why::Found => "that is the value which it found".to_owned(),
            Why::FoundFirst => "it found what was there before any write".to_owned(),
            Why::Overwritten { reader } => format!(
                "it came before {}, which found what the other left there",
                self.who(reader)
            ),
            Why::Replaced { writer } => {
                format!("it found what was there when {}, and that came earlier", self.who(writer))
            }
        };
        let from = from.replacen('p', "P", 1);
        format!("{from} before {to}: {why}.")
    }

    fn edge(&self, edge: &Before) -> Edge {
        let kind = match edge.why {
            Why::Program => "process",
            Why::Found => "wr",
            Why::Overwritten { .. } => "ww",
            Why::FoundFirst | Why::Replaced { .. } => "rw",
        };
        Edge {
            from: self.operation(edge.from).index,
            to: self.operation(edge.to).index,
            kind: kind.to_owned(),
            why: self.reason(edge),
        }
    }
}
