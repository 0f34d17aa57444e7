//! The flags of `perjury test` as keys of a campaign's file, and their values as arguments.
//!
//! What flags there are is asked of the command line's own definition, so that a new flag can be
//! used in campaigns at once.

use crate::exit::Usage;
use crate::registry::unknown;
use crate::secret;
use clap::ArgAction;
use std::collections::BTreeMap;

/// Flags that a campaign sets for each cell itself.
const OURS: [&str; 7] = ["name", "seed", "store", "json", "colour", "dry-run", "test-count"];
/// The flag whose values are the lines of one script: a list of them is one value.
const LINES: &str = "at";
/// The key of the table of settings, each given as `--set KEY=VALUE`.
pub const SET: &str = "set";
/// A setting that most databases have, and that may be written as a key.
pub const VERSION: &str = "version";

/// What there is to know of one flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flag {
    positional: bool,
    /// It takes no value.
    switch: bool,
    /// It may be given often.
    repeated: bool,
}

/// All flags by their long names, and positional arguments by theirs.
#[derive(Clone, Debug)]
pub struct Flags(BTreeMap<String, Flag>);

/// Whether a list is several values to choose from, or one value of several parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// In `[[matrix]]`.
    Axes,
    /// In `[defaults]` and `[cluster]`.
    Values,
}

/// What a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Flag(String),
    Setting(String),
}

/// One value of a flag: every time that it is to be given.
pub type Choice = Vec<String>;

impl Flags {
    /// Those of `command`.
    pub fn of(command: &clap::Command) -> Self {
        let flag = |argument: &clap::Arg| {
            let action = argument.get_action();
            Flag {
                positional: argument.is_positional(),
                switch: matches!(action, ArgAction::SetTrue | ArgAction::SetFalse),
                repeated: matches!(action, ArgAction::Append),
            }
        };
        let name = |argument: &clap::Arg| {
            argument.get_long().unwrap_or(argument.get_id().as_str()).to_owned()
        };
        Self(command.get_arguments().map(|found| (name(found), flag(found))).collect())
    }

    /// What `name` is, or who has to be asked instead.
    pub fn key(&self, name: &str) -> Result<Key, Usage> {
        if OURS.contains(&name) {
            return Err(Usage(format!("`{name}` is what the campaign itself gives each cell")));
        }
        if self.0.contains_key(name) && name != SET {
            return Ok(Key::Flag(name.to_owned()));
        }
        if name == VERSION {
            return Ok(Key::Setting(name.to_owned()));
        }
        let known = self.0.keys().map(String::as_str).filter(|name| !OURS.contains(name));
        Err(unknown("a key", "flag of `perjury test`", name, known))
    }

    /// The values that `value` offers for `key`.
    pub fn choices(
        &self,
        key: &Key,
        value: &toml::Value,
        lists: Lists,
    ) -> Result<Vec<Choice>, String> {
        let toml::Value::Array(items) = value else { return Ok(vec![self.choice(key, value)?]) };
        if items.is_empty() {
            return Err("an empty list leaves nothing to run".to_owned());
        }
        let lines = *key == Key::Flag(LINES.to_owned()) && !items.iter().all(toml::Value::is_array);
        if lists == Lists::Values || lines {
            return Ok(vec![self.choice(key, value)?]);
        }
        items.iter().map(|item| self.choice(key, item)).collect()
    }

    fn choice(&self, key: &Key, value: &toml::Value) -> Result<Choice, String> {
        let toml::Value::Array(items) = value else { return Ok(vec![self.word(key, value)?]) };
        if !self.flag(key).is_some_and(|flag| flag.repeated) {
            return Err("a list stands here for one value, and this flag takes one at a time; \
                        values to choose from belong into a [[matrix]]"
                .to_owned());
        }
        items.iter().map(|item| self.word(key, item)).collect()
    }

    fn word(&self, key: &Key, value: &toml::Value) -> Result<String, String> {
        let switch = self.flag(key).is_some_and(|flag| flag.switch);
        // It would stand in campaign.json and in every command that is shown.
        if let (Key::Setting(name), toml::Value::String(text)) = (key, value)
            && secret::is_secret(name)
            && !text.starts_with(secret::REFERENCE)
        {
            return Err(format!(
                "this is a secret, which does not belong into a file: write {}NAME and set the \
                 environment variable NAME",
                secret::REFERENCE
            ));
        }
        match value {
            toml::Value::Boolean(value) => Ok(value.to_string()),
            _ if switch => Err("this flag is either there or not: write true or false".to_owned()),
            toml::Value::String(text) => Ok(text.clone()),
            toml::Value::Integer(number) => Ok(number.to_string()),
            toml::Value::Float(number) => Ok(number.to_string()),
            other => Err(format!("a value is a string, a number or a bool, not `{other}`")),
        }
    }

    fn flag(&self, key: &Key) -> Option<Flag> {
        match key {
            Key::Flag(name) => self.0.get(name).copied(),
            Key::Setting(_) => None,
        }
    }

    /// The arguments that give `choice`, in one word each, so that no value looks like a flag.
    pub fn arguments(&self, key: &Key, choice: &Choice) -> Vec<String> {
        let Key::Flag(name) = key else {
            let Key::Setting(name) = key else { return Vec::new() };
            return choice.iter().map(|value| format!("--set={name}={value}")).collect();
        };
        let flag = self.flag(key);
        if flag.is_some_and(|flag| flag.positional) {
            return choice.clone();
        }
        if flag.is_some_and(|flag| flag.switch) {
            let on = choice.iter().any(|value| value == "true");
            return on.then(|| format!("--{name}")).into_iter().collect();
        }
        choice.iter().map(|value| format!("--{name}={value}")).collect()
    }
}

impl Key {
    /// Its name, also as an axis.
    pub fn name(&self) -> &str {
        match self {
            Self::Flag(name) | Self::Setting(name) => name,
        }
    }

    /// A value in one word.
    pub fn text(&self, choice: &Choice) -> String {
        choice.join(if self.name() == LINES { "; " } else { "," })
    }
}
