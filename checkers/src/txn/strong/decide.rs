//! Decisions: guesses and short searches first, then saturation, then a search to the end.

use super::adjacency::{self, Adjacency};
use super::audit::convinces;
use super::guess::Guess;
use super::level::{Isolation, Level, Order};
use super::network::Network;
use super::proof::{Proof, Prover};
use super::saturate::{self, Rounds, Saturated};
use super::schedule;
use super::search::{self, Limit, Searched};
use super::witness::{Moment, is_witness};
use super::{Decision, Effort, Polygraph};
use crate::Budget;
use crate::txn::transactions::NEVER;

/// How often a guess is mended at the most.
const MAX_RETRACTIONS: usize = 4;

const CANCELLED: &str =
    "time was up before an order of the transactions was found or refuted; give the analysis more";
const TOO_HARD: &str = "more contradictions were met than memory allows to remember before an \
                        order of the transactions was found or refuted; give the analysis more";
const NOT_PROVED: &str = "the level seems not to hold, but no proof of that was found";
const NOT_REPLAYED: &str = "the order of commits that was found does not hold when replayed";

/// A question, and how much work it was so far.
pub(super) struct Question<'q> {
    pub(super) polygraph: &'q Polygraph,
    pub(super) level: Level,
    pub(super) budget: &'q Budget,
    pub(super) effort: &'q mut Effort,
}

/// What little work shows of a network.
enum Tried {
    /// An order without overlaps.
    Order(Vec<u32>),
    Refuted(Proof),
    /// An order with overlaps.
    Open(Vec<u32>),
    Cancelled,
}

