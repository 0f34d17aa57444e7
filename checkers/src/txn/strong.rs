//! Serializability, snapshot isolation and prefix consistency of key-value histories, without
//! any order of versions given.
//!
//! The problem is NP-complete (Papadimitriou, JACM 1979; for snapshot isolation Biswas & Enea,
//! OOPSLA 2019), so work goes from the cheap to the dear: what is known is made a
//! [network](network) of begins and commits; a [schedule](schedule) of it that keeps versions
//! apart decides most valid histories; [saturation](saturate) orders versions wherever the
//! opposite closes a cycle; a SAT solver with a theory of acyclicity [searches](search) the rest.
//! Valid comes with an order of commits that is replayed, invalid with cycles for every case.

mod adjacency;
mod audit;
mod checker;
mod dynamic;
mod explain;
mod level;
mod lists;
mod network;
mod plain;
mod polygraph;
mod proof;
mod saturate;
mod schedule;
mod search;
mod shrink;
mod witness;

use self::adjacency::Adjacency;
use self::network::Network;
use self::proof::Prover;
use self::saturate::{Rounds, Saturated};
use self::search::Searched;
use crate::Budget;
use crate::txn::transactions::NEVER;

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
    /// Pairs that overlapped in the first order tried.
    pub overlaps: u64,
    /// Edges that saturation added, in so many rounds.
    pub derived: u64,
    pub rounds: u64,
    /// Whether pairs were left for the search.
    pub searched: bool,
}

const CANCELLED: &str =
    "time was up before an order of the transactions was found or refuted; give the analysis more";
const TOO_HARD: &str = "more contradictions were met than memory allows to remember before an \
                        order of the transactions was found or refuted; give the analysis more";

const NOT_PROVED: &str = "the level seems not to hold, but no proof of that was found";

/// Decides whether a level holds.
///
/// Cost: `n log n` where completion order, or the order in sessions, nearly is the order of
/// commits; otherwise about `n` squared bits are looked at, a block at a time; exponential only
/// in what is still open then. Memory is linear but for a bit per pair of writes of a key.
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
    let plain = plain::unrepeatable(polygraph, level);
    if let Some(proof) = plain.or_else(|| plain::lost_update(polygraph, level)) {
        return Decision::Invalid(Box::new(proof));
    }
    let decision = decide(polygraph, level, budget, effort);
    match &decision {
        Decision::Invalid(proof) if convinces(polygraph, level, proof).is_err() => {
            Decision::Unknown(NOT_PROVED)
        }
        _ => decision,
    }
}

fn decide(polygraph: &Polygraph, level: Level, budget: &Budget, effort: &mut Effort) -> Decision {
    let Some(mut network) = Network::new(polygraph, level, budget) else {
        return Decision::Unknown(CANCELLED);
    };
    for key in 0..polygraph.key_count() as u32 {
        let rivals = network.rivals(key).len() as u64;
        effort.pairs += rivals * rivals.saturating_sub(1) / 2;
    }
    let mut rounds = Rounds::default();
    {
        let forward = Adjacency::forward(network.point_count, &network.edges);
        let order = adjacency::topological(&network, &forward);
        if order.len() < network.point_count as usize {
            let cycle = adjacency::short_cycle(&network, &forward, &order).unwrap_or_default();
            return Decision::Invalid(Box::new(Prover::new(&network, &rounds).cycle(&cycle)));
        }
        let (order, overlaps) = attempt(&network, &forward, &order);
        effort.overlaps = overlaps as u64;
        if overlaps == 0 {
            return valid(&network, &order);
        }
    }
    if budget.is_cancelled() {
        return Decision::Unknown(CANCELLED);
    }
    let saturated = saturate::saturate(&mut network, &mut rounds, budget);
    effort.rounds = rounds.starts.len() as u64;
    effort.derived = (network.edges.len() - network.known_edges) as u64;
    match saturated {
        Saturated::Cancelled => Decision::Unknown(CANCELLED),
        Saturated::Cycle(cycle) => {
            Decision::Invalid(Box::new(Prover::new(&network, &rounds).cycle(&cycle)))
        }
        Saturated::Dilemma(first, second) => {
            Decision::Invalid(Box::new(Prover::new(&network, &rounds).dilemma(first, second)))
        }
        Saturated::Order(order) => finish(&network, &mut rounds, order, budget, effort),
    }
}

/// Tries once more, and searches if that fails.
fn finish(
    network: &Network<'_>,
    rounds: &mut Rounds,
    order: Vec<u32>,
    budget: &Budget,
    effort: &mut Effort,
) -> Decision {
    let forward = Adjacency::forward(network.point_count, &network.edges);
    let (attempted, overlaps) = attempt(network, &forward, &order);
    drop(forward);
    if overlaps == 0 {
        return valid(network, &attempted);
    }
    effort.searched = true;
    rounds.order = order;
    match search::search(network, &attempted, budget) {
        Searched::Cancelled => Decision::Unknown(CANCELLED),
        Searched::TooHard => Decision::Unknown(TOO_HARD),
        Searched::Cycles(cycles) => {
            Decision::Invalid(Box::new(Prover::new(network, rounds).cycles(cycles)))
        }
        Searched::Order(positions) => {
            let mut order = vec![NEVER; positions.len()];
            for (point, position) in (0u32..).zip(&positions) {
                order[*position as usize] = point;
            }
            valid(network, &order)
        }
    }
}

/// An order of all points, and how many pairs of chains overlap in it.
fn attempt(network: &Network<'_>, forward: &Adjacency, order: &[u32]) -> (Vec<u32>, usize) {
    let wishes = schedule::wishes(network, forward, order);
    let order = schedule::schedule(network, forward, &wishes);
    let mut positions = vec![0; order.len()];
    for (position, point) in (0u32..).zip(&order) {
        positions[*point as usize] = position;
    }
    let overlaps = schedule::overlaps(network, &positions).len();
    (order, overlaps)
}

/// The order as moments, if it is the witness that it should be.
fn valid(network: &Network<'_>, order: &[u32]) -> Decision {
    let single = network.level.isolation == Isolation::Serializable;
    let mut moments = Vec::with_capacity(2 * network.polygraph.len());
    for point in order {
        let Some(txn) = network.txn(*point) else { continue };
        if single || *point == network.begin(txn) {
            moments.push(Moment::Begin(txn));
        }
        if *point == network.commit(txn) {
            moments.push(Moment::Commit(txn));
        }
    }
    if is_witness(network.polygraph, network.level, &moments) {
        return Decision::Valid(moments);
    }
    Decision::Unknown("the order of commits that was found does not hold when replayed")
}

#[cfg(test)]
mod tests;
