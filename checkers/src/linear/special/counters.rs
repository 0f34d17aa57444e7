//! Counters: by the order of their values where that is forced, by bounds elsewhere.

use rustc_hash::{FxHashMap, FxHashSet};

use super::slots::{Flaw, Slots};
use super::timeline::{Moment, Moments};
use super::{Contradiction, Special};
use crate::linear::CounterCall;
use crate::linear::model::{NEVER, Timed};

/// The step of an add that the chain does not lead to.
const UNREACHED: u32 = u32::MAX;

type Calls<'a> = &'a [Timed<CounterCall>];

/// Decides in two cases: if all amounts are equal, whatever was answered (each value is reached
/// once, see `slots.rs`); or if every add was told its value and no value comes twice (then
/// each call names its predecessor). Elsewhere finds a read that no sum explains (Jepsen's
/// bounds), or does not decide: with unlike amounts that nobody was told, the question contains
/// that of subset sums.
pub(crate) fn decide(calls: Calls<'_>) -> Option<Special> {
    if calls.iter().any(|timed| timed.end == NEVER && timed.call.known().is_some()) {
        return None;
    }
    let adds = || calls.iter().map(|timed| timed.call.amount()).filter(|amount| *amount != 0);
    let amount = adds().next().unwrap_or(1);
    if adds().all(|other| other == amount) {
        let steps = adds().count();
        return Some(special(equal_steps(calls, amount, steps), calls));
    }
    match chain(calls) {
        Some(Ok(())) => return Some(Special::linearizable("counter")),
        Some(flaw @ Err(_)) if all_told(calls) => return Some(special(flaw, calls)),
        Some(Err(_)) | None => {}
    }
    bounds(calls).map(|contradiction| Special::contradiction("counter", contradiction))
}

fn special(decided: Result<(), Flaw>, calls: Calls<'_>) -> Special {
    match decided {
        Ok(()) => Special::linearizable("counter"),
        Err(flaw) => Special::contradiction("counter", explain(flaw, calls)),
    }
}

/// Every step adds the same, so a value tells the number of steps before it.
fn equal_steps(calls: Calls<'_>, amount: i128, steps: usize) -> Result<(), Flaw> {
    let mut slots = Slots::new(calls, steps);
    for (number, timed) in calls.iter().enumerate() {
        let Some((old, new)) = timed.call.known() else {
            if timed.call.amount() != 0 {
                slots.fill(number);
            }
            continue;
        };
        let whole = old.checked_rem(amount) == Some(0);
        let done = old.checked_div(amount).and_then(|done| u64::try_from(done).ok());
        let done = done.filter(|_| whole).ok_or(Flaw::TooFew { call: number, begun: steps })?;
        if old == new {
            slots.see_done(done, number)?;
            slots.see_undone(done, number);
        } else {
            slots.occupy(done, number)?;
        }
    }
    slots.decide()
}

fn all_told(calls: Calls<'_>) -> bool {
    calls.iter().all(|timed| timed.call.known().is_some() || timed.call.amount() == 0)
}

/// The order that adds with answers have by themselves: each names its predecessor. Adds of
/// unknown outcome are left out. `None` if there are known ones without an answer, or if a
/// value may have come twice.
fn chain(calls: Calls<'_>) -> Option<Result<(), Flaw>> {
    let untold = |timed: &Timed<CounterCall>| {
        timed.end != NEVER && timed.call.amount() != 0 && timed.call.known().is_none()
    };
    if calls.iter().any(untold) {
        return None;
    }
    let mut found = Found::new(calls);
    let twice = found.olds.windows(2).find(|pair| pair[0].0 == pair[1].0);
    let twice = twice.map(|pair| Flaw::Twice(pair[0].1 as usize, pair[1].1 as usize));
    let mut step_of = vec![UNREACHED; found.olds.len()];
    let (mut value, mut steps) = (0i128, 0);
    let mut next = found.find(0);
    while let Some(at) = next.filter(|at| step_of[*at] == UNREACHED) {
        step_of[at] = steps;
        steps += 1;
        let amount = calls[found.olds[at].1 as usize].call.amount();
        value = value.saturating_add(amount);
        next = found.find(value);
    }
    let step = |old: i128| match found.find(old) {
        Some(at) if step_of[at] != UNREACHED => Some(u64::from(step_of[at])),
        None if old == value => Some(u64::from(steps)),
        Some(_) | None => None,
    };
    let result = match twice {
        Some(twice) => Err(twice),
        None => along(calls, steps as usize, step),
    };
    if (result.is_err() || next.is_some()) && !visits_once(calls) {
        return None;
    }
    Some(result)
}

