//! What an error of NATS means: certainly not done, or nobody knows. The rows of `errors.md`.

use crate::connection::RequestError;
use perjury_harness::Failure;

/// Whether a request could have changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads: when it fails, nothing happened.
    Nothing,
    /// It may write.
    Writes,
}

/// JetStream's numbers (`err_code`) of refusals that a stream's leader makes before it proposes
/// the message to its followers.
///
/// `insufficient resources` (10023) and `message store failed` (10077) are missing on purpose:
/// the leader also says them when it fails to store what is agreed on, and its followers keep it.
const NEVER_PROPOSED: &[u32] = &[
    10054, // message size exceeds maximum allowed
    10109, // invalid operation on sealed stream
];

/// The same, where there is no number: Raft does not take a proposal from one that lost its lead.
const NOT_LEADER: &str = "raft: not leader";

/// Words of `-ERR` that are said of a message that is not passed on.
const NOT_PASSED_ON: &[&str] = &["Maximum Payload Violation"];

/// What a failed request means for the operation that it is all of.
pub(crate) fn classify(error: &RequestError, effect: Effect) -> Failure {
    let text = error.to_string();
    let not_done = match error {
        RequestError::Garbled(_) => return Failure::Unexpected(text),
        RequestError::NotSent(_) | RequestError::NoResponders(_) => true,
        RequestError::NoAnswer(_) => false,
        RequestError::Expelled(words) => NOT_PASSED_ON.contains(&words.as_str()),
        RequestError::Refused { err_code, description, .. } => {
            NEVER_PROPOSED.contains(err_code) || (*err_code == 0 && description == NOT_LEADER)
        }
    };
    match not_done || effect == Effect::Nothing {
        true => Failure::Definite(text),
        false => Failure::Indefinite(text),
    }
}

#[cfg(test)]
mod tests;
