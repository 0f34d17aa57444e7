//! The life of each element of a set: when it was added and removed, and which reads have it.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::bits::Bits;
use crate::numbers::Numbers;
use crate::{Operation, Outcome};

#[derive(Debug)]
pub(super) struct Element<'h> {
    pub(super) value: &'h Value,
    /// The call that adds it; of several, one that did not fail.
    pub(super) add: Option<&'h Operation<'h>>,
    /// When the last add was over that did not fail: never, if one has no answer.
    added_by: u64,
    /// When the first remove began that did not fail; `u64::MAX` if there is none.
    pub(super) removing: u64,
    /// The first acknowledged remove that began after all adds were over: it took the element.
    pub(super) removed: Option<&'h Operation<'h>>,
    /// Reads that show it: stretches of those that follow one another by begin.
    runs: Vec<Run>,
}

/// Reads from one number to another, both among them.
#[derive(Clone, Copy, Debug)]
struct Run {
    from: u32,
    to: u32,
}

/// What became of an element.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// In every read that began after it was known.
    Stable,
    /// No read began after it was known, or it never was.
    NeverRead,
    /// Missing in read `missing` (by index), and in none at that time or later; `lasted`
    /// nanoseconds from when it was known to the last read that has it.
    Lost { missing: u64, lasted: u64 },
    /// Missing in read `missing`, but in read `seen` at that time or later; `lag` nanoseconds
    /// after it was known.
    Stale { missing: u64, seen: u64, lag: u64 },
}

/// What became of a removal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Afterlife {
    /// No read after it shows the element, or it may not have been removed.
    None,
    /// Read `seen` shows it, and no read at that time or later is without it.
    Back { seen: u64 },
    /// Read `without` lacks it, and the later read `seen` has it, though not for good.
    Again { without: u64, seen: u64 },
    /// Read `seen` shows it, as long as none was without it.
    Late { seen: u64 },
}

/// All elements and reads of a history.
#[derive(Debug)]
pub(super) struct Ledger<'h> {
    pub(super) elements: Vec<Element<'h>>,
    /// Reads with an answer, ordered by begin.
    pub(super) reads: Vec<&'h Operation<'h>>,
    /// How many elements the last of them shows.
    pub(super) last_size: usize,
    /// What reads show more than once: read and element, both by number.
    pub(super) duplicates: Vec<(u32, u32)>,
    /// The latest end of the reads up to each.
    ended: Vec<u64>,
}

impl Element<'_> {
    /// The position at which its add was acknowledged.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        self.add.filter(|add| add.is_ok()).map(Operation::end)
    }

    /// Whether a read could rightly show it.
    fn may_be_in(&self, read: &Operation<'_>) -> bool {
        self.add.is_some_and(|add| !add.is_failed() && add.index < read.end())
    }

    fn is_in(&self, read: u32) -> bool {
        let at = self.runs.partition_point(|run| run.to < read);
        self.runs.get(at).is_some_and(|run| run.from <= read)
    }
}

