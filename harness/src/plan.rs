//! The plan: everything that decides what a run does. With its seed it is enough to run it again.

use crate::database::{Definition, DefinitionText};
use crate::exit::Usage;
use crate::fault::CustomFault;
use crate::generator::{self, BoxGenerator, GeneratorExt, Popularity, Simulation, simulate};
use crate::rate::{Arrival, Rate};
use crate::report::limits::{Bound, Limit};
use crate::script::{self, Step};
use crate::span::Span;
use crate::{Database, Fault, Op, Options, Registry, Seed, secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The version of `plan.toml` that this build writes and reads.
pub const VERSION: u32 = 1;

/// A validated description of one run, written to its directory as `plan.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub version: u32,
    /// The folder under `store/`: `demo-register`.
    pub name: String,
    pub database: String,
    /// The `database.toml` of a user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<DefinitionText>,
    pub workload: String,
    /// Faults by name, each at random times; empty for none.
    pub nemesis: Vec<String>,
    /// Faults at fixed times, in the words of [`crate::script`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<String>,
    /// Every choice made by chance comes from this number.
    pub seed: u64,
    /// Client workers, over all nodes.
    pub concurrency: usize,
    /// Operations a second, over all workers, a number or text; 0 is as many as the database answers.
    pub rate: Rate,
    /// Whether they come whatever the database does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub arrival: Arrival,
    pub time_limit: Span,
    pub nemesis_interval: Span,
    pub operation_timeout: Span,
    pub keys: usize,
    /// How popular each key is; as the workload has it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_choice: Option<Popularity>,
    pub ops_per_key: usize,
    /// How long the database has to become ready at first; as its definition says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_limit: Option<Span>,
    /// How long the database has, after the faults are healed, to answer again.
    pub recovery_limit: Span,
    /// The least share of calls that have to be served during each fault, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_availability: Option<f64>,
    /// How soon after each fault is gone calls have to be served again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_recovery: Option<Span>,
    /// What the service has to be like under some faults: see [`Limit::parse`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limit: Vec<String>,
    /// How long the analysis may take.
    pub check_limit: Span,
    /// What never comes about in this run may come about in another of its campaign, which looks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub part_of_campaign: bool,
    /// Ends the load at the first anomaly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_fast: bool,
    #[serde(default)]
    pub leave_db_running: bool,
    pub cluster: ClusterPlan,
    /// Faults of the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<CustomFault>,
    /// Options of the database, the workload and the faults. Secrets stand here as the names of
    /// environment variables, see [`crate::secret`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
}

/// Where the nodes come from: `local` nodes made here, or `hosts` that are reachable by SSH.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterPlan {
    /// Number of local nodes, when there are no hosts.
    #[serde(default)]
    pub local: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The hosts' addresses on the data network, in order, where SSH goes another way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_config: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_keys: Option<String>,
    /// The hosts are virtual machines: how to get them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vagrant: Option<VagrantPlan>,
}

/// Virtual machines in the care of Vagrant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VagrantPlan {
    /// Where the Vagrantfile is.
    pub directory: PathBuf,
    /// Bring up what does not run.
    #[serde(default)]
    pub up: bool,
    /// Leave running what was brought up; otherwise machines are left as they were found.
    #[serde(default)]
    pub keep: bool,
    /// Put this snapshot back before the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

impl ClusterPlan {
    /// How many nodes there will be.
    pub fn size(&self) -> usize {
        if self.is_local() { self.local } else { self.hosts.len() }
    }

    /// Whether the nodes are made on this machine.
    pub fn is_local(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The nodes' names in order.
    pub fn names(&self) -> Vec<String> {
        if self.is_local() {
            (1..=self.local).map(|number| format!("n{number}")).collect()
        } else {
            self.hosts.clone()
        }
    }
}

impl Plan {
    /// Reads a `plan.toml`; the error shows the line.
    pub fn parse(text: &str, file: &str) -> Result<Self, Usage> {
        let plan: Self = toml::from_str(text).map_err(|error| Usage(format!("{file}: {error}")))?;
        if plan.version != VERSION {
            return Err(Usage(format!(
                "{file}: this is a plan of version {}, and this build reads version {VERSION}",
                plan.version
            )));
        }
        Ok(plan)
    }

    /// The text of `plan.toml`.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!("# Run this again with: perjury test --plan plan.toml\n{body}")
    }

    /// What the service has to be like; the error names the flag.
    pub fn limits(&self, registry: &Registry) -> Result<Vec<Limit>, Usage> {
        let recovery = self
            .max_recovery
            .map(|span| Bound::Recovery(u64::try_from(span.0.as_nanos()).unwrap_or(u64::MAX)));
        let of_all = self.min_availability.map(Bound::Availability).into_iter().chain(recovery);
        let mut limits: Vec<Limit> = of_all.map(Limit::of_all).collect();
        let function = |fault: &str| {
            let found = registry.find_fault(fault).map_err(|Usage(error)| error)?;
            let first = found.functions().first().copied();
            first.map(str::to_owned).ok_or_else(|| format!("{fault} breaks nothing"))
        };
        for text in &self.limit {
            let limit = Limit::parse(text, function);
            limits.push(limit.map_err(|error| Usage(format!("--limit: {error}")))?);
        }
        Ok(limits)
    }

    /// The steps of its script.
    pub fn steps(&self, registry: &Registry) -> Result<Vec<Step>, Usage> {
        script::parse(&self.script, &self.options(), registry, Seed::root(self.seed))
    }

