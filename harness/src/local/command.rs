//! `perjury local up`: a local cluster for a command of the user's, to try things out and to test.

use super::packages::{self, Need};
use super::{CONTROLLER, Entered, LocalCluster, LocalSpec, enter_lab, lab};
use crate::cluster::Link;
use crate::control::HostKeys;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The command's name.
pub const COMMAND: &str = "local";
/// How long the user's command may go on after a signal.
const GRACE: Duration = Duration::from_secs(10);
/// Exit code for bad arguments.
const USAGE: u8 = 254;
/// Exit code when the cluster could not be had.
const INFRASTRUCTURE: u8 = 3;

/// Local clusters, by hand.
#[derive(Debug, Parser)]
#[command(name = "perjury local", bin_name = "perjury local")]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Brings a local cluster up, runs a command inside the lab, and tears everything down.
    ///
    /// The command finds the nodes' names in PERJURY_NODES (separated by commas; they resolve to
    /// addresses) and a configuration for `ssh -F` in PERJURY_SSH_CONFIG. Its exit code is passed on.
    ///
    /// For example: perjury local up --nodes 3 -- sh -c 'ssh -F $PERJURY_SSH_CONFIG n1 hostname'
    #[command(verbatim_doc_comment)]
    Up(Up),
}

#[derive(Debug, clap::Args)]
struct Up {
    /// How many nodes, called n1, n2, ...
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    nodes: usize,
    /// Cut the link FROM one node TO another, this way only. `controller` stands for the lab itself.
    #[arg(long, value_name = "FROM:TO")]
    cut: Vec<String>,
    /// Give the nodes this Debian package, unless the machine has the program.
    #[arg(long, value_name = "PACKAGE:PROGRAM")]
    package: Vec<String>,
    /// Make sure that the nodes can write to this directory.
    #[arg(long, value_name = "DIRECTORY")]
    writable: Vec<PathBuf>,
    /// Write what each link carried and dropped to this file, as JSON, one link a line.
    #[arg(long, value_name = "FILE")]
    links: Option<PathBuf>,
    /// What to run, with its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs `perjury local ...`.
pub fn command_main(arguments: Vec<String>) -> ExitCode {
    let arguments = std::iter::once(COMMAND.to_owned()).chain(arguments);
    let Action::Up(up) = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.action,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    run(&up).unwrap_or_else(|(code, message)| {
        use io::Write;
        let _ = writeln!(io::stderr(), "error: {message}");
        ExitCode::from(code)
    })
}

type Failure = (u8, String);

fn infrastructure(error: impl ToString) -> Failure {
    (INFRASTRUCTURE, error.to_string())
}

fn run(up: &Up) -> Result<ExitCode, Failure> {
    let spec = LocalSpec { writable: up.writable.clone(), ..LocalSpec::numbered(up.nodes) };
    spec.check().map_err(|error| (USAGE, error.to_string()))?;
    let cuts = cuts(&spec, &up.cut)?;
    let needs = needs(&up.package)?;
    // The first time in the outer process, which has a network; then from the cache.
    let layers = match needs.as_slice() {
        [] => Vec::new(),
        needs => packages::cache_dir()
            .and_then(|cache| packages::ensure(needs, &cache))
            .map_err(infrastructure)?,
    };
    if let Entered::Left(code) = enter_lab("").map_err(infrastructure)? {
        return Ok(code);
    }
    let runtime = tokio::runtime::Runtime::new().map_err(infrastructure)?;
    runtime.block_on(inside(up, LocalSpec { layers, ..spec }, &cuts)).map_err(infrastructure)
}

fn cuts(spec: &LocalSpec, given: &[String]) -> Result<Vec<Link>, Failure> {
    let end = |name: &str| match name {
        "controller" => Some(CONTROLLER),
        name => spec.names.iter().position(|known| known == name),
    };
    let link = |text: &String| {
        let (from, to) = text.split_once(':')?;
        Some(Link { from: end(from)?, to: end(to)? })
    };
    let bad =
        |text: &String| (USAGE, format!("`--cut {text}`: write two nodes as in `--cut n1:n2`"));
    given.iter().map(|text| link(text).ok_or_else(|| bad(text))).collect()
}

fn needs(given: &[String]) -> Result<Vec<Need<'_>>, Failure> {
    let parse = |text: &String| {
        (
            USAGE,
            format!(
                "`--package {text}`: write `--package PACKAGE:PROGRAM`, as in etcd-server:etcd"
            ),
        )
    };
    given
        .iter()
        .map(|text| {
            let (package, program) = text.split_once(':').ok_or_else(|| parse(text))?;
            Ok(Need { package, program })
        })
        .collect()
}

