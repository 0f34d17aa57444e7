//! From arguments to a plan: defaults, a plan file, a planted bug's settings, then the flags.

use super::args::{HostArgs, TestArgs};
use super::definitions;
use crate::database::{Bug, Definition};
use crate::exit::Usage;
use crate::fault::CustomFault;
use crate::plan::{ClusterPlan, Plan, VERSION, VagrantPlan};
use crate::rate::{Arrival, Rate};
use crate::registry::unknown;
use crate::span::Span;
use crate::{Database, Registry, secret};
use std::path::Path;
use std::str::FromStr;

/// The plan that `args` ask for, validated.
pub fn resolve(args: &TestArgs, registry: &Registry) -> Result<Plan, Usage> {
    let mut plan = match &args.plan {
        Some(file) => read_plan(file)?,
        None => defaults(registry),
    };
    if let Some(database) = &args.database {
        name_database(&mut plan, database)?;
    }
    for file in &args.fault {
        plan.fault.extend(CustomFault::read(file)?);
    }
    let registry = &registry.for_plan(&plan)?;
    let database = registry.find_database(&plan.database)?.clone();
    if plan.workload.is_empty() {
        plan.workload = database.workloads().first().copied().unwrap_or_default().to_owned();
    }
    plan.cluster = cluster(args, plan.cluster, registry)?;
    plan.concurrency = concurrency(args.concurrency.as_deref(), &plan)?;
    if let Some(bug) = &args.bug {
        plant(&mut plan, &*database, bug)?;
    }
    flags(&mut plan, args, registry)?;
    settings(&mut plan, args, &*database)?;
    if args.plan.is_none() || args.name.is_some() {
        plan.name = args.name.clone().unwrap_or_else(|| default_name(&plan));
    }
    secret::stow(&mut plan.set);
    secret::check(&plan.set)?;
    plan.validate(registry)?;
    Ok(plan)
}

/// A name of one that is known here, or a path: of a `database.toml`, or of its folder.
fn name_database(plan: &mut Plan, given: &str) -> Result<(), Usage> {
    if !given.contains('/') && !given.ends_with(".toml") {
        given.clone_into(&mut plan.database);
        plan.definition = None;
        return Ok(());
    }
    let definition = definitions::read(Path::new(given))?;
    let parsed = Definition::parse(&definition.text, given)
        .map_err(|error| Usage(format!("{:?}", miette::Report::new(*error))))?;
    plan.database = parsed.name;
    plan.definition = Some(definition);
    Ok(())
}

/// The first database registered, and every fault that is meant for ordinary runs.
fn defaults(registry: &Registry) -> Plan {
    let usual = registry.faults.iter().filter(|fault| fault.by_default());
    Plan {
        version: VERSION,
        name: String::new(),
        database: registry.databases.first().map_or("", |database| database.name()).to_owned(),
        definition: None,
        workload: String::new(),
        nemesis: usual.map(|fault| fault.name().to_owned()).collect(),
        script: Vec::new(),
        seed: drawn_seed(),
        concurrency: 0,
        rate: Rate::constant(200.0),
        arrival: Arrival::default(),
        time_limit: Span::seconds(30),
        nemesis_interval: Span::seconds(5),
        operation_timeout: Span::seconds(5),
        keys: 5,
        key_choice: None,
        ops_per_key: 200,
        ready_limit: None,
        recovery_limit: Span::seconds(30),
        min_availability: None,
        max_recovery: None,
        limit: Vec::new(),
        part_of_campaign: false,
        fail_fast: false,
        check_limit: Span::seconds(300),
        leave_db_running: false,
        cluster: ClusterPlan { local: 5, ..ClusterPlan::default() },
        fault: Vec::new(),
        set: std::collections::BTreeMap::new(),
    }
}

/// A seed short enough to be read out, from the operating system's randomness.
fn drawn_seed() -> u64 {
    u64::from(rand::random::<u32>())
}

fn read_plan(file: &std::path::Path) -> Result<Plan, Usage> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Usage(format!("--plan: cannot read {}: {error}", file.display())))?;
    Plan::parse(&text, &file.display().to_string())
}

