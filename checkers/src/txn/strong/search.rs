//! The search: pairs of chains that saturation left open, as variables of a SAT solver with a
//! theory of acyclic networks.
//!
//! Pairs become variables only when some order of all points leaves both chains open at the same
//! time. So a history whose order is nearly known needs few of them, and a proof names few.

use batsat::{Callbacks, Lit, Solver, SolverInterface, SolverOpts, Theory, TheoryArg, lbool};
use rustc_hash::FxHashMap;

use super::adjacency::Adjacency;
use super::dynamic::{Dynamic, Hop};
use super::network::{Edge, Network};
use super::schedule;
use crate::Budget;

/// A hop of a cycle: an edge of the network by number, or one of an assumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Fixed(u32),
    /// That the first chain comes before the second.
    Assumed(u32, u32, Edge),
}

/// How the search ended.
#[derive(Debug)]
pub(super) enum Searched {
    /// The positions of all points in an order without overlaps.
    Order(Vec<u32>),
    /// Cycles, of which every choice of orders closes at least one.
    Cycles(Vec<Vec<Part>>),
    Cancelled,
    /// More work than was allowed.
    TooHard,
}

/// How much work a search may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) conflicts: usize,
    /// Points that are looked at to keep an order of them.
    pub(super) looks: usize,
}

impl Limit {
    /// About as much as looking at the network a few times.
    pub(super) fn short(network: &Network<'_>) -> Self {
        Self { conflicts: 2_000, looks: 20 * network.edges.len() + 100_000 }
    }

    /// As far as memory goes.
    pub(super) fn long(budget: &Budget) -> Self {
        Self { conflicts: budget.max_states / 16, looks: usize::MAX }
    }
}

/// Decides. `order` is one of the network's. Adds to the conflicts that were met.
pub(super) fn search(
    network: &Network<'_>,
    order: &[u32],
    limit: Limit,
    budget: &Budget,
    conflicts: &mut u64,
) -> Searched {
    let forward = Adjacency::forward(network.point_count, &network.edges);
    let backward = Adjacency::backward(network.point_count, &network.edges);
    let mut acyclic = Acyclic {
        order: Dynamic::new(&forward, &backward, order),
        choices: Vec::new(),
        causes: Vec::new(),
        levels: Vec::new(),
        seen: 0,
        cycles: Vec::new(),
        most_looks: limit.looks,
    };
    // There are only learnt clauses; by default hardly any would be kept.
    let options = SolverOpts { min_learnts_lim: 20_000, ..SolverOpts::default() };
    let limits = Limits { budget: budget.clone(), conflicts: 0, most: limit.conflicts };
    let mut solver = Solver::new(options, limits);
    let mut variables: FxHashMap<(u32, u32), ()> = FxHashMap::default();
    loop {
        let mut fresh = 0;
        for (_, earlier, later) in schedule::overlaps(network, &acyclic.order.positions) {
            let pair = (earlier.min(later), earlier.max(later));
            if variables.insert(pair, ()).is_none() {
                // False is tried first: the order as it is.
                solver.new_var(lbool::UNDEF, true);
                let orders = [(earlier, later), (later, earlier)];
                let [kept, reversed] =
                    orders.map(|(first, second)| network.option(first, second).collect());
                acyclic.choices.push(Choice { earlier, later, edges: [kept, reversed] });
                fresh += 1;
            }
        }
        if fresh == 0 {
            return Searched::Order(acyclic.order.positions);
        }
        let before = acyclic.cycles.len();
        let answer = solver.solve_limited_th(&mut acyclic, &[]);
        *conflicts += (acyclic.cycles.len() - before) as u64;
        if answer == lbool::FALSE {
            return Searched::Cycles(acyclic.cycles);
        }
        if answer != lbool::TRUE || acyclic.is_tired() {
            let cancelled = budget.is_cancelled();
            return if cancelled { Searched::Cancelled } else { Searched::TooHard };
        }
    }
}

