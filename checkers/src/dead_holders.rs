//! Locks that stay taken though nobody who is alive can have them.

mod holds;

use serde_json::json;

pub use self::holds::is_not_held;
use self::holds::{End, Hold, Refusal, Traces};
use crate::tally::{Tally, anomaly, quantiles};
use crate::words::seconds;
use crate::{Anomaly, Budget, Checker, Finding, History, Step};

const NAME: &str = "dead-holders";

/// Judges `acquire` and `release` of one lock for what the order of grants does not show: whether it is
/// taken back from a holder that is gone. A process is gone when one of its calls has no answer, a
/// [`crash`](crate::history::CRASH) among them; its client closes the connection then.
///
/// An `acquire` that failed, with an error that ends in `held`, says that somebody had the lock at some
/// moment of that call. It is an anomaly if nobody can have had it: if every process that was, or may
/// have been, granted it had released it before, had been told by the database that it does not hold
/// it, or was gone for as long as [`within`](Self::within). A client that says `not held` without having
/// been told lost the session that had the lock, and is as good as gone. What was refused before all had
/// been healed for that long says nothing, as leases may be prolonged while a cluster has no leader.
/// `held-by-the-dead` if who had it last is gone, and else `lost-release`.
///
/// Locks with names or owners of their own (any `acquire` of something but null) are not judged, nor
/// are histories with answers to calls that are not in them.
/// Costs a sort of the calls.
#[derive(Clone, Copy, Debug)]
pub struct DeadHolders {
    /// Nanoseconds within which a lock is taken back from a process that is gone.
    pub within: u64,
}

impl Default for DeadHolders {
    fn default() -> Self {
        Self { within: 15_000_000_000 }
    }
}

impl Checker for DeadHolders {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let traces = match Traces::of(history, self.within) {
            Ok(traces) => traces,
            Err(why) => return Finding::unknown(NAME, why.to_owned()),
        };
        let calm = traces.healed.saturating_add(self.within);
        let judged = || traces.refusals.iter().filter(|refusal| refusal.0.called >= calm);
        let mut stretches: Vec<Stretch<'_>> = Vec::new();
        for refusal in judged().filter(|refusal| !traces.may_be_held(refusal)) {
            let holder = traces.last_before(refusal);
            let same = |last: &&mut Stretch<'_>| last.is_by(holder);
            match stretches.last_mut().filter(same) {
                Some(stretch) => (stretch.last, stretch.count) = (refusal, stretch.count + 1),
                None => stretches.push(Stretch { holder, first: refusal, last: refusal, count: 1 }),
            }
        }
        let mut tally = Tally::default();
        for stretch in &stretches {
            tally.add(|| stretch.tell(traces.healed));
        }
        let stats = json!({
            "granted": traces.granted,
            "refused": traces.refusals.len(),
            "refused_in_calm": judged().count(),
            "died_holding": traces.died_holding(),
            "taken_back_after_ms": quantiles(traces.taken_back()),
        });
        let asked = traces.granted > 0 || !traces.refusals.is_empty();
        let nothing = "nobody was granted or refused the lock, so nothing can be judged".to_owned();
        tally.conclude(NAME, (!asked).then_some(nothing), stats)
    }
}

/// Calls that were refused one after another, though nobody can have had the lock.
struct Stretch<'t> {
    /// Who had it last.
    holder: Option<&'t Hold>,
    first: &'t Refusal,
    last: &'t Refusal,
    count: u64,
}

impl Stretch<'_> {
    fn is_by(&self, holder: Option<&Hold>) -> bool {
        self.holder.map(|hold| hold.grant.index) == holder.map(|hold| hold.grant.index)
    }

    /// `healed` is when nothing was broken any more, in nanoseconds.
    fn tell(&self, healed: u64) -> Anomaly {
        let (kind, title, why, mut steps) = self.holder.map_or_else(nobody, who);
        for refusal in [self.first, self.last] {
            if steps.last().is_none_or(|step| step.operations != [refusal.0.index]) {
                steps.push(refusal.0.step("was refused the lock, since it was held,"));
            }
        }
        let last = seconds(self.last.0.called);
        let calls = match self.count {
            1 => format!("one call was refused, at {last}"),
            count => format!("{count} calls were refused, the last of them at {last}"),
        };
        let healed = match healed {
            0 => "was ever broken".to_owned(),
            since => format!("had been broken since {}", seconds(since)),
        };
        let explanation =
            format!("{why} Yet the lock was said to be held: {calls}, and nothing {healed}.");
        let rules_out: &[&str] = match kind {
            "lost-release" => &["linearizable", "lock"],
            _ => &["lock"],
        };
        anomaly(kind, title, explanation, steps, rules_out)
    }
}

/// Kind, title, the begin of the explanation, and the first steps.
type Tale = (&'static str, String, String, Vec<Step>);

fn nobody() -> Tale {
    let title = "The lock is held, and nobody was ever granted it".to_owned();
    ("lost-release", title, "Nobody was granted the lock before that.".to_owned(), Vec::new())
}

fn who(hold: &Hold) -> Tale {
    let process = hold.grant.process;
    let did = if hold.known { "acquired the lock" } else { "asked for the lock" };
    let mut steps = vec![hold.grant.step(did)];
    if let End::Gone { at, call } = hold.end {
        let text =
            format!("Process {process} is gone since {}, and released nothing.", seconds(at));
        steps.push(Step { text, operations: vec![call] });
        let title = format!("The lock stays with process {process}, which is gone");
        let may = if hold.known { "had" } else { "may have had" };
        let why = format!(
            "Process {process} {may} the lock, and is gone since {}. Everybody else who had it before \
             has released it, or is gone even longer.",
            seconds(at)
        );
        return ("held-by-the-dead", title, why, steps);
    }
    if let End::Lost { at, release } = hold.end {
        steps.push(release.step("knew that it does not have it any more"));
        let title = format!("The lock stays with a session of process {process} that is over");
        let why = format!(
            "Process {process} had the lock, and had lost the session it had it with by {}. Everybody else \
             who had it before has released it, or is gone even longer.",
            seconds(at)
        );
        return ("held-by-the-dead", title, why, steps);
    }
    if let End::Over { release, .. } = hold.end {
        steps.push(release.step("was done with it"));
    }
    let title = format!("The lock is held after process {process} released it");
    let why = format!(
        "Process {process} was the last to have the lock and had released it; whoever had it before is \
         gone, or has released it, too."
    );
    ("lost-release", title, why, steps)
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
