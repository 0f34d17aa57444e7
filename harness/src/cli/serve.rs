//! `perjury serve`: the store as web pages, until Ctrl-C.

use super::args::ServeArgs;
use super::output;
use crate::Registry;
use crate::exit::{HarnessFailure, Stop, Usage};
use crate::serve::Server;
use serde_json::json;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// How long files that are being sent may go on once Ctrl-C was pressed.
const GRACE: Duration = Duration::from_secs(1);

/// Serves the store until a signal.
pub fn serve(args: &ServeArgs, registry: &Registry) -> Result<ExitCode, Stop> {
    if !args.store.is_dir() {
        let text = format!(
            "--store: {} is no folder: `perjury test` makes one, or name another",
            args.store.display()
        );
        return Err(Usage(text).into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| HarnessFailure::new("the runtime", error))?;
    let served = runtime.block_on(until_a_signal(args, registry));
    runtime.shutdown_timeout(GRACE);
    served?;
    Ok(ExitCode::SUCCESS)
}

async fn until_a_signal(args: &ServeArgs, registry: &Registry) -> Result<(), HarnessFailure> {
    // Before anything is printed: who reads the address may send the signal at once.
    let terminate = tokio::signal::unix::SignalKind::terminate();
    let interrupt = tokio::signal::unix::SignalKind::interrupt();
    let signal = |kind| {
        let signal = tokio::signal::unix::signal(kind);
        signal.map_err(|error| HarnessFailure::new("waiting for signals", error))
    };
    let (mut terminate, mut interrupt) = (signal(terminate)?, signal(interrupt)?);
    let address = SocketAddr::new(args.bind, args.port);
    let server = Server::open(&args.store, registry.clone(), address).await?;
    if !args.bind.is_loopback() {
        output::complain(
            "perjury: there is no log-in: whoever can reach this address can read the whole store",
        );
    }
    let url = server.url();
    output::print(&if args.json { json!({ "address": url }).to_string() } else { url });
    let signalled = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.run(signalled).await
}
