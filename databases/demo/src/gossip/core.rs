//! What a node has seen, and what it makes of it.

use super::data::{Answer, Change, Dot, Local, Seen, State, Update};
use super::rules::Rules;
use crate::command::Key;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Why an update was not made.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

#[derive(Debug)]
pub(super) struct Core {
    /// What this node's own updates are called.
    origin: String,
    /// How many of them were made, also of those that are not on the disk yet.
    made: u64,
    /// The greatest clock of an update that was made or seen.
    clock: u64,
    /// All updates, in the order in which they were applied, and since when.
    updates: Vec<(Instant, Arc<Update>)>,
    /// By origin the numbers of its updates, and where they are.
    places: BTreeMap<String, Vec<(u64, usize)>>,
    seen: Seen,
    state: State,
    rules: Rules,
}

impl Core {
    pub(super) fn new(origin: String, rules: Rules) -> Self {
        Self {
            origin,
            made: 0,
            clock: 0,
            updates: Vec::new(),
            places: BTreeMap::new(),
            seen: Seen::new(),
            state: State::default(),
            rules,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// The answer to a command that changes nothing.
    pub(super) fn read(&self, command: &Local) -> Option<Answer> {
        let value = self.state.read(command)?;
        Some(Answer { value, seen: self.seen(), replaced: None })
    }

    /// Makes an update of this node, which still has to be written and applied.
    pub(super) fn draft(&mut self, command: &Local) -> Result<(Update, Answer), Refused> {
        let (key, change) = self.state.change(command).map_err(Refused)?;
        let replaced = matches!(change, Change::Put { .. }).then(|| self.state.values(&key));
        self.made += 1;
        self.clock += 1;
        let dot = Dot { origin: self.origin.clone(), number: self.made };
        let update = Update { dot, clock: self.clock, after: self.seen(), key, change };
        Ok((update, Answer { value: serde_json::Value::Null, seen: self.seen(), replaced }))
    }

    /// The first update of a node, which only says that there is one.
    pub(super) fn birth(&mut self) -> Update {
        self.made += 1;
        let dot = Dot { origin: self.origin.clone(), number: self.made };
        let key = Key::from(&serde_json::Value::Null);
        Update { dot, clock: 0, after: self.seen(), key, change: Change::Nothing }
    }

    /// Applies an update, unless it was applied before or one that belongs before it is missing.
    pub(super) fn apply(&mut self, update: Arc<Update>) {
        let Dot { origin, number } = &update.dot;
        if *number <= self.seen.get(origin).copied().unwrap_or(0) {
            if self.rules.counts_again && matches!(update.change, Change::Add(_)) {
                self.state.apply(&update, self.rules.keeps_one);
            }
            return;
        }
        if !self.fits(&update, &self.seen) {
            return;
        }
        self.clock = self.clock.max(update.clock);
        if *origin == self.origin {
            self.made = self.made.max(*number);
        }
        self.seen.insert(origin.clone(), *number);
        self.places.entry(origin.clone()).or_default().push((*number, self.updates.len()));
        self.state.apply(&update, self.rules.keeps_one);
        self.updates.push((Instant::now(), update));
    }

    /// Whether all that belongs before an update is in `seen`.
    fn fits(&self, update: &Update, seen: &Seen) -> bool {
        let Dot { origin, number } = &update.dot;
        let of = |origin: &String| seen.get(origin).copied().unwrap_or(0);
        let in_order = *number == of(origin) + 1;
        // Nobody comes to bring what is missing.
        let anyhow = !self.rules.repairs && *number > of(origin);
        anyhow || (in_order && update.after.iter().all(|(origin, count)| of(origin) >= *count))
    }

    /// Those of another node's updates that can be applied, one after the other.
    pub(super) fn acceptable(&self, updates: Vec<Update>) -> Vec<Arc<Update>> {
        let mut seen = self.seen();
        let mut accepted = Vec::new();
        for update in updates {
            let Dot { origin, number } = &update.dot;
            let again = *number <= seen.get(origin).copied().unwrap_or(0);
            if again && self.rules.counts_again && matches!(update.change, Change::Add(_)) {
                accepted.push(Arc::new(update));
            } else if !again && self.fits(&update, &seen) {
                seen.insert(origin.clone(), *number);
                accepted.push(Arc::new(update));
            }
        }
        accepted
    }

    /// Up to `most` of the updates that somebody has not seen, those first that belong first.
    pub(super) fn missing(&self, seen: &Seen, most: usize) -> Vec<Update> {
        let mut places: Vec<usize> = Vec::new();
        for (origin, numbers) in &self.places {
            let count = seen.get(origin).copied().unwrap_or(0);
            let from = numbers.partition_point(|(number, _)| *number <= count);
            places.extend(numbers[from..].iter().take(most).map(|(_, place)| *place));
        }
        places.sort_unstable();
        places.into_iter().take(most).map(|place| self.passed_on(place)).collect()
    }

    /// This node's own updates from a place on, and the place after them.
    pub(super) fn own_since(&self, place: usize, most: usize) -> (Vec<Update>, usize) {
        let own = |(_, update): &&(Instant, Arc<Update>)| update.dot.origin == self.origin;
        let later = self.updates.get(place..).unwrap_or_default();
        let until = later.len().min(most);
        let updates = later[..until].iter().filter(own).map(|(_, update)| Update::clone(update));
        (updates.collect(), place + until)
    }

    fn passed_on(&self, place: usize) -> Update {
        let (since, update) = &self.updates[place];
        let mut update = Update::clone(update);
        let old = self.rules.forgets_removals.is_some_and(|age| since.elapsed() > age);
        if old && matches!(update.change, Change::Remove { .. }) {
            update.change = Change::Nothing;
        }
        update
    }
}
