//! The elements of sets: who added and removed each, which replicas had it, and what reads show.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::eventual::ledger::{Call, Ledger};
use crate::numbers::Numbers;
use crate::words::shortened;

#[derive(Debug)]
pub(super) struct Element<'h> {
    pub(super) value: &'h Value,
    /// An add that did not fail.
    pub(super) add: Option<Call<'h>>,
    pub(super) failed: Option<Call<'h>>,
    /// Whether there are several adds, so that little can be concluded.
    pub(super) twice: bool,
    /// When it was acknowledged or first shown, in nanoseconds; never, if neither, or if it was added
    /// several times.
    pub(super) known: u64,
    /// When the first remove began that did not fail, as a position.
    pub(super) removing: u64,
    /// The first acknowledged remove by a replica that had it.
    pub(super) removed: Option<Call<'h>>,
    /// By replica, the first position at which that one had acknowledged or shown it.
    seen: Vec<(u32, u64)>,
    /// A remove has no answer.
    unknown_remove: bool,
}

impl<'h> Element<'h> {
    /// Whether this acknowledged remove took it: its replica had it before that began.
    pub(super) fn is_removed_by(&self, remove: &Call<'h>) -> bool {
        let begun = remove.operation.index;
        let had = self.seen.iter().any(|(node, at)| *node == remove.node && *at < begun);
        remove.operation.is_ok() && !self.twice && had
    }

    /// Whether it may be missing, be there, and be missing again, all after the last acknowledgement:
    /// its add arrives, and then a remove of which nobody knows.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.unknown_remove || self.twice
    }
}

/// One set.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) elements: Vec<u32>,
    /// When the last update was acknowledged; `None` if none happened.
    pub(super) last_known: Option<u64>,
    /// Some element may go and come back.
    pub(super) ambiguous: bool,
}

/// What the last read of a key was answered, with the numbers of its elements.
#[derive(Debug, Default)]
struct Shown<'h> {
    list: &'h [Value],
    numbers: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Members<'h> {
    pub(super) elements: Vec<Element<'h>>,
    pub(super) keys: Vec<Key>,
    numbers: Numbers<'h>,
    /// What each answered read shows, ascending; by begin, and where it ends.
    contents: Vec<u32>,
    ends: Vec<usize>,
    /// By the index of a read, what it shows more than once.
    duplicates: FxHashMap<u64, Vec<u32>>,
}

impl<'h> Members<'h> {
    pub(super) fn new(ledger: &Ledger<'h>) -> Result<Self, String> {
        let mut members = Self {
            elements: Vec::new(),
            keys: Vec::new(),
            numbers: Numbers::default(),
            contents: Vec::new(),
            ends: Vec::new(),
            duplicates: FxHashMap::default(),
        };
        members.keys.resize_with(ledger.keys.len(), Key::default);
        let mut last: Vec<Shown<'h>> = Vec::new();
        last.resize_with(ledger.keys.len(), Shown::default);
        for call in &ledger.calls {
            match (call.f(), call.answer) {
                ("add", _) => members.add(call),
                ("remove", _) => members.remove(call),
                (_, Some(answer)) => members.read(call, answer, &mut last[call.key as usize])?,
                _ => {}
            }
        }
        members.settle(ledger);
        Ok(members)
    }

    fn at(&mut self, key: u32, value: &'h Value) -> u32 {
        let (elements, keys) = (&mut self.elements, &mut self.keys);
        let number = self.numbers.number(key, value, elements.len() as u32);
        if number as usize == elements.len() {
            keys[key as usize].elements.push(number);
            elements.push(Element {
                value,
                add: None,
                failed: None,
                twice: false,
                known: u64::MAX,
                removing: u64::MAX,
                removed: None,
                seen: Vec::new(),
                unknown_remove: false,
            });
        }
        number
    }

    fn add(&mut self, call: &Call<'h>) {
        let number = self.at(call.key, call.argument);
        let element = &mut self.elements[number as usize];
        if call.operation.is_failed() {
            element.failed = Some(*call);
            return;
        }
        element.twice |= element.add.is_some();
        // The one that began first, so that a read of it is no phantom.
        element.add.get_or_insert(*call);
        if call.operation.is_ok() {
            self.had(number, call);
            self.updated(call);
        }
    }

