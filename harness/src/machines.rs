//! Machines that another program makes and looks after, such as Vagrant.
//!
//! A [`MachineKeeper`] is registered like a database or a fault; runs ask it for hosts and give them back.

use crate::BoxFuture;
use crate::plan::ClusterPlan;
use serde::Serialize;
use std::path::Path;

/// Knows machines by the folder in which they are described.
pub trait MachineKeeper: Send + Sync {
    /// Moves the calling thread to where the machines can be reached, if that is not here. Called before
    /// any other thread is started.
    ///
    /// # Errors
    /// When there is no such place; the text says what to do. So it is with all errors below.
    fn enter(&self, directory: &Path) -> Result<(), String>;

    /// The machines that are described there, running or not, in order.
    fn names(&self, directory: &Path) -> Result<Vec<String>, String>;

    /// Makes the plan's machines ready as [`crate::plan::VagrantPlan`] says. `say` is told of steps that
    /// take long.
    fn open<'a>(
        &'a self,
        plan: &'a ClusterPlan,
        say: &'a (dyn Fn(&str) + Sync),
    ) -> BoxFuture<'a, Result<Box<dyn Machines>, String>>;

    /// Looks at everything that has to be right, from the outside in.
    fn look<'a>(&'a self, directory: &'a Path) -> BoxFuture<'a, Vec<Check>>;
}

/// Machines that are ready.
pub trait Machines: Send + Sync {
    /// How to reach them: hosts, an SSH configuration, and addresses.
    fn reach(&self) -> &ClusterPlan;

    /// Leaves them as they were found.
    fn close<'a>(&'a self, say: &'a (dyn Fn(&str) + Sync)) -> BoxFuture<'a, Result<(), String>>;
}

/// One thing that `perjury doctor` looked at.
#[derive(Debug, Serialize)]
pub struct Check {
    /// `this machine`, or the host.
    pub on: String,
    pub state: Severity,
    pub what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Good,
    Warning,
    Problem,
}

impl Check {
    /// Nothing is wrong with it.
    pub fn good(on: &str, what: impl Into<String>) -> Self {
        Self { on: on.to_owned(), state: Severity::Good, what: what.into(), remedy: None }
    }

    /// Something is.
    pub fn bad(
        on: &str,
        state: Severity,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { on: on.to_owned(), state, what: what.into(), remedy: Some(remedy.into()) }
    }
}
