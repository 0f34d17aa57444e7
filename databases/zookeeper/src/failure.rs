//! What an error of ZooKeeper means: certainly not done, or nobody knows. The rows of `errors.md`.

use perjury_harness::Failure;
use perjury_wire::{Effect, WireError};

/// Refusals with which a leader turns a write into a transaction of kind "error", which changes
/// nothing (`PrepRequestProcessor.pRequest`), or with which a server refuses it before that.
///
/// `SessionExpired`, `SessionMoved`, `ConnectionLoss`, `OperationTimeout`, `RequestTimeout` and
/// `SystemError` are missing on purpose: they speak of the session or the server, and nothing
/// says that they are never told of a request that went through.
const NEVER_DONE: &[&str] = &[
    "BadArguments",
    "BadVersion",
    "InvalidACL",
    "NoAuth",
    "NoChildrenForEphemerals",
    "NoNode",
    "NodeExists",
    "NotEmpty",
    "NotReadOnly",
    "QuotaExceeded",
    "ThrottledOp",
    "Unimplemented",
];

/// What a failed request means for the operation that it is all of.
pub(crate) fn classify(error: &WireError, effect: Effect) -> Failure {
    perjury_wire::classify(error, effect, |code, _| NEVER_DONE.contains(&code))
}

/// The same of a request that only reads.
pub(crate) fn reading(error: WireError) -> Failure {
    classify(&error, Effect::Nothing)
}

/// The same of one that writes.
pub(crate) fn writing(error: WireError) -> Failure {
    classify(&error, Effect::Writes)
}

#[cfg(test)]
mod tests;
