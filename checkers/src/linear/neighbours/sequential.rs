//! Sequential consistency: one order of all calls, on all registers, that is each process's own.
//!
//! Lamport, *How to make a multiprocessor computer that correctly executes multiprocess
//! programs* (IEEE Trans. Computers, 1979). Unlike linearizability it knows no real time, and
//! is not local: each register by itself may be sequentially consistent, and all together not.
//! To decide it is NP-complete even if every value is written once (Gibbons & Korach, *Testing
//! shared memories*, SIAM J. Comput. 1997), which is asked for here. So:
//!
//! 1. an order is looked for, greedily and with few attempts in vain: most histories that have
//!    one are done then (`witness.rs`);
//! 2. what follows from who read what is inferred (`saturate.rs`): a cycle is a proof that there
//!    is none;
//! 3. an order is looked for again, keeping to what was inferred, within the budget.
//!
//! Valid always means that an order was found and replayed; invalid, that there is a cycle or
//! that the search was exhaustive, and calls are named that contradict each other by
//! themselves; else the answer is unknown.

mod core;
mod program;
mod saturate;
mod tell;
mod witness;

use serde_json::{Value, json};

use self::program::Program;
use self::saturate::{Order, Saturated};
use self::witness::{Searched, replays, search};
use super::Options;
use super::log::process;
use super::reading::{Impossible, Register, impossible, impossible_read, registers, versions};
use super::versions::Versions;
use crate::linear::model::NEVER;
use crate::tally::Tally;
use crate::{Budget, Checker, Finding, History};

/// How many attempts in vain are made before anything is inferred: so many, and one more for
/// so many calls, as most go a little way only.
const FIRST_ATTEMPTS: usize = 256;
const CALLS_PER_ATTEMPT: usize = 8;
const RULED_OUT: &[&str] = &["sequential", "linearizable"];

/// Judges sequential consistency of registers, all keys together.
///
/// Costs about `n` times the number of processes; exponential in the number of processes at the
/// worst, within the budget.
#[derive(Clone, Debug, Default)]
pub struct SequentialChecker {
    pub options: Options,
}

/// What became of the search for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decided {
    /// There is one, and it was replayed.
    Ordered,
    /// There is none.
    Contradictory,
    Undecided(&'static str),
}

impl Checker for SequentialChecker {
    fn name(&self) -> &str {
        "sequential"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let options = &self.options;
        let registers = match registers(history, &options.register, options.keyed) {
            Ok(registers) => registers,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let versions = match versions(&registers) {
            Ok(versions) => versions,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut tally = Tally::default();
        for (register, versions) in registers.iter().zip(&versions) {
            tally = tally.and(self.unwritten(register, versions));
        }
        let who = |key: usize, call: usize| process(history, &registers[key], call);
        let program = Program::new(&versions, who);
        let decided = decide(&program, budget);
        if decided == Decided::Contradictory {
            let teller =
                tell::Teller { model: &options.register, registers: &registers, program: &program };
            let core = core::core(&program, budget);
            tally.add(|| teller.anomaly(&core));
        }
        let no_read = program.nodes.iter().all(|node| node.read == super::versions::NONE);
        let unknown = match decided {
            Decided::Undecided(why) => Some(why.to_owned()),
            _ if no_read => Some(
                "no read has an answer, so nothing can be judged; reads are part of this workload"
                    .to_owned(),
            ),
            _ => None,
        };
        tally.conclude(self.name(), unknown, stats(&program))
    }
}

impl SequentialChecker {
    /// Reads of what nobody wrote, or only operations that failed.
    fn unwritten(&self, register: &Register<'_>, versions: &Versions<'_>) -> Tally {
        let mut tally = Tally::default();
        let model = &self.options.register;
        for (number, timed) in (0u32..).zip(&register.calls).filter(|(_, t)| t.end != NEVER) {
            let Some(value) = timed.call.found() else { continue };
            match impossible(register, number, value, versions.writer(value)) {
                // Real time is of no concern here.
                None | Some(Impossible::Future { .. }) => {}
                Some(why) => {
                    tally.add(|| impossible_read(register, model, number, why, RULED_OUT));
                }
            }
        }
        tally
    }
}

fn stats(program: &Program) -> Value {
    let count = |has: fn(&program::Node) -> bool| program.nodes.iter().filter(|n| has(n)).count();
    json!({
        "keys": program.initial.len(),
        "processes": program.session_count(),
        "reads": count(|node| node.read != super::versions::NONE),
        "writes": count(|node| node.write != super::versions::NONE),
    })
}

/// Looks for an order, or for the reason why there is none.
fn decide(program: &Program, budget: &Budget) -> Decided {
    let attempts = FIRST_ATTEMPTS + program.nodes.len() / CALLS_PER_ATTEMPT;
    let first = search(program, None, attempts, budget);
    if let Some(decided) = conclude(program, first) {
        return decided;
    }
    if program.nodes.len().saturating_mul(program.session_count()) / 4 > budget.max_states {
        return Decided::Undecided(
            "no order was found at once, and to infer what is known of it takes more memory than \
             allowed; give the analysis more, or run with fewer processes",
        );
    }
    let mut order = Order::new(program);
    match order.saturate(budget) {
        Saturated::Cyclic => return Decided::Contradictory,
        Saturated::Cancelled => return Decided::Undecided(TIME),
        Saturated::Acyclic => {}
    }
    let second = search(program, Some(&order), usize::MAX, budget);
    let undecided = Decided::Undecided(
        "no order of all operations was found, and none of their contradictions proves that there \
         is none; give the analysis more memory, or run with fewer processes",
    );
    conclude(program, second).unwrap_or(undecided)
}

const TIME: &str =
    "time was up before an order of all operations was found; give the analysis more";

/// What a search says, if it says anything.
fn conclude(program: &Program, searched: Searched) -> Option<Decided> {
    match searched {
        Searched::Found(order) if replays(program, &order) => Some(Decided::Ordered),
        Searched::Found(_) => Some(Decided::Undecided(
            "an order was found, but does not replay; this is a fault here",
        )),
        // What was left out might explain a compare-and-set that missed.
        Searched::None if program.is_partial && program.has_misses() => None,
        Searched::None => Some(Decided::Contradictory),
        Searched::Cancelled => Some(Decided::Undecided(TIME)),
        Searched::OutOfStates => None,
    }
}

#[cfg(test)]
mod tests;