/// Stops the solver when time or memory is up.
struct Limits {
    budget: Budget,
    conflicts: usize,
    most: usize,
}

impl Callbacks for Limits {
    fn on_new_clause(&mut self, clause: &[Lit], _: batsat::ClauseKind) {
        self.conflicts += 1 + clause.len() / 64;
    }

    fn stop(&self) -> bool {
        self.conflicts > self.most || self.budget.is_cancelled()
    }
}

/// Two chains, and the edges of either order.
#[derive(Debug)]
struct Choice {
    earlier: u32,
    later: u32,
    /// As it was, and the other way round.
    edges: [Vec<Edge>; 2],
}

/// The theory: chosen edges close no cycle with the network's.
struct Acyclic<'n> {
    order: Dynamic<'n>,
    /// Per variable.
    choices: Vec<Choice>,
    /// Per added edge the literal, and the number of the edge in its choice.
    causes: Vec<(Lit, usize)>,
    /// Per level how many literals and added edges there were before it.
    levels: Vec<(usize, usize)>,
    seen: usize,
    cycles: Vec<Vec<Part>>,
    most_looks: usize,
}

impl Acyclic<'_> {
    /// Whether the order was kept only up to some literal, as more would be too much work. What
    /// the solver says then is no longer believed, unless it is a contradiction.
    fn is_tired(&self) -> bool {
        self.order.looks > self.most_looks
    }

    /// Adds the edges of a literal; the error is a clause that they contradict.
    fn assume(&mut self, literal: Lit) -> Result<(), Vec<Lit>> {
        let choice = &self.choices[literal.var().idx() as usize];
        let edges = &choice.edges[usize::from(literal.sign())];
        for (number, edge) in edges.iter().enumerate() {
            match self.order.add(edge.from, edge.to) {
                Ok(()) => self.causes.push((literal, number)),
                Err(path) => {
                    let mut clause = vec![!literal];
                    let mut cycle = vec![self.part(literal, number)];
                    for hop in path {
                        match hop {
                            Hop::Fixed(edge) => cycle.push(Part::Fixed(edge)),
                            Hop::Added(edge) => {
                                let (cause, number) = self.causes[edge as usize];
                                cycle.push(self.part(cause, number));
                                clause.push(!cause);
                            }
                        }
                    }
                    clause.sort_unstable();
                    clause.dedup();
                    self.cycles.push(cycle);
                    return Err(clause);
                }
            }
        }
        Ok(())
    }

    fn part(&self, literal: Lit, number: usize) -> Part {
        let choice = &self.choices[literal.var().idx() as usize];
        let edge = choice.edges[usize::from(literal.sign())][number];
        if literal.sign() {
            Part::Assumed(choice.later, choice.earlier, edge)
        } else {
            Part::Assumed(choice.earlier, choice.later, edge)
        }
    }
}

impl Theory for Acyclic<'_> {
    fn partial_check(&mut self, acts: &mut TheoryArg<'_>) {
        while let Some(literal) = acts.model().get(self.seen).copied() {
            self.seen += 1;
            if self.is_tired() {
                continue;
            }
            if let Err(clause) = self.assume(literal) {
                acts.raise_conflict(&clause, false);
                return;
            }
        }
    }

    fn final_check(&mut self, acts: &mut TheoryArg<'_>) {
        self.partial_check(acts);
    }

    fn create_level(&mut self) {
        self.levels.push((self.seen, self.order.added()));
    }

    fn pop_levels(&mut self, n: usize) {
        let keep = self.levels.len().saturating_sub(n);
        if let Some((seen, added)) = self.levels.get(keep).copied() {
            self.seen = seen;
            self.order.truncate(added);
            self.causes.truncate(added);
            self.levels.truncate(keep);
        }
    }

    fn n_levels(&self) -> usize {
        self.levels.len()
    }

    fn explain_propagation(&mut self, _: Lit) -> &[Lit] {
        // Nothing is propagated.
        &[]
    }
}
