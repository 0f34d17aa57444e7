//! What a failed statement means: see `errors.md`, which this file and its tests follow.

use crate::session::Answer;
use crate::session::refusal;
use perjury_harness::Failure;
use perjury_wire::{Effect, WireError, classify};

/// The code of a COMMIT that was answered with `ROLLBACK`.
pub(crate) const ROLLED_BACK: &str = "ROLLBACK";

/// Classes of SQLSTATE that the server only says of what it has not done: wrong data, broken
/// constraints, wrong state of the transaction, what is not allowed or not there.
const DEFINITE_CLASSES: [&str; 5] = ["0A", "22", "23", "25", "42"];

/// Single codes of the same kind: the transaction was rolled back, or a lock was not to be had.
const DEFINITE_CODES: [&str; 7] =
    ["40000", "40001", "40002", "40P01", "55P03", "55000", ROLLED_BACK];

/// What a statement's failure means, when the statement itself is what commits: a COMMIT, or one
/// outside a transaction.
pub(crate) fn of_commit(error: &WireError, effect: Effect) -> Failure {
    classify(error, effect, is_definite)
}

/// What the failure of a statement within a transaction means: nothing was committed, and never
/// will be, since no COMMIT was sent.
pub(crate) fn before_commit(error: &WireError) -> Failure {
    classify(error, Effect::Nothing, is_definite)
}

fn is_definite(code: &str, text: &str) -> bool {
    // Said while the session ends, which may be in the middle of a COMMIT.
    let ends = ["FATAL", "PANIC", "WARNING"].iter().any(|severity| text.starts_with(severity));
    let class = code.get(..2).unwrap_or_default();
    !ends && (DEFINITE_CODES.contains(&code) || DEFINITE_CLASSES.contains(&class))
}

/// The answer to what commits. One with a warning is an error that leaves open what happened: so
/// the server says that it did not wait for its replicas.
pub(crate) fn committed(answer: Answer) -> Result<Answer, WireError> {
    match answer.warnings.first() {
        Some(warning) => Err(refusal(warning)),
        None if answer.tag == "ROLLBACK" => Err(WireError::Refused {
            code: ROLLED_BACK.to_owned(),
            text: "COMMIT was answered with ROLLBACK".to_owned(),
        }),
        None => Ok(answer),
    }
}

#[cfg(test)]
mod tests;