impl Question<'_> {
    /// A proof that does not convince is none, nor is an order that cannot be replayed.
    pub(super) fn decide(&mut self) -> Decision {
        let guessed = if self.polygraph.timed { self.guess_real_time() } else { None };
        if let Some(decision) = guessed.or_else(|| self.guess_sessions()) {
            return decision;
        }
        let Some(mut network) = Network::new(self.polygraph, self.level, None, self.budget) else {
            return Decision::Unknown(CANCELLED);
        };
        let mut tried = match self.schedule(&network) {
            Tried::Open(order) if self.is_local() => {
                match self.search(&network, &Rounds::default(), order, Limit::short(&network)) {
                    Tried::Open(_) => self.saturate(&mut network, None, false),
                    tried => tried,
                }
            }
            Tried::Open(_) => self.saturate(&mut network, None, false),
            tried => tried,
        };
        let doubtful = |proof: &Proof| convinces(self.polygraph, self.level, proof).is_err();
        if matches!(&tried, Tried::Refuted(proof) if doubtful(proof))
            && let Some(again) = Network::new(self.polygraph, self.level, None, self.budget)
        {
            // Too many cases to be followed: of what is added to a network, each is one step.
            network = again;
            tried = self.saturate(&mut network, None, true);
        }
        let otherwise = match &tried {
            Tried::Order(_) => NOT_REPLAYED,
            Tried::Refuted(_) => NOT_PROVED,
            Tried::Open(_) => TOO_HARD,
            Tried::Cancelled => CANCELLED,
        };
        self.settled(&network, tried).unwrap_or(Decision::Unknown(otherwise))
    }

    /// Whether the level leaves open only in which order those came that overlapped.
    fn is_local(&self) -> bool {
        self.polygraph.timed && self.level.order == Order::RealTime
    }

    /// Tries orders that agree with real time, whatever the level: most stores keep more than
    /// they promise. Serial ones first, as they have the fewest points.
    fn guess_real_time(&mut self) -> Option<Decision> {
        let mut guess = Guess::real_time(self.polygraph);
        if self.level.isolation != Isolation::Serializable {
            let serial = Level::new(Isolation::Serializable, self.level.order);
            let network = Network::new(self.polygraph, serial, Some(&guess), self.budget)?;
            let tried = self.short(&network);
            if let Some(decision) = self.settled(&network, tried) {
                return Some(decision);
            }
        }
        if self.is_local() {
            // No guess: the level itself.
            return None;
        }
        for _ in 0..MAX_RETRACTIONS {
            let network = Network::new(self.polygraph, self.level, Some(&guess), self.budget)?;
            match self.short(&network) {
                Tried::Refuted(proof) => {
                    if convinces(self.polygraph, self.level, &proof).is_ok() {
                        return Some(Decision::Invalid(Box::new(proof)));
                    }
                    if !guess.retract(&proof) {
                        return None;
                    }
                }
                tried => return self.settled(&network, tried),
            }
        }
        None
    }

    /// Tries orders that agree with that of each session, serial ones first, if the level itself
    /// is less.
    fn guess_sessions(&mut self) -> Option<Decision> {
        if self.is_local() {
            return None;
        }
        let mut isolations = vec![Isolation::Serializable, self.level.isolation];
        isolations.dedup();
        // Without times, sessions are all the order that there is.
        isolations.retain(|isolation| {
            *isolation != self.level.isolation || self.level.order == Order::None
        });
        for isolation in isolations {
            let level = Level::new(isolation, Order::Session);
            let mut network = Network::new(self.polygraph, level, None, self.budget)?;
            self.effort.guesses += 1;
            let limit = Limit::short(&network);
            let tried = match self.schedule(&network) {
                Tried::Open(_) => self.saturate(&mut network, Some(limit), false),
                tried => tried,
            };
            if let Some(decision) = self.settled(&network, tried) {
                return Some(decision);
            }
        }
        None
    }

    /// What little work shows.
    fn short(&mut self, network: &Network<'_>) -> Tried {
        self.effort.guesses += 1;
        match self.schedule(network) {
            Tried::Open(order) => {
                self.search(network, &Rounds::default(), order, Limit::short(network))
            }
            tried => tried,
        }
    }

    /// Orders a network so that few chains overlap.
    fn schedule(&mut self, network: &Network<'_>) -> Tried {
        let rivals =
            (0..self.polygraph.key_count() as u32).map(|key| network.rivals(key).len() as u64);
        self.effort.pairs = rivals.map(|count| count * count.saturating_sub(1) / 2).sum();
        let forward = Adjacency::forward(network.point_count, &network.edges);
        let order = adjacency::topological(network, &forward);
        if order.len() < network.point_count as usize {
            let cycle = adjacency::short_cycle(network, &forward, &order).unwrap_or_default();
            return Tried::Refuted(Prover::new(network, &Rounds::default()).cycle(&cycle));
        }
        let (order, overlaps) = attempt(network, &forward, &order);
        self.effort.overlaps = overlaps as u64;
        match overlaps {
            0 => Tried::Order(order),
            _ if self.budget.is_cancelled() => Tried::Cancelled,
            _ => Tried::Open(order),
        }
    }

    /// Takes away the overlaps of an order.
    fn search(
        &mut self,
        network: &Network<'_>,
        rounds: &Rounds,
        order: Vec<u32>,
        limit: Limit,
    ) -> Tried {
        let conflicts = &mut self.effort.conflicts;
        match search::search(network, &order, limit, self.budget, conflicts) {
            Searched::Cancelled => Tried::Cancelled,
            Searched::TooHard => Tried::Open(order),
            Searched::Cycles(cycles) => Tried::Refuted(Prover::new(network, rounds).cycles(cycles)),
            Searched::Order(positions) => {
                let mut order = vec![NEVER; positions.len()];
                for (point, position) in (0u32..).zip(&positions) {
                    order[*position as usize] = point;
                }
                Tried::Order(order)
            }
        }
    }

    /// What a network says of the level, if anything: it may say more than the level demands.
    fn settled(&self, network: &Network<'_>, tried: Tried) -> Option<Decision> {
        match tried {
            Tried::Open(_) => None,
            Tried::Cancelled => Some(Decision::Unknown(CANCELLED)),
            Tried::Order(order) => {
                let moments = moments(network, &order);
                let holds = is_witness(self.polygraph, self.level, &moments);
                holds.then_some(Decision::Valid(moments))
            }
            Tried::Refuted(proof) => {
                let convincing = convinces(self.polygraph, self.level, &proof).is_ok();
                convincing.then(|| Decision::Invalid(Box::new(proof)))
            }
        }
    }

    /// Adds to a network what follows, and searches, without a limit to the end.
    fn saturate(
        &mut self,
        network: &mut Network<'_>,
        limit: Option<Limit>,
        thorough: bool,
    ) -> Tried {
        let mut rounds = Rounds::default();
        let saturated = saturate::saturate(network, &mut rounds, thorough, self.budget);
        self.effort.rounds = rounds.starts.len() as u64;
        self.effort.derived = (network.edges.len() - network.known_edges) as u64;
        let order = match saturated {
            Saturated::Cancelled => return Tried::Cancelled,
            Saturated::Cycle(cycle) => {
                return Tried::Refuted(Prover::new(network, &rounds).cycle(&cycle));
            }
            Saturated::Dilemma(first, second) => {
                return Tried::Refuted(Prover::new(network, &rounds).dilemma(first, second));
            }
            Saturated::Order(order) => order,
        };
        let forward = Adjacency::forward(network.point_count, &network.edges);
        let (attempted, overlaps) = attempt(network, &forward, &order);
        drop(forward);
        rounds.order = order;
        if overlaps == 0 {
            return Tried::Order(attempted);
        }
        self.effort.searched = true;
        let limit = limit.unwrap_or_else(|| Limit::long(self.budget));
        self.search(network, &rounds, attempted, limit)
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

/// The order of points as moments.
fn moments(network: &Network<'_>, order: &[u32]) -> Vec<Moment> {
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
    moments
}
