//! Explanation: a violation in words, for someone who did not write the test.

use super::classify::{Classifier, Verdict};
use super::decide::Outcome;
use super::frontier::{Question, search};
use super::model::{Leaves, Model, Needs, Timed};
use super::partition::Part;
use super::shrink::{Core, Past, shrink};
use super::special::Contradiction;
use crate::finding::{Candidate, DeadEnd};
use crate::words::{either, seconds};
use crate::{Anomaly, Budget, Operation, Step};

/// Kinds of registers, which are told in the same way whichever engine found out: with what was
/// reported as failed, and whether the write is lost or only not yet seen.
const OF_REGISTERS: [&str; 5] =
    ["phantom-read", "future-read", "stale-read", "lost-update", "lost-write"];
/// The most candidates of a dead end that are told.
const MAX_CANDIDATES: usize = 32;

/// Explains why the calls of `part` are not linearizable.
pub(super) fn explain<M: Model>(
    model: &M,
    part: &Part<'_, M>,
    outcome: &Outcome<M::State>,
    budget: &Budget,
) -> Anomaly {
    match outcome {
        Outcome::Contradiction(contradiction) => {
            let like_a_register = OF_REGISTERS.contains(&contradiction.kind)
                && part.calls.iter().all(|timed| clear(model, &timed.call));
            match like_a_register.then(|| searched(model, part, budget)) {
                Some(stuck @ Outcome::Stuck { .. }) => explain(model, part, &stuck, budget),
                _ => contradicted(model, part, contradiction),
            }
        }
        Outcome::Stuck { at, states } => {
            let anomaly = stuck(model, part, *at, budget);
            Anomaly { dead_end: Some(dead_end(model, part, *at, states)), ..anomaly }
        }
        _ => stuck(model, part, 0, budget),
    }
}

/// Whether the general engine decides such calls about as fast as a special one.
fn clear<M: Model>(model: &M, call: &M::Call) -> bool {
    model.needs(call) != Needs::Unclear && model.leaves(call) != Leaves::Unclear
}

/// What the general engine says about all calls.
fn searched<M: Model>(model: &M, part: &Part<'_, M>, budget: &Budget) -> Outcome<M::State> {
    let initial = std::slice::from_ref(&part.initial);
    let question = Question { model, initial, calls: &part.calls, weak: &[] };
    search(&question, budget.max_states, budget).outcome
}

/// A special engine found out, and says why.
fn contradicted<M: Model>(model: &M, part: &Part<'_, M>, contradiction: &Contradiction) -> Anomaly {
    let teller = Teller { model, part };
    let tell = |n: &usize| teller.step(*n, teller.sentence(*n, false));
    let mut steps: Vec<Step> = contradiction.calls.iter().map(tell).collect();
    let operations = operations_of(&steps);
    steps.push(Step { text: contradiction.why.clone(), operations: Vec::new() });
    Anomaly {
        kind: contradiction.kind.to_owned(),
        title: format!("{}{}", contradiction.title, teller.of_key()),
        explanation: contradiction.why.clone(),
        steps,
        operations,
        edges: Vec::new(),
        dead_end: None,
        key: part.key.cloned(),
        rules_out: vec!["linearizable".to_owned()],
    }
}

fn operations_of(steps: &[Step]) -> Vec<u64> {
    let mut operations: Vec<u64> =
        steps.iter().flat_map(|step| step.operations.iter().copied()).collect();
    operations.sort_unstable();
    operations.dedup();
    operations
}

