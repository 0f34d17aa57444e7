//! `perjury client-check`: a scripted conversation with a client of a user's.

use super::args::ClientCheckArgs;
use super::{definitions, output};
use crate::client::external::check::{self, Remark, Script, State};
use crate::client::external::{Asked, Words, hello};
use crate::database::{ClientKind, FileDatabase, NodeFacts};
use crate::exit::{self, HarnessFailure, Stop, Usage};
use crate::generator::{Simulation, invocations, quick, simulate};
use crate::{Database, Op, Options, Registry, Seed, Workload};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

/// Calls of the load among which examples are looked for.
const LOOKED_AT: usize = 200;
/// Examples of each function.
const EXAMPLES: usize = 3;
/// A port at which hardly anybody listens: for clients that are told of no database.
const NOBODY: u16 = 1;

/// Holds the conversation. Exit code 3 when the client makes a mistake.
pub fn client_check(args: &ClientCheckArgs, registry: &Registry) -> Result<ExitCode, Stop> {
    let database = args.database.as_deref().map(|path| definitions::open(path, registry));
    let database = database.transpose()?;
    let script = planned(args, database.as_ref(), registry)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| HarnessFailure::new("the runtime", error))?;
    let remarks = runtime.block_on(check::converse(&script));
    let wrong = remarks.iter().filter(|remark| remark.state == State::Mistake).count();
    if args.json {
        let whole = json!({ "command": script.argv, "mistakes": wrong, "remarks": remarks });
        output::print(&serde_json::to_string_pretty(&whole).unwrap_or_default());
    } else {
        remarks.iter().for_each(|remark| output::print(&line(remark)));
        output::print(match wrong {
            0 => "the client keeps to the protocol",
            _ => "the client has to be mended: docs/client-protocol.md tells the whole protocol",
        });
    }
    Ok(ExitCode::from(if wrong == 0 { exit::VALID } else { exit::HARNESS }))
}

fn line(remark: &Remark) -> String {
    let mark = match remark.state {
        State::Good => "ok     ",
        State::Note => "note   ",
        State::Mistake => "MISTAKE",
    };
    let often = match remark.times {
        0 | 1 => String::new(),
        2 => " (and once more)".to_owned(),
        times => format!(" (and {} times more)", times - 1),
    };
    let mut text = format!("{mark}  {}: {}{often}", remark.at, remark.what);
    if !remark.instead.is_empty() {
        let lead = if remark.state == State::Mistake { "instead: " } else { "" };
        text.push_str(&format!("\n         {lead}{}", remark.instead));
    }
    text
}

/// The conversation that the flags ask for.
fn planned(
    args: &ClientCheckArgs,
    database: Option<&FileDatabase>,
    registry: &Registry,
) -> Result<Script, Usage> {
    let set = pairs("--set", &args.set)?;
    let mut ports = database.map(|database| database.parsed().ports.clone()).unwrap_or_default();
    for (name, port) in pairs("--port", &args.port)? {
        let number = port.parse();
        let number = number.map_err(|_| Usage(format!("--port: `{port}` is no port's number")))?;
        ports.insert(name, number);
    }
    if ports.is_empty() {
        if args.node.is_some() {
            let text = "--node: say at which port, too: --port client=NUMBER";
            return Err(Usage(text.to_owned()));
        }
        ports.insert("client".to_owned(), NOBODY);
    }
    let workload = named(args.workload.as_deref(), database, registry)?;
    let address = args.node.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let script = build(database, registry, &workload, set, ports, address)?;
    let argv = match (args.command.is_empty(), script.argv.is_empty()) {
        (false, _) => args.command.clone(),
        (true, false) => script.argv,
        (true, true) => {
            let text = "COMMAND: name the client's program after two dashes: perjury client-check \
                        -- python3 client.py";
            return Err(Usage(text.to_owned()));
        }
    };
    // A command on the command line is one of this folder's.
    let folder = script.folder.filter(|_| args.command.is_empty());
    Ok(Script { argv, folder, answer_limit: args.answer_limit.0, ..script })
}

