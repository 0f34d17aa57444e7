//! Random small histories, about half of them right.

use super::Sampled;
use crate::linear::model::{NEVER, Timed, Values};
use crate::linear::synthetic::Random;

/// At most `most` calls ordered by start: about half of the histories as an atomic object would
/// answer them, the rest with something changed, which often makes them wrong. Some calls are
/// unknown, most of them without the answer that nobody learnt.
pub(crate) fn small_history<M: Sampled>(
    model: &M,
    random: &mut Random,
    most: usize,
) -> Vec<Timed<M::Call>> {
    let mut calls = atomic(model, random, most);
    if random.chance(50) && !calls.is_empty() {
        for _ in 0..=random.below(2) {
            let at = random.below(calls.len() as u64) as usize;
            match random.below(4) {
                0 if calls.len() > 1 => drop(calls.remove(at)),
                1 => {
                    let other = random.below(calls.len() as u64) as usize;
                    let call = calls[at].call.clone();
                    calls[at].call = std::mem::replace(&mut calls[other].call, call);
                }
                _ => calls[at].call = model.sample(random),
            }
        }
    }
    calls
}

/// Calls that take effect one after another, each between its begin and its end.
fn atomic<M: Sampled>(model: &M, random: &mut Random, most: usize) -> Vec<Timed<M::Call>> {
    let wanted = 1 + random.below(most as u64) as usize;
    let width = 1 + random.below(4) as usize;
    let unknown = [0, 15, 50][random.below(3) as usize];
    let mut state = model.initial(&mut Values::default());
    let mut calls: Vec<Timed<Option<M::Call>>> = Vec::new();
    // Calls that have begun and not ended, and whether they have taken effect.
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut position = 0;
    while calls.len() < wanted || !open.is_empty() {
        let at = random.below(open.len() as u64 + 1) as usize;
        if at == open.len() {
            let busy = open.iter().filter(|(number, _)| calls[*number].end != NEVER).count();
            if calls.len() < wanted && busy < width {
                let end = if random.chance(unknown) { NEVER } else { 0 };
                open.push((calls.len(), false));
                calls.push(Timed { call: None, start: position, end });
                position += 1;
            }
            continue;
        }
        let (number, done) = open[at];
        let unanswered = calls[number].end == NEVER;
        if !done {
            let happens = !unanswered || random.chance(50);
            let call = if happens { act(model, random, &mut state) } else { model.sample(random) };
            let told = !unanswered || random.chance(10);
            calls[number].call = if told { Some(call) } else { model.unanswered(call) };
            open[at].1 = true;
        } else {
            if !unanswered {
                calls[number].end = position;
                position += 1;
            }
            open.swap_remove(at);
        }
    }
    let known = |Timed { call, start, end }: Timed<Option<M::Call>>| {
        call.map(|call| Timed { call, start, end })
    };
    calls.into_iter().filter_map(known).collect()
}

/// A call that is possible in `state`, which goes on from there; any call if none is found.
pub(crate) fn act<M: Sampled>(model: &M, random: &mut Random, state: &mut M::State) -> M::Call {
    let mut suited = model.suited(state).filter(|_| random.chance(40));
    for _ in 0..20 {
        let call = suited.take().unwrap_or_else(|| model.sample(random));
        let mut next = Vec::new();
        model.steps(state, &call, &mut |after| next.push(after));
        if !next.is_empty() {
            *state = next.swap_remove(random.below(next.len() as u64) as usize);
            return call;
        }
    }
    model.sample(random)
}