async fn inside(up: &Up, spec: LocalSpec, cuts: &[Link]) -> Result<ExitCode, String> {
    let cluster = LocalCluster::up(spec).await.map_err(|error| error.to_string())?;
    cluster.fabric().cut(cuts);
    let config = ssh_config(&cluster).map_err(|error| error.to_string())?;
    let names: Vec<&str> = cluster.nodes().iter().map(|node| node.name.as_str()).collect();
    let outcome = run_command(&up.command, &names.join(","), &config).await;
    if let Some(file) = &up.links {
        let written = std::fs::write(file, link_counts(&cluster));
        written.map_err(|error| format!("{} could not be written: {error}", file.display()))?;
    }
    cluster.down().await;
    outcome
}

/// Writes a configuration for `ssh -F`, with keys beside it, where it vanishes with the lab.
fn ssh_config(cluster: &LocalCluster) -> io::Result<PathBuf> {
    let directory = Path::new(lab::SCRATCH).join("ssh");
    std::fs::create_dir_all(&directory)?;
    let (key, known) = (directory.join("key"), directory.join("known_hosts"));
    let (mut hosts, mut config) = (String::new(), String::new());
    for node in cluster.nodes() {
        if let Some(identity) = &node.ssh.identity {
            let _ = std::fs::remove_file(&key);
            let mut file =
                std::fs::File::options().write(true).create_new(true).mode(0o600).open(&key)?;
            io::Write::write_all(&mut file, identity.as_bytes())?;
        }
        if let HostKeys::Pinned(public) = &node.ssh.host_keys {
            let _ = writeln!(hosts, "{} {public}", node.name);
        }
        let _ = write!(
            config,
            "Host {0}\n  HostName {1}\n  Port {2}\n  User {3}\n  HostKeyAlias {0}\n  IdentityFile {4}\n  \
             IdentitiesOnly yes\n  UserKnownHostsFile {5}\n  GlobalKnownHostsFile /dev/null\n  \
             StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n",
            node.name,
            node.ssh.host,
            node.ssh.port,
            node.ssh.user,
            key.display(),
            known.display(),
        );
    }
    std::fs::write(&known, hosts)?;
    let file = directory.join("config");
    std::fs::write(&file, config)?;
    Ok(file)
}

async fn run_command(command: &[OsString], names: &str, config: &Path) -> Result<ExitCode, String> {
    // The command is in this process group and is sent what this process is sent; this process
    // only has to stay until the command has ended.
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::quit(),
    ];
    let mut signals = Vec::new();
    for kind in kinds {
        signals.push(signal(kind).map_err(|error| error.to_string())?);
    }
    let mut child = tokio::process::Command::new(&command[0])
        .args(&command[1..])
        .env("PERJURY_NODES", names)
        .env("PERJURY_SSH_CONFIG", config)
        .spawn()
        .map_err(|error| format!("{} could not be started: {error}", command[0].display()))?;
    let signalled = async {
        let any = signals.iter_mut().map(|stream| Box::pin(stream.recv()));
        futures::future::select_all(any).await;
        tokio::time::sleep(GRACE).await;
    };
    let status = tokio::select! {
        status = child.wait() => status,
        () = signalled => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let status = status.map_err(|error| error.to_string())?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255);
    Ok(ExitCode::from(code as u8))
}

fn link_counts(cluster: &LocalCluster) -> String {
    let fabric = cluster.fabric();
    let ends: Vec<(usize, &str)> = cluster
        .nodes()
        .iter()
        .enumerate()
        .map(|(index, node)| (index, node.name.as_str()))
        .chain([(CONTROLLER, "controller")])
        .collect();
    let mut text = String::new();
    for (from, sender) in &ends {
        for (to, receiver) in ends.iter().filter(|(to, _)| to != from) {
            let count = fabric.count(Link { from: *from, to: *to });
            let mut line = serde_json::json!({ "from": sender, "to": receiver });
            if let (Some(line), Ok(serde_json::Value::Object(counts))) =
                (line.as_object_mut(), serde_json::to_value(count))
            {
                line.extend(counts);
            }
            let _ = writeln!(text, "{line}");
        }
    }
    let _ = writeln!(text, "{}", serde_json::json!({ "lost": cluster.lost_frames() }));
    text
}