impl<'h> Ledger<'h> {
    pub(super) fn new(operations: &'h [Operation<'h>]) -> Result<Self, String> {
        let mut reader = Reader::new(operations);
        for operation in operations {
            match (operation.f, &operation.outcome) {
                ("add", _) => reader.add(operation),
                ("remove", _) => reader.remove(operation),
                ("read", Outcome::Ok(answer)) => reader.read(operation, answer)?,
                ("read", _) => {}
                (f, _) => {
                    return Err(format!(
                        "operation {} is `{f}`, but a set has only add, remove and read",
                        operation.index
                    ));
                }
            }
        }
        Ok(reader.finish(operations))
    }

    /// The read that began at this index.
    pub(super) fn read(&self, index: u64) -> &'h Operation<'h> {
        self.reads[self.reads.partition_point(|read| read.index < index)]
    }

    /// The last read that has an element.
    pub(super) fn last_seen(&self, element: u32) -> Option<&'h Operation<'h>> {
        let last = self.elements[element as usize].runs.last()?;
        Some(self.reads[last.to as usize])
    }

    /// Whether the last read has an element.
    pub(super) fn is_in_last(&self, element: u32) -> bool {
        self.reads
            .len()
            .checked_sub(1)
            .is_some_and(|last| self.elements[element as usize].is_in(last as u32))
    }

    /// How many elements were acknowledged after position `index`.
    pub(super) fn acknowledged_after(&self, index: u64) -> usize {
        self.elements.iter().filter(|e| e.acknowledged().is_some_and(|end| end > index)).count()
    }

    /// The first read that shows an element which it could not rightly show.
    pub(super) fn wrongly_shown(&self, number: u32) -> Option<&'h Operation<'h>> {
        let element = &self.elements[number as usize];
        // Whatever begins after the add may show it, so these are few, unless there was no add.
        let shown = element.runs.iter().flat_map(|run| run.from..=run.to);
        let allowed_from = element.add.filter(|add| !add.is_failed()).map_or(u64::MAX, |a| a.index);
        shown
            .map(|read| self.reads[read as usize])
            .take_while(|read| read.index < allowed_from)
            .find(|read| !element.may_be_in(read))
    }

    /// Whether a read shows an element that it could not rightly show.
    pub(super) fn wrong_in(&self, number: u32, read: &Operation<'_>) -> bool {
        let element = &self.elements[number as usize];
        let position = self.reads.partition_point(|other| other.index < read.index);
        element.is_in(position as u32) && !element.may_be_in(read)
    }

    /// The first end of a read that shows it. Later reads end later, unless they overlap it.
    fn first_seen(&self, element: &Element<'_>) -> Option<&'h Operation<'h>> {
        let mut best: Option<&'h Operation<'h>> = None;
        for number in element.runs.iter().flat_map(|run| run.from..=run.to) {
            let read = self.reads[number as usize];
            if best.is_some_and(|best| read.index > best.end()) {
                break;
            }
            best = best.filter(|best| best.end() < read.end()).or(Some(read));
        }
        best
    }

    /// The number of the first read that began after a position.
    fn begun_after(&self, position: u64) -> usize {
        self.reads.partition_point(|read| read.index <= position)
    }

    /// What its reads say; those during or after a removal say nothing.
    pub(super) fn fate(&self, number: u32) -> Fate {
        let element = &self.elements[number as usize];
        let first_seen = self.first_seen(element);
        let by_add = element.add.filter(|add| add.is_ok());
        let known = by_add.into_iter().chain(first_seen).min_by_key(|known| known.end());
        let Some(known) = known else { return Fate::NeverRead };
        let after = self.begun_after(known.end());
        let before = self.ended.partition_point(|end| *end < element.removing);
        if after >= before {
            return Fate::NeverRead;
        }
        let Some(missing) = self.last_without(element, after, before) else { return Fate::Stable };
        let missing = self.reads[missing];
        let since = known.returned.unwrap_or(missing.called);
        match self.last_with(element, missing.index) {
            None => {
                let last = self.last_seen(number).map_or(since, |read| read.called);
                Fate::Lost { missing: missing.index, lasted: last.saturating_sub(since) }
            }
            Some(seen) => Fate::Stale {
                missing: missing.index,
                seen: seen.index,
                lag: missing.called.saturating_sub(since),
            },
        }
    }

    /// The last of the reads from `after` and before `before` that is without an element.
    fn last_without(&self, element: &Element<'_>, after: usize, before: usize) -> Option<usize> {
        let last = before.checked_sub(1)?;
        let at = element.runs.partition_point(|run| (run.to as usize) < last);
        let without = match element.runs.get(at) {
            Some(run) if run.from as usize <= last => (run.from as usize).checked_sub(1)?,
            _ => last,
        };
        (without >= after).then_some(without)
    }

    /// The last read, by begin, that has an element and ended after a position.
    fn last_with(&self, element: &Element<'_>, position: u64) -> Option<&'h Operation<'h>> {
        for number in element.runs.iter().rev().flat_map(|run| (run.from..=run.to).rev()) {
            let read = self.reads[number as usize];
            if read.end() > position {
                return Some(read);
            }
            if self.ended[number as usize] < position {
                return None;
            }
        }
        None
    }

    /// The last read, by begin, that is without an element and ended after a position.
    fn without_since(&self, element: &Element<'_>, position: u64) -> bool {
        let all = (0..self.reads.len()).rev();
        all.take_while(|number| self.ended[*number] > position)
            .any(|number| self.reads[number].end() > position && !element.is_in(number as u32))
    }

    /// Whether an element was seen, then missing in a later read, then seen in one later still.
    pub(super) fn flickers(&self, number: u32) -> bool {
        let element = &self.elements[number as usize];
        let (Some(first), Some(last)) = (self.first_seen(element), self.last_seen(number)) else {
            return false;
        };
        element.runs.windows(2).any(|pair| {
            let gap = self.reads[pair[0].to as usize + 1..pair[1].from as usize].iter();
            // Reads of one moment are few, and one of the first or the last of a gap decides.
            let ends = gap.clone().take(64).chain(gap.rev().take(64));
            ends.into_iter().any(|read| first.end() < read.index && read.end() < last.index)
        })
    }

    /// Whether a removed element was read again.
    pub(super) fn afterlife(&self, number: u32) -> Afterlife {
        let element = &self.elements[number as usize];
        let Some(removed) = element.removed else { return Afterlife::None };
        let gone = self.begun_after(removed.end()) as u32;
        let Some(last) = element.runs.last().filter(|run| run.to >= gone) else {
            return Afterlife::None;
        };
        let seen = self.reads[last.to as usize];
        if !self.without_since(element, seen.index) {
            return Afterlife::Back { seen: seen.index };
        }
        // The read before the last stretch that shows it, if that is after the removal, too.
        let without = last.from.checked_sub(1).filter(|read| *read >= gone);
        let without = without.map(|read| self.reads[read as usize]);
        match without.filter(|read| read.end() < seen.index) {
            Some(without) => Afterlife::Again { without: without.index, seen: seen.index },
            None => Afterlife::Late { seen: seen.index },
        }
    }
}

