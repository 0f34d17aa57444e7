//! Growing identifiers: each greater than those that were acknowledged before it was asked for.

use serde_json::{Value, json};

use super::generated_id;
use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Anomaly, Operation, Step};

/// Greater identifiers that are told one by one.
const MAX_TOLD: usize = 5;

/// How far identifiers may be out of order; not at all by default, which is *monotonic*. Only calls
/// that certainly followed one another count, so what runs at the same time may be in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// So many identifiers acknowledged before a call began may be greater than its own: what is
    /// k-sorted has no more than k.
    pub inversions: u64,
    /// Identifiers may be greater if they were acknowledged so many milliseconds, or less, before
    /// the call began: what sorts by time, to so many milliseconds, has none from before that.
    pub milliseconds: u64,
}

/// What became of the judgement.
pub(super) struct Judged {
    pub(super) tally: Tally,
    pub(super) reason: Option<String>,
    pub(super) stats: Value,
}

/// An identifier that can be compared with others of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id<'h> {
    Number(i128),
    Text(&'h str),
}

/// An identifier that was given out.
struct Given<'h> {
    id: Id<'h>,
    operation: &'h Operation<'h>,
    /// Its place among all of them; equal ones have equal places.
    rank: u32,
}

impl Order {
    /// Goes through the calls by begin, with all that were over long enough before in a tree of
    /// sums by rank. n log n.
    pub(super) fn judge(self, operations: &[Operation<'_>]) -> Judged {
        let mut given = match read(operations) {
            Ok(given) => given,
            Err(reason) => {
                return Judged {
                    tally: Tally::default(),
                    reason: Some(reason),
                    stats: Value::Null,
                };
            }
        };
        let by_id = rank(&mut given);
        let mut by_end: Vec<u32> = (0..given.len() as u32).collect();
        by_end.sort_by_key(|at| given[*at as usize].operation.end());
        let (mut tally, mut sums) = (Tally::default(), Sums::new(given.len()));
        let (mut over, mut inverted, mut most) = (0, 0u64, 0u64);
        for late in &given {
            while over < by_end.len() && self.counts(&given[by_end[over] as usize], late) {
                sums.add(given[by_end[over] as usize].rank);
                over += 1;
            }
            let greater = over as u64 - sums.up_to(late.rank);
            inverted += u64::from(greater > 0);
            most = most.max(greater);
            if greater > self.inversions {
                tally.add(|| self.inversion(&given, late, greater));
            }
        }
        let behind = latest(&given, &by_id);
        let stats = json!({
            "inverted": inverted,
            "most_inversions": most,
            "most_milliseconds": behind as f64 / 1e6,
        });
        Judged { tally, reason: None, stats }
    }

    /// Whether `early` was over long enough before `late` began. Both by begin and by end, this goes
    /// from true to false once.
    fn counts(self, early: &Given<'_>, late: &Given<'_>) -> bool {
        early.operation.end() < late.operation.index
            && (self.milliseconds == 0
                || apart(early, late) > self.milliseconds.saturating_mul(1_000_000))
    }

    fn inversion(self, given: &[Given<'_>], late: &Given<'_>, greater: u64) -> Anomaly {
        let mut before: Vec<&Given<'_>> =
            given.iter().filter(|early| early.id > late.id && self.counts(early, late)).collect();
        // The greatest are the plainest.
        before.sort_by_key(|early| (std::cmp::Reverse(early.id), early.operation.index));
        before.truncate(MAX_TOLD.min(1 + usize::try_from(self.inversions).unwrap_or(usize::MAX)));
        before.sort_by_key(|early| early.operation.end());
        let told = |given: &Given<'_>| {
            let id = given.operation.output().map(shortened).unwrap_or_default();
            (id.clone(), step(given.operation, &format!("was given {id}")))
        };
        let mut steps: Vec<Step> = before.iter().map(|early| told(early).1).collect();
        let (id, last) = told(late);
        steps.push(last);
        let count = if greater == 1 { "One".to_owned() } else { greater.to_string() };
        let when = match self.milliseconds {
            0 => "before its call began".to_owned(),
            ms => format!("more than {ms} ms before its call began"),
        };
        let allowed = match self.inversions {
            0 => "none may be".to_owned(),
            most => format!("at most {most} may be"),
        };
        let explanation = format!(
            "{count} of the identifiers that had been given out {when} {} greater than {id}; \
             {allowed}. Sorted by identifier, what came later comes first.",
            if greater == 1 { "is" } else { "are" }
        );
        let title = format!("Identifier {id} is smaller than earlier ones");
        anomaly("id-inversion", title, explanation, steps, &["monotonic-ids"])
    }
}

/// Nanoseconds between the end of one call and the begin of another.
fn apart(early: &Given<'_>, late: &Given<'_>) -> u64 {
    late.operation.called.saturating_sub(early.operation.returned.unwrap_or(u64::MAX))
}

/// All that was given out, by begin. The error says why it cannot be put in order.
fn read<'h>(operations: &'h [Operation<'h>]) -> Result<Vec<Given<'h>>, String> {
    let mut given: Vec<Given<'_>> = Vec::with_capacity(operations.len());
    for operation in operations {
        let Some(value) = generated_id(operation) else { continue };
        let id = match value {
            Value::Number(number) if number.is_i64() => {
                number.as_i64().map(|n| Id::Number(n.into()))
            }
            Value::Number(number) => number.as_u64().map(|n| Id::Number(n.into())),
            Value::String(text) => Some(Id::Text(text)),
            _ => None,
        };
        let alike = |id: &Id<'_>| match given.first() {
            Some(first) => std::mem::discriminant(&first.id) == std::mem::discriminant(id),
            None => true,
        };
        let Some(id) = id.filter(alike) else {
            return Err(format!(
                "operation {} was given {}, but only integers can be compared, or only texts",
                operation.index,
                shortened(value)
            ));
        };
        given.push(Given { id, operation, rank: 0 });
    }
    Ok(given)
}

/// Numbers identifiers by size, from 0, and answers who they are in that order.
fn rank(given: &mut [Given<'_>]) -> Vec<u32> {
    let mut by_id: Vec<u32> = (0..given.len() as u32).collect();
    by_id.sort_by_key(|at| given[*at as usize].id);
    let mut rank = 0;
    for at in 0..by_id.len() {
        if at > 0 && given[by_id[at] as usize].id != given[by_id[at - 1] as usize].id {
            rank += 1;
        }
        given[by_id[at] as usize].rank = rank;
    }
    by_id
}

/// The longest time, in nanoseconds, by which any call began after one was over that got a greater
/// identifier.
fn latest(given: &[Given<'_>], by_id: &[u32]) -> u64 {
    let (mut latest, mut first, mut equal) = (0, u64::MAX, (u32::MAX, u64::MAX));
    for at in by_id.iter().rev() {
        let one = &given[*at as usize];
        if equal.0 != one.rank {
            first = first.min(equal.1);
            equal = (one.rank, u64::MAX);
        }
        latest = latest.max(one.operation.called.saturating_sub(first));
        equal.1 = equal.1.min(one.operation.returned.unwrap_or(u64::MAX));
    }
    latest
}

/// How many there are of each rank, added up by a tree (Fenwick, *A new data structure for
/// cumulative frequency tables*, 1994).
struct Sums(Vec<u32>);

impl Sums {
    fn new(ranks: usize) -> Self {
        Self(vec![0; ranks + 1])
    }

    fn add(&mut self, rank: u32) {
        let mut at = rank as usize + 1;
        while at < self.0.len() {
            self.0[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// How many have this rank or a smaller one.
    fn up_to(&self, rank: u32) -> u64 {
        let (mut at, mut sum) = (rank as usize + 1, 0);
        while at > 0 {
            sum += u64::from(self.0[at]);
            at &= at - 1;
        }
        sum
    }
}
