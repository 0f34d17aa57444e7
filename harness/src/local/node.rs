//! A local node: the process that makes a node's namespaces, and the one that serves it from inside.
//!
//! `perjury local-node` is started by the controller, with a [`Spec`] as one line of JSON on its
//! standard input. It answers with lines of its own, [`Report`]s. It runs in three processes: the
//! first makes the namespaces, waits, and stays in the controller's pid namespace; the second is
//! process 1 of the node and reaps; the third furnishes the node and is its SSH server. Each dies
//! with the one before it.

use super::root::{self, RootSpec};
use super::wire::{self, Station};
use super::{lab, server, sys};
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, pipe2, setsid};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::ExitCode;

/// The hidden command of [`node_main`].
pub const NODE: &str = "local-node";
/// Longest line that either side reads.
const LINE: usize = 1 << 20;

/// What a node is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    pub name: String,
    pub station: Station,
    /// Everybody on the data network.
    pub stations: Vec<Station>,
    pub root: RootSpec,
    /// The server's private key, in OpenSSH's format.
    pub host_key: String,
    /// The one public key that may log in, in OpenSSH's format.
    pub authorized_key: String,
}

/// What a node tells the controller.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The namespaces exist; the SSH server will listen on this port of the controller's loopback.
    Ready { port: u16 },
    /// The node is furnished and its SSH server accepts connections.
    Up { ipv6: bool },
    /// It will not come up.
    Failed { message: String },
}

/// Body of the hidden command. The controller says `go` once `eth0` is in the node's namespace.
pub fn node_main(_arguments: Vec<String>) -> ExitCode {
    match first() {
        Ok(code) => code,
        Err(error) => {
            report(&Report::Failed { message: error.to_string() });
            ExitCode::from(3)
        }
    }
}

fn report(report: &Report) {
    if let Ok(line) = serde_json::to_string(report) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// Reads one line and not a byte more, as the rest is for another process.
fn read_line() -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    // Unbuffered: the standard library's handle would read ahead.
    let mut input = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    while input.read(&mut byte)? == 1 && byte != *b"\n" {
        line.push(byte[0]);
        if line.len() > LINE {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
    }
    String::from_utf8(line).map_err(io::Error::other)
}

fn step<T, E: Into<io::Error>>(what: &str, result: Result<T, E>) -> io::Result<T> {
    result.map_err(|error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{what}: {error}"))
    })
}

fn first() -> io::Result<ExitCode> {
    // Out of the controller's process group: a Ctrl-C is not for the nodes.
    let _ = setsid();
    let spec: Spec = serde_json::from_str(&read_line()?).map_err(io::Error::other)?;
    // A socket stays in the network namespace that it was made in. So this listener is on the
    // controller's loopback, and no fault on the data network reaches the control connection.
    let listener = step("bind the SSH server", TcpListener::bind(("127.0.0.1", 0)))?;
    let port = listener.local_addr()?.port();
    let namespaces = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC;
    step("create the node's namespaces", unshare(namespaces))?;
    report(&Report::Ready { port });
    let (alive, held) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    match sys::fork()? {
        ForkResult::Child => {
            drop(held);
            lab::bind_to_parent(&alive);
            lab::block_handled_signals()?;
            second(&spec, listener)
        }
        ForkResult::Parent { child } => {
            drop((alive, listener));
            loop {
                match waitpid(child, None) {
                    Ok(WaitStatus::Exited(_, code)) => return Ok(ExitCode::from(code as u8)),
                    Ok(WaitStatus::Signaled(..)) => return Ok(ExitCode::from(3)),
                    Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
    }
}

/// Process 1 of the node.
fn second(spec: &Spec, listener: TcpListener) -> io::Result<ExitCode> {
    match sys::fork()? {
        ForkResult::Child => {
            nix::sys::signal::SigSet::empty().thread_set_mask()?;
            third(spec, listener)
        }
        ForkResult::Parent { child } => {
            drop(listener);
            lab::reap(child, |_| {})
        }
    }
}

/// The node's server.
fn third(spec: &Spec, listener: TcpListener) -> io::Result<ExitCode> {
    root::enter(&spec.name, &spec.root)?;
    step("set the hostname", nix::unistd::sethostname(&spec.name))?;
    step("bring up the loopback interface", sys::bring_up("lo"))?;
    if read_line()? != "go" {
        return Ok(ExitCode::SUCCESS);
    }
    raise_file_limit();
    step("give up the machine's clock", sys::leave_clock_alone())?;
    step("change to /root", nix::unistd::chdir("/root"))?;
    // The controller holds the other end of standard input for as long as it wants the node.
    std::thread::Builder::new().name("watch".into()).spawn(|| {
        let _ = read_line();
        std::process::exit(0);
    })?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let ipv6 = step("configure eth0", wire::configure(spec.station, &spec.stations).await)?;
        let server = server::Server::new(&spec.host_key, &spec.authorized_key)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        report(&Report::Up { ipv6 });
        server.run(listener).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Databases open many files; the usual soft limit of 1024 is for programs that use `select`.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
