//! Queues as a whole: whether each message that was sent came out, once.

mod messages;
mod missing;
mod order;

use serde_json::{Value, json};

use self::messages::{Flaw, Ledger};
use self::missing::{Account, Group};
use self::order::{Reordered, reordered};
use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Anomaly, Budget, Checker, Finding, History, Operation, Step};

/// What a queue that loses, repeats or invents messages cannot be.
const RULED_OUT: &[&str] = &["linearizable", "sequential"];
/// Messages of a group that are told one by one.
const MAX_TOLD: usize = 5;

/// Judges `enqueue v`, `dequeue` (answered with a message) and `drain` (answered with the list of
/// all that it took until the queue was empty), after Jepsen's `total-queue`: what was
/// acknowledged comes out once, and nothing else does. Not in which order.
///
/// A message is lost only if a later drain ended, it never came out, and no dequeue or drain of
/// unknown outcome can have taken it: each such dequeue can have taken one. Costs a sort.
#[derive(Clone, Copy, Debug, Default)]
pub struct TotalQueue {
    /// Whether a message may come out several times, as queues say that deliver at least once.
    pub duplicates_allowed: bool,
    /// Whether a message may be lost, as queues say that deliver at most once.
    pub losses_allowed: bool,
    /// Whether the messages of one producer, which is a process, come out in the order in which it
    /// sent them.
    pub ordered: bool,
}

