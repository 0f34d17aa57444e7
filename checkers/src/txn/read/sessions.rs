//! Sessions: transactions of formats that know who ran what after what, and nothing of time.

use rustc_hash::FxHashSet;
use serde_json::Value;

use crate::txn::transactions::{Action, Atom, Builder, Status, Transactions};

/// Puts transactions together: [`Self::begin`], then steps, then the next.
pub(super) struct Sessions {
    builder: Builder,
    /// What a read of a key sees that nobody wrote, if the format fixes a value for that.
    initial: Option<Atom>,
    /// The keys to which somebody writes that very value.
    rewritten: FxHashSet<Atom>,
    /// Per transaction its session, its status, and where its steps begin.
    txns: Vec<(u32, Status, usize)>,
    steps: Vec<(Action, Atom, Atom)>,
}

impl Sessions {
    pub(super) fn new(initial: Option<Atom>) -> Self {
        let rewritten = FxHashSet::default();
        Self { builder: Builder::new(false), initial, rewritten, txns: vec![], steps: vec![] }
    }

    /// Begins the next transaction of a session.
    pub(super) fn begin(&mut self, session: u32, status: Status) {
        self.txns.push((session, status, self.steps.len()));
    }

    /// Says what became of the transaction that began last.
    pub(super) fn end(&mut self, status: Status) {
        if let Some(txn) = self.txns.last_mut() {
            txn.1 = status;
        }
    }

    pub(super) fn read(&mut self, key: Atom, value: Atom) {
        self.steps.push((Action::Read, key, value));
    }

    pub(super) fn write(&mut self, key: Atom, value: Atom) {
        if Some(value) == self.initial {
            self.rewritten.insert(key);
        }
        self.steps.push((Action::Write, key, value));
    }

    /// The atom of any value.
    pub(super) fn atom(&mut self, value: &Value) -> Atom {
        self.builder.atom(value)
    }

    /// The atom of a whole number.
    pub(super) fn number(&mut self, number: u64) -> Atom {
        match Atom::small(number) {
            Some(atom) => atom,
            None => self.atom(&number.into()),
        }
    }

    /// The transactions. A read of the initial value is of [`Atom::NIL`], unless somebody writes
    /// that value to the key: then it is a read of what was written.
    pub(super) fn finish(self) -> Transactions {
        let Self { mut builder, initial, rewritten, txns, steps } = self;
        builder.reserve(txns.len(), steps.len(), 0);
        for (number, (session, status, first)) in txns.iter().enumerate() {
            builder.begin_in_session(*session, *status);
            let end = txns.get(number + 1).map_or(steps.len(), |next| next.2);
            for (action, key, value) in &steps[*first..end] {
                match action {
                    Action::Write => builder.micro(Action::Write, *key, *value),
                    _ if *status != Status::Committed => {
                        builder.micro(Action::ReadUnknown, *key, Atom::NIL);
                    }
                    _ if Some(*value) == initial && !rewritten.contains(key) => {
                        builder.micro(Action::Read, *key, Atom::NIL);
                    }
                    _ => builder.micro(Action::Read, *key, *value),
                }
            }
        }
        builder.finish()
    }
}
