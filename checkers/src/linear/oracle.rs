//! The oracle of the tests: tries every order of a few calls, knowing nothing but the model.

use rustc_hash::FxHashSet;

use super::model::{Model, NEVER, Timed};

/// Whether some order of these calls, each known one at one moment between its start and its
/// end and each unknown one after its start or never, is what the model does. Exponential: for
/// a dozen calls.
pub(crate) fn brute_force<M: Model>(
    model: &M,
    initial: &M::State,
    calls: &[Timed<M::Call>],
) -> bool {
    let precedes = |a: &Timed<M::Call>, b: &Timed<M::Call>| a.end < b.start;
    brute_force_order(model, initial, calls, &precedes)
}

/// Whether one call, if it happens, comes before another.
pub(crate) type Precedes<'a, M> =
    dyn Fn(&Timed<<M as Model>::Call>, &Timed<<M as Model>::Call>) -> bool + 'a;

/// The same for any order that has to be kept: `precedes(a, b)` says that `a`, if it happens,
/// comes before `b`.
pub(crate) fn brute_force_order<M: Model>(
    model: &M,
    initial: &M::State,
    calls: &[Timed<M::Call>],
    precedes: &Precedes<'_, M>,
) -> bool {
    assert!(calls.len() <= 16, "too many calls for brute force");
    let known = calls.iter().enumerate().filter(|(_, timed)| timed.end != NEVER);
    let wanted = known.fold(0u32, |mask, (number, _)| mask | 1 << number);
    // An unknown call may be left out, so it holds nothing back; what it precedes waits for it
    // only if it happens, which is why it cannot be taken any more once that was taken.
    let before = |mask: u32, next: usize| {
        (0..calls.len()).all(|other| {
            let taken = mask & 1 << other != 0;
            let must_wait = !taken
                && calls[other].end != NEVER
                && other != next
                && precedes(&calls[other], &calls[next]);
            let too_late = taken && other != next && precedes(&calls[next], &calls[other]);
            !must_wait && !too_late
        })
    };
    let mut seen: FxHashSet<(u32, M::State)> = FxHashSet::default();
    let mut left = vec![(0u32, initial.clone())];
    while let Some((mask, state)) = left.pop() {
        if mask & wanted == wanted {
            return true;
        }
        if !seen.insert((mask, state.clone())) {
            continue;
        }
        for next in (0..calls.len()).filter(|next| mask & 1 << next == 0) {
            if before(mask, next) {
                let taken = mask | 1 << next;
                model.steps(&state, &calls[next].call, &mut |after| left.push((taken, after)));
            }
        }
    }
    false
}
