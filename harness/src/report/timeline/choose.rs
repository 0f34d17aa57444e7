//! Which operations a timeline holds when there are too many: those around anomalies and faults.

use perjury_checkers::Operation;
use std::ops::Range;

/// A stretch of the run whose operations were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Nanoseconds since the run began.
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) count: usize,
}

/// Ranges of positions, in order and apart from each other, of at most `max` operations in all:
/// those called closest to one of the `moments`, and to the beginning and the end of the run.
/// `operations` are in order of their calls.
pub(super) fn choose(
    operations: &[Operation<'_>],
    moments: &[u64],
    max: usize,
) -> Vec<Range<usize>> {
    let (Some(first), Some(last)) = (operations.first(), operations.last()) else {
        return Vec::new();
    };
    if operations.len() <= max {
        return std::iter::once(0..operations.len()).collect();
    }
    let mut anchors = moments.to_vec();
    anchors.extend([first.called, last.called]);
    anchors.sort_unstable();
    anchors.dedup();
    // The widest windows around the anchors that still fit.
    let (mut fits, mut too_wide) = (None, last.called.saturating_add(1));
    let mut radius = too_wide / 2;
    loop {
        let ranges = around(operations, &anchors, radius);
        if ranges.iter().map(Range::len).sum::<usize>() <= max {
            fits = Some((radius, ranges));
        } else {
            too_wide = radius;
        }
        let low = fits.as_ref().map_or(0, |(radius, _)| *radius);
        if too_wide <= low + 1 {
            break;
        }
        radius = low + (too_wide - low) / 2;
    }
    // With more calls at single moments than fit, the beginning of the run is all that is left.
    fits.map_or_else(|| std::iter::once(0..max).collect(), |(_, ranges)| ranges)
}

fn around(operations: &[Operation<'_>], anchors: &[u64], radius: u64) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for anchor in anchors {
        let (from, to) = (anchor.saturating_sub(radius), anchor.saturating_add(radius));
        let start = operations.partition_point(|operation| operation.called < from);
        let end = operations.partition_point(|operation| operation.called <= to);
        match ranges.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ if start < end => ranges.push(start..end),
            _ => {}
        }
    }
    ranges
}

/// What lies between the ranges, as stretches of time.
pub(super) fn gaps(operations: &[Operation<'_>], chosen: &[Range<usize>], end_ns: u64) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut at = 0;
    for range in chosen.iter().cloned().chain(std::iter::once(operations.len()..operations.len())) {
        if at < range.start {
            gaps.push(Gap {
                from: operations[at].called,
                to: operations.get(range.start).map_or(end_ns, |operation| operation.called),
                count: range.start - at,
            });
        }
        at = range.end;
    }
    gaps
}
