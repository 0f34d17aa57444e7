//! What an error of etcd means: certainly not done, or nobody knows. The rows of `errors.md`.

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

/// Refusals that etcd makes before it hands a request to Raft, or that Raft makes before it
/// appends it to the log (etcd 3.4: `processInternalRaftRequestOnce`, `checkTxnRequest`,
/// `raft.ErrProposalDropped`), or with which a request without effect is applied (a
/// lease that is gone). Matched as beginnings of etcd's own words.
///
/// `mvcc: database space exceeded` is missing on purpose: a write that crosses the quota is
/// applied and answered with that error. So are all of `request timed out`, `leader changed`,
/// `no leader` and `server stopped`, which can come after the request is in the log.
const NEVER_PROPOSED: &[&str] = &[
    "etcdserver: too many requests",
    "etcdserver: request is too large",
    "etcdserver: key is not provided",
    "etcdserver: duplicate key given in txn request",
    "etcdserver: too many operations in txn request",
    "etcdserver: requested lease not found",
    "raft proposal dropped",
    "raft: proposal dropped",
];

/// What a failed request means for the operation that it is all of.
pub(crate) fn classify(error: &RequestError, effect: Effect) -> Failure {
    let text = error.to_string();
    match (error, effect) {
        (RequestError::Garbled(_), _) => Failure::Unexpected(text),
        (_, Effect::Nothing) | (RequestError::NotSent(_), _) => Failure::Definite(text),
        (RequestError::Refused { message, .. }, Effect::Writes)
            if NEVER_PROPOSED.iter().any(|words| message.starts_with(words)) =>
        {
            Failure::Definite(text)
        }
        (RequestError::Refused { .. } | RequestError::NoAnswer(_), Effect::Writes) => {
            Failure::Indefinite(text)
        }
    }
}

#[cfg(test)]
mod tests;
