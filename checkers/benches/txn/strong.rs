//! Rows that judge registers by strong isolation, without an order of versions.

mod store;

use perjury_checkers::Budget;
use perjury_checkers::txn::ConsistencyModel as Model;
use perjury_checkers::txn::{StrongIsolation, TransactionChecker};

use self::store::{Asked, Planted};
use super::Row;
use super::measure::{Measured, timed};

const THOUSAND: usize = 1_000;

/// What is judged but for the variations.
const SMALL: Asked = Asked {
    txns: 10 * THOUSAND,
    keys: 2_000,
    sessions: 20,
    steps: 8,
    timed: true,
    snapshots: false,
    planted: Planted::Nothing,
};
const HOT: Asked = Asked { keys: 200, ..SMALL };
const LARGE: Asked = Asked { txns: 100 * THOUSAND, keys: 20_000, ..SMALL };

/// A history at every level.
macro_rules! rows {
    ($($what:literal, $large:literal, $asked:expr;)*) => {
        &[$(
            row!("strong serializable ", $what, $large, Model::Serializable, $asked),
            row!("strong SI ", $what, $large, Model::SnapshotIsolation, $asked),
            row!(
                "strong session serializable ",
                $what, $large, Model::StrongSessionSerializable, $asked
            ),
            row!(
                "strong session SI ",
                $what, $large, Model::StrongSessionSnapshotIsolation, $asked
            ),
            row!("strong strict serializable ", $what, $large, Model::StrictSerializable, $asked),
            row!("strong strict SI ", $what, $large, Model::StrongSnapshotIsolation, $asked),
        )*]
    };
}

macro_rules! row {
    ($level:literal, $what:literal, $large:literal, $model:expr, $asked:expr) => {
        Row { name: concat!($level, $what), large: $large, run: || judged($model, $asked) }
    };
}

pub const ROWS: &[Row] = rows! {
    "10k, 2,000 keys, untimed", false, Asked { timed: false, ..SMALL };
    "10k, 2,000 keys", false, SMALL;
    "10k, 200 keys, untimed", false, Asked { timed: false, ..HOT };
    "10k, 200 keys", false, HOT;
    "10k, 2,000 keys, snapshots, untimed", false, Asked { timed: false, snapshots: true, ..SMALL };
    "10k, 2,000 keys, snapshots", false, Asked { snapshots: true, ..SMALL };
    "10k, 200 keys, snapshots", false, Asked { snapshots: true, ..HOT };
    "10k, 2,000 keys, stale read", false, Asked { planted: Planted::StaleRead, ..SMALL };
    "10k, 2,000 keys, stale read, untimed", false,
        Asked { planted: Planted::StaleRead, timed: false, ..SMALL };
    "10k, 2,000 keys, late snapshot", false, Asked { planted: Planted::LateSnapshot, ..SMALL };
    "10k, 2,000 keys, lost update", false, Asked { planted: Planted::LostUpdate, ..SMALL };
    "10k, 2,000 keys, write skew", false, Asked { planted: Planted::WriteSkew, ..SMALL };
    "10k, 2,000 keys, long fork", false, Asked { planted: Planted::LongFork, ..SMALL };
    "100k, 20,000 keys, untimed", true, Asked { timed: false, ..LARGE };
    "100k, 20,000 keys", true, LARGE;
    "100k, 20,000 keys, snapshots", true, Asked { snapshots: true, ..LARGE };
    "100k, 20,000 keys, stale read", true, Asked { planted: Planted::StaleRead, ..LARGE };
    "100k, 20,000 keys, late snapshot", true, Asked { planted: Planted::LateSnapshot, ..LARGE };
    "100k, 20,000 keys, long fork", true, Asked { planted: Planted::LongFork, ..LARGE };
};

fn judged(model: Model, asked: Asked) -> Measured {
    let txns = store::run(asked);
    let checker = StrongIsolation::new(model);
    let (finding, took) = timed(|| checker.check_transactions(&txns, &Budget::default()));
    let kinds: Vec<&str> = finding.anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect();
    let verdict = format!("{:?}", finding.verdict).to_lowercase();
    let result = if kinds.is_empty() { verdict } else { format!("{verdict}: {}", kinds.join(" ")) };
    Measured { transactions: txns.len(), took, bytes: 0, result }
}
