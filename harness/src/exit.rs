//! Exit codes, which scripts rely on, and the two kinds of error that end a command.

use perjury_checkers::Verdict;
use std::fmt;
use std::process::ExitCode;

/// Nothing wrong was found, and something was tested.
pub const VALID: u8 = 0;
/// An anomaly.
pub const ANOMALY: u8 = 1;
/// It cannot be said; the reason is in the results.
pub const UNKNOWN: u8 = 2;
/// The harness or the infrastructure failed: never a verdict on the database.
pub const HARNESS: u8 = 3;
/// Bad arguments or configuration.
pub const USAGE: u8 = 254;
/// A bug in Perjury.
pub const BUG: u8 = 255;

/// The code for a finished analysis.
pub fn of_verdict(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Valid => VALID,
        Verdict::Unknown => UNKNOWN,
        Verdict::Invalid => ANOMALY,
    }
}

/// Bad arguments or configuration: the text names the flag or the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The harness or the infrastructure failed, in this phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HarnessFailure {
    /// `cluster`, `database`, `load`, `heal`, `final reads`, `store`.
    pub phase: &'static str,
    /// What went wrong and what to do.
    pub message: String,
}

impl HarnessFailure {
    /// `HarnessFailure::new("cluster", error)`.
    pub fn new(phase: &'static str, message: impl fmt::Display) -> Self {
        Self { phase, message: message.to_string() }
    }
}

impl fmt::Display for HarnessFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, self.message)
    }
}

/// Why a command ended without a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    Usage(Usage),
    Harness(HarnessFailure),
}

impl From<Usage> for Stop {
    fn from(usage: Usage) -> Self {
        Self::Usage(usage)
    }
}

impl From<HarnessFailure> for Stop {
    fn from(failure: HarnessFailure) -> Self {
        Self::Harness(failure)
    }
}

impl Stop {
    /// The exit code.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => USAGE,
            Self::Harness(_) => HARNESS,
        })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(usage) => usage.fmt(f),
            Self::Harness(failure) => failure.fmt(f),
        }
    }
}
