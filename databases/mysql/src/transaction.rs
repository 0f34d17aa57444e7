//! One transaction within one exchange: what fails before its COMMIT was not done.
//!
//! All of it is one exchange on purpose: between exchanges a session may be replaced, and the rest
//! of a transaction would then be done outside of it.

use crate::failure;
use crate::session::{Answer, Conversation};
use perjury_harness::Failure;
use perjury_wire::{Effect, WireError};

/// Why a transaction goes no further.
#[derive(Debug)]
pub(crate) enum Stop {
    Wire(WireError),
    /// A reason of the client's own: nothing is left to do but to roll back.
    Told(Failure),
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// Starts a transaction.
pub(crate) async fn start(session: &mut Conversation) -> Result<(), Stop> {
    step(session, "START TRANSACTION").await.map(drop)
}

/// One statement of a transaction. When the server says that the session has left the transaction,
/// what follows would commit on its own, and no outcome could be told.
pub(crate) async fn step(session: &mut Conversation, statement: &str) -> Result<Answer, Stop> {
    let answer = session.query(statement).await?;
    if answer.in_transaction {
        return Ok(answer);
    }
    let left = format!("`{statement:.100}` went well, and its transaction is gone");
    Err(WireError::Garbled(left).into())
}

/// Commits where `outcome` is a value, and rolls back where it is not. `what` is in the words of a
/// failure of COMMIT. The outer error means that the session is to be forgotten.
pub(crate) async fn finish<T>(
    session: &mut Conversation,
    effect: Effect,
    what: &str,
    outcome: Result<T, Stop>,
) -> Result<Result<T, Failure>, WireError> {
    let failure = match outcome {
        Ok(value) => match session.query("COMMIT").await {
            Ok(_) => return Ok(Ok(value)),
            Err(error @ WireError::Refused { .. }) => {
                failure::of_commit(&of_commit(error, what), effect)
            }
            Err(error) => return Err(of_commit(error, what)),
        },
        Err(Stop::Told(failure)) => failure,
        // Whatever it was refused for, it is not committed, and is not going to be.
        Err(Stop::Wire(error @ (WireError::Refused { .. } | WireError::NotSent(_)))) => {
            Failure::Definite(error.to_string())
        }
        // The server rolls back what a lost session has not committed.
        Err(Stop::Wire(WireError::NoAnswer(text))) => {
            return Err(WireError::NotSent(format!("before COMMIT, no answer: {text}")));
        }
        Err(Stop::Wire(error)) => return Err(error),
    };
    // Some errors roll back all of a transaction and some only the statement.
    if session.query("ROLLBACK").await.is_ok() {
        return Ok(Err(failure));
    }
    // A server that is about to go may not hear it; the end of the session is as good.
    Err(match failure {
        Failure::Definite(text) | Failure::Declined(text) | Failure::NotAsked(text) => {
            WireError::NotSent(text)
        }
        Failure::Indefinite(text) => WireError::NoAnswer(text),
        Failure::Unexpected(text) => WireError::Garbled(text),
    })
}

fn of_commit(error: WireError, what: &str) -> WireError {
    let tell = |text: String| format!("COMMIT{what}: {text}");
    match error {
        WireError::NotSent(text) | WireError::NoAnswer(text) => WireError::NoAnswer(tell(text)),
        WireError::Refused { code, text } => WireError::Refused { code, text: tell(text) },
        WireError::Garbled(text) => WireError::Garbled(tell(text)),
    }
}
