//! Falls: numbers that only ever grow, and are seen to fall.

use rustc_hash::FxHashMap;

use crate::Operation;

/// What a number was known to be, and by which operation.
#[derive(Clone, Copy)]
struct Known {
    /// `None` before it was raised for the first time.
    number: Option<i64>,
    by: u32,
}

/// A call with its answer.
pub(crate) struct Call {
    pub(crate) key: u32,
    pub(crate) number: Option<i64>,
    /// Whether it must show more than was known before, and not only as much.
    pub(crate) raises: bool,
    pub(crate) operation: u32,
}

/// A call that shows less than it has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fall {
    /// Who had shown more before.
    pub(crate) early: u32,
    pub(crate) late: u32,
    pub(crate) raises: bool,
}

/// Whether this is possible after that.
pub(super) fn fits(call: &Call, number: Option<i64>) -> bool {
    if call.raises { call.number > number } else { call.number >= number }
}

/// Each process by itself; calls by begin. Linear.
pub(crate) fn in_sessions(operations: &[Operation<'_>], calls: &[Call]) -> Vec<Fall> {
    let mut falls = Vec::new();
    let mut known: FxHashMap<(u32, u32), Known> = FxHashMap::default();
    for call in calls {
        let now = Known { number: call.number, by: call.operation };
        let process = operations[call.operation as usize].process;
        let last = known.entry((call.key, process)).or_insert(now);
        if last.by != now.by && !fits(call, last.number) {
            falls.push(Fall { early: last.by, late: now.by, raises: call.raises });
        }
        if now.number > last.number {
            *last = now;
        }
    }
    falls
}

/// Calls of different processes, of which one was over before the other began; calls by begin. A sort
/// by end.
pub(crate) fn in_real_time(operations: &[Operation<'_>], calls: &[Call], keys: usize) -> Vec<Fall> {
    let of = |call: &Call| &operations[call.operation as usize];
    let mut by_end: Vec<u32> = (0..calls.len() as u32).collect();
    by_end.sort_by_key(|at| of(&calls[*at as usize]).end());
    let mut falls = Vec::new();
    let mut known: Vec<Option<Known>> = vec![None; keys];
    let mut over = 0;
    for call in calls {
        let begun = of(call).index;
        while let Some(ended) = by_end.get(over).map(|at| &calls[*at as usize])
            && of(ended).end() < begun
        {
            let known = &mut known[ended.key as usize];
            if known.is_none_or(|known| ended.number > known.number) {
                *known = Some(Known { number: ended.number, by: ended.operation });
            }
            over += 1;
        }
        if let Some(last) = known[call.key as usize]
            && !fits(call, last.number)
            && operations[last.by as usize].process != of(call).process
        {
            falls.push(Fall { early: last.by, late: call.operation, raises: call.raises });
        }
    }
    falls
}
