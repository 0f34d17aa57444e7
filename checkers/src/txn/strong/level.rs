//! The levels that are decided here: what a transaction sees, and which order counts.

use crate::txn::isolation::ConsistencyModel;

/// What a transaction sees of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// A prefix of the order of commits.
    Prefix,
    /// The same, and nobody else commits to what it writes in the meantime.
    Snapshot,
    /// All that committed before it.
    Serializable,
}

/// Which order of transactions an order of commits must agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    None,
    /// That of each session.
    Session,
    /// Real time; if the history has no times, that of each session.
    RealTime,
}

/// A strong isolation level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level {
    pub isolation: Isolation,
    pub order: Order,
}

impl Level {
    pub const fn new(isolation: Isolation, order: Order) -> Self {
        Self { isolation, order }
    }

    /// All levels, weaker ones before stronger ones of the same order.
    pub fn all() -> impl Iterator<Item = Self> {
        [Order::None, Order::Session, Order::RealTime].into_iter().flat_map(|order| {
            [Isolation::Prefix, Isolation::Snapshot, Isolation::Serializable]
                .map(|isolation| Self { isolation, order })
        })
    }

    /// The level of a model, if it is one of these.
    pub fn of_model(model: ConsistencyModel) -> Option<Self> {
        use ConsistencyModel as Model;
        let (isolation, order) = match model {
            Model::Prefix => (Isolation::Prefix, Order::None),
            Model::SnapshotIsolation => (Isolation::Snapshot, Order::None),
            Model::Serializable => (Isolation::Serializable, Order::None),
            Model::StrongSessionSnapshotIsolation => (Isolation::Snapshot, Order::Session),
            Model::StrongSessionSerializable => (Isolation::Serializable, Order::Session),
            Model::StrongSnapshotIsolation => (Isolation::Snapshot, Order::RealTime),
            Model::StrictSerializable => (Isolation::Serializable, Order::RealTime),
            _ => return None,
        };
        Some(Self { isolation, order })
    }

    /// The weakest model that a refutation of this level rules out. Prefix consistency has a
    /// name only without an order.
    pub(super) fn model(self) -> ConsistencyModel {
        use ConsistencyModel as Model;
        match (self.isolation, self.order) {
            (Isolation::Prefix, Order::None) => Model::Prefix,
            (Isolation::Snapshot, Order::None) => Model::SnapshotIsolation,
            (Isolation::Serializable, Order::None) => Model::Serializable,
            (Isolation::Prefix | Isolation::Snapshot, Order::Session) => {
                Model::StrongSessionSnapshotIsolation
            }
            (Isolation::Serializable, Order::Session) => Model::StrongSessionSerializable,
            (Isolation::Prefix | Isolation::Snapshot, Order::RealTime) => {
                Model::StrongSnapshotIsolation
            }
            (Isolation::Serializable, Order::RealTime) => Model::StrictSerializable,
        }
    }
}