fn cluster(
    args: &TestArgs,
    mut cluster: ClusterPlan,
    registry: &Registry,
) -> Result<ClusterPlan, Usage> {
    let hosts = hosts(&args.hosts, registry)?;
    if !hosts.is_empty() {
        cluster = ClusterPlan { local: 0, hosts, ..cluster };
    }
    if let Some(count) = args.node_count {
        cluster = ClusterPlan { local: count, ..ClusterPlan::default() };
    }
    let ssh = &args.hosts;
    if !ssh.addresses.is_empty() {
        cluster.addresses.clone_from(&ssh.addresses);
    }
    if let Some(vagrant) = vagrant(ssh) {
        cluster.vagrant = Some(vagrant);
    }
    cluster.ssh_config = ssh.ssh_config.clone().or(cluster.ssh_config);
    cluster.username = ssh.username.clone().or(cluster.username);
    cluster.private_key = ssh.ssh_private_key.clone().or(cluster.private_key);
    cluster.host_keys = ssh.host_keys.clone().or(cluster.host_keys);
    Ok(cluster)
}

impl From<&HostArgs> for ClusterPlan {
    /// How to reach hosts; not which.
    fn from(args: &HostArgs) -> Self {
        Self {
            local: 0,
            hosts: Vec::new(),
            addresses: args.addresses.clone(),
            ssh_config: args.ssh_config.clone(),
            username: args.username.clone(),
            private_key: args.ssh_private_key.clone(),
            host_keys: args.host_keys.clone(),
            vagrant: vagrant(args),
        }
    }
}

fn vagrant(args: &HostArgs) -> Option<VagrantPlan> {
    args.vagrant.as_ref().map(|directory| VagrantPlan {
        directory: directory.clone(),
        up: args.vagrant_up,
        keep: args.vagrant_keep,
        snapshot: args.vagrant_snapshot.clone(),
    })
}

/// The hosts that the flags name, in order, each once; of a Vagrantfile all, when none is named.
pub fn hosts(args: &HostArgs, registry: &Registry) -> Result<Vec<String>, Usage> {
    let mut hosts: Vec<String> = args.nodes.iter().chain(&args.node).cloned().collect();
    if let Some(file) = &args.nodes_file {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Usage(format!("--nodes-file: cannot read {}: {error}", file.display()))
        })?;
        let lines = text.lines().map(str::trim);
        hosts.extend(
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned),
        );
        if hosts.is_empty() {
            return Err(Usage(format!("--nodes-file: {} names no host", file.display())));
        }
    }
    hosts.retain(|host| !host.trim().is_empty());
    if let Some(directory) = args.vagrant.as_ref().filter(|_| hosts.is_empty()) {
        let names = registry.find_machines()?.names(directory);
        hosts = names.map_err(|error| Usage(format!("--vagrant: {error}")))?;
    }
    for (position, host) in hosts.iter().enumerate() {
        if hosts[..position].contains(host) {
            return Err(Usage(format!("--nodes: {host} is named twice")));
        }
    }
    Ok(hosts)
}

fn concurrency(text: Option<&str>, plan: &Plan) -> Result<usize, Usage> {
    let Some(text) = text else {
        let kept = if plan.concurrency > 0 { plan.concurrency } else { 2 * plan.cluster.size() };
        return Ok(kept);
    };
    let wrong =
        || Usage(format!("--concurrency: `{text}` is no number of workers; write 10, or 2n"));
    match text.strip_suffix('n') {
        Some("") => Ok(plan.cluster.size()),
        Some(each) => {
            each.parse().map(|each: usize| each * plan.cluster.size()).map_err(|_| wrong())
        }
        None => text.parse().map_err(|_| wrong()),
    }
}

fn plant(plan: &mut Plan, database: &dyn Database, name: &str) -> Result<(), Usage> {
    let bug = find_bug(database, name)?;
    plan.set.insert("bug".to_owned(), bug.name.to_owned());
    plan.workload = bug.workload.to_owned();
    plan.nemesis = bug.nemesis.iter().map(|fault| (*fault).to_owned()).collect();
    for (key, value) in bug.settings {
        let wrong = |error: String| Usage(format!("the bug {name} sets {key}={value}: {error}"));
        match *key {
            "nemesis-interval" => plan.nemesis_interval = value.parse().map_err(wrong)?,
            "time-limit" => plan.time_limit = value.parse().map_err(wrong)?,
            "operation-timeout" => plan.operation_timeout = value.parse().map_err(wrong)?,
            "rate" => plan.rate = value.parse().map_err(wrong)?,
            "key-choice" => plan.key_choice = Some(value.parse().map_err(wrong)?),
            "keys" => plan.keys = number(value).map_err(wrong)?,
            "ops-per-key" => plan.ops_per_key = number(value).map_err(wrong)?,
            "concurrency" => plan.concurrency = concurrency(Some(value), plan)?,
            _ => {
                plan.set.insert((*key).to_owned(), (*value).to_owned());
            }
        }
    }
    Ok(())
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn find_bug<'a>(database: &'a dyn Database, name: &str) -> Result<&'a Bug, Usage> {
    let bugs = database.bugs();
    if bugs.is_empty() {
        return Err(Usage(format!("--bug: {} has no planted bugs", database.name())));
    }
    bugs.iter()
        .find(|bug| bug.name == name)
        .ok_or_else(|| unknown("--bug", "bug", name, bugs.iter().map(|bug| bug.name)))
}

