//! Vagrant's virtual machines as a cluster: `perjury test --vagrant DIR`.
//!
//! - `command` runs `vagrant`; `status` reads what it says of its machines.
//! - `network` finds the addresses by which machines know each other.
//! - `machines` brings them up, restores them, and leaves them as found.
//! - `space` finds the network namespace in which `vagrant/lab` keeps them.
//! - `doctor` says what is missing.

mod command;
mod doctor;
mod machines;
mod network;
mod space;
mod status;

use command::Vagrant;
use perjury_harness::BoxFuture;
use perjury_harness::machines::{Check, MachineKeeper, Machines};
use perjury_harness::plan::ClusterPlan;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What is to be registered.
pub fn keeper() -> impl MachineKeeper + 'static {
    Keeper::default()
}

#[derive(Default)]
struct Keeper {
    /// Vagrant takes seconds to answer, and a campaign asks for every cell.
    known: Mutex<BTreeMap<PathBuf, Vec<String>>>,
}

impl MachineKeeper for Keeper {
    fn enter(&self, directory: &Path) -> Result<(), String> {
        space::enter(directory)
    }

    fn names(&self, directory: &Path) -> Result<Vec<String>, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = known.get(directory) {
            return Ok(names.clone());
        }
        let machines = status::parse(&Vagrant::at(directory)?.ask_now(&status::COMMAND)?)?;
        let names: Vec<String> = machines.into_iter().map(|machine| machine.name).collect();
        known.insert(directory.to_owned(), names.clone());
        Ok(names)
    }

    fn open<'a>(
        &'a self,
        plan: &'a ClusterPlan,
        say: &'a (dyn Fn(&str) + Sync),
    ) -> BoxFuture<'a, Result<Box<dyn Machines>, String>> {
        Box::pin(async move {
            let opened = machines::open(plan, say).await?;
            Ok(Box::new(opened) as Box<dyn Machines>)
        })
    }

    fn look<'a>(&'a self, directory: &'a Path) -> BoxFuture<'a, Vec<Check>> {
        Box::pin(doctor::look(directory))
    }
}
