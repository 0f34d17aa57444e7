//! The server alone: one process that keeps everything in memory and answers at once, to load the
//! harness with. Nothing is replicated and nothing survives it; it is correct all the same.

mod database;
mod echo;
mod shared;
#[cfg(test)]
mod tests;

pub use database::database;
pub use echo::target;

use crate::command::Command;
use crate::state::State;
use crate::wire::{Connection, Refusal, Request, Response, Status, WireError};
use clap::Parser;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// The internal command that runs it: `perjury demo-alone ...`.
pub const COMMAND: &str = "demo-alone";

/// A server that keeps everything in memory and answers at once.
#[derive(Debug, Parser)]
#[command(name = "demo-alone", no_binary_name = true)]
struct Arguments {
    /// Where to listen; the address is printed once it does
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Runs a server until it is killed: `arguments` without the program's name.
pub fn main(arguments: Vec<String>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(254) } else { ExitCode::SUCCESS };
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, serve(arguments.listen))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo-alone: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", listener.local_addr()?)?;
    out.flush()?;
    drop(out);
    let state = Rc::new(RefCell::new(State::default()));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(converse(stream, Rc::clone(&state)));
            }
            // Too many are open; those that are there go on.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

/// Serves one connection until the other side closes it.
async fn converse(stream: TcpStream, state: Rc<RefCell<State>>) -> Result<(), WireError> {
    let mut connection = Connection::new(stream)?;
    while let Some(request) = connection.receive::<Request>().await? {
        connection.say(&answer(request, &state))?;
        if !connection.has_message() {
            connection.flush().await?;
        }
    }
    Ok(())
}

fn answer(request: Request, state: &RefCell<State>) -> Response {
    match request {
        Request::Echo(value) => Response::Echo(value),
        Request::Execute(command) => Response::Executed(execute(&command, state)),
        Request::Status => Response::Status(status()),
        _ => Response::Malformed("this server is alone".to_owned()),
    }
}

fn execute(command: &Command, state: &RefCell<State>) -> crate::node::Reply {
    command.check().map_err(Refusal::never)?;
    Ok(state.borrow_mut().apply(command))
}

fn status() -> Status {
    Status {
        id: 1,
        role: "leader".to_owned(),
        leader: Some(1),
        term: 1,
        logged: 0,
        applied: 0,
        ready: true,
        members: BTreeSet::from([1]),
    }
}
