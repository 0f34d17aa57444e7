//! Classes of unknown calls: those with the same effect are interchangeable.

use rustc_hash::FxHashMap;

use super::config::Spent;
use super::prepare::Kind;

/// Unknown calls that have the same effect.
#[derive(Clone, Debug)]
struct Class {
    kind: Kind,
    /// The positions of its calls among all unknown calls that have begun, ascending.
    begun: Vec<u32>,
}

/// All classes of a problem.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    classes: Vec<Class>,
    numbers: FxHashMap<Kind, u32>,
    /// How many unknown calls have begun.
    pub(super) begun: u32,
}

impl Classes {
    pub(super) fn begin(&mut self, kind: Kind) {
        let next = self.classes.len() as u32;
        let number = *self.numbers.entry(kind).or_insert(next);
        if number == next {
            self.classes.push(Class { kind, begun: Vec::new() });
        }
        self.classes[number as usize].begun.push(self.begun);
        self.begun += 1;
    }

    /// What the unknown calls do, each class once.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.classes.iter().map(|class| class.kind)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Classes with a call that is not spent, among the first `before` unknown calls, and what
    /// they do.
    pub(super) fn available(
        &self,
        spent: &Spent,
        before: u32,
    ) -> impl Iterator<Item = (u32, Kind)> {
        (0u32..).zip(&self.classes).filter_map(move |(number, class)| {
            let next = class.begun.get(spent.of(number) as usize);
            next.is_some_and(|begun| *begun < before).then_some((number, class.kind))
        })
    }
}
