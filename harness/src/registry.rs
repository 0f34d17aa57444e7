//! The registry: which databases, workloads and faults this binary has.

use crate::bench::Target;
use crate::database::{DefinitionText, FileDatabase};
use crate::exit::Usage;
use crate::fault::CustomFault;
use crate::machines::MachineKeeper;
use crate::plan::Plan;
use crate::repro::{self, Finding};
use crate::{Database, Driver, Fault, Workload};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// A command for Perjury's own use on a node, such as the agent: hidden from the help.
pub type InternalCommand = fn(Vec<String>) -> ExitCode;

/// Everything pluggable, by name.
#[derive(Clone, Default)]
pub struct Registry {
    pub databases: Vec<Arc<dyn Database>>,
    /// Clients of wire protocols, which a `database.toml` picks by name.
    pub drivers: Vec<Arc<dyn Driver>>,
    pub workloads: Vec<Arc<dyn Workload>>,
    pub faults: Vec<Arc<dyn Fault>>,
    pub internal: Vec<(&'static str, InternalCommand)>,
    /// Makes a fault of what a user described.
    pub custom: Option<fn(CustomFault) -> Arc<dyn Fault>>,
    /// Published findings that can be reproduced.
    pub findings: Vec<Finding>,
    /// What `perjury bench` can make a load against, besides the scheduler itself.
    pub targets: Vec<Target>,
    /// Who gets virtual machines.
    pub machines: Option<Arc<dyn MachineKeeper>>,
    /// Those of a user's own that are among `faults` already.
    added: Vec<CustomFault>,
}

impl Registry {
    /// Adds a database.
    pub fn database(mut self, database: impl Database + 'static) -> Self {
        self.databases.push(Arc::new(database));
        self
    }

    /// Adds a client of a wire protocol.
    pub fn driver(mut self, driver: impl Driver + 'static) -> Self {
        self.drivers.push(Arc::new(driver));
        self
    }

    /// Adds a driver, the databases that speak its protocol, each a `database.toml`, and what was
    /// published about them, a `findings.toml`.
    ///
    /// # Panics
    /// When a text has a mistake: a bug in this binary, which its tests find.
    #[must_use]
    pub fn protocol(
        self,
        driver: impl Driver + 'static,
        definitions: &[&str],
        findings: &str,
    ) -> Self {
        self.driver(driver).definitions(definitions).findings(findings)
    }

    /// Adds something to make a load against, to measure the harness.
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Adds a workload.
    pub fn workload(mut self, workload: impl Workload + 'static) -> Self {
        self.workloads.push(Arc::new(workload));
        self
    }

    /// Adds a kind of fault.
    pub fn fault(mut self, fault: impl Fault + 'static) -> Self {
        self.faults.push(Arc::new(fault));
        self
    }

    /// Lets virtual machines be hosts.
    pub fn machines(mut self, keeper: impl MachineKeeper + 'static) -> Self {
        self.machines = Some(Arc::new(keeper));
        self
    }

    /// Who gets virtual machines, or an error that says that nobody does.
    pub fn find_machines(&self) -> Result<&Arc<dyn MachineKeeper>, Usage> {
        let nobody = || Usage("--vagrant: this program knows no virtual machines".to_owned());
        self.machines.as_ref().ok_or_else(nobody)
    }

    /// Lets users describe faults of their own.
    pub fn custom_faults(mut self, make: fn(CustomFault) -> Arc<dyn Fault>) -> Self {
        self.custom = Some(make);
        self
    }

    /// This registry with a user's faults too; those that it has already are not added again.
    ///
    /// # Errors
    /// When a name is taken, or this binary has no such faults.
    pub fn with(&self, faults: &[CustomFault]) -> Result<Self, Usage> {
        let mut registry = self.clone();
        for fault in faults {
            if registry.added.contains(fault) {
                continue;
            }
            let make = self.custom.ok_or_else(|| {
                Usage(format!("{}: this program knows no faults of your own", fault.name))
            })?;
            fault.check().map_err(Usage)?;
            let made = make(fault.clone());
            let taken = |other: &Arc<dyn Fault>| {
                other.name() == made.name()
                    || made.functions().iter().any(|f| other.functions().contains(f))
            };
            if let Some(other) = registry.faults.iter().find(|other| taken(other)) {
                let (name, other) = (made.name(), other.name());
                return Err(Usage(format!(
                    "the fault `{name}` clashes with `{other}`: give it another name"
                )));
            }
            registry.faults.push(made);
            registry.added.push(fault.clone());
        }
        Ok(registry)
    }