    fn remove(&mut self, call: &Call<'h>) {
        let number = self.at(call.key, call.argument);
        let element = &mut self.elements[number as usize];
        if !call.operation.is_failed() {
            element.removing = element.removing.min(call.operation.index);
        }
        element.unknown_remove |= call.operation.is_unknown();
        if call.operation.is_ok() {
            self.updated(call);
        }
    }

    fn updated(&mut self, call: &Call<'h>) {
        let last = &mut self.keys[call.key as usize].last_known;
        *last = Some(last.unwrap_or(0).max(call.returned()));
    }

    fn read(
        &mut self,
        call: &Call<'h>,
        answer: &'h Value,
        last: &mut Shown<'h>,
    ) -> Result<(), String> {
        let Value::Array(list) = answer else {
            return Err(format!(
                "operation {} read {}, where a list of all elements should be",
                call.operation.index,
                shortened(answer)
            ));
        };
        // Most of what the last answer had stands where it stood, and keeps its number.
        last.numbers.resize(list.len(), 0);
        for (at, value) in list.iter().enumerate() {
            if last.list.get(at) != Some(value) {
                last.numbers[at] = self.at(call.key, value);
            }
        }
        last.list = list;
        let from = self.contents.len();
        self.contents.extend(&last.numbers);
        let content = &mut self.contents[from..];
        if !content.is_sorted() {
            content.sort_unstable();
        }
        let twice = content.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let mut twice: Vec<u32> = twice.collect();
        if !twice.is_empty() {
            twice.dedup();
            self.duplicates.insert(call.operation.index, twice);
            let mut content = self.contents.split_off(from);
            content.dedup();
            self.contents.append(&mut content);
        }
        for at in from..self.contents.len() {
            self.had(self.contents[at], call);
        }
        if from < self.contents.len() {
            self.keys[call.key as usize].last_known.get_or_insert(0);
        }
        self.ends.push(self.contents.len());
        Ok(())
    }

    /// A replica acknowledged or showed an element.
    fn had(&mut self, number: u32, call: &Call<'h>) {
        let element = &mut self.elements[number as usize];
        element.known = element.known.min(call.returned());
        let end = call.operation.end();
        match element.seen.iter_mut().find(|(node, _)| *node == call.node) {
            Some((_, at)) => *at = end.min(*at),
            None => element.seen.push((call.node, end)),
        }
    }

    fn settle(&mut self, ledger: &Ledger<'h>) {
        for element in self.elements.iter_mut().filter(|element| element.twice) {
            element.known = u64::MAX;
        }
        for call in ledger.calls.iter().filter(|call| call.f() == "remove") {
            let Some(number) = self.number(call) else { continue };
            let element = &mut self.elements[number as usize];
            let first = element.removed.is_none_or(|other| other.returned() > call.returned());
            if first && element.is_removed_by(call) {
                element.removed = Some(*call);
            }
        }
        for key in &mut self.keys {
            let ambiguous = |number: &u32| self.elements[*number as usize].is_ambiguous();
            key.ambiguous = key.elements.iter().any(ambiguous);
        }
    }

    /// The element of an add or a remove.
    pub(super) fn number(&self, call: &Call<'h>) -> Option<u32> {
        self.numbers.get(call.key, call.argument)
    }

    /// Answered reads with what they show, by begin.
    pub(super) fn contents<'a>(
        &'a self,
        ledger: &'a Ledger<'h>,
    ) -> impl Iterator<Item = (&'a Call<'h>, &'a [u32])> {
        let mut from = 0;
        let contents = self.ends.iter().map(move |end| {
            let content = &self.contents[from..*end];
            from = *end;
            content
        });
        ledger.reads().map(|(call, _)| call).zip(contents)
    }

    /// What a read shows more than once.
    pub(super) fn duplicates(&self, call: &Call<'h>) -> &[u32] {
        self.duplicates.get(&call.operation.index).map_or(&[], Vec::as_slice)
    }
}
