//! Definitions that are files: found, read, and looked at from all sides by `perjury doctor`.

use super::client_check;
use crate::client::external::check::{self, State};
use crate::database::{
    ClientKind, DefinitionText, FileDatabase, NodeFacts, Probe, Scope, Template,
};
use crate::exit::{HarnessFailure, Stop, Usage};
use crate::local::archives;
use crate::machines::{Check, Severity};
use crate::{Database, Registry};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// Nodes that are pretended, for showing what templates become.
const NODES: u8 = 3;

/// A `database.toml` that is named by its path, or by that of its folder.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<DefinitionText, Usage> {
    let file = if path.is_dir() { path.join("database.toml") } else { path.to_owned() };
    let cannot = |error| Usage(format!("DATABASE: cannot read {}: {error}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(cannot)?;
    Ok(DefinitionText { file: std::path::absolute(&file).map_err(cannot)?, text })
}

/// The database that it describes.
///
/// # Errors
/// Point at the line.
pub fn open(path: &Path, registry: &Registry) -> Result<FileDatabase, Usage> {
    let read = read(path)?;
    let folder = read.folder();
    let shown = if path.is_dir() { path.join("database.toml") } else { path.to_owned() };
    let made = FileDatabase::new(&read.text, &shown.display().to_string(), folder, registry);
    made.map_err(|error| Usage(format!("{:?}", miette::Report::new(*error))))
}

/// What is understood of a definition, and whether what it names is there.
pub fn look(path: &Path, registry: &Registry) -> Result<Vec<Check>, Stop> {
    let database = open(path, registry)?;
    let mut checks = vec![Check::good(database.name(), database.about())];
    checks.extend(understood(&database));
    checks.extend(program(&database));
    checks.extend(archive(&database));
    checks.extend(client(&database, registry)?);
    Ok(checks)
}

/// What templates become on the first of three nodes.
struct Sample {
    nodes: Vec<NodeFacts>,
    options: std::collections::BTreeMap<String, String>,
}

impl Sample {
    fn of(database: &FileDatabase) -> Self {
        let definition = database.parsed();
        let node = |at: u8| NodeFacts {
            name: format!("n{}", at + 1),
            // Addresses that are meant for examples (RFC 5737).
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, at + 1)),
            role: definition.role(at.into()).to_owned(),
        };
        let missing = |name: &String| format!("<{name}>");
        let options = definition.options.iter();
        let options = options.map(|(name, option)| {
            (name.clone(), option.default.clone().unwrap_or_else(|| missing(name)))
        });
        Self { nodes: (0..NODES).map(node).collect(), options: options.collect() }
    }

    fn fill(&self, database: &FileDatabase, templates: &[Template]) -> String {
        let scope = Scope {
            nodes: &self.nodes,
            here: 0,
            perjury: "perjury",
            ports: &database.parsed().ports,
            options: &self.options,
        };
        let words = templates.iter().map(|template| template.render(&scope));
        words.map(|word| word.unwrap_or_else(|error| error)).collect::<Vec<_>>().join(" ")
    }
}

fn understood(database: &FileDatabase) -> Vec<Check> {
    let (definition, sample) = (database.parsed(), Sample::of(database));
    let mut lines = Vec::new();
    if !definition.roles.is_empty() {
        let roles: Vec<&str> = (0..NODES.into()).map(|at| definition.role(at)).collect();
        lines.push(format!("the roles of three nodes: {}", roles.join(", ")));
    }
    for (name, option) in &definition.options {
        let values =
            if option.values.is_empty() { String::new() } else { option.values.join(", ") };
        let default = option.default.as_deref().map(|text| format!(" [default: {text}]"));
        lines.push(format!("--set {name}={values}{}", default.unwrap_or_default()));
    }
    for setup in &definition.setup {
        lines.push(format!(
            "set-up on the first of three nodes: {}",
            sample.fill(database, &setup.command)
        ));
    }
    let start = &definition.start.command;
    lines.push(format!("the first of three nodes starts: {}", sample.fill(database, start)));
    let ready = match &definition.ready.probe {
        Probe::Http { url, .. } => {
            format!("GET {}", sample.fill(database, std::slice::from_ref(url)))
        }
        Probe::Tcp(to) => {
            format!("a connection to {}", sample.fill(database, std::slice::from_ref(to)))
        }
        Probe::Command(argv) => format!("on the node: {}", sample.fill(database, argv)),
    };
    lines.push(format!("ready when, within {:?}: {ready}", definition.ready.timeout));
    lines.push(format!("emptied before a run: {}", definition.data.join(", ")));
    lines.into_iter().map(|line| Check::good(database.name(), line)).collect()
}

fn program(database: &FileDatabase) -> Option<Check> {
    let definition = database.parsed();
    let program = definition.program.as_ref()?;
    let name = Sample::of(database).fill(database, std::slice::from_ref(program));
    let packages = definition.packages.join(" ");
    if let Some(path) = find(&name) {
        return Some(Check::good(database.name(), format!("`{name}` is here: {}", path.display())));
    }
    if definition.archive.as_ref().is_some_and(|archive| name.starts_with(&archive.into)) {
        return Some(Check::good(database.name(), format!("`{name}` comes with the archive")));
    }
    let what = format!("`{name}` is not on this machine");
    Some(if packages.is_empty() {
        let remedy = "install it, name the `packages` or the `archive` that bring it, or correct \
                      `program` under [install]";
        Check::bad(database.name(), Severity::Problem, what, remedy)
    } else {
        let remedy = format!("it is fetched for a run: {packages}");
        Check::bad(database.name(), Severity::Warning, what, remedy)
    })
}

fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where root looks, who starts it.
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(more);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn archive(database: &FileDatabase) -> Option<Check> {
    let archive = database.parsed().archive.as_ref()?;
    let name = database.name();
    if archive.source.contains("://") {
        return Some(Check::good(name, format!("{} is downloaded for a run", archive.source)));
    }
    Some(match archives::fetch(archive, database.folder().as_deref()) {
        Ok(fetched) => {
            let how = if fetched.is_tar() { "is unpacked into" } else { "is put into" };
            Check::good(name, format!("{} {how} {}", fetched.path.display(), archive.into))
        }
        Err(error) => {
            let remedy = "correct `archive` under [install]";
            Check::bad(name, Severity::Problem, error.to_string(), remedy)
        }
    })
}

fn client(database: &FileDatabase, registry: &Registry) -> Result<Vec<Check>, Stop> {
    let name = database.name();
    let workloads = database.workloads().join(", ");
    let speaker = match database.parsed().client.as_ref().map(|client| &client.kind) {
        Some(ClientKind::Driver { name: driver, port, .. }) => {
            let driver = driver.get_ref();
            let what = format!("driver {driver} at port {port}; workloads: {workloads}");
            return Ok(vec![Check::good(name, what)]);
        }
        Some(ClientKind::Command(_)) => client_check::script(database, registry)?,
        None => return Ok(Vec::new()),
    };
    let what = format!("client `{}`; workloads: {workloads}", speaker.argv.join(" "));
    let mut checks = vec![Check::good(name, what)];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| HarnessFailure::new("the runtime", error))?;
    checks.extend(runtime.block_on(check::greets(&speaker)).into_iter().map(|remark| {
        match remark.state {
            State::Good => Check::good(name, format!("the client greets: {}", remark.what)),
            State::Note => Check::bad(name, Severity::Warning, remark.what, remark.instead),
            State::Mistake => {
                let what = format!("the client does not greet: {}", remark.what);
                Check::bad(name, Severity::Problem, what, remark.instead)
            }
        }
    }));
    Ok(checks)
}