    /// This registry with what a plan brings along: faults and a database of a user's own, which
    /// takes the place of one of the same name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn for_plan(&self, plan: &Plan) -> Result<Self, Usage> {
        let mut registry = self.with(&plan.fault)?;
        let Some(DefinitionText { file, text }) = &plan.definition else { return Ok(registry) };
        let folder = file.parent().map(PathBuf::from);
        let made = FileDatabase::new(text, &file.display().to_string(), folder, &registry);
        let made = made.map_err(|error| Usage(format!("{:?}", miette::Report::new(*error))))?;
        registry.databases.retain(|database| database.name() != made.name());
        registry.databases.push(Arc::new(made));
        Ok(registry)
    }

    /// Adds databases that are nothing but their `database.toml`, spoken to by drivers that are
    /// registered already.
    ///
    /// # Panics
    /// When a definition has a mistake: a bug in this binary, which its tests find.
    #[must_use]
    pub fn definitions(mut self, texts: &[&str]) -> Self {
        for text in texts {
            match FileDatabase::new(text, "database.toml", None, &self) {
                Ok(database) => self.databases.push(Arc::new(database)),
                Err(error) => panic!("{}", error.render()),
            }
        }
        self
    }

    /// Adds the findings of a `findings.toml`.
    ///
    /// # Panics
    /// When the text has a mistake: a bug in this binary, which its tests find.
    #[must_use]
    pub fn findings(mut self, text: &str) -> Self {
        match repro::parse(text) {
            Ok(findings) => self.findings.extend(findings),
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Adds a hidden command, run as `perjury NAME ARGUMENT...` before anything else happens.
    pub fn internal(mut self, name: &'static str, command: InternalCommand) -> Self {
        self.internal.push((name, command));
        self
    }

    /// The database called `name`, or an error that lists those there are.
    pub fn find_database(&self, name: &str) -> Result<&Arc<dyn Database>, Usage> {
        let all = || self.databases.iter().map(|database| database.name());
        self.databases
            .iter()
            .find(|database| database.name() == name)
            .ok_or_else(|| unknown("DATABASE", "database", name, all()))
    }

    /// The client of a wire protocol called `name`, or an error that lists those there are.
    pub fn find_driver(&self, name: &str) -> Result<&Arc<dyn Driver>, Usage> {
        let all = || self.drivers.iter().map(|driver| driver.name());
        let found = self.drivers.iter().find(|driver| driver.name() == name);
        found.ok_or_else(|| unknown("DRIVER", "driver", name, all()))
    }

    /// The workload called `name`, or an error that lists those there are.
    pub fn find_workload(&self, name: &str) -> Result<&Arc<dyn Workload>, Usage> {
        let all = || self.workloads.iter().map(|workload| workload.name());
        self.workloads
            .iter()
            .find(|workload| workload.name() == name)
            .ok_or_else(|| unknown("--workload", "workload", name, all()))
    }

    /// The fault called `name`, or an error that lists those there are.
    pub fn find_fault(&self, name: &str) -> Result<&Arc<dyn Fault>, Usage> {
        let all = || self.faults.iter().map(|fault| fault.name());
        self.faults
            .iter()
            .find(|fault| fault.name() == name)
            .ok_or_else(|| unknown("--nemesis", "fault", name, all()))
    }
}

/// "no such thing", with the nearest name and all names.
pub fn unknown<'a>(
    flag: &str,
    what: &str,
    name: &str,
    all: impl Iterator<Item = &'a str>,
) -> Usage {
    let all: Vec<&str> = all.collect();
    let nearest = all
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(candidate, name), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 2 + name.len() / 4)
        .map(|(_, candidate)| format!(" Did you mean `{candidate}`?"))
        .unwrap_or_default();
    Usage(format!("{flag}: there is no {what} `{name}`.{nearest} There are: {}.", all.join(", ")))
}
