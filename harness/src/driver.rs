//! Drivers: clients of one wire protocol, for every database that speaks it.

use crate::client::SharedConnect;
use crate::{BoxFuture, Node, Options};
use std::collections::BTreeMap;

/// A client of a wire protocol. A `database.toml` picks one by name: `[client] driver = "resp"`.
pub trait Driver: Send + Sync {
    /// As in a `database.toml`: `postgresql`.
    fn name(&self) -> &'static str;

    /// One line: the protocol, and databases that speak it.
    fn about(&self) -> &'static str;

    /// Names of the workloads that it can express.
    fn workloads(&self) -> &'static [&'static str];

    /// What may stand under `[client.settings]`, a name and a line each.
    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Clients for `workload`; an error names the setting that is wrong.
    fn connect(
        &self,
        workload: &str,
        settings: &DriverSettings,
        options: &Options,
    ) -> Result<SharedConnect, String>;

    /// Which of `nodes` lead at this moment, by position; empty when it cannot tell.
    fn primaries<'a>(
        &'a self,
        settings: &'a DriverSettings,
        nodes: &'a [Node],
    ) -> BoxFuture<'a, Vec<usize>> {
        let _ = (settings, nodes);
        Box::pin(async { Vec::new() })
    }
}

/// `[client]` of a `database.toml`, with its templates filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverSettings {
    /// Where each node listens for clients.
    pub port: u16,
    /// `[client.settings]`: only names that the driver knows. What an option fills in and has no
    /// value is left out.
    pub values: BTreeMap<String, String>,
}

impl DriverSettings {
    /// A setting that was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A setting, or what it is when not given.
    pub fn or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.get(name).unwrap_or(default)
    }

    /// A setting parsed, or `default`; the error names it.
    pub fn parsed<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().map_err(|_| format!("[client.settings] {name}: `{text}` is no such value"))
    }

    /// A setting that is one of `choices`, by position; the first when not given.
    pub fn choice(&self, name: &str, choices: &[&str]) -> Result<usize, String> {
        let Some(text) = self.get(name) else { return Ok(0) };
        choices.iter().position(|choice| *choice == text).ok_or_else(|| {
            let known = choices.join(", ");
            format!("[client.settings] {name}: `{text}` is none of {known}")
        })
    }
}
