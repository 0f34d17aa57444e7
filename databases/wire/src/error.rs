//! Why a request has no usable answer, and what that means for the operation.

use perjury_harness::Failure;

/// Whether a request could have changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: when it fails, nothing happened.
    Nothing,
    /// It may write.
    Writes,
}

/// Why a request has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No byte of the request left this machine.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It was sent, at least in part, and no whole answer came.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The database answered with an error of its own; `code` is whatever it tells them apart by.
    #[error("{code}: {text}")]
    Refused { code: String, text: String },
    /// The answer cannot be understood.
    #[error("not understood: {0}")]
    Garbled(String),
}

/// What `error` means. `is_definite` says of the code and text of a refusal whether the database
/// says it only of what it certainly did not do, and never will.
pub fn classify(
    error: &WireError,
    effect: Effect,
    is_definite: impl FnOnce(&str, &str) -> bool,
) -> Failure {
    let text = error.to_string();
    match error {
        WireError::Garbled(_) => Failure::Unexpected(text),
        _ if effect == Effect::Nothing => Failure::Definite(text),
        WireError::NotSent(_) => Failure::Definite(text),
        WireError::NoAnswer(_) => Failure::Indefinite(text),
        WireError::Refused { code, text: words } if is_definite(code, words) => {
            Failure::Definite(text)
        }
        WireError::Refused { .. } => Failure::Indefinite(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(error: WireError, effect: Effect) -> &'static str {
        match classify(&error, effect, |code, _| code == "no") {
            Failure::Definite(_) | Failure::Declined(_) | Failure::NotAsked(_) => "definite",
            Failure::Indefinite(_) => "indefinite",
            Failure::Unexpected(_) => "unexpected",
        }
    }

    #[test]
    fn only_what_was_not_sent_or_is_known_to_be_refused_is_definite_for_a_write() {
        let refused = |code: &str| WireError::Refused { code: code.into(), text: "words".into() };
        let rows = [
            (WireError::NotSent("refused".into()), "definite", "definite"),
            (WireError::NoAnswer("reset".into()), "indefinite", "definite"),
            (refused("no"), "definite", "definite"),
            (refused("perhaps"), "indefinite", "definite"),
            (WireError::Garbled("?".into()), "unexpected", "unexpected"),
        ];
        for (error, write, read) in rows {
            assert_eq!(meaning(error.clone(), Effect::Writes), write, "{error}");
            assert_eq!(meaning(error.clone(), Effect::Nothing), read, "{error}");
        }
    }
}