    /// Every fault that it asks for, at random times or by its script, once.
    pub fn faults(&self, registry: &Registry) -> Result<Vec<Arc<dyn Fault>>, Usage> {
        let scripted = self.steps(registry)?;
        let mut faults: Vec<Arc<dyn Fault>> = Vec::new();
        let mut names: Vec<&str> = self.nemesis.iter().map(String::as_str).collect();
        names.extend(scripted.iter().map(|step| -> &str { step.fault() }));
        for name in names {
            if faults.iter().all(|fault| fault.name() != name) {
                faults.push(registry.find_fault(name)?.clone());
            }
        }
        Ok(faults)
    }

    /// The generator of everything that its nemesis is asked for.
    pub fn nemesis(&self, registry: &Registry) -> Result<BoxGenerator, Usage> {
        let (options, seed) = (self.options(), Seed::root(self.seed).derive("fault"));
        let mut schedules = Vec::new();
        for name in &self.nemesis {
            let fault = registry.find_fault(name)?;
            schedules.push(fault.schedule(&options, seed.derive(name)));
        }
        schedules.extend(script::generators(self.steps(registry)?));
        Ok(generator::any(schedules))
    }

    /// What the nemesis will be asked and when, in nanoseconds since the load began, as far as
    /// that is known beforehand: if every fault and every mending took no time.
    pub fn planned(&self, registry: &Registry) -> Result<Vec<(u64, Op)>, Usage> {
        let simulation = Simulation {
            max_time: u64::try_from(self.time_limit.0.as_nanos()).unwrap_or(u64::MAX),
            ..Simulation::new(1, 1)
        };
        let limited = self.nemesis(registry)?.time_limit(self.time_limit.0);
        let events = simulate(limited, &simulation, generator::quick);
        // Both ends of an operation are events, the first being what is asked.
        Ok(events.into_iter().step_by(2).map(|e| (e.time, Op::new(&*e.f, e.value))).collect())
    }

    /// The settings that reach the pluggable parts.
    pub fn options(&self) -> Options {
        Options {
            set: secret::filled(&self.set),
            nodes: self.cluster.names(),
            concurrency: self.concurrency,
            keys: self.keys,
            key_choice: self.key_choice,
            ops_per_key: self.ops_per_key,
            time_limit: self.time_limit.0,
            nemesis_interval: self.nemesis_interval.0,
        }
    }

    /// Checks names and limits against what this binary has; the error names the flag.
    pub fn validate(&self, registry: &Registry) -> Result<(), Usage> {
        let database = registry.find_database(&self.database)?;
        let workload = registry.find_workload(&self.workload)?;
        workload.validate(&self.options()).map_err(Usage)?;
        if self.key_choice.is_some() && !workload.chooses_keys() {
            return Err(Usage(without_keys(&self.workload, registry)));
        }
        self.faults(registry)?;
        if !database.workloads().contains(&self.workload.as_str()) {
            return Err(Usage(format!(
                "--workload: the client of {} cannot run `{}`; it can run {}",
                self.database,
                self.workload,
                database.workloads().join(", ")
            )));
        }
        self.validate_limits(registry)?;
        validate_claims(&**database, registry)?;
        database.connect(&self.workload, &self.options()).map_err(Usage)?;
        Ok(())
    }

    fn validate_limits(&self, registry: &Registry) -> Result<(), Usage> {
        let between = |flag: &str, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Usage(format!("{flag}: {value} is not between {low} and {high}")))
        };
        let addresses = self.cluster.addresses.len();
        if addresses > 0 && addresses != self.cluster.hosts.len() {
            let hosts = self.cluster.hosts.len();
            return Err(Usage(format!("--addresses: {addresses} are given for {hosts} hosts")));
        }
        if self.cluster.is_local() {
            between("--node-count", self.cluster.local, 1, 50)?;
        }
        between("--concurrency", self.concurrency, 1, generator::MAX_WORKERS)?;
        between("--keys", self.keys, 1, 1_000_000)?;
        between("--ops-per-key", self.ops_per_key, 1, 100_000_000)?;
        if self.arrival.is_open() && self.rate.is_unlimited() {
            let arrival = self.arrival;
            return Err(Usage(format!(
                "--arrival {arrival}: operations that come whatever the database does need a --rate"
            )));
        }
        if self.min_availability.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            let text = "--min-availability: write a share of calls from 0 to 1, such as 0.9";
            return Err(Usage(text.to_owned()));
        }
        self.limits(registry)?;
        let bad_name =
            self.name.is_empty() || self.name.starts_with('.') || self.name.contains('/');
        if bad_name {
            return Err(Usage(format!("--name: `{}` cannot be the name of a folder", self.name)));
        }
        Ok(())
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What to say of `--key-choice` for a workload that has no keys to choose from.
fn without_keys(workload: &str, registry: &Registry) -> String {
    let with = registry.workloads.iter().filter(|workload| workload.chooses_keys());
    let names: Vec<&str> = with.map(|workload| workload.name()).collect();
    format!(
        "--key-choice: `{workload}` has no keys that are chosen more or less often; those that have \
         are {}",
        names.join(", ")
    )
}

/// Whether the faults that the database's definition speaks of exist.
fn validate_claims(database: &dyn Database, registry: &Registry) -> Result<(), Usage> {
    let definition = Definition::parse(database.definition(), "database.toml");
    let claims = definition.map(|definition| definition.claims).unwrap_or_default();
    for claim in &claims {
        for fault in claim.faults() {
            registry.find_fault(fault).map_err(|Usage(error)| {
                Usage(format!("{}: in the assertion `{}`: {error}", database.name(), claim.name))
            })?;
        }
    }
    Ok(())
}
