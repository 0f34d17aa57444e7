//! What an error of Redis means: certainly not done, or nobody knows. The rows of `errors.md`.

use perjury_harness::Failure;
use perjury_wire::{Effect, WireError};

/// First words of refusals that Redis makes before it carries a command out (7.0: `processCommand`,
/// `getNodeByQuery`, `authCommand`, `checkType`), or a script's first write
/// (`scriptVerifyWriteCommandAllow`). All of a transaction is discarded by them.
const NEVER_DONE: &[&str] = &[
    "READONLY",
    "NOREPLICAS",
    "LOADING",
    "MASTERDOWN",
    "OOM",
    "MISCONF",
    "BUSY",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CROSSSLOT",
    "CLUSTERDOWN",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "DENIED",
    "WRONGTYPE",
    "EXECABORT",
];

/// Of the many errors that begin with `ERR`, those that are said before anything is done.
const NEVER_DONE_TEXTS: &[&str] = &[
    "unknown command",
    "wrong number of arguments",
    "max number of clients reached",
    "value is not an integer or out of range",
    "increment or decrement would overflow",
];

/// Whether Redis says this only of what it did not do, and never will.
pub(crate) fn is_definite(code: &str, text: &str) -> bool {
    NEVER_DONE.contains(&code)
        || code == "ERR" && NEVER_DONE_TEXTS.iter().any(|words| text.starts_with(words))
}

/// What a failed request means for the operation that it is all of.
pub(crate) fn classify(error: &WireError, effect: Effect) -> Failure {
    perjury_wire::classify(error, effect, is_definite)
}

#[cfg(test)]
mod tests;