/// The search could not get past the end of call `at`.
fn stuck<M: Model>(model: &M, part: &Part<'_, M>, at: usize, budget: &Budget) -> Anomaly {
    let classifier = Classifier::new(model, part);
    let plain = match classifier.first_unwritten(at) {
        Some(seen) => Some((vec![seen], seen)),
        None => classifier.overwritten(at).map(|write| (vec![write, at], at)),
    };
    let found = match plain {
        Some((calls, culprit)) => {
            let states = classifier.leaves(calls[0]).filter(|_| calls.len() > 1);
            Core { calls, past: Past::Nothing, culprit, states: states.into_iter().collect() }
        }
        None => shrink(model, &part.initial, &part.calls, at, budget),
    };
    let Core { calls: mut core, past, culprit, states } = found;
    let verdict = classifier.classify(&core, culprit);
    if let Some(origin) = classifier.origin(&core, culprit) {
        core.push(origin);
        core.sort_by_key(|number| part.calls[*number].start);
    }
    let teller = Teller { model, part };
    let tell = |n: &usize| teller.step(*n, teller.sentence(*n, *n == culprit));
    let mut steps: Vec<Step> =
        teller.past(&past).into_iter().chain(core.iter().map(tell)).collect();
    if let Verdict::Dirty { failed, .. } = verdict {
        let (state, operation) = &part.failed[failed];
        let text = format!(
            "Process {} tried to leave {} there at {}, and was told that this failed.",
            operation.process,
            teller.state(state),
            seconds(operation.called)
        );
        steps.insert(0, Step { text, operations: vec![operation.index] });
    }
    if let Verdict::Future { write, .. } = verdict {
        steps.push(teller.step(write, teller.sentence(write, false)));
    }
    steps.push(teller.dead_end(culprit, &states, past == Past::Any));
    let operations = operations_of(&steps);
    Anomaly {
        kind: kind(model, verdict).to_owned(),
        title: teller.title(verdict),
        explanation: teller.explanation(verdict, culprit),
        steps,
        operations,
        edges: Vec::new(),
        dead_end: None,
        key: part.key.cloned(),
        rules_out: rules_out(verdict),
    }
}

/// How far a linearization of everything can be carried, and why no call can be next.
fn dead_end<M: Model>(model: &M, part: &Part<'_, M>, at: usize, states: &[M::State]) -> DeadEnd {
    let limit = part.calls[at].end;
    let open = |timed: &Timed<M::Call>| timed.start < limit && timed.end >= limit;
    let verified = part.calls.iter().filter(|timed| timed.end < limit).count();
    let name = |state: &M::State| model.describe_state(state, &part.values);
    let held: Vec<String> = states.iter().map(name).collect();
    let candidates = (0..part.calls.len())
        .filter(|number| open(&part.calls[*number]))
        .take(MAX_CANDIDATES)
        .map(|number| {
            let did = model.describe(&part.calls[number].call, &part.values);
            let mut after = Vec::new();
            for state in states {
                model.steps(state, &part.calls[number].call, &mut |next| after.push(next));
            }
            after.sort();
            after.dedup();
            let after: Vec<String> = after.iter().map(name).collect();
            let why = if after.is_empty() {
                format!("{did}: impossible while the {} holds {}", model.noun(), either(&held))
            } else if number == at {
                format!("{did}: possible only later than some call that has to be after it")
            } else {
                format!("{did}: would leave {}, which does not help", either(&after))
            };
            Candidate { operation: part.operation(number).index, why }
        })
        .collect();
    DeadEnd {
        operation: part.operation(at).index,
        event: u64::from(limit / 2),
        verified: verified as u64,
        states: held,
        candidates,
    }
}

fn kind<M: Model>(model: &M, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Phantom { .. } => "phantom-read",
        Verdict::Dirty { .. } => "dirty-read",
        Verdict::Future { .. } => "future-read",
        Verdict::Conflict => model.conflict_kind(),
        Verdict::Stale { .. } => "stale-read",
        Verdict::Lost { .. } => "lost-write",
        Verdict::Other => "nonlinearizable",
    }
}

/// Values out of nowhere break even models that ignore real time.
fn rules_out(verdict: Verdict) -> Vec<String> {
    let models: &[&str] = match verdict {
        Verdict::Phantom { .. } | Verdict::Dirty { .. } => {
            &["linearizable", "sequential", "causal"]
        }
        _ => &["linearizable"],
    };
    models.iter().map(|model| (*model).to_owned()).collect()
}

struct Teller<'p, 'a, M: Model> {
    model: &'p M,
    part: &'p Part<'a, M>,
}

