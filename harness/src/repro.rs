//! Reproductions: published findings about databases, each with the run that shows it and the
//! setting under which the same run passes.

pub mod page;
pub mod record;
pub mod runs;

use serde::{Deserialize, Serialize};

/// A published finding, as a database's `findings.toml` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// As given to `perjury repro`: `redis-sentinel-partition`.
    pub name: String,
    /// One sentence: what is lost or seen, under what.
    pub claim: String,
    /// Who published it, where and when.
    pub publication: String,
    /// Arguments of `perjury test` that show it.
    pub test: Vec<String>,
    /// Kinds of anomaly, one of which has to be found.
    pub anomalies: Vec<String>,
    /// Arguments under which the same test passes.
    pub strict: Vec<String>,
    /// What makes it pass.
    pub strict_why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Findings {
    finding: Vec<Finding>,
}

/// Reads a `findings.toml`: a `[[finding]]` table each.
///
/// # Errors
/// What the TOML parser says.
pub fn parse(text: &str) -> Result<Vec<Finding>, String> {
    toml::from_str::<Findings>(text).map(|file| file.finding).map_err(|error| error.to_string())
}
