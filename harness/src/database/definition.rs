//! Definitions: what a `database.toml` says, checked, with its templates parsed.

mod check;
mod claims;
mod raw;

use super::diagnostic::TomlError;
use super::template::Template;
use crate::assertion::{Claim, Crashes};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// Bytes that a `database.toml` may have.
const FILE_LIMIT: usize = 256 << 10;
/// Entries that any list or table in it may have.
const LIST_LIMIT: usize = 256;

/// A database as its `database.toml` describes it. See docs/databases.md for the format.
#[derive(Clone, Debug)]
pub struct Definition {
    pub name: String,
    pub about: String,
    /// Roles of the nodes in order; the last is that of all further nodes. May be empty.
    pub roles: Vec<String>,
    /// Debian packages to install where `program` is absent.
    pub packages: Vec<String>,
    /// What must be there afterwards: a name to be found on PATH, or a path.
    pub program: Option<Template>,
    pub archive: Option<Archive>,
    pub start: Start,
    pub setup: Vec<Setup>,
    pub ready: Ready,
    /// Directories that are emptied before a run.
    pub data: Vec<String>,
    /// Log files, the first of them what the process writes to its output.
    pub logs: Vec<String>,
    /// Ports that it listens on, all on the node's address.
    pub ports: BTreeMap<String, u16>,
    pub options: BTreeMap<String, OptionDefinition>,
    /// Files that are written before each start.
    pub files: Vec<FileDefinition>,
    /// How it is spoken to, where no Rust code of its own does that.
    pub client: Option<ClientDefinition>,
    /// What is asserted of each run.
    pub claims: Vec<Claim>,
    pub crashes: Crashes,
}

/// A tar archive, or a single program, that is put on the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// A path, relative to the definition's folder, or a URL.
    pub source: String,
    /// In small hexadecimal letters.
    pub sha256: Option<String>,
    /// The directory on the nodes.
    pub into: String,
}

/// How the process is started: argv lists, no shell.
#[derive(Clone, Debug)]
pub struct Start {
    pub command: Vec<Template>,
    /// Arguments appended under conditions.
    pub when: Vec<When>,
    pub env: BTreeMap<String, Template>,
    /// Working directory.
    pub directory: Option<String>,
    /// Runs as this user; the data directories are then theirs.
    pub user: Option<String>,
    pub order: Order,
}

/// In which order nodes are set up and started for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// All at once.
    #[default]
    Together,
    /// All nodes of one role are ready before those of the next are set up.
    Roles,
    /// Each node is ready before the next is set up.
    OneByOne,
}

/// When something on a node is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The option has a value …
    pub option: Option<String>,
    /// … this one.
    pub is: Option<String>,
    pub role: Option<String>,
    /// The first start since the data was emptied, or any other.
    pub fresh: Option<bool>,
}

impl Condition {
    /// Whether it holds on a node of `role`; `fresh` on its first start.
    pub fn holds(&self, options: &BTreeMap<String, String>, role: &str, fresh: bool) -> bool {
        let option = self.option.as_ref().is_none_or(|name| {
            options.get(name).is_some_and(|value| self.is.as_ref().is_none_or(|is| is == value))
        });
        option
            && self.role.as_ref().is_none_or(|wanted| wanted == role)
            && self.fresh.is_none_or(|wanted| wanted == fresh)
    }
}

/// Arguments that depend on a condition.
#[derive(Clone, Debug)]
pub struct When {
    pub condition: Condition,
    pub arguments: Vec<Template>,
}

/// When a set-up command is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// On each node, before its first start.
    #[default]
    BeforeStart,
    /// Once all nodes are ready, one node after the other.
    AfterReady,
}

/// A command that is run once a run.
#[derive(Clone, Debug)]
pub struct Setup {
    pub command: Vec<Template>,
    pub at: Moment,
    /// On the first node for which the condition holds, and on no other.
    pub once: bool,
    pub condition: Condition,
    pub user: Option<String>,
    pub timeout: Duration,
}

/// How to tell that a node answers.
#[derive(Clone, Debug)]
pub struct Ready {
    pub probe: Probe,
    pub timeout: Duration,
}

/// One question, asked until it is answered well.
#[derive(Clone, Debug)]
pub enum Probe {
    /// From the controller: GET answers 200 and the body contains a text.
    Http { url: Template, contains: Option<Template> },
    /// From the controller: a connection to `HOST:PORT` is accepted.
    Tcp(Template),
    /// On the node: the command exits with code 0.
    Command(Vec<Template>),
}

/// An option that templates may use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionDefinition {
    /// One line for the help.
    pub about: String,
    /// The values allowed; any when empty.
    #[serde(default)]
    pub values: Vec<String>,
    pub default: Option<String>,
}

/// A file written on each node before each start.
#[derive(Clone, Debug)]
pub struct FileDefinition {
    pub path: String,
    pub text: Template,
    pub mode: u32,
    pub condition: Condition,
}

/// How operations reach the database. Names are where they stand in the file, so that whoever
/// knows which there are can point at them.
#[derive(Clone, Debug)]
pub struct ClientDefinition {
    pub kind: ClientKind,
    pub workloads: Vec<Spanned<String>>,
    /// Where the section is.
    pub span: std::ops::Range<usize>,
}

/// Who speaks to the database.
#[derive(Clone, Debug)]
pub enum ClientKind {
    /// A built-in client of a wire protocol.
    Driver { name: Spanned<String>, port: u16, settings: BTreeMap<String, Setting> },
    /// A program that speaks JSON lines.
    Command(Vec<Template>),
}

/// A setting of a driver: what it is, and where in the file.
#[derive(Clone, Debug)]
pub struct Setting {
    pub value: Template,
    pub span: std::ops::Range<usize>,
}

impl Definition {
    /// Parses and checks the text of a `database.toml`; `file` is its name in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, Box<TomlError>> {
        if text.len() > FILE_LIMIT {
            let message = format!("the file has more than {FILE_LIMIT} bytes");
            return Err(Box::new(TomlError::new(file, "", None, message)));
        }
        let raw: raw::Raw = toml::from_str(text)
            .map_err(|error| Box::new(TomlError::from_toml(file, text, &error, raw::TOP)))?;
        check::definition(file, text, raw)
    }

    /// The role of the node at `position`; empty without roles.
    pub fn role(&self, position: usize) -> &str {
        self.roles.get(position).or(self.roles.last()).map_or("", String::as_str)
    }

    /// The values of its options: those `set`, and defaults. The error names what is not allowed.
    pub fn values(
        &self,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut values = BTreeMap::new();
        for (name, option) in &self.options {
            let Some(value) = get(name).or_else(|| option.default.clone()) else { continue };
            if !option.values.is_empty() && !option.values.contains(&value) {
                let hint = super::nearest(&value, option.values.iter().map(String::as_str))
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return Err(format!(
                    "{} has no {name} `{value}`: it is one of {}{hint}",
                    self.name,
                    option.values.join(", ")
                ));
            }
            values.insert(name.clone(), value);
        }
        Ok(values)
    }
}

/// The JSON schema of the format, for editors.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(raw::Raw).to_value()
}

#[cfg(test)]
mod tests;
