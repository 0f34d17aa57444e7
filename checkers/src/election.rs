//! Elections: at most one leader a term, and terms that do not go back.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::monotonic::falls::{Call, Fall, in_real_time, in_sessions};
use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Anomaly, Budget, Checker, Finding, History, Operation, Step};

/// Judges `campaign candidate`, answered with `[term, candidate]` if it was elected, `resign candidate`,
/// and `observe null`, answered with `[term, leader]`, where nobody leads in that term any more if the
/// leader is null. No term has two leaders, whoever tells of them, and for no process do terms go
/// back. Linear, and a sort if real time counts.
///
/// Two who believe at the same time that they lead, in different terms, are no anomaly: the one that
/// was replaced cannot know it. How often that was is counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeaderElection {
    /// Terms do not go back between calls of different processes, either.
    pub globally: bool,
}

impl Checker for LeaderElection {
    fn name(&self) -> &str {
        "leader-election"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let calls = match read(&operations) {
            Ok(calls) => calls,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let (mut tally, leaders) = two_leaders(&operations, &calls);
        let twice = tally.count();
        let mut back = Tally::default();
        for fall in in_sessions(&operations, &calls) {
            back.add(|| regression(&operations, fall, true));
        }
        if self.globally {
            for fall in in_real_time(&operations, &calls, 1) {
                back.add(|| regression(&operations, fall, false));
            }
        }
        let overlaps = Overlaps::new(&operations);
        let stats = json!({
            "terms_with_a_leader": leaders,
            "elected": calls.iter().filter(|call| call.raises).count(),
            "observed": calls.iter().filter(|call| !call.raises).count(),
            "terms_with_two_leaders": twice,
            "terms_gone_back": back.count(),
            "overlapping_leaderships": overlaps.count,
            "longest_overlap_ms": overlaps.longest as f64 / 1e6,
        });
        tally = tally.and(back);
        let nothing = "nobody was told of any leader, so nothing can be judged".to_owned();
        tally.conclude(self.name(), (leaders == 0).then_some(nothing), stats)
    }
}

/// Campaigns and observations with an answer, by begin.
fn read(operations: &[Operation<'_>]) -> Result<Vec<Call>, String> {
    let mut calls = Vec::with_capacity(operations.len());
    for (number, operation) in (0u32..).zip(operations) {
        let raises = match operation.f {
            "campaign" => true,
            "observe" => false,
            "resign" => continue,
            f => {
                return Err(format!(
                    "operation {} is `{f}`, but there are only campaign, resign and observe",
                    operation.index
                ));
            }
        };
        let Some(output) = operation.output() else { continue };
        let term = match output.as_array().map(Vec::as_slice) {
            Some([term, leader]) if !(raises && leader.is_null()) => term.as_i64(),
            _ => None,
        };
        let Some(term) = term else {
            return Err(format!(
                "operation {} was answered with {}, where [term, leader] should be",
                operation.index,
                shortened(output)
            ));
        };
        calls.push(Call { key: 0, number: Some(term), raises, operation: number });
    }
    Ok(calls)
}

/// Terms with two leaders, each told once, and how many terms have any.
fn two_leaders(operations: &[Operation<'_>], calls: &[Call]) -> (Tally, usize) {
    let leader = |at: u32| operations[at as usize].output().map_or(&Value::Null, |told| &told[1]);
    let mut first: FxHashMap<i64, (u32, bool)> = FxHashMap::default();
    let mut tally = Tally::default();
    for call in calls {
        let told = leader(call.operation);
        let Some(term) = call.number.filter(|_| !told.is_null()) else { continue };
        let (earlier, known) = first.entry(term).or_insert((call.operation, false));
        if *known || leader(*earlier) == told {
            continue;
        }
        *known = true;
        let both = [*earlier, call.operation].map(|at| &operations[at as usize]);
        tally.add(|| two(term, both));
    }
    (tally, first.len())
}

fn two(term: i64, told: [&Operation<'_>; 2]) -> Anomaly {
    let leaders = told.map(|by| by.output().map(|told| shortened(&told[1])).unwrap_or_default());
    let steps = told.map(tell).to_vec();
    let explanation = format!(
        "In term {term} both {} and {} were leaders. Whoever relies on there being one leader a term \
         obeys two, and nothing says which of them is to be refused.",
        leaders[0], leaders[1]
    );
    let title = format!("Two leaders in term {term}");
    anomaly("two-leaders", title, explanation, steps, &["linearizable", "leader-election"])
}

fn tell(operation: &Operation<'_>) -> Step {
    let part = |at| operation.output().map(|told| shortened(&told[at])).unwrap_or_default();
    match (operation.f, &*part(1)) {
        ("campaign", leader) => {
            step(operation, &format!("campaigned, and {leader} was elected in term {},", part(0)))
        }
        (_, "null") => step(operation, &format!("was told that nobody leads in term {}", part(0))),
        (_, leader) => {
            step(operation, &format!("was told that {leader} leads in term {}", part(0)))
        }
    }
}

fn regression(operations: &[Operation<'_>], fall: Fall, session: bool) -> Anomaly {
    let (early, late) = (&operations[fall.early as usize], &operations[fall.late as usize]);
    let term = |operation: &Operation<'_>| {
        operation.output().map(|told| shortened(&told[0])).unwrap_or_default()
    };
    let (high, low) = (term(early), term(late));
    let whom = match session {
        true => format!("process {} itself", late.process),
        false => "another process".to_owned(),
    };
    let why = match fall.raises {
        true => "Who is elected later is elected in a later term",
        false => "Terms do not go back",
    };
    let explanation =
        format!("{why}, but {whom} had been told of term {high} before it came to term {low}.");
    let rules: &[&str] = match session {
        true => &["monotonic-reads", "sequential", "linearizable"],
        false => &["linearizable"],
    };
    let title = format!("Term {low} after term {high}");
    anomaly("term-regression", title, explanation, vec![tell(early), tell(late)], rules)
}

/// Leaderships that certainly overlapped: from the end of a campaign to the begin of the resignation
/// that its process asked for next.
#[derive(Default)]
struct Overlaps {
    count: u64,
    /// Nanoseconds.
    longest: u64,
}

impl Overlaps {
    fn new(operations: &[Operation<'_>]) -> Self {
        let mut leading: FxHashMap<u32, &Operation<'_>> = FxHashMap::default();
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for operation in operations {
            if operation.f == "campaign" && operation.is_ok() {
                leading.insert(operation.process, operation);
            } else if operation.f == "resign"
                && let Some(campaign) = leading.remove(&operation.process)
                && let Some(elected) = campaign.returned
            {
                spans.push((elected, operation.called));
            }
        }
        spans.sort_unstable();
        let (mut all, mut until) = (Self::default(), 0);
        for (elected, resigned) in spans {
            let overlap = until.min(resigned).saturating_sub(elected);
            all.count += u64::from(overlap > 0);
            all.longest = all.longest.max(overlap);
            until = until.max(resigned);
        }
        all
    }
}

#[cfg(test)]
mod tests;
