//! What a definition asserts of each run of its database.

use super::Kind;
use regex_lite::Regex;

/// One assertion of a definition.
#[derive(Clone, Debug)]
pub struct Claim {
    pub name: String,
    /// Never [`Kind::Always`].
    pub kind: Kind,
    pub seen: Seen,
    /// It is asserted only of runs with all of these faults.
    pub needs: Vec<String>,
}

impl Claim {
    /// Names of the faults without which it is not asserted.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        let own = match &self.seen {
            Seen::Fault { fault, .. } => Some(fault),
            Seen::Log { .. } => None,
        };
        self.needs.iter().chain(own).map(String::as_str)
    }
}

/// How it is seen.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A line of a node's logs matches the first, and not the second.
    Log { pattern: Regex, except: Option<Regex> },
    /// A fault was observed.
    Fault {
        /// Its name.
        fault: String,
        /// It hit a node that led.
        primary: bool,
        /// A call of this function was open meanwhile.
        open: Option<String>,
    },
}

/// What is made of a database process that ended without having been told to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Crashes {
    /// It is an anomaly if a signal of a crash ended it while nothing was broken; else it is told.
    #[default]
    Undisturbed,
    /// It is always an anomaly.
    Never,
    /// It is only told.
    Told,
}
