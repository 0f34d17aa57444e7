//! Settings: what a single workload can be told, by name.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// Settings by name, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads `NAME=VALUE`, or `NAME` alone for a flag.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let pair = |text: &str| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (text.to_owned(), "true".to_owned()),
        };
        Self(texts.into_iter().map(pair).collect())
    }

    /// Refuses settings that a workload has no use for.
    pub(super) fn only(&self, workload: &str, known: &[&str]) -> Result<(), String> {
        let Some(other) = self.0.keys().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let have = match known {
            [] => "it has none".to_owned(),
            known => format!("it has {}", known.join(", ")),
        };
        Err(format!("workload {workload} has no setting `{other}`; {have}"))
    }

    /// A word; `None` if it is not set.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A number; `None` if it is not set.
    pub(super) fn number<T>(&self, name: &str) -> Result<Option<T>, String>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        let wrong = |error: T::Err| format!("setting {name}={text}: {error}; write a whole number");
        text.parse().map(Some).map_err(wrong)
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        Ok(self.flag_if_given(name)?.unwrap_or(false))
    }

    /// Whether a flag is set; `None` if nothing is said of it.
    pub(super) fn flag_if_given(&self, name: &str) -> Result<Option<bool>, String> {
        match self.0.get(name).map(String::as_str) {
            None => Ok(None),
            Some("false") => Ok(Some(false)),
            Some("true") => Ok(Some(true)),
            Some(other) => Err(format!("setting {name}={other}: write true or false")),
        }
    }
}
