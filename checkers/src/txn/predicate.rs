//! Predicate reads: transactions on registers that also select keys by their values.

mod arcs;
mod condition;
mod flaws;
mod parse;

use self::condition::Condition;
use super::isolation::ConsistencyModel;
use super::rw_register::RwRegister;
use crate::{Budget, Checker, Finding, History};

/// Judges transactions of `["w", key, value]`, `["r", key, null]` and `["rp", predicate, null]`,
/// the last answered with `["rp", predicate, {key: value, …}]`: all keys whose values match.
///
/// | predicate | matches |
/// |---|---|
/// | `true` | every key that was written |
/// | `["=", v]`, `["<", v]`, `[">", v]` | equal, smaller, greater values |
/// | `["mod", m, r]` | whole numbers that leave `r` when divided by `m` |
///
/// A key in the answer was read like any other. One that is missing was read, too, at a version
/// that does not match (Adya, *Weak consistency*, MIT 1999, section 3.1.2). If all that was
/// written to it matches, that was the initial version, so whoever wrote the key came later: an
/// anti-dependency by predicate. The keys are those that the history speaks of (the closed
/// predicates of Elle: Kingsbury & Alvaro, VLDB 2020). Everything else is as in [`RwRegister`].
///
/// Cost: as [`RwRegister`]; and a pass over the keys for each different predicate.
#[derive(Clone, Copy, Debug, Default)]
pub struct PredicateRegister {
    pub register: RwRegister,
}

impl PredicateRegister {
    /// Assumes what is true of the level, as [`RwRegister::new`] does.
    pub fn new(model: ConsistencyModel) -> Self {
        Self { register: RwRegister::new(model) }
    }
}

impl Checker for PredicateRegister {
    fn name(&self) -> &str {
        "predicate-register"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let judged = parse::read(history)
            .and_then(|(txns, predicates)| self.register.judge(&txns, &predicates, budget));
        match judged {
            Ok(finding) => Finding { checker: self.name().to_owned(), ..finding },
            Err(why) => Finding::unknown(self.name(), why),
        }
    }
}

/// What committed transactions selected by predicates. What they got is among their reads.
#[derive(Debug, Default)]
pub(super) struct Predicates {
    /// Every predicate once.
    conditions: Vec<Condition>,
    /// In the order of transactions, and of their steps.
    selections: Vec<Selection>,
}

/// One answered predicate read.
#[derive(Clone, Copy, Debug)]
struct Selection {
    txn: u32,
    /// Which of the predicates.
    condition: u32,
    /// Where in the transaction its results stand, as reads, and how many there are.
    first: u32,
    length: u32,
}

impl Predicates {
    pub(super) fn len(&self) -> usize {
        self.selections.len()
    }
}

#[cfg(test)]
mod tests;
