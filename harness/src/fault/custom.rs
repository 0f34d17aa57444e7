//! Faults that a user describes in a TOML file, as commands to run on nodes.

use crate::exit::Usage;
use crate::span::Span;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One fault of a user's own. Commands run in `sh` as root on each node that is hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomFault {
    /// As given to `--nemesis` and in scripts.
    pub name: String,
    /// One line.
    #[serde(default)]
    pub about: String,
    /// Breaks something.
    pub inject: String,
    /// Undoes that; harmless where nothing is broken.
    pub heal: String,
    /// Exits with 0 while the fault is in force, and with something else when it is not.
    pub observe: String,
    /// How long each command may take.
    #[serde(default = "default_limit")]
    pub limit: Span,
}

fn default_limit() -> Span {
    Span::seconds(10)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    fault: Vec<CustomFault>,
}

impl CustomFault {
    /// Reads a file of `[[fault]]` tables.
    ///
    /// # Errors
    /// When it cannot be read; the line is shown.
    pub fn read(file: &Path) -> Result<Vec<Self>, Usage> {
        let wrong = |problem: String| Usage(format!("--fault {}: {problem}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let FaultFile { fault } =
            toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        for one in &fault {
            one.check().map_err(wrong)?;
        }
        Ok(fault)
    }

    /// Checks what the form does not say.
    pub fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(format!(
                "`{}` is no name for a fault: use lower-case letters, digits and `-`",
                self.name
            ));
        }
        for (key, command) in
            [("inject", &self.inject), ("heal", &self.heal), ("observe", &self.observe)]
        {
            if command.trim().is_empty() {
                return Err(format!("`{key}` of {} is empty: give it a command", self.name));
            }
        }
        Ok(())
    }
}