/// The conversation with the client of a definition, as `perjury doctor` begins it.
pub fn script(database: &FileDatabase, registry: &Registry) -> Result<Script, Usage> {
    let workload = named(None, Some(database), registry)?;
    let ports = database.parsed().ports.clone();
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    build(Some(database), registry, &workload, BTreeMap::new(), ports, here)
}

fn build(
    database: Option<&FileDatabase>,
    registry: &Registry,
    workload: &str,
    set: BTreeMap<String, String>,
    ports: BTreeMap<String, u16>,
    address: IpAddr,
) -> Result<Script, Usage> {
    let definition = database.map(FileDatabase::parsed);
    let node = NodeFacts {
        name: "n1".to_owned(),
        address,
        role: definition.map_or("", |definition| definition.role(0)).to_owned(),
    };
    let nodes = [node];
    let options = definition.map(|definition| definition.values(|name| set.get(name).cloned()));
    let options = options.transpose().map_err(Usage)?.unwrap_or_default();
    let found = registry.find_workload(workload)?;
    let operations = sample(&**found, set.clone())?;
    let asked = Asked { workload: workload.to_owned(), set };
    let argv = match definition.and_then(|definition| definition.client.as_ref()) {
        None => Vec::new(),
        Some(client) => match &client.kind {
            ClientKind::Command(argv) => {
                let words = Words {
                    argv: argv.clone(),
                    ports: ports.clone(),
                    options: options.clone(),
                    roles: Vec::new(),
                };
                words.argv(&nodes, 0).map_err(Usage)?
            }
            ClientKind::Driver { name, .. } => {
                let text = format!(
                    "--database: its client is the driver {}, and no program",
                    name.get_ref()
                );
                return Err(Usage(text));
            }
        },
    };
    Ok(Script {
        argv,
        folder: database.and_then(Database::folder),
        hello: hello(&asked, &nodes, 0, &ports, &options),
        operations,
        answer_limit: Duration::from_secs(10),
    })
}

fn named(
    given: Option<&str>,
    database: Option<&FileDatabase>,
    registry: &Registry,
) -> Result<String, Usage> {
    let known: Vec<&str> = match database {
        Some(database) => database.workloads().to_vec(),
        None => registry.workloads.iter().map(|workload| workload.name()).collect(),
    };
    match given {
        None if database.is_none() => {
            let known = known.join(", ");
            Err(Usage(format!("--workload: say whose operations are to be asked: {known}")))
        }
        None => Ok(known.first().copied().unwrap_or_default().to_owned()),
        Some(name) if known.contains(&name) => Ok(name.to_owned()),
        Some(name) => {
            Err(crate::registry::unknown("--workload", "workload", name, known.into_iter()))
        }
    }
}

/// Some of what the workload will ask, in its order: a few of each function.
fn sample(workload: &dyn Workload, set: BTreeMap<String, String>) -> Result<Vec<Op>, Usage> {
    let options = Options {
        set,
        nodes: vec!["n1".to_owned()],
        concurrency: 2,
        keys: 2,
        key_choice: None,
        ops_per_key: LOOKED_AT,
        time_limit: Duration::from_secs(30),
        nemesis_interval: Duration::from_secs(5),
    };
    workload.validate(&options).map_err(Usage)?;
    let simulation = Simulation { max_operations: LOOKED_AT, ..Simulation::new(2, 1) };
    let seed = Seed::root(1);
    let loads =
        [Some(workload.generator(&options, seed)), workload.final_generator(&options, seed)];
    let mut operations: Vec<Op> = Vec::new();
    for load in loads.into_iter().flatten() {
        for (_, op) in invocations(&simulate(load, &simulation, quick)) {
            if operations.iter().filter(|known| known.f == op.f).count() < EXAMPLES {
                operations.push(op);
            }
        }
    }
    Ok(operations)
}

fn pairs(flag: &str, given: &[String]) -> Result<BTreeMap<String, String>, Usage> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err(Usage(format!("{flag}: `{text}` has no `=`; write {flag} NAME=VALUE"))),
    };
    given.iter().map(pair).collect()
}