/// Values that adds were told they found, ascending, each with the number of the call.
struct Found {
    olds: Vec<(i128, u32)>,
    /// Where the last one looked up was. The next one is mostly close by.
    near: usize,
}

impl Found {
    fn new(calls: Calls<'_>) -> Self {
        let changes = (0u32..).zip(calls).filter(|(_, timed)| timed.call.amount() != 0);
        let old = |(number, timed): (u32, &Timed<CounterCall>)| {
            timed.call.known().map(|(old, _)| (old, number))
        };
        let mut olds: Vec<(i128, u32)> = changes.filter_map(old).collect();
        olds.sort_unstable();
        Self { olds, near: 0 }
    }

    fn find(&mut self, old: i128) -> Option<usize> {
        let mut from = self.near.min(self.olds.len());
        let mut width = 1;
        while from > 0 && self.olds.get(from).is_none_or(|(other, _)| *other > old) {
            from = from.saturating_sub(width);
            width *= 2;
        }
        (self.near, width) = (from, 1);
        while self.olds.get(self.near).is_some_and(|(other, _)| *other < old) {
            (from, self.near) = (self.near, self.near + width);
            width *= 2;
        }
        let within = &self.olds[from..self.olds.len().min(self.near + 1)];
        let at = from + within.binary_search_by_key(&old, |(other, _)| *other).ok()?;
        self.near = at;
        Some(at)
    }
}

/// Whether no value can be reached twice, as far as adds were told their values: because the
/// counter only grows or only shrinks, or because all those values differ.
fn visits_once(calls: Calls<'_>) -> bool {
    let signs = |sign: i128| calls.iter().any(|timed| timed.call.amount().signum() == sign);
    if !(signs(1) && signs(-1)) {
        return true;
    }
    let mut reached: FxHashSet<i128> = FxHashSet::from_iter([0]);
    let mut changes =
        calls.iter().filter_map(|timed| timed.call.known()).filter(|(old, new)| old != new);
    changes.all(|(_, new)| reached.insert(new))
}

/// Puts calls to the steps at which the counter has the values that they found.
fn along(
    calls: Calls<'_>,
    steps: usize,
    mut step: impl FnMut(i128) -> Option<u64>,
) -> Result<(), Flaw> {
    let mut slots = Slots::new(calls, steps);
    for (number, timed) in calls.iter().enumerate() {
        let Some((old, new)) = timed.call.known() else { continue };
        let Some(done) = step(old) else {
            return Err(Flaw::TooFew { call: number, begun: steps });
        };
        if old == new {
            slots.see_done(done, number)?;
            slots.see_undone(done, number);
        } else {
            slots.occupy(done, number)?;
        }
    }
    slots.decide()
}