impl<M: Model> Teller<'_, '_, M> {
    fn operation(&self, number: usize) -> Operation<'_> {
        self.part.operation(number)
    }

    fn did(&self, number: usize) -> String {
        self.model.describe(&self.part.calls[number].call, &self.part.values)
    }

    fn state(&self, state: &M::State) -> String {
        self.model.describe_state(state, &self.part.values)
    }

    fn step(&self, number: usize, text: String) -> Step {
        Step { text, operations: vec![self.operation(number).index] }
    }

    fn sentence(&self, number: usize, culprit: bool) -> String {
        let operation = self.operation(number);
        let (process, did) = (operation.process, self.did(number));
        let called = seconds(operation.called);
        let observes = self.model.leaves(&self.part.calls[number].call) == Leaves::Unchanged;
        match operation.returned {
            Some(returned) if culprit || observes => {
                format!("Process {process} {did} between {called} and {}.", seconds(returned))
            }
            Some(returned) => format!(
                "Process {process} {did} between {called} and {}, and was told that it happened.",
                seconds(returned)
            ),
            None => format!(
                "Process {process} {did}, perhaps: it called at {called} and never learnt the \
                 outcome, so this may have taken effect at any time after, or never."
            ),
        }
    }

    /// What the past had left, where a proof begins in the middle.
    fn past(&self, past: &Past<M::State>) -> Option<Step> {
        let Past::Known { position, states } = past else { return None };
        let event = self.part.history.events().get(*position as usize / 2)?;
        let states: Vec<String> = states.iter().map(|state| self.state(state)).collect();
        let text = format!(
            "After all that had ended before event {} at {}, in whatever order it happened, \
             the {} could only hold {}.",
            event.index,
            seconds(event.time),
            self.model.noun(),
            either(&states)
        );
        Some(Step { text, operations: Vec::new() })
    }

    /// The last step: what was possible, and what was answered instead.
    fn dead_end(&self, culprit: usize, states: &[M::State], any_past: bool) -> Step {
        let states: Vec<String> = states.iter().map(|state| self.state(state)).collect();
        let past = if any_past { ", and whatever was there before" } else { "" };
        let (noun, process) = (self.model.noun(), self.operation(culprit).process);
        let text = if states.is_empty() {
            format!(
                "No operation that had begun by then, in whatever order, explains what process \
                 {process} was answered."
            )
        } else {
            format!(
                "However these are ordered{past}, the {noun} could only hold {} when process {process} \
                 {}: no place is left for that operation.",
                either(&states),
                self.did(culprit)
            )
        };
        self.step(culprit, text)
    }

    fn of_key(&self) -> String {
        self.part.key.as_ref().map(|key| format!(" of key {key}")).unwrap_or_default()
    }

    fn title(&self, verdict: Verdict) -> String {
        let what = match verdict {
            Verdict::Phantom { .. } => "Read of a value that nobody wrote",
            Verdict::Dirty { .. } => "Dirty read",
            Verdict::Future { .. } => "Read from the future",
            Verdict::Conflict if self.model.conflict_kind() == "lost-update" => "Lost update",
            Verdict::Conflict if self.model.conflict_kind() == "double-grant" => {
                "Granted twice at the same time"
            }
            Verdict::Conflict | Verdict::Other => "Not linearizable: the history",
            Verdict::Stale { .. } => "Stale read",
            Verdict::Lost { .. } => "Lost write",
        };
        format!("{what}{}", self.of_key())
    }

    fn explanation(&self, verdict: Verdict, culprit: usize) -> String {
        let noun = self.model.noun();
        let key = self.of_key();
        let who = |number: usize| {
            format!("process {} {}", self.operation(number).process, self.did(number))
        };
        match verdict {
            Verdict::Phantom { seen } => format!(
                "In the history{key}, {}, but no operation ever wrote that value, nor tried to. \
                 The value was invented, corrupted, or belongs to another key.",
                who(seen)
            ),
            Verdict::Dirty { seen, failed } => format!(
                "In the history{key}, {}, a value that only failed operations tried to leave \
                 there; process {} had been told that its attempt did not happen. Either the \
                 failure was a lie, or the value was shown before it was decided.",
                who(seen),
                self.part.failed[failed].1.process
            ),
            Verdict::Future { seen, write } => format!(
                "In the history{key}, {} and was answered before {}. A value cannot be met \
                 before anybody has asked for it to be written.",
                who(seen),
                who(write)
            ),
            Verdict::Conflict => format!(
                "All these operations were acknowledged, but they cannot all have happened on one \
                 {noun}: whichever order they are put in, {} when it could not have. An \
                 acknowledged change was overwritten or forgotten.",
                who(culprit)
            ),
            Verdict::Stale { read, newer } => format!(
                "In the history{key}, {} although {} and that had completed before the read \
                 began. The read was answered from an old state; some operation saw, or could \
                 still see, the newer one.",
                who(read),
                who(newer)
            ),
            Verdict::Lost { write, read } => format!(
                "In the history{key}, {} and got an acknowledgement, and then {}. Nothing else \
                 overwrote that value, and nobody saw it afterwards: the acknowledged write is \
                 gone.",
                who(write),
                who(read)
            ),
            Verdict::Other => format!(
                "The operations below have no order that both respects real time and explains \
                 every answer: {} when the {noun} could not be in such a state.",
                who(culprit)
            ),
        }
    }
}