fn flags(plan: &mut Plan, args: &TestArgs, registry: &Registry) -> Result<(), Usage> {
    fn take<T: Clone>(target: &mut T, given: &Option<T>) {
        if let Some(value) = given {
            target.clone_from(value);
        }
    }
    take(&mut plan.workload, &args.workload);
    take(&mut plan.nemesis_interval, &args.nemesis_interval);
    take(&mut plan.time_limit, &args.time_limit);
    take(&mut plan.rate, &args.rate);
    take(&mut plan.arrival, &args.arrival);
    take(&mut plan.seed, &args.seed);
    take(&mut plan.keys, &args.keys);
    plan.key_choice = args.key_choice.or(plan.key_choice);
    take(&mut plan.ops_per_key, &args.ops_per_key);
    take(&mut plan.operation_timeout, &args.operation_timeout);
    take(&mut plan.recovery_limit, &args.recovery_limit);
    take(&mut plan.check_limit, &args.check_limit);
    plan.min_availability = args.min_availability.or(plan.min_availability);
    plan.max_recovery = args.max_recovery.or(plan.max_recovery);
    if !args.limit.is_empty() {
        plan.limit.clone_from(&args.limit);
    }
    plan.ready_limit = args.ready_limit.or(plan.ready_limit);
    if args.concurrency.is_some() {
        plan.concurrency = concurrency(args.concurrency.as_deref(), plan)?;
    }
    plan.leave_db_running |= args.leave_db_running;
    plan.part_of_campaign |= args.part_of_campaign;
    plan.fail_fast |= args.fail_fast;
    let script = script(args)?;
    if !script.is_empty() {
        plan.script = script;
        plan.nemesis = Vec::new();
    }
    if let Some(nemesis) = &args.nemesis {
        plan.nemesis = faults(nemesis, registry);
    }
    Ok(())
}

/// The lines of `--script` and `--at`.
fn script(args: &TestArgs) -> Result<Vec<String>, Usage> {
    let mut lines = Vec::new();
    if let Some(file) = &args.script {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Usage(format!("--script: cannot read {}: {error}", file.display())))?;
        let meaningful = text.lines().map(str::trim);
        lines.extend(
            meaningful.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned),
        );
        if lines.is_empty() {
            return Err(Usage(format!("--script: {} has no line", file.display())));
        }
    }
    lines.extend(args.at.iter().map(|line| format!("at {}", line.trim_start_matches("at "))));
    Ok(lines)
}

fn faults(names: &[String], registry: &Registry) -> Vec<String> {
    match names {
        [only] if only == "none" || only.is_empty() => Vec::new(),
        [only] if only == "all" => {
            registry.faults.iter().map(|fault| fault.name().to_owned()).collect()
        }
        names => names.to_vec(),
    }
}

fn settings(plan: &mut Plan, args: &TestArgs, database: &dyn Database) -> Result<(), Usage> {
    if let Some(model) = &args.consistency_model {
        plan.set.insert("consistency-model".to_owned(), model.clone());
    }
    if let Some(level) = &args.read {
        if !offers_reads(database) {
            return Err(Usage(format!("--read: {} offers no choice of reads", database.name())));
        }
        plan.set.insert("read".to_owned(), level.clone());
    }
    for setting in &args.set {
        let (key, value) = setting.split_once('=').ok_or_else(|| {
            Usage(format!("--set: `{setting}` has no `=`; write --set KEY=VALUE"))
        })?;
        plan.set.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(())
}

/// Whether it has an option `read`, of its client or in its definition.
fn offers_reads(database: &dyn Database) -> bool {
    let defined = Definition::parse(database.definition(), "database.toml");
    database.options().iter().any(|(name, _)| *name == "read")
        || defined.is_ok_and(|definition| definition.options.contains_key("read"))
}

fn default_name(plan: &Plan) -> String {
    let what = plan.set.get("bug").unwrap_or(&plan.workload);
    format!("{}-{what}", plan.database)
}
