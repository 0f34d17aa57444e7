//! The elements of sets: who added and removed each, which replicas had it, and what reads show.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::eventual::ledger::Call;
use crate::numbers::Numbers;
use crate::words::shortened;

/// A call that is not what a set is asked or answers, by its index.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) index: u64,
    pub(super) why: String,
}

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

/// What the last read was answered, with the numbers of its elements.
#[derive(Debug, Default)]
struct Shown<'h> {
    list: &'h [Value],
    numbers: Vec<u32>,
}

/// One set, by all calls on it.
#[derive(Debug, Default)]
pub(super) struct Members<'h> {
    pub(super) elements: Vec<Element<'h>>,
    /// When the last update was acknowledged; `None` if none happened.
    pub(super) last_known: Option<u64>,
    /// Some element may go and come back.
    pub(super) ambiguous: bool,
    numbers: Numbers<'h>,
    /// What each answered read shows, ascending; by begin, and where it ends.
    contents: Vec<u32>,
    ends: Vec<usize>,
    /// By the index of a read, what it shows more than once.
    duplicates: FxHashMap<u64, Vec<u32>>,
}

impl<'h> Members<'h> {
    /// From the calls on one key, by begin. The error is the first call that cannot be read.
    pub(super) fn new(calls: &[&Call<'h>]) -> Result<Self, Unreadable> {
        let mut members = Self::default();
        let mut last = Shown::default();
        for call in calls {
            match (call.f(), call.answer) {
                ("add", _) => members.add(call),
                ("remove", _) => members.remove(call),
                (_, Some(answer)) => members.read(call, answer, &mut last)?,
                _ => {}
            }
        }
        members.settle(calls);
        Ok(members)
    }

    fn at(&mut self, value: &'h Value) -> u32 {
        let elements = &mut self.elements;
        let number = self.numbers.number(0, value, elements.len() as u32);
        if number as usize == elements.len() {
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
        let number = self.at(call.argument);
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
        let number = self.at(call.argument);
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
        self.last_known = Some(self.last_known.unwrap_or(0).max(call.returned()));
    }

    fn read(
        &mut self,
        call: &Call<'h>,
        answer: &'h Value,
        last: &mut Shown<'h>,
    ) -> Result<(), Unreadable> {
        let Value::Array(list) = answer else {
            let index = call.operation.index;
            let what = shortened(answer);
            let why =
                format!("operation {index} read {what}, where a list of all elements should be");
            return Err(Unreadable { index, why });
        };
        // Most of what the last answer had stands where it stood, and keeps its number.
        last.numbers.resize(list.len(), 0);
        for (at, value) in list.iter().enumerate() {
            if last.list.get(at) != Some(value) {
                last.numbers[at] = self.at(value);
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
            self.last_known.get_or_insert(0);
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

    fn settle(&mut self, calls: &[&Call<'h>]) {
        for element in self.elements.iter_mut().filter(|element| element.twice) {
            element.known = u64::MAX;
        }
        for call in calls.iter().filter(|call| call.f() == "remove") {
            let Some(number) = self.number(call) else { continue };
            let element = &mut self.elements[number as usize];
            let first = element.removed.is_none_or(|other| other.returned() > call.returned());
            if first && element.is_removed_by(call) {
                element.removed = Some(**call);
            }
        }
        self.ambiguous = self.elements.iter().any(Element::is_ambiguous);
    }

    /// The element of an add or a remove.
    pub(super) fn number(&self, call: &Call<'h>) -> Option<u32> {
        self.numbers.get(0, call.argument)
    }

    /// What answered reads show, by begin.
    pub(super) fn contents(&self) -> impl Iterator<Item = &[u32]> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let content = &self.contents[from..*end];
            from = *end;
            content
        })
    }

    /// What a read shows more than once.
    pub(super) fn duplicates(&self, call: &Call<'h>) -> &[u32] {
        self.duplicates.get(&call.operation.index).map_or(&[], Vec::as_slice)
    }
}
