//! What an error means: certainly not done, or nobody knows. The rows of `errors.md`.

use perjury_harness::Failure;
use perjury_wire::{Effect, WireError, classify};

/// Numbers of errors after which a statement that commits on its own has certainly not been done.
///
/// Missing on purpose: 1053 (shutting down), 1317 (interrupted), 1927 (killed) and 1180 (error
/// during COMMIT), which may come while the statement commits, and whatever an engine says.
const STATEMENT: &[&str] = &[
    "1020", // the row has changed since it was read (innodb_snapshot_isolation)
    "1044", "1045", "1142", "1227", // not allowed
    "1046", "1049", // no such database
    "1047", // WSREP has not yet prepared node for application use
    "1054", "1064", "1146", "1193",
    "1235", // not understood: no such column, table, variable, ...
    "1062", // duplicate entry
    "1205", // lock wait timeout: the statement is rolled back, and it is all there is
    "1213", // deadlock, or lost in Galera's certification: the transaction is rolled back
    "1290", "1792", "1836", // read only
    "3101", // group replication's certification
    "3572", // NOWAIT
    "9007", // TiDB: write conflict
];

/// The same for a COMMIT that was refused, with a ROLLBACK after it.
const COMMIT: &[&str] = &["1020", "1047", "1213", "1290", "1792", "1836", "3101", "9007"];

/// What the failure of a whole operation means, be it one statement that commits on its own or one
/// exchange whose transaction says [`WireError::NotSent`] of what broke before its COMMIT.
pub(crate) fn of(error: &WireError, effect: Effect) -> Failure {
    classify(error, effect, |code, _| STATEMENT.contains(&code))
}

/// What a refused COMMIT means.
pub(crate) fn of_commit(error: &WireError, effect: Effect) -> Failure {
    classify(error, effect, |code, _| COMMIT.contains(&code))
}

/// A whole operation's result.
pub(crate) fn flat<T>(
    told: Result<Result<T, Failure>, WireError>,
    effect: Effect,
) -> Result<T, Failure> {
    told.unwrap_or_else(|error| Err(of(&error, effect)))
}

#[cfg(test)]
mod tests;
