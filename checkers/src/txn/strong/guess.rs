//! Guesses: more order than a level demands, so that there is less to choose from.
//!
//! An order of commits that obeys a guess is one that obeys the level. Only that there is none
//! says nothing of the level, unless the reasons do without the guess.

use super::polygraph::Polygraph;
use super::proof::{Proof, Relation};
use crate::txn::transactions::NEVER;

/// Whoever ends before another begins is guessed to come before it.
#[derive(Clone, Debug)]
pub(super) struct Guess {
    /// Per transaction; at 0 it is guessed to come after nobody.
    pub(super) begins: Vec<u32>,
    /// [`NEVER`] if it is guessed to come before nobody.
    pub(super) ends: Vec<u32>,
}

impl Guess {
    /// Real time, as most stores that promise less keep it nearly always.
    pub(super) fn real_time(polygraph: &Polygraph) -> Self {
        Self { begins: polygraph.begins.clone(), ends: polygraph.ends.clone() }
    }

    /// Takes back what a refutation relied on; false if that was nothing.
    pub(super) fn retract(&mut self, proof: &Proof) -> bool {
        let lemmas = proof.lemmas.iter().map(|lemma| &lemma.cycle);
        let mut retracted = false;
        for link in lemmas.chain(&proof.cycles).flatten() {
            if link.relation == Relation::RealTime {
                retracted = true;
                self.ends[link.from as usize] = NEVER;
                self.begins[link.to as usize] = 0;
            }
        }
        retracted
    }
}
