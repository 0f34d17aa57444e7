//! Identifiers: none twice, and in order of time if they are to increase.

use super::{Contradiction, Special};
use crate::linear::Generate;
use crate::linear::model::{NEVER, Timed};

/// Decides by sorting: n log n. Identifiers that increase allow one order, that of their
/// values, and no call may have begun after one that follows it had ended.
pub(crate) fn decide(calls: &[Timed<Generate>], monotonic: bool) -> Special {
    let order = |call: &Generate| if monotonic { call.order } else { i128::from(call.id) };
    let known = (0u32..).zip(calls).filter(|(_, timed)| timed.end != NEVER);
    let mut sorted: Vec<(i128, u32)> =
        known.map(|(number, timed)| (order(&timed.call), number)).collect();
    sorted.sort_unstable();
    // The last to begin of the calls with smaller identifiers.
    let mut latest: Option<usize> = None;
    let mut before: Option<(i128, u32)> = None;
    for (order, number) in sorted {
        let this = number as usize;
        if let Some((_, other)) = before.filter(|(other, _)| *other == order) {
            return flaw("duplicate-id", "Identifier given twice", [other as usize, this]);
        }
        if let Some(other) = latest.filter(|n| monotonic && calls[*n].start > calls[this].end) {
            let title = "Identifier smaller than an earlier one";
            return flaw("id-inversion", title, [this, other]);
        }
        latest = latest.filter(|n| calls[*n].start > calls[this].start).or(Some(this));
        before = Some((order, number));
    }
    Special::linearizable("ids")
}

fn flaw(kind: &'static str, title: &str, calls: [usize; 2]) -> Special {
    let why = match kind {
        "duplicate-id" => "Both calls were given the same identifier.",
        _ => "The second call began after the first had ended, and was given a smaller identifier.",
    };
    let (title, calls, why) = (title.to_owned(), calls.to_vec(), why.to_owned());
    Special::contradiction("ids", Contradiction { kind, title, calls, why })
}
