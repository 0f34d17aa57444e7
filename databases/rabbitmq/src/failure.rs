//! What an error of AMQP means: certainly not done, or nobody knows. The columns of `errors.md`.

use perjury_harness::Failure;
use perjury_wire::{Effect, WireError, classify};

/// Which part of an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Giving a message to the queue.
    Publish,
    /// Getting messages. What is not acknowledged stays the queue's: nothing has happened.
    Get,
    /// Acknowledging or giving back, and the question after it.
    Settle,
}

/// Codes that a server says of a message before it gives it to any queue (RabbitMQ's
/// `rabbit_channel:handle_method` of `basic.publish`: permissions, the exchange and the size are
/// looked at first), or of one that no queue took.
const NEVER_ROUTED: &[&str] = &[
    "312", // returned: no queue of that name
    "403", // no permission to write
    "406", // larger than messages may be
];

/// What a failed part means for its operation.
pub(crate) fn meaning(error: &WireError, part: Part) -> Failure {
    let effect = match part {
        Part::Get => Effect::Nothing,
        Part::Publish | Part::Settle => Effect::Writes,
    };
    classify(error, effect, |code, text| {
        // A connection's end may have any cause, and need not be about this message.
        part == Part::Publish && NEVER_ROUTED.contains(&code) && !text.starts_with("connection: ")
    })
}

#[cfg(test)]
mod tests;
