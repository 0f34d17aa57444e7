//! What single reads show by themselves: aborted, intermediate, unwritten values.

use std::collections::BTreeMap;

use super::super::key_value::Flaw;
use super::super::key_value::Reader;
use super::super::transactions::{Micro, NEVER, Writes};
use super::explain::Teller;
use super::{MAX_KEPT, WeakLevel, naming};
use crate::{Anomaly, Step};

/// Flaws that a level forbids: all counted, the first few of each kind kept.
#[derive(Default)]
pub(super) struct Flaws {
    pub(super) count: u64,
    pub(super) kept: Vec<Anomaly>,
}

impl Flaws {
    pub(super) fn find(&mut self, teller: &Teller<'_>, writes: &Writes, level: WeakLevel) {
        let mut kept: BTreeMap<Flaw, Vec<Anomaly>> = BTreeMap::new();
        let mut here = vec![NEVER; teller.txns.len()];
        for (at, number) in (0..).zip(&teller.kv.numbers) {
            here[*number as usize] = at;
        }
        let reader = Reader { txns: teller.txns, writes, here: &here, lists: teller.lists };
        for number in &teller.kv.numbers {
            reader.sources(*number, |micro, source| {
                let Err(flaw) = source else { return };
                if !naming::forbids(level, flaw) {
                    return;
                }
                self.count += 1;
                let of_kind = kept.entry(flaw).or_default();
                if of_kind.len() < MAX_KEPT {
                    of_kind.push(tell(teller, writes, *number, micro, flaw));
                }
            });
        }
        self.kept = kept.into_values().flatten().collect();
    }
}

fn tell(teller: &Teller<'_>, writes: &Writes, reader: u32, micro: &Micro, flaw: Flaw) -> Anomaly {
    let (kind, title) = naming::of_flaw(flaw);
    let key = teller.txns.key(micro.key);
    let last = teller.last_seen(micro);
    let seen = teller.seen(micro);
    let why = match flaw {
        Flaw::Internal => format!(
            "The transaction read {seen}, which is not what it had itself written to that key."
        ),
        Flaw::Phantom => format!("No transaction wrote {seen} to that key, nor tried to."),
        Flaw::Aborted => format!(
            "The transaction that wrote {seen} was told to have failed, yet another read its \
             value. Either the failure was a lie, or the value was shown before it was decided."
        ),
        Flaw::Intermediate => format!(
            "The transaction that wrote {seen} went on to write another value, so that was never \
             its result; transactions are not applied as a whole."
        ),
        Flaw::Future => format!("The transaction read {seen} before it wrote that itself."),
    };
    let mut steps = Vec::new();
    let writer = last.and_then(|last| writes.find(micro.key, last)).map(|at| writes.writer(at));
    if let Some(writer) = writer.filter(|writer| *writer != reader) {
        let text = format!("{} wrote it.", capital(&teller.introduction(writer)));
        steps.push(Step { text, operations: vec![teller.txns.txn(writer).index] });
    }
    let text = format!("{} read {seen} in key {key}.", capital(&teller.introduction(reader)));
    steps.push(Step { text, operations: vec![teller.txns.txn(reader).index] });
    let mut operations: Vec<u64> = steps.iter().flat_map(|s| s.operations.clone()).collect();
    operations.sort_unstable();
    Anomaly {
        kind: kind.to_owned(),
        title: format!("{title} of key {key}"),
        explanation: why,
        steps,
        operations,
        edges: Vec::new(),
        dead_end: None,
        key: Some(key),
        rules_out: naming::ruled_out_by_flaw(flaw),
    }
}

fn capital(text: &str) -> String {
    text.replacen("process", "Process", 1).replacen("session", "Session", 1)
}