impl Checker for TotalQueue {
    fn name(&self) -> &str {
        "total-queue"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let ledger = match Ledger::new(&operations) {
            Ok(ledger) => ledger,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let account = Account::new(&ledger);
        let lost = self.lost(&ledger, &account);
        let (mut copies, mut phantoms) = (Tally::default(), Tally::default());
        for number in 0..ledger.messages.len() {
            match ledger.flaw(number) {
                Some(Flaw::Phantom { take }) => phantoms.add(|| phantom(&ledger, number, take)),
                Some(Flaw::Copy) if !self.duplicates_allowed => {
                    copies.add(|| duplicated(&ledger, number));
                }
                Some(Flaw::Copy) | None => {}
            }
        }
        let mut inversions = Tally::default();
        let order =
            if self.ordered { reordered(&ledger, self.duplicates_allowed) } else { Vec::new() };
        for one in &order {
            inversions.add(|| out_of_order(&ledger, *one));
        }
        let messages = &ledger.messages;
        let stats = json!({
            "attempted": ledger.attempted,
            "acknowledged": ledger.acknowledged,
            "taken": ledger.taken,
            "recovered": messages.iter().filter(|message| message.is_recovered()).count(),
            "lost": lost.count(),
            "reordered": inversions.count(),
            "duplicated": messages.iter().filter(|message| message.is_repeated()).count(),
            "phantom": phantoms.count(),
            "maybe_taken": account.excused(),
            "unknown_takes": ledger.unknown_dequeues.len() + ledger.unknown_drains,
        });
        let lost = if self.losses_allowed { Tally::default() } else { lost };
        // Who may lose messages need not be asked for them.
        let doubt = account.doubt(&ledger).filter(|_| !self.losses_allowed || ledger.answered == 0);
        lost.and(phantoms).and(copies).and(inversions).conclude(self.name(), doubt, stats)
    }
}

impl TotalQueue {
    fn lost(&self, ledger: &Ledger<'_>, account: &Account) -> Tally {
        let mut tally = Tally::default();
        for missing in &account.lost {
            tally.add(|| lost(ledger, missing));
        }
        if let Some(group) = &account.group {
            // One proof for all of them: which ones are lost is not known, only how many.
            tally.add_many(group.lost, || lost_among(ledger, group));
        }
        tally
    }
}

fn value(ledger: &Ledger<'_>, message: u32) -> String {
    shortened(ledger.messages[message as usize].value)
}

fn sent(ledger: &Ledger<'_>, missing: &missing::Missing) -> Step {
    let enqueue = &ledger.operations[missing.enqueue as usize];
    step(enqueue, &format!("sent {}", value(ledger, missing.message)))
}

fn drained(ledger: &Ledger<'_>, drain: u32) -> Step {
    let drain = &ledger.operations[drain as usize];
    let count = drain.output().and_then(Value::as_array).map_or(0, Vec::len);
    let found = match count {
        0 => "found the queue empty".to_owned(),
        1 => "took one message, until the queue was empty,".to_owned(),
        count => format!("took {count} messages, until the queue was empty,"),
    };
    step(drain, &found)
}

fn lost(ledger: &Ledger<'_>, missing: &missing::Missing) -> Anomaly {
    let value = value(ledger, missing.message);
    let explanation = format!(
        "{value} was acknowledged and never came out, although the queue was drained after that. \
         Nobody whose outcome is unknown can have taken it. The message is gone."
    );
    let steps = vec![sent(ledger, missing), drained(ledger, missing.drain)];
    anomaly("lost-message", format!("Lost message {value}"), explanation, steps, RULED_OUT)
}

fn lost_among(ledger: &Ledger<'_>, group: &Group) -> Anomaly {
    let (lost, all) = (group.lost, group.missing.len());
    let takers = &ledger.unknown_dequeues[..group.takers];
    let explanation = format!(
        "{all} messages were acknowledged and never came out, although the queue was drained after \
         that. Only {} of unknown outcome can have taken any, one message each. So at least {lost} \
         are gone; which of them, nobody can say.",
        if takers.len() == 1 { "one dequeue".into() } else { format!("{} dequeues", takers.len()) }
    );
    let mut steps: Vec<Step> =
        group.missing.iter().take(MAX_TOLD).map(|missing| sent(ledger, missing)).collect();
    let dequeues = takers.iter().take(MAX_TOLD);
    steps.extend(dequeues.map(|taker| {
        step(&ledger.operations[*taker as usize], "asked for a message, which it may have taken,")
    }));
    steps.extend(group.missing.last().map(|missing| drained(ledger, missing.drain)));
    let title = format!("At least {lost} of {all} messages lost");
    anomaly("lost-message", title, explanation, steps, RULED_OUT)
}

fn took(take: &Operation<'_>, value: &str) -> Step {
    let how = if take.f == "drain" { "drained" } else { "took" };
    step(take, &format!("{how} {value}"))
}

fn phantom(ledger: &Ledger<'_>, number: usize, take: u32) -> Anomaly {
    let message = &ledger.messages[number];
    let value = shortened(message.value);
    let taken = took(&ledger.operations[take as usize], &value);
    let Some(failed) = message.failed.map(|failed| &ledger.operations[failed as usize]) else {
        let explanation =
            format!("{value} came out, which nobody had tried to send by the time it did.");
        let title = format!("Phantom message {value}");
        return anomaly("phantom-message", title, explanation, vec![taken], RULED_OUT);
    };
    let explanation = format!(
        "Sending {value} was reported as failed, which means that it certainly did not happen, but \
         the message came out."
    );
    let tried = step(failed, &format!("tried to send {value}, which failed,"));
    let title = format!("Message {value} came out although sending it failed");
    anomaly("phantom-message", title, explanation, vec![tried, taken], RULED_OUT)
}

fn out_of_order(ledger: &Ledger<'_>, one: Reordered) -> Anomaly {
    let (early, late) = (value(ledger, one.early), value(ledger, one.late));
    let enqueue = |message: u32| {
        let sent = ledger.messages[message as usize].sent.first();
        sent.map(|enqueue| &ledger.operations[*enqueue as usize])
    };
    let sends = [(one.early, &early), (one.late, &late)];
    let mut steps: Vec<Step> = sends
        .into_iter()
        .filter_map(|(message, value)| Some(step(enqueue(message)?, &format!("sent {value}"))))
        .collect();
    let takes = [(one.late_take, &late), (one.early_take, &early)];
    if one.late_take == one.early_take {
        let drain = &ledger.operations[one.late_take as usize];
        steps.push(step(drain, &format!("drained {late}, and after it {early},")));
    } else {
        let operation = |take: u32| &ledger.operations[take as usize];
        steps.extend(takes.into_iter().map(|(take, value)| took(operation(take), value)));
    }
    let producer = enqueue(one.early).map_or(0, |enqueue| enqueue.process);
    let explanation = format!(
        "Process {producer} sent {early} before {late}, but {late} had come out when {early} did. Who \
         relies on the order of one producer's messages does things in the wrong order."
    );
    let title = format!("Message {late} before {early}, which its producer sent first");
    anomaly("reordered-message", title, explanation, steps, RULED_OUT)
}

fn duplicated(ledger: &Ledger<'_>, number: usize) -> Anomaly {
    let message = &ledger.messages[number];
    let value = shortened(message.value);
    let (sent, taken) = (message.sent.len(), message.taken.len());
    let times = |count: usize| match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    };
    let explanation = format!(
        "{value} was sent {}, and came out {}. What it stands for is done again.",
        times(sent),
        times(taken)
    );
    let operation = |number: &u32| &ledger.operations[*number as usize];
    let sends = message.sent.iter().take(MAX_TOLD).map(operation);
    let mut steps: Vec<Step> = sends.map(|send| step(send, &format!("sent {value}"))).collect();
    let takes = message.taken.iter().take(MAX_TOLD.max(sent + 1)).map(operation);
    steps.extend(takes.map(|take| took(take, &value)));
    let title = format!("Message {value} came out {}", times(taken));
    anomaly("duplicated-message", title, explanation, steps, RULED_OUT)
}

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod tests;
