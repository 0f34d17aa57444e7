//! Shrinking of refutations: few cycles that still leave no choice of orders.

use std::collections::BTreeMap;

use batsat::{BasicSolver, Lit, SolverInterface, lbool};

use super::search::Part;

/// Cycles that are tried to be left out one by one.
const MAX_TRIED: usize = 200;

/// A subset of cycles that still refutes every choice, small though not the smallest, and the
/// pairs of chains that they make assumptions about.
pub(super) fn shrink(mut cycles: Vec<Vec<Part>>) -> (Vec<Vec<Part>>, Vec<[u32; 2]>) {
    // Short ones first: the solver prefers them a little.
    cycles.sort_by_key(|cycle| (assumptions(cycle).len(), cycle.len()));
    cycles.dedup_by_key(|cycle| assumptions(cycle));
    let mut kept: Vec<usize> = (0..cycles.len()).collect();
    while let Some(core) = core(&cycles, &kept) {
        let smaller = core.len() < kept.len();
        kept = core;
        if !smaller {
            break;
        }
    }
    if kept.len() <= MAX_TRIED {
        // Long ones first.
        for place in (0..kept.len()).rev() {
            let mut fewer = kept.clone();
            if place >= fewer.len() {
                continue;
            }
            fewer.remove(place);
            if let Some(core) = core(&cycles, &fewer) {
                kept = core;
            }
        }
    }
    let kept: Vec<Vec<Part>> = kept.into_iter().map(|at| cycles[at].clone()).collect();
    let mut pairs: Vec<[u32; 2]> = kept
        .iter()
        .flat_map(|cycle| assumptions(cycle))
        .map(|(first, second)| [first.min(second), first.max(second)])
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    (kept, pairs)
}

/// What a cycle assumes, each once, sorted.
fn assumptions(cycle: &[Part]) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> = cycle
        .iter()
        .filter_map(|part| match part {
            Part::Assumed(first, second, _) => Some((*first, *second)),
            Part::Fixed(_) => None,
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Which of the cycles given suffice; `None` if even all of them leave a choice.
fn core(cycles: &[Vec<Part>], given: &[usize]) -> Option<Vec<usize>> {
    let mut solver = BasicSolver::default();
    let mut variables: BTreeMap<(u32, u32), Lit> = BTreeMap::new();
    let mut switches: Vec<(Lit, usize)> = Vec::new();
    for at in given {
        let switch = Lit::new(solver.new_var_default(), true);
        switches.push((switch, *at));
        let mut clause = vec![!switch];
        for (first, second) in assumptions(&cycles[*at]) {
            let pair = (first.min(second), first.max(second));
            let variable =
                *variables.entry(pair).or_insert_with(|| Lit::new(solver.new_var_default(), true));
            clause.push(if first < second { !variable } else { variable });
        }
        solver.add_clause_reuse(&mut clause);
    }
    let assumed: Vec<Lit> = switches.iter().map(|(switch, _)| *switch).collect();
    if solver.solve_limited(&assumed) != lbool::FALSE {
        return None;
    }
    let mut core: Vec<Lit> = solver.unsat_core().to_vec();
    core.sort_unstable();
    let used =
        |switch: Lit| core.binary_search(&!switch).is_ok() || core.binary_search(&switch).is_ok();
    Some(switches.into_iter().filter(|(switch, _)| used(*switch)).map(|(_, at)| at).collect())
}