fn explain(flaw: Flaw, calls: Calls<'_>) -> Contradiction {
    let value = |number: usize| calls[number].call.known().map_or(0, |(_, new)| new);
    match flaw {
        Flaw::Twice(first, second) => Contradiction {
            kind: "lost-update",
            title: "Two adds to the same value".to_owned(),
            calls: vec![first, second],
            why: "Both adds were told that they changed the same value, but the counter has each \
                  value only once: one of them was forgotten."
                .to_owned(),
        },
        Flaw::Inverted(later, earlier) => Contradiction {
            kind: "stale-read",
            title: "The counter went back".to_owned(),
            calls: vec![earlier, later],
            why: format!(
                "The counter was at {} before the second call began, and that was told a value \
                 from before.",
                value(earlier)
            ),
        },
        Flaw::TooFew { call, begun } => Contradiction {
            kind: "phantom-update",
            title: format!("Counter at {}", value(call)),
            calls: vec![call],
            why: format!(
                "Of adds, at most {begun} can have happened by then, and they do not lead to this \
                 value."
            ),
        },
        Flaw::TooMany { first, last, between, known } => {
            let count = between.len() + known.len();
            let mut named: Vec<usize> = first.into_iter().chain(between).chain(known).collect();
            named.push(last);
            Contradiction {
                kind: "lost-update",
                title: "Acknowledged adds are missing".to_owned(),
                calls: named,
                why: format!(
                    "The last of these calls knew fewer than the {count} adds that come before it."
                ),
            }
        }
    }
}

/// Sums of the positive and of the negative amounts.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    up: i128,
    down: i128,
}

impl Sums {
    fn add(&mut self, amount: i128) {
        self.up = self.up.saturating_add(amount.max(0));
        self.down = self.down.saturating_add(amount.min(0));
    }
}

/// A call that was told a value below or above all that is possible: adds that had ended count,
/// those that had begun may count.
fn bounds(calls: Calls<'_>) -> Option<Contradiction> {
    let (mut ended, mut begun) = (Sums::default(), Sums::default());
    let mut ended_at_begin: FxHashMap<usize, Sums> = FxHashMap::default();
    for moment in Moments::new(calls) {
        let (Moment::Begin(number) | Moment::End(number)) = moment;
        let call = &calls[number].call;
        if moment == Moment::Begin(number) {
            begun.add(call.amount());
            if call.known().is_some() {
                ended_at_begin.insert(number, ended);
            }
            continue;
        }
        if let (Some((old, _)), Some(must)) = (call.known(), ended_at_begin.remove(&number)) {
            // The call itself has begun, but comes after what it found.
            let lowest = must.up.saturating_add(begun.down).saturating_sub(call.amount().min(0));
            let highest = must.down.saturating_add(begun.up).saturating_sub(call.amount().max(0));
            if !(lowest..=highest).contains(&old) {
                return Some(out_of_bounds(calls, number, old, (lowest, highest)));
            }
        }
        ended.add(call.amount());
    }
    None
}

fn out_of_bounds(
    calls: Calls<'_>,
    number: usize,
    old: i128,
    (lowest, highest): (i128, i128),
) -> Contradiction {
    let why = format!(
        "Counting what was acknowledged before it began, and what may or may not have happened \
         by its end, the counter was between {lowest} and {highest} when this call found {old}."
    );
    let Timed { start, end, .. } = calls[number];
    let (kind, sign) = if old < lowest { ("lost-update", 1) } else { ("phantom-update", -1) };
    let mut named: Vec<usize> = Vec::new();
    // Beyond 0 nobody led there at all. Otherwise: what had led away from there, the largest
    // amounts first, and what may have led back.
    if old.signum() != -sign {
        let away = |n: &usize| calls[*n].call.amount().saturating_mul(sign);
        let all = || (0..calls.len()).filter(|n| *n != number);
        named.extend(all().filter(|n| away(n) < 0 && calls[*n].start < end));
        let mut sum = named.iter().map(away).fold(0, i128::saturating_add);
        let mut far: Vec<usize> = all().filter(|n| away(n) > 0 && calls[*n].end < start).collect();
        far.sort_by_key(|n| (away(n).saturating_neg(), *n));
        for n in far {
            if sum > old.saturating_mul(sign) {
                break;
            }
            sum = sum.saturating_add(away(&n));
            named.push(n);
        }
        named.sort_unstable();
    }
    named.push(number);
    Contradiction { kind, title: format!("Counter at {old}"), calls: named, why }
}
