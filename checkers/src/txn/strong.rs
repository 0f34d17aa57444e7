//! Serializability, snapshot isolation and prefix consistency of key-value histories, without
//! any order of versions given.
//!
//! The problem is NP-complete (Papadimitriou, JACM 1979; for snapshot isolation Biswas & Enea,
//! OOPSLA 2019), so work goes from the cheap to the dear: what is known is made a
//! [network](network) of begins and commits; a [schedule](schedule) of it that keeps versions
//! apart decides most valid histories, if need be with a [guess](guess) of more order than the
//! level demands; [saturation](saturate) orders versions wherever the opposite closes a cycle; a
//! SAT solver with a theory of acyclicity [searches](search) the rest.
//! Valid comes with an order of commits that is replayed, invalid with cycles for every case.

mod adjacency;
mod audit;
mod checker;
mod decide;
mod dynamic;
mod explain;
mod guess;
mod level;
mod lists;
mod network;
mod polygraph;
mod proof;
mod saturate;
mod schedule;
mod search;
mod shrink;
mod witness;

use self::decide::Question;
use crate::Budget;

pub use self::audit::convinces;
pub use self::checker::StrongIsolation;
pub use self::level::{Isolation, Level, Order};
pub use self::polygraph::Polygraph;
pub use self::proof::{Cycle, Lemma, Link, Older, Proof, Relation};
pub use self::witness::{Moment, is_witness};

/// Whether a level holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It does; [`is_witness`] agrees.
    Valid(Vec<Moment>),
    /// It does not.
    Invalid(Box<Proof>),
    /// Nobody knows; why.
    Unknown(&'static str),
}

/// How much work a decision took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Pairs of chains of versions that follow each other at once.
    pub pairs: u64,
    /// Pairs that overlapped in the order that was tried last.
    pub overlaps: u64,
    /// Edges that saturation added, in so many rounds.
    pub derived: u64,
    pub rounds: u64,
    /// Orders that were tried although the level does not demand them.
    pub guesses: u64,
    /// Contradictions that searches met.
    pub conflicts: u64,
    /// Whether saturation left pairs for the search.
    pub searched: bool,
}

/// Decides whether a level holds.
///
/// Cost: `n log n` where completion order, or the order in sessions, nearly is the order of
/// commits, even if the level demands neither; otherwise about `n` squared bits are looked at, a
/// block at a time; exponential only in what is still open then. Memory is linear but for a bit
/// per pair of writes of a key.
pub fn check(polygraph: &Polygraph, level: Level, budget: &Budget) -> Decision {
    check_with_effort(polygraph, level, budget, &mut Effort::default())
}

/// The same, and says how much work it was. A proof that does not convince is none.
pub fn check_with_effort(
    polygraph: &Polygraph,
    level: Level,
    budget: &Budget,
    effort: &mut Effort,
) -> Decision {
    Question { polygraph, level, budget, effort }.decide()
}

#[cfg(test)]
mod tests;
