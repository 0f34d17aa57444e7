//! The command line of the server process.

use super::start::{Config, Server, Tuning};
use crate::bugs::Bug;
use crate::clock::{self, Stamps};
use crate::wire::{Connection, Request, Response};
use clap::Parser;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// How long `--probe` waits.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// One node of Perjury's demo database.
#[derive(Debug, Parser)]
#[command(name = "demo-server", no_binary_name = true)]
struct Arguments {
    /// This node's number, from 1, in the order of --peers
    #[arg(long, required_unless_present = "probe")]
    id: Option<u64>,
    /// This node's name, for the log
    #[arg(long, default_value = "")]
    name: String,
    /// Where to listen, for clients and peers
    #[arg(long, default_value = "0.0.0.0:7600")]
    listen: String,
    /// All nodes in order, this one among them: NAME=HOST:PORT,...
    #[arg(long, value_delimiter = ',', required_unless_present = "probe")]
    peers: Vec<String>,
    /// Directory for the log and the snapshot
    #[arg(long, required_unless_present = "probe")]
    data: Option<PathBuf>,
    /// Make this mistake
    #[arg(long)]
    bug: Option<Bug>,
    /// Listen, and never answer anyone
    #[arg(long)]
    deaf: bool,
    /// Ask the server at HOST:PORT whether it is ready; exit with 0 if it is
    #[arg(long, conflicts_with_all = ["id", "peers", "data", "bug"])]
    probe: Option<String>,
}

/// Runs a server until it is killed, or fails: `arguments` without the program's name.
pub fn main(arguments: Vec<String>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Where to print help or an error is clap's to know; nowhere else to report to.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(254) } else { ExitCode::SUCCESS };
        }
    };
    start_logging();
    // One thread: the log is written by another, and a message handed from thread to thread costs more
    // than all that is done with it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(async {
            match &arguments.probe {
                Some(address) => probe(address).await,
                None => serve(&arguments).await,
            }
        })
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start_logging() {
    let filter = EnvFilter::try_from_env("PERJURY_DEMO_LOG");
    // OpenRaft reports every message that a cut link swallows.
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("perjury_demo=info,openraft=off"));
    let format =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_timer(Stamps);
    // It fails only where a log is set up already.
    drop(format.with_writer(std::io::stderr).try_init());
}

async fn serve(arguments: &Arguments) -> Result<(), String> {
    let config = config(arguments)?;
    let listener = TcpListener::bind(&arguments.listen).await;
    let listener =
        listener.map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;
    if arguments.deaf {
        tracing::info!(name = arguments.name, "listening, and answering nobody");
        // The kernel takes connections up to its backlog; nobody ever reads from them.
        return std::future::pending().await;
    }
    tracing::info!(
        name = arguments.name,
        id = config.id,
        listen = arguments.listen,
        bug = config.bug.map_or("none", Bug::name),
        "starting"
    );
    let server = Server::start(config, listener).await.map_err(|error| error.to_string())?;
    Err(server.failed().await)
}

fn config(arguments: &Arguments) -> Result<Config, String> {
    let mut nodes = BTreeMap::new();
    for (position, peer) in arguments.peers.iter().enumerate() {
        let (_, address) = peer
            .split_once('=')
            .ok_or_else(|| format!("--peers has `{peer}`: write NAME=HOST:PORT"))?;
        nodes.insert(position as u64 + 1, address.to_owned());
    }
    let missing = || "--id, --peers and --data are needed".to_owned();
    Ok(Config {
        id: arguments.id.ok_or_else(missing)?,
        nodes,
        data: arguments.data.clone().ok_or_else(missing)?,
        bug: arguments.bug,
        tuning: Tuning::default(),
        clock: clock::own(),
    })
}

/// What a command line means.
#[cfg(test)]
pub(crate) fn config_of(arguments: &[String]) -> Result<Config, String> {
    let arguments = Arguments::try_parse_from(arguments).map_err(|error| error.to_string())?;
    config(&arguments)
}

async fn probe(address: &str) -> Result<(), String> {
    let asked = tokio::time::timeout(PROBE_LIMIT, async {
        let mut connection =
            Connection::connect(address).await.map_err(|error| error.to_string())?;
        connection.send(&Request::Status).await.map_err(|error| error.to_string())?;
        connection.receive::<Response>().await.map_err(|error| error.to_string())
    });
    match asked.await {
        Ok(Ok(Some(Response::Status(status)))) if status.ready => Ok(()),
        Ok(Ok(Some(Response::Status(status)))) => Err(format!("not ready: {status:?}")),
        Ok(Ok(other)) => Err(format!("not an answer to a status request: {other:?}")),
        Ok(Err(error)) => Err(format!("{address}: {error}")),
        Err(_) => Err(format!("{address} gave no answer within {PROBE_LIMIT:?}")),
    }
}

#[cfg(test)]
mod tests;