/// Makes a ledger, a call after another.
struct Reader<'h> {
    ledger: Ledger<'h>,
    numbers: Numbers<'h>,
    /// What the last read showed, by begin, and since which read.
    shown: Bits,
    since: Vec<u32>,
    /// What the last read of each process showed, if some read tells only what is new.
    own: Option<FxHashMap<u32, Bits>>,
}

impl<'h> Reader<'h> {
    fn new(operations: &[Operation<'_>]) -> Self {
        let relative = |operation: &Operation<'_>| operation.output().is_some_and(Value::is_object);
        Self {
            ledger: Ledger {
                elements: Vec::new(),
                reads: Vec::new(),
                last_size: 0,
                duplicates: Vec::new(),
                ended: Vec::new(),
            },
            numbers: Numbers::default(),
            shown: Bits::default(),
            since: Vec::new(),
            own: operations.iter().any(relative).then(FxHashMap::default),
        }
    }

    fn number(&mut self, value: &'h Value) -> u32 {
        let elements = &mut self.ledger.elements;
        let number = self.numbers.number(0, value, elements.len() as u32);
        if number as usize == elements.len() {
            elements.push(Element {
                value,
                add: None,
                added_by: 0,
                removing: u64::MAX,
                removed: None,
                runs: Vec::new(),
            });
        }
        number
    }

    fn add(&mut self, operation: &'h Operation<'h>) {
        let number = self.number(operation.input);
        let element = &mut self.ledger.elements[number as usize];
        if element.add.is_none_or(|add| !add.is_ok() && !operation.is_failed()) {
            element.add = Some(operation);
        }
        if !operation.is_failed() {
            element.added_by = element.added_by.max(operation.end());
        }
    }

    fn remove(&mut self, operation: &'h Operation<'h>) {
        let number = self.number(operation.input);
        let element = &mut self.ledger.elements[number as usize];
        if !operation.is_failed() {
            element.removing = element.removing.min(operation.index);
        }
    }

    fn read(&mut self, operation: &'h Operation<'h>, answer: &'h Value) -> Result<(), String> {
        let wrong = || {
            format!(
                "operation {} read {}, where a list of all elements should be, or \
                 {{\"added\": […], \"removed\": […]}} since the last read of the same process",
                operation.index,
                crate::words::shortened(answer)
            )
        };
        let list = |part: &'h Value| part.as_array().map(Vec::as_slice);
        let now = match answer {
            Value::Array(all) => {
                let mut now = Bits::default();
                self.put_all(all, &mut now);
                now
            }
            Value::Object(change) => {
                let part = |name| change.get(name).map_or(Some(&[][..]), list).ok_or_else(wrong);
                let own = self.own.as_mut().and_then(|own| own.remove(&operation.process));
                let mut now = own.unwrap_or_default();
                for value in part("removed")? {
                    let number = self.number(value);
                    now.remove(number);
                }
                self.put_all(part("added")?, &mut now);
                now
            }
            _ => return Err(wrong()),
        };
        self.show(&now);
        self.ledger.reads.push(operation);
        if let Some(own) = &mut self.own {
            own.insert(operation.process, now);
        }
        Ok(())
    }

    fn put_all(&mut self, values: &'h [Value], into: &mut Bits) {
        let read = self.ledger.reads.len() as u32;
        for value in values {
            let number = self.number(value);
            if !into.insert(number) {
                self.ledger.duplicates.push((read, number));
            }
        }
    }

    /// The next read shows these: stretches of reads begin and end.
    fn show(&mut self, now: &Bits) {
        let read = self.ledger.reads.len() as u32;
        self.since.resize(self.ledger.elements.len(), 0);
        let (elements, since) = (&mut self.ledger.elements, &mut self.since);
        self.shown.become_like(now, |number, there| {
            let (element, since) = (&mut elements[number as usize], &mut since[number as usize]);
            if there {
                *since = read;
            } else {
                element.runs.push(Run { from: *since, to: read - 1 });
            }
        });
    }

    fn finish(mut self, operations: &'h [Operation<'h>]) -> Ledger<'h> {
        let last = (self.ledger.reads.len() as u32).saturating_sub(1);
        let (elements, since) = (&mut self.ledger.elements, &self.since);
        let mut size = 0;
        self.shown.become_like(&Bits::default(), |number, _| {
            size += 1;
            elements[number as usize].runs.push(Run { from: since[number as usize], to: last });
        });
        self.ledger.last_size = size;
        self.ledger.duplicates.sort_unstable();
        self.ledger.duplicates.dedup();
        let mut ended = 0;
        for read in &self.ledger.reads {
            ended = ended.max(read.end());
            self.ledger.ended.push(ended);
        }
        self.settle_removes(operations);
        self.ledger
    }

    /// A remove took an element for good only if it began after all adds were over.
    fn settle_removes(&mut self, operations: &'h [Operation<'h>]) {
        let removes = operations.iter().filter(|operation| operation.f == "remove");
        for remove in removes.filter(|operation| operation.is_ok()) {
            let Some(number) = self.numbers.get(0, remove.input) else { continue };
            let element = &mut self.ledger.elements[number as usize];
            let takes = element.add.is_some() && element.added_by < remove.index;
            if takes && element.removed.is_none_or(|other| other.end() > remove.end()) {
                element.removed = Some(remove);
            }
        }
    }
}
