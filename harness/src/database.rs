//! Databases under test: how they are installed, run and spoken to.

mod definition;
mod diagnostic;
mod file;
mod lifecycle;
mod paths;
mod readiness;
mod template;

pub use definition::{
    Archive, ClientDefinition, ClientKind, Condition, Definition, FileDefinition, Moment,
    OptionDefinition, Order, Probe, Ready, Setup, Start, When, schema,
};
pub use diagnostic::{TomlError, nearest};
pub use file::{DefinitionText, FileDatabase};
pub use lifecycle::{INSTALL_LIMIT, Lifecycle, PROCESS};
pub use template::{NodeFacts, Scope, Template};

use crate::client::SharedConnect;
use crate::{BoxFuture, Node, Options};
use std::path::PathBuf;

/// A database that Perjury knows how to run and to speak to.
pub trait Database: Send + Sync {
    /// As on the command line: `demo`, `etcd`.
    fn name(&self) -> &str;

    /// One line for `perjury databases`.
    fn about(&self) -> &str;

    /// The text of its `database.toml`.
    fn definition(&self) -> &str;

    /// Where its definition is, for what is beside it; nowhere when it is built in.
    fn folder(&self) -> Option<PathBuf> {
        None
    }

    /// Names of the workloads that its client can express.
    fn workloads(&self) -> &[&'static str];

    /// Its own options, a name and a line each: `("read", "linearizable or serializable reads")`.
    fn options(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    /// Bugs that it can be asked to have.
    fn bugs(&self) -> &[Bug] {
        &[]
    }

    /// Clients for `workload`; an error names the option that is wrong.
    fn connect(&self, workload: &str, options: &Options) -> Result<SharedConnect, String>;

    /// Which of `nodes` lead at this moment, by position; empty when it cannot tell.
    fn primaries<'a>(
        &'a self,
        options: &'a Options,
        nodes: &'a [Node],
    ) -> BoxFuture<'a, Vec<usize>> {
        let _ = (options, nodes);
        Box::pin(async { Vec::new() })
    }

    /// Whether it is known here how to add members to its cluster and to remove them.
    fn can_change_members(&self) -> bool {
        false
    }

    /// Which of `nodes` are members of the cluster, by position, as the cluster itself sees it at
    /// this moment; `None` when it cannot tell.
    fn members<'a>(&'a self, nodes: &'a [Node]) -> BoxFuture<'a, Option<Vec<usize>>> {
        let _ = nodes;
        Box::pin(async { None })
    }

    /// Asks the cluster to have exactly these of `nodes` as members. May return before it is so.
    fn set_members<'a>(
        &'a self,
        nodes: &'a [Node],
        members: &'a [usize],
    ) -> BoxFuture<'a, Result<(), String>> {
        let _ = (nodes, members);
        let text = format!("it is not known how to change the members of {}", self.name());
        Box::pin(async { Err(text) })
    }
}

/// A planted bug, with the run that shows it.
#[derive(Clone, Debug)]
pub struct Bug {
    /// As given to `--bug`.
    pub name: &'static str,
    /// What it does wrong.
    pub about: &'static str,
    /// Whom it imitates, with a source.
    pub imitates: &'static str,
    /// The workload that finds it.
    pub workload: &'static str,
    /// The faults that bring it out.
    pub nemesis: &'static [&'static str],
    /// The kinds of anomaly, one of which its report names.
    pub anomalies: &'static [&'static str],
    /// Further options of the run that finds it, as `--set` has them or as flags' long names:
    /// `("nemesis-interval", "3s")`.
    pub settings: &'static [(&'static str, &'static str)],
}
